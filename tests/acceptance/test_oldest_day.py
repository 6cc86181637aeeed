"""The day on which Sentry's retention ends is counted in part: no reason to read it again each night."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.acceptance.odd import rows, run
from tests.acceptance.strict import RETENTION, StrictSentry
from tests.acceptance.world import WEB, World, parse

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STREAMS = ("events", "event_counts")


def test_a_day_that_sentry_begins_to_forget_is_left_as_it_was(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 28, 12)
    with StrictSentry(World(noon, web_issues=1)) as sentry:
        edge = (noon + DAY - RETENTION).replace(hour=0)
        issue = next(iter(sentry.world.issues))
        for time in (edge + HOUR, edge + 23 * HOUR):
            sentry.world.add_event(issue, time)
        run(sentry, tmp_path, *STREAMS)
        audited = (
            "select expected, loaded, status from marts.completeness where table_name = 'events' "
            f"and project_id = '{WEB}' and day = '{edge:%Y-%m-%d}'"
        )
        assert rows(tmp_path, audited) == [(2, 2, "complete")]

        sentry.world.now += DAY
        sentry.asked.clear()
        run(sentry, tmp_path, *STREAMS)
        (asked,) = sentry.requests_of("/web/events/$")
        assert parse(asked.one("start")) > edge + DAY
        assert rows(tmp_path, audited) == [(2, 2, "complete")]
