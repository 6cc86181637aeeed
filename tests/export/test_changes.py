"""Slugs that change hands, projects that refuse for a while, crawls that find nothing: nothing is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extractors.sandbox import Sandbox
from tests.export.conftest import Start, query, run_export
from tests.export.truth import COMPARED, differences


def swap_slugs(sandbox: Sandbox) -> None:
    """One project gets another name, and its old one goes to another project."""
    first, second, _ = sandbox.app.world.projects
    first.slug, second.slug = f"{first.slug}-old", first.slug
    for project in (first, second):
        for event in project.errors:
            event.summary = None


def issues_of(home: Path, project_id: str) -> list[tuple[Any, ...]]:
    """What stands of a project's issues, without when it was loaded."""
    states = (
        f"select issue_id, status, valid_to from issue_history where project_id = '{project_id}' order by all"
    )
    marks = (
        "select issue_id, status, deleted_at, merged_into_issue_id, unlisted_at from issues "
        f"where project_id = '{project_id}' order by all"
    )
    return [*query(home, marks), *query(home, states)]


def test_nothing_is_taken_for_gone_that_is_not(start: Start, tmp_path: Path) -> None:
    sandbox = start(projects=3, issues=24, events=250, days=15, rate_limit=0, refused_projects=0)
    world = sandbox.app.world
    run_export(sandbox, tmp_path)
    refusing = world.projects[2]
    before = issues_of(tmp_path, str(refusing.project_id))
    assert before

    swap_slugs(sandbox)
    refusing.refused = True
    sandbox.pass_night()
    result = run_export(sandbox, tmp_path)
    assert {s["project_id"] for s in result.incomplete} == {str(refusing.project_id)}
    assert issues_of(tmp_path, str(refusing.project_id)) == before
    assert differences(sandbox, tmp_path, ["projects"]) == {}

    sandbox.lose("empty-search")
    sandbox.pass_night()
    run_export(sandbox, tmp_path)
    assert issues_of(tmp_path, str(refusing.project_id)) == before
    alive = {i["issue_id"] for i in sandbox.truth("issues") if not i["deleted_at"]}
    gone = {row[0] for row in query(tmp_path, "select issue_id from issues where deleted_at is not null")}
    assert not alive & gone

    world.losses.clear()
    refusing.refused = False
    sandbox.pass_night()
    result = run_export(sandbox, tmp_path)
    tables = COMPARED.keys() - {"event_tags"}  # the sandbox makes server names of slugs
    assert (result.incomplete, differences(sandbox, tmp_path, sorted(tables))) == ([], {})
