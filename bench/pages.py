"""Pages of full events as the archive holds them: made by the sandbox, ten a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from extractors.sandbox.bodies import generate_full_events
from extractors.stream import Request
from extractors.streams.events import STREAM
from flows.run import FLUSH_BYTES
from transforms.repair import repair

PAGE = 10
CONTEXT: dict[str, Any] = {
    "organization_id": "1",
    "project_id": "2",
    "_run_id": "bench",
    "_loaded_at": datetime(2026, 11, 2, 3),
}


def full_request() -> Request:
    """The request for full bodies."""
    return next(r for r in STREAM.requests if r.name == "full")


def full_pages(events: int, seed: int = 1) -> Iterator[bytes]:
    """Pages as they come from the server; every fourth or so holds half of a character."""
    made = generate_full_events(seed, events)
    while page := list(islice(made, PAGE)):
        yield b"[" + b",".join(page) + b"]"


def sound_pages(events: int) -> list[bytes]:
    """Pages as privacy leaves them: repaired where they have to be."""
    return [repair(page) for page in full_pages(events)]


def batches(pages: list[bytes]) -> list[list[bytes]]:
    """Pages in the portions in which a run loads them."""
    made: list[list[bytes]] = [[]]
    for page in pages:
        made[-1].append(page)
        if sum(map(len, made[-1])) >= FLUSH_BYTES:
            made.append([])
    return [batch for batch in made if batch]
