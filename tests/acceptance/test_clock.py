"""A server whose clock was ahead for one night: no later night takes what it never read for read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.acceptance.odd import rows, run
from tests.acceptance.strict import StrictSentry
from tests.acceptance.world import World

DAY = timedelta(days=1)
STREAMS = ("issues", "events", "event_counts")


def test_a_clock_that_was_ahead_hides_nothing(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=3)) as sentry:
        sentry.world.now += 30 * DAY
        early = run(sentry, tmp_path, *STREAMS)
        sentry.world.now -= 30 * DAY
        late = sentry.world.add_event(next(iter(sentry.world.issues)), sentry.world.now - DAY)
        result = run(sentry, tmp_path, *STREAMS)
        assert rows(tmp_path, f"select 1 from events where event_id = '{late}'") == [(1,)]
        newest = rows(tmp_path, "select run_id, as_of from meta.runs order by started_at desc limit 1")
        assert newest[0][0] == result.run_id
        assert rows(tmp_path, "select max(as_of) from meta.runs")[0][0] - newest[0][1] < DAY
        assert [early.run_id in text for text in result.warnings if "clock" in text] == [True]
        again = run(sentry, tmp_path, *STREAMS)
        assert not [text for text in again.warnings if "clock" in text]
