"""Slices beside each other: what waits for which listings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from extractors.plan import Slice
from flows.lanes import run_slices


def test_whoever_waits_for_two_streams_is_told_when_the_second_is_done() -> None:
    """Whichever of them ends first: else what both name would be asked for at the end only."""
    events_done = threading.Event()

    def work(slice_: Slice) -> list[Slice]:
        if slice_.stream == "issues":
            assert events_done.wait(10)
        return []

    told: list[tuple[str, frozenset[str]]] = []

    def then(done: str, open_: frozenset[str]) -> list[Slice]:
        told.append((done, open_))
        if done == "events":
            events_done.set()
        return []

    with ThreadPoolExecutor(4) as pool:
        run: Any = SimpleNamespace(
            observer=SimpleNamespace(planned=lambda slices: None),
            stop=threading.Event(),
            work=lambda s: pool.submit(work, s),
            request=lambda s: SimpleNamespace(path=s.stream),
        )
        run_slices(run, [_listing("issues"), _listing("events")], threads=1, then=then)
    assert told == [("events", frozenset({"issues"})), ("issues", frozenset())]


def _listing(stream: str) -> Slice:
    return Slice(
        stream=stream,
        request="",
        organization_id="1",
        organization_slug="acme",
        project_id="1",
        project_slug="shop",
        window_start=None,
        window_end=datetime(2026, 1, 1),
    )
