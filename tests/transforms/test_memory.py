"""What a batch was made from is freed with it."""

from __future__ import annotations

import gc
import json

from tests.transforms.full_events import CONTEXT, LATEST, event
from transforms.levels import Level, Walker
from transforms.records import RecordReader


def test_nothing_refers_to_itself() -> None:
    reader = RecordReader(LATEST.tables, LATEST.ignored)
    body = json.dumps([event(dateReceived="no time")]).encode()
    gc.collect()
    gc.disable()
    try:
        batch = reader.read([body], CONTEXT)
        left = [found for found in gc.get_objects() if isinstance(found, Level | Walker)]
    finally:
        gc.enable()
    assert batch.records == 1
    assert [r.reason for r in batch.rejects] == ["not a time"]
    assert left == []
