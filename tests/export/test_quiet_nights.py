"""What a night costs in which nothing happened: a few requests a project, and nothing one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.conftest import Start, run_export

A_PROJECT = 5
"""Its issues, events, outcomes, sessions and rates; totals, lists and Discover are asked for all at once."""


def quiet_night(start: Start, home: Path, projects: int) -> int:
    """Requests of a night without an event or a decision."""
    sandbox = start(
        projects=projects,
        issues=projects,
        events=projects * 4,
        days=4,
        rate_limit=0,
        refused_projects=0,
        short_pages=False,
    )
    run_export(sandbox, home)
    sandbox.pass_night(quiet=True)
    before = len(sandbox.requests())
    result = run_export(sandbox, home)
    assert result.status == "complete"
    paths = [r["path"] for r in sandbox.requests()[before:]]
    assert not [path for path in paths if "/issues/" in path and not path.endswith("/issues/")]
    return result.requests


def test_a_quiet_night_grows_by_five_requests_a_project(start: Start, tmp_path: Path) -> None:
    few, more = (quiet_night(start, tmp_path / str(n), n) for n in (2, 6))
    assert more - few == 4 * A_PROJECT
    assert few - 2 * A_PROJECT < 25


@pytest.mark.slow
def test_a_quiet_night_of_fifty_projects(start: Start, tmp_path: Path) -> None:
    assert quiet_night(start, tmp_path, 50) < 50 * A_PROJECT + 30
