"""Reading a past time again leaves the nightly export's own marks, snapshots and states as they were."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.settings import UsageError
from tests.acceptance.odd import rows, run
from tests.acceptance.strict import StrictSentry
from tests.acceptance.world import World
from warehouse.inspect import status

DAY = timedelta(days=1)
SNAPSHOT = {"name": "titles", "fields": ["title", "count()"], "days": 60}


@pytest.mark.parametrize("minutes", [5, 700])
def test_a_backfill_before_the_first_export_hides_nothing_from_it(tmp_path: Path, minutes: int) -> None:
    """So many minutes after midnight: what is asked for ends ten minutes earlier, on the day before."""
    midnight = World().now.replace(hour=0, minute=0, second=0)
    with StrictSentry(World(midnight + timedelta(minutes=minutes), web_issues=0)) as sentry:
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


def test_a_list_that_a_backfill_read_meanwhile_is_whole(tmp_path: Path) -> None:
    """Whatever past a backfill is of, lists are read as they are now."""
    with StrictSentry(World(web_issues=0)) as sentry:
        now = sentry.world.now
        sentry.overrides = [(".*/teams/", lambda _: (500, {"detail": "Internal Error"}, {}))]
        as_of = run(sentry, tmp_path, "teams", retries=0).as_of
        assert whole_days(tmp_path, as_of) == {"organizations": (1, 1), "projects": (1, 1), "teams": (0, 1)}
        sentry.overrides = []
        run(sentry, tmp_path, "teams", since=now - 9 * DAY, until=now - 8 * DAY)
    assert whole_days(tmp_path, as_of) == {"organizations": (1, 1), "projects": (1, 1), "teams": (1, 1)}


def whole_days(home: Path, now: datetime) -> dict[str, tuple[int, int]]:
    """What `status` says of each table: its days that are whole, and all of them."""
    return {table["table"]: (table["whole_days"], table["days"]) for table in status(home, now)["tables"]}


def test_a_single_day_takes_the_place_of_its_hours(tmp_path: Path) -> None:
    """Of a month of 31 days the first is read by the day: its hours must not stay beside that."""
    with StrictSentry(World(web_issues=0)) as sentry:
        start = sentry.world.now.replace(hour=0, minute=0, second=0) - 60 * DAY
        run(sentry, tmp_path, "outcomes", since=start, until=start + 2 * DAY)
        by_day = "select interval_start::date, sum(quantity) from outcomes group by 1 order by 1 limit 2"
        before = rows(tmp_path, by_day)
        run(sentry, tmp_path, "outcomes", since=start, until=start + 31 * DAY)
        assert rows(tmp_path, by_day) == before
