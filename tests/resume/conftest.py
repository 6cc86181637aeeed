"""One scene for all tests: making it takes three exports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from extractors.sandbox import Sandbox
from tests.resume.kills import OPTIONS, Scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A Sentry on its second night, and undisturbed runs to compare with."""
    with Sandbox(OPTIONS) as sandbox:
        yield Scene(tmp_path_factory.mktemp("scene"), sandbox)
