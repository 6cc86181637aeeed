"""Reading a past time again leaves the nightly export's own marks, snapshots and states as they were."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from flows.settings import UsageError
from tests.acceptance.odd import rows, run
from tests.acceptance.strict import StrictSentry
from tests.acceptance.world import World

DAY = timedelta(days=1)
SNAPSHOT = {"name": "titles", "fields": ["title", "count()"], "days": 60}


def test_a_backfill_before_the_first_export_hides_nothing_from_it(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=0)) as sentry:
        now = sentry.world.now
        run(sentry, tmp_path, "outcomes", since=now - 9 * DAY, until=now - 8 * DAY)
        run(sentry, tmp_path, "outcomes")
    days = "select count(distinct date_trunc('day', interval_start)) from outcomes"
    assert rows(tmp_path, days) == [(85,)]


def test_a_backfill_costs_the_next_export_nothing(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=0)) as sentry:
        now = sentry.world.now
        run(sentry, tmp_path, "outcomes")
        usual = run(sentry, tmp_path, "outcomes").requests
        run(sentry, tmp_path, "outcomes", since=now - 60 * DAY, until=now - 50 * DAY)
        assert run(sentry, tmp_path, "outcomes").requests == usual


def test_a_backfill_into_the_future_ends_where_an_export_would(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=2)) as sentry:
        now = sentry.world.now
        result = run(sentry, tmp_path, "events", since=now - 9 * DAY, until=now + 9 * DAY)
        assert now - timedelta(minutes=11) < result.as_of < now - timedelta(minutes=9)
        assert sentry.complaints == []
        with pytest.raises(UsageError, match="since"):
            run(sentry, tmp_path, "events", since=now + DAY)


def test_a_backfill_leaves_snapshots_and_issues_of_other_times_alone(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=3)) as sentry:
        now = sentry.world.now
        run(sentry, tmp_path, "issues", "discover", discover=[SNAPSHOT])
        (titles,) = rows(tmp_path, "select count(*) from discover_titles")
        run(
            sentry,
            tmp_path,
            *("issues", "discover"),
            since=now - 60 * DAY,
            until=now - 50 * DAY,
            discover=[SNAPSHOT],
        )
        assert rows(tmp_path, "select count(*) from discover_titles") == [titles]
        assert rows(tmp_path, "select count(*) from issues where unlisted_at is not null") == [(0,)]
