"""Full events to read, and what is known of their slice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from full_events import CONTEXT, LATEST

from transforms.frames import Batch
from transforms.records import RecordReader


@pytest.fixture
def read() -> Callable[..., Batch]:
    """Reads bodies with a reader that has learnt nothing yet."""

    def call(*bodies: bytes) -> Batch:
        return RecordReader(LATEST.tables, LATEST.ignored).read(bodies, CONTEXT)

    return call
