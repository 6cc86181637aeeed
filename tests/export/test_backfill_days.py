"""Figures of a day are of the whole day, also where a backfill ends within it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.pipeline import export
from flows.progress import Progress
from tests.export.conftest import Start, query, run_export, settings_for

DAY = timedelta(days=1)
CHOSEN = {
    "streams": {"only": ["discover", "event_counts", "outcomes", "sessions"]},
    "discover": [{"name": "levels", "fields": ["project.id", "count()"], "interval": "1d", "days": 60}],
}
FIGURES = (
    "select day, sum(event_count) from event_counts group by all order by all",
    "select interval_start, sum(count) from discover_levels group by all order by all",
    "select interval_start::date, sum(quantity) from outcomes group by all order by all",
    "select interval_start, sum(session_count) from sessions group by all order by all",
)


@pytest.mark.parametrize("days", [5, 40], ids=["hours", "days"])
def test_the_rest_of_the_last_day_stays(start: Start, tmp_path: Path, days: int) -> None:
    """Outcomes of 40 days ago are stored by the day."""
    sandbox = start(projects=2, issues=20, events=600, rate_limit=0)
    result = run_export(sandbox, tmp_path, **CHOSEN)
    before = [query(tmp_path, figure) for figure in FIGURES]
    end = datetime.combine(result.as_of - days * DAY, datetime.min.time())
    export(
        settings_for(sandbox, tmp_path, **CHOSEN),
        Progress(),
        since=end - DAY,
        until=end + timedelta(hours=7),
    )
    for figure, was in zip(FIGURES, before, strict=True):
        assert query(tmp_path, figure) == was
