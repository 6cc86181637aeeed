"""What is not complete, in the closing lines of a run and on the status screen: by name, with each reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.report import print_status, print_summary, troubles
from tests.export.conftest import Start, run_export, settings_for
from warehouse.inspect import status


def failed(reason: str, **more: Any) -> dict[str, Any]:
    """A slice that failed."""
    return {
        "stream": "events",
        "request": "",
        "organization_id": "1",
        "organization_slug": "acme",
        "project_id": "7",
        "project_slug": "web",
        "status": "failed",
        "reason": reason,
        **more,
    }


def test_scopes_are_named_by_their_slugs_where_these_are_known() -> None:
    assert troubles([failed("Why.")]) == ["project acme/web: failed (events). Why."]
    assert troubles([failed("Why.", project_slug=None)]) == ["project 7: failed (events). Why."]
    of_all = {"project_id": "", "project_slug": ""}
    assert troubles([failed("Why.", **of_all)]) == ["organization acme: failed (events). Why."]
    of_all["organization_slug"] = ""
    assert troubles([failed("Why.", **of_all)]) == ["organization 1: failed (events). Why."]


def test_each_reason_is_told_with_how_often_it_was_so() -> None:
    lines = troubles(
        [failed("Rare."), failed("Often.", days=4), failed("Often."), failed("", stream="teams")]
    )
    assert lines == [
        "project acme/web: failed (events, teams). 5 times: Often. Once: Rare. Once: no reason is known."
    ]


def test_one_refusal_of_several_endpoints_is_one_reason() -> None:
    one, other = failed("GET /a/: answered 403, no."), failed("GET /b/: answered 403, no.", stream="issues")
    assert troubles([one, one]) == ["project acme/web: failed (events). GET /a/: answered 403, no."]
    assert troubles([one, other]) == ["project acme/web: failed (events, issues). Answered 403, no."]
    (line,) = troubles([one, other, failed("Other.")])
    assert line.endswith("2 times: Answered 403, no. Once: Other.")


def test_of_many_reasons_a_few_are_told() -> None:
    (line,) = troubles([failed(f"Reason {number}.") for number in range(9)])
    assert "Once: Reason 2. And 6 more kinds; see `sentry-warehouse status --json`." in line
    assert "Reason 3." not in line
    (line,) = troubles([failed(f"Reason {number}.") for number in range(4)])
    assert line.endswith("And 1 more kind; see `sentry-warehouse status --json`.")


def test_both_screens_name_what_is_not_complete(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = start(projects=2, issues=5, events=20, days=5, rate_limit=0, refused_projects=1)
    result = run_export(sandbox, tmp_path, streams={"only": ["issues", "events"]})
    (refused,) = [p["slug"] for p in sandbox.truth("projects") if p["refused"]]
    (organization,) = sandbox.truth("organizations")
    said = f"project {organization['slug']}/{refused}: forbidden (events"
    print_summary(result, settings_for(sandbox, tmp_path))
    assert said in capsys.readouterr().out
    print_status(status(tmp_path, result.as_of))
    assert said in capsys.readouterr().out


def test_what_is_proposed_next_is_about_what_was_exported(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = start(projects=2, issues=5, events=20, members=9, days=5, rate_limit=0)
    result = run_export(sandbox, tmp_path, streams={"only": ["members"]})
    print_summary(result, settings_for(sandbox, tmp_path))
    assert 'query "from members limit 10"' in capsys.readouterr().out
