"""What `plan` foretells, beside what the export then did; and that it asks little and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from flows.ending import Result
from flows.forecast import Forecast, forecast
from flows.forecast_report import forecast_as_json
from flows.pipeline import export
from flows.progress import Progress
from tests.cli.command import Outcome, run_command
from tests.cli.proxy import Answered, proxy
from tests.export.conftest import query, run_export, settings_for
from warehouse import state
from warehouse.learnt import Learnt, look_back
from warehouse.store import Store

REQUESTS, ROWS = 0.15, 0.3
"""How far off a plan may be: requests decide how long a run takes, rows rest on samples."""

QUERY = {"name": "errors", "fields": ["project.id", "level", "count()"], "interval": "1d", "days": 10}
SMALL: dict[str, Any] = {"discover": [QUERY]}


@dataclass(slots=True)
class Night:
    """A plan, and the run it was made for."""

    plan: Forecast
    result: Result
    coverage: dict[tuple[str, str], tuple[int, int]]
    slices: dict[tuple[str, str], int]


@dataclass(slots=True)
class Nights:
    home: Path
    first: Night
    second: Night
    backfill: dict[str, tuple[int, int]]
    asked: list[str]


def one_backfill(sandbox: Sandbox, home: Path, today: datetime) -> dict[str, tuple[int, int]]:
    """Requests of each listing of a past time, as planned and as they came."""
    until = today.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    since = until - timedelta(days=19)
    settings = settings_for(sandbox, home, **SMALL)
    plan = forecast(settings, since=since, until=until)
    before = len(sandbox.requests())
    export(settings, Progress(), since=since, until=until)
    paths = {"outcomes": "stats_v2/", "sessions": "sessions/"}
    return {
        stream: (
            sum(p.requests for p in plan.parts if p.stream == stream),
            sum(r["path"].endswith(path) for r in sandbox.requests()[before:]),
        )
        for stream, path in paths.items()
    }


def one_night(sandbox: Sandbox, home: Path) -> Night:
    plan = forecast(settings_for(sandbox, home, **SMALL))
    result = run_export(sandbox, home, **SMALL)
    of_run = f"run_id = '{result.run_id}' and request <> 'audit' group by all"
    # which days late events make it read again, nobody can foretell
    planned = f"(stream <> 'events' or window_end = '{result.as_of}')"
    coverage = query(
        home,
        f"select stream, request, sum(requests), sum(rows) from meta.coverage where {planned} and {of_run}",
    )
    slices = query(
        home, f"select stream, request, count(*) from meta.slices where items is null and {of_run}"
    )
    return Night(
        plan,
        result,
        {(s, r): (int(requests), int(rows)) for s, r, requests, rows in coverage},
        {(s, r): n for s, r, n in slices},
    )


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Two nights of one organization, each planned before."""
    home = tmp_path_factory.mktemp("plan") / "data"
    options = SandboxOptions(
        projects=3, issues=40, events=1200, members=4, rate_limit=400, event_rate_limit=60, refused_projects=1
    )
    with Sandbox(options) as sandbox:
        forecast(settings_for(sandbox, home, **SMALL))
        assert not home.exists()
        asked = [r["path"] for r in sandbox.requests()]
        assert {r["method"] for r in sandbox.requests()} == {"GET"}
        first = one_night(sandbox, home)
        sandbox.pass_night()
        second = one_night(sandbox, home)
        yield Nights(home, first, second, one_backfill(sandbox, home, second.result.as_of), asked)


@pytest.mark.parametrize("which", ["first", "second"])
def test_requests_and_rows_are_near_what_the_export_did(nights: Nights, which: str) -> None:
    night: Night = getattr(nights, which)
    planned = sum(p.requests for p in night.plan.parts)
    assert planned == pytest.approx(night.result.requests, rel=REQUESTS)
    rows = sum(p.rows for p in night.plan.parts)
    assert rows == pytest.approx(sum(r for _, r in night.coverage.values()), rel=ROWS)
    assert night.plan.first == (which == "first")


@pytest.mark.parametrize("which", ["first", "second"])
def test_what_sentry_counts_is_foretold_closely(nights: Nights, which: str) -> None:
    night: Night = getattr(nights, which)
    for key in (("events", ""), ("issues", ""), ("events", "latest")):
        (part,) = [p for p in night.plan.parts if (p.stream, p.request) == key]
        assert part.rows == pytest.approx(night.coverage[key][1], rel=0.1, abs=3), key
        assert part.requests == pytest.approx(night.coverage[key][0], rel=0.2, abs=3), key


def test_a_backfill_after_short_windows_is_foretold_closely(nights: Nights) -> None:
    """One request for a window is one for a longer window, too."""
    for stream, (planned, asked) in nights.backfill.items():
        assert planned == pytest.approx(asked, abs=1), stream


def test_plan_and_export_cut_the_same_slices(nights: Nights) -> None:
    listings = {(p.stream, p.request): p.slices for p in nights.first.plan.parts if p.round == 0}
    assert listings == nights.first.slices
    assert all(name in listings for name in (("sessions", "health"), ("discover", "errors"), ("teams", "")))


def test_few_questions_however_many_projects(nights: Nights) -> None:
    assert len(nights.asked) <= 50
    assert nights.second.plan.asked <= 12
    options = SandboxOptions(projects=60, issues=70, events=200, members=2, days=10, refused_projects=0)
    with Sandbox(options) as many:
        planned = forecast(settings_for(many, nights.home.parent / "none", **SMALL))
    assert planned.asked <= 50
    assert next(p for p in planned.parts if p.stream == "events").slices == 60


def test_limits_are_those_that_the_server_names(nights: Nights) -> None:
    for plan in (nights.first.plan, nights.second.plan):
        (events,) = [p for p in plan.parts if (p.stream, p.request) == ("events", "")]
        limit = events.allowance.limit
        assert limit is not None
        assert (limit.requests, limit.window, limit.concurrency) == (60, 60.0, 1)
        assert events.allowance.known


def test_the_slowest_comes_first_and_scripts_can_read_it(nights: Nights) -> None:
    told = json.loads(forecast_as_json(nights.first.plan))
    times = [sum(p["minutes"] for p in stream["parts"]) for stream in told["streams"]]
    assert times == pytest.approx(sorted(times, reverse=True), abs=0.02)
    assert told["requests"] == sum(s["requests"] for s in told["streams"])
    assert told["minutes"] >= max(p["minutes"] for s in told["streams"] for p in s["parts"]) - 0.01
    assert {"slices", "requests", "rows", "megabytes", "minutes"} <= told["streams"][0].keys()


def test_a_refused_project_shows_and_decides_the_exit_code(nights: Nights) -> None:
    assert nights.first.plan.exit_code == nights.first.result.exit_code == 3
    refused = {p.stream for p in nights.second.plan.parts if p.refused}
    assert refused == {"events", "issues", "outcomes", "sessions"}


def test_nothing_is_written(nights: Nights) -> None:
    before = {p: p.stat().st_mtime_ns for p in nights.home.rglob("*")}
    with Sandbox(SandboxOptions(projects=1, issues=2, events=4, members=1, days=5)) as sandbox:
        forecast(settings_for(sandbox, nights.home, **SMALL))
    assert {p: p.stat().st_mtime_ns for p in nights.home.rglob("*")} == before


def test_a_backfill_is_planned_by_its_own_window(nights: Nights) -> None:
    options = SandboxOptions(projects=2, issues=10, events=600, members=1, refused_projects=0)
    with Sandbox(options) as sandbox:
        settings = settings_for(sandbox, nights.home.parent / "none", **SMALL)
        whole = forecast(settings)
        week = forecast(
            settings, since=whole.as_of - timedelta(days=14), until=whole.as_of - timedelta(days=7)
        )
    rows = [next(p.rows for p in plan.parts if p.stream == "events") for plan in (whole, week)]
    assert 0 < rows[1] < rows[0] / 2  # an incident may lie in that week
    assert next(p.slices for p in week.parts if p.stream == "discover") in (7, 8)
    assert json.loads(forecast_as_json(week))["command"] == "backfill"


def test_an_older_server_is_asked_the_older_way(tmp_path: Path) -> None:
    options = SandboxOptions(projects=2, issues=8, events=300, members=1, age="2023", refused_projects=0)
    with Sandbox(options) as sandbox:
        planned = forecast(settings_for(sandbox, tmp_path / "data", **SMALL))
        result = run_export(sandbox, tmp_path / "data", **SMALL)
    assert planned.exit_code == 0
    assert sum(p.requests for p in planned.parts) == pytest.approx(result.requests, rel=REQUESTS)


def test_a_run_that_was_cut_off_is_said(tmp_path: Path) -> None:
    as_of = datetime(2026, 1, 2)
    with Store(tmp_path / "warehouse.duckdb") as store:
        state.begin_run(store, {"run_id": "r", "command": "export", "as_of": as_of, "started_at": as_of})
        slices = [{"slice_id": str(n), "stream": "teams", "request": ""} for n in range(3)]
        state.save_plan(store, "r", slices)
    assert "was cut off with 3 of 3 slices left" in look_back(tmp_path).note


def test_a_warehouse_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("dear diary\n" * 1000)
    learnt = look_back(tmp_path)
    assert "first run" in learnt.note
    assert not learnt.marks
    assert look_back(tmp_path / "none") == Learnt()


# the command


def plan_command(tmp_path: Path, url: str, token: str, *arguments: str, **variables: str) -> Outcome:
    return run_command(
        "plan",
        *arguments,
        folder=tmp_path,
        variables={"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": token, **variables},
    )


def test_the_command(tmp_path: Path) -> None:
    with Sandbox(SandboxOptions(projects=1, issues=3, events=9, members=1, days=5)) as sandbox:
        shown = plan_command(tmp_path, sandbox.url, sandbox.token)
        assert (shown.code, shown.err) == (0, "")
        assert "Plan of an export of acme" in shown.out
        assert "together" in shown.out
        assert "estimates" in shown.out
        plan_command(tmp_path, sandbox.url, "sntryu_" + "0" * 64).says_only(2, "does not know this token")
        plan_command(tmp_path, sandbox.url, sandbox.token, SENTRY_ORG="acem").says_only(2, "'acem'")
        plan_command(tmp_path, sandbox.url, sandbox.token, SENTRY_PROJECT="shpo").says_only(2, "'shpo'")
        plan_command(tmp_path, sandbox.url, sandbox.token, "--until", "2026-01-01").says(2, "needs --since")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_none(tmp_path: Path) -> None:
    with proxy("http://127.0.0.1:1", answers=lambda _: Answered(404, b"<html>nginx</html>")) as url:
        plan_command(tmp_path, url, "sntryu_0").says_only(1, "Check SENTRY_URL")
