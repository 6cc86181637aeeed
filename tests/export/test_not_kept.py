"""Days that Sentry no longer keeps: said in a sentence, and never called complete."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flows.pipeline import export
from flows.progress import Progress
from tests.export.conftest import Start, query, run_export, settings_for

STREAMS = {"only": ["events", "discover", "issues"]}
DAY = timedelta(days=1)


def test_days_before_retention_are_not_called_complete(start: Start, tmp_path: Path) -> None:
    sandbox = start(
        projects=2, issues=20, events=300, rate_limit=0, refused_projects=0, days=40, retention_days=30
    )
    first = run_export(sandbox, tmp_path, streams=STREAMS)
    days = (
        "select table_name, count(*), min(day) from marts.completeness "
        "where table_name in ('events', 'discover_errors') group by all order by all"
    )
    before = query(tmp_path, days)
    assert len(before) == 2
    # the sandbox moves the start of the first window up, without a word, as Sentry does
    ((unproven, last),) = query(
        tmp_path,
        "select count(distinct day), max(day) from marts.completeness where table_name = 'events' "
        "and status = 'complete' and starts_with(reason, 'Not proven: Sentry lists no event before')",
    )
    assert unproven > 50
    assert last < (first.as_of - 29 * DAY).date()

    since, until = first.as_of - 400 * DAY, first.as_of - 380 * DAY
    settings = settings_for(sandbox, tmp_path, streams=STREAMS)
    result = export(settings, Progress(), since=since, until=until)
    assert result.exit_code == 0
    assert query(tmp_path, days) == before
    (warning,) = [w for w in result.warnings if "no longer keeps" in w]
    assert f"{since:%Y-%m-%d} to {until:%Y-%m-%d} (discover, events)" in warning
