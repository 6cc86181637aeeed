"""Whole pages as Sentry answers them: our own payloads and the sandbox's full bodies."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from extractors.sandbox import generate_full_events

PAYLOADS = Path(__file__).parents[1] / "payloads"
KEYS = [
    {
        "id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "name": "Default",
        "public": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "secret": "5ec7e75ec7e75ec7e75ec7e75ec7e700",
        "projectId": 7,
        "isActive": True,
        "dsn": {
            "secret": "https://0f1e2d3c4b5a69788796a5b4c3d2e1f0:5ec7e75ec7e75ec7e75ec7e75ec7e700@ingest.example.com/7",
            "public": "https://0f1e2d3c4b5a69788796a5b4c3d2e1f0@ingest.example.com/7",
        },
    }
]


@cache
def page(name: str) -> bytes:
    """A page's body: `keys`, `events_full` (10 bodies), `event` (one), or a payload by its file's name."""
    if name == "keys":
        return json.dumps(KEYS, separators=(",", ":")).encode()
    if name in ("events_full", "event"):
        return b"[" + b",".join(generate_full_events(1, 10 if name == "events_full" else 1)) + b"]"
    text = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    return json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
