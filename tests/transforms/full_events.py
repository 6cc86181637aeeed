"""Full events, and frames by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from extractors.streams.events import STREAM
from transforms.frames import Batch

PAYLOADS = Path(__file__).parents[1] / "payloads"
CONTEXT: dict[str, Any] = {
    "organization_id": "1",
    "project_id": "2",
    "_run_id": "r",
    "_loaded_at": datetime(2026, 11, 2, 3),
}
(LATEST,) = (r for r in STREAM.requests if r.name == "latest")
Read = Callable[..., Batch]

EVENT: dict[str, Any] = {
    "id": "a" * 32,
    "eventID": "a" * 32,
    "projectID": "2",
    "groupID": "3",
    "type": "error",
    "dateCreated": "2026-11-01T10:00:00Z",
    "dateReceived": "2026-11-01T10:00:01Z",
    "tags": [{"key": "level", "value": "error"}],
    "entries": [],
}


def payload_events() -> list[dict[str, Any]]:
    """Full events as servers send them, each once."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(PAYLOADS.glob("events_[fl]*.json")):
        answer = json.loads(file.read_bytes())
        for one in answer if isinstance(answer, list) else [answer]:
            found[one["eventID"]] = one
    return list(found.values())


def event(**changes: Any) -> dict[str, Any]:
    """A small event."""
    return EVENT | changes


def entry(type_: str, data: Any) -> dict[str, Any]:
    """One part of an event."""
    return {"data": data, "type": type_}


def stack(*functions: str) -> dict[str, Any]:
    """A stack of such functions."""
    return {"frames": [{"function": f, "lineNo": 1, "context": [], "vars": None} for f in functions]}


def frame_of(batch: Batch, name: str) -> pl.DataFrame:
    """The frame of a table by its name."""
    return next(frame for table, frame in batch.frames.items() if table.name == name)


def as_json(value: object) -> bytes:
    """JSON as servers write it: escapes where a text holds half of a character."""
    return json.dumps(value, separators=(",", ":")).encode()
