"""Older servers whose plan has no questions about several projects: each is asked about by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox, access, discover
from extractors.sandbox.answers import Query, error
from extractors.sandbox.model import Project
from extractors.sandbox.world import World
from flows.check import check
from flows.forecast import forecast
from tests.export.conftest import Start, query, run_export, settings_for
from tests.export.truth import differences

ONLY = {"streams": {"only": ["events", "event_counts", "discover"]}, "events": {"detail": "summary"}}


@pytest.fixture(params=["2026", "2023"])
def sandbox(start: Start, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Sandbox:
    def chosen(world: World, asked: Query) -> Sequence[Project]:
        projects = access.chosen_projects(world, asked)
        if len(projects) > 1:
            raise error(400, "You cannot view events from multiple projects.")
        return projects

    monkeypatch.setattr(discover, "chosen_projects", chosen)
    return start(
        projects=3, issues=12, events=150, days=9, rate_limit=0, refused_projects=0, age=request.param
    )


def test_figures_and_rows_are_asked_for_by_project(sandbox: Sandbox, tmp_path: Path) -> None:
    result = run_export(sandbox, tmp_path, **ONLY)
    assert (result.status, result.incomplete) == ("complete", [])
    assert differences(sandbox, tmp_path, ["events"]) == {}
    assert query(tmp_path, "select sum(event_count) from event_counts") == query(
        tmp_path, "select count(*) from events"
    )
    unproven = (
        "select count(*) from meta.coverage where reason <> '' or stream = 'discover' and expected is null"
    )
    assert query(tmp_path, unproven) == [(0,)]
    assert query(tmp_path, "select count(distinct project_id) from discover_errors") == [(3,)]


def test_chosen_projects_alone_are_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    two = [row["slug"] for row in sandbox.truth("projects")[:2]]
    result = run_export(sandbox, tmp_path, projects=two, **ONLY)
    assert result.status == "complete"
    assert query(tmp_path, "select count(distinct project_id) from discover_errors") == [(2,)]


def test_a_query_whose_rows_name_no_project_is_refused_and_said_so(sandbox: Sandbox, tmp_path: Path) -> None:
    levels = {"name": "levels", "fields": ["level", "count()"], "interval": "1d", "days": 2}
    settings = settings_for(sandbox, tmp_path, discover=[levels], streams={"only": ["discover"]})
    found = check(settings)
    assert found.exit_code == 3
    assert any("multiple projects" in f.says for f in found.all if f.state == "bad")


def test_check_and_plan_ask_so_too(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, **ONLY)
    assert check(settings).exit_code == 0
    assert forecast(settings).exit_code == 0
