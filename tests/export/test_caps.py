"""What Sentry cuts off at so many points is asked for in pages, by status, in pieces: nothing lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from extractors.sandbox import health, stats
from extractors.sandbox.answers import Query, error
from extractors.stream import all_streams
from extractors.streams import outcomes, sessions
from tests.export.conftest import Start, query, run_export
from tests.export.truth import differences

CAPS = ((sessions, health, "POINT_LIMIT", 90), (outcomes, stats, "ROW_LIMIT", 2_000))
"""In place of Sentry's 10,000, on both sides: the same plan, with fewer groups."""


@pytest.fixture
def small_caps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Server and client agree on a smaller cap."""
    for stream, server, name, points in CAPS:
        monkeypatch.setattr(server, name, points)
        small = tuple(replace(r, points=points) for r in stream.STREAM.requests)
        monkeypatch.setattr(stream, "STREAM", replace(stream.STREAM, requests=small))
    all_streams.cache_clear()
    yield
    all_streams.cache_clear()


@pytest.mark.usefixtures("small_caps")
def test_capped_series_are_whole(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=2, issues=20, events=300, rate_limit=0, days=30, refused_projects=0)
    result = run_export(sandbox, tmp_path, streams={"only": ["sessions", "outcomes"]})
    asked = [r["query"] for r in sandbox.requests() if r["path"].endswith("/sessions/")]
    assert any("session.status%3Ahealthy" in q and "cursor=" in q for q in asked)
    assert any("session.status%3Acrashed" in q for q in asked)
    assert differences(sandbox, tmp_path, ["sessions", "outcomes"]) == {}
    assert result.incomplete == []
    assert query(tmp_path, "select sum(session_count) from sessions") == query(
        tmp_path, "select sum(session_count) from session_health"
    )


@pytest.mark.usefixtures("small_caps")
@pytest.mark.parametrize("refuses", [False, True])
def test_a_server_without_search_by_status_counts_nothing_twice(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    """It answers for all of them, or with 400: smaller windows are asked for instead."""
    reads = health.Health._read

    def read(self: health.Health, query: Query) -> health.Asked:
        asked = reads(self, query)
        if refuses and "session.status" in asked.filters:
            raise error(400, "Invalid search filter: session.status")
        return replace(asked, filters={k: v for k, v in asked.filters.items() if k != "session.status"})

    monkeypatch.setattr(health.Health, "_read", read)
    sandbox = start(projects=2, issues=20, events=300, rate_limit=0, days=30, refused_projects=0)
    result = run_export(sandbox, tmp_path, streams={"only": ["sessions"]})
    assert differences(sandbox, tmp_path, ["sessions"]) == {}
    assert result.incomplete == []
