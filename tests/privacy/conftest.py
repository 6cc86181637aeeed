"""What the tests of privacy share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from transforms.privacy import Policy, Privacy

KEY = b"a key of the tests, 32 bytes long"

Treat = Callable[..., Any]


@pytest.fixture
def privacy() -> Privacy:
    """Under the default policy."""
    return Privacy(Policy(), KEY)


def treat(value: Any, kind: str, policy: Policy, *, stream: str = "events") -> Any:
    """One value of a kind, at the path `at`, treated; in and out as Python."""
    body = msgspec.json.encode([{"before": 1, "at": value, "after": 2}])
    (record,) = msgspec.json.decode(redact(policy, body, [("at", kind)], stream=stream))
    assert list(record) == ["before", "at", "after"]
    return record["at"]


def redact(
    policy: Policy, body: bytes, personal: Sequence[tuple[str, str]], *, stream: str = "events"
) -> bytes:
    """A body treated under the tests' key."""
    return Privacy(policy, KEY).redact(stream, body, personal)
