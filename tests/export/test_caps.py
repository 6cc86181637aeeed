"""What Sentry cuts off at so many points is asked for in pages, by status, in pieces: nothing lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from extractors.sandbox import health, stats
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
