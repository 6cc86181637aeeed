"""What Sentry loses without a word is healed, or named in marts.completeness: never silent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.stream import Request, all_streams
from tests.export.conftest import query, run_export
from tests.export.truth import differences
from warehouse.inspect import status

WORLD = SandboxOptions(
    projects=3,
    issues=75,
    events=300,
    days=10,
    rate_limit=0,
    refused_projects=0,
    short_pages=False,
)

PAGES = {
    "issues": 10,
    "events": 40,
    "members": 5,
    "projects": 2,
    "releases": 5,
    "discover": 8,
    "event_counts": 8,
}
"""Rows a page instead of 100: a small organization has pages to lose."""

Loss = tuple[str, dict[str, Any], str]

WORLDS: dict[str, tuple[Loss, ...]] = {
    # each with losses that can not mask one another: (what, how, the table that shows it)
    "single things": (
        ("event", {}, "events"),
        ("issue", {}, "issues"),
        ("group", {"endpoint": "sessions", "times": None}, "sessions"),
        ("group", {"endpoint": "stats_v2", "times": None}, "outcomes"),
        ("hits", {"hits": 0}, "issues"),
    ),
    "dropped pages": tuple(
        ("page", {"endpoint": endpoint}, endpoint)
        for endpoint in ("issues", "events", "releases", "members", "projects")
    ),
    "dropped pages of Discover": (
        ("page", {"endpoint": "discover", "asks": "field=environment"}, "discover_errors"),
        ("page", {"endpoint": "discover", "asks": "field=project.id&field=timestamp.to_day"}, "event_counts"),
    ),
    "pages of Discover that are always dropped": (
        ("page", {"endpoint": "discover", "asks": "field=environment", "times": None}, "discover_errors"),
        (
            "page",
            {"endpoint": "discover", "asks": "field=project.id&field=timestamp.to_day", "times": None},
            "event_counts",
        ),
    ),
    "a page of projects that is always dropped": (
        ("page", {"endpoint": "projects", "times": None}, "projects"),
    ),
    "no Link header": (
        *(
            ("link", {"endpoint": endpoint, "times": None}, endpoint)
            for endpoint in ("issues", "events", "releases", "members")
        ),
        # not of the counts as well, which tell what the lists lack
        ("link", {"endpoint": "discover", "asks": "field=environment", "times": None}, "discover_errors"),
    ),
    "counts without Link header": (
        (
            "link",
            {"endpoint": "discover", "asks": "field=project.id&field=timestamp.to_day", "times": None},
            "event_counts",
        ),
    ),
    "a search that ends early": (("early-end", {"after": 10}, "issues"),),
    "a search that finds nothing": (("empty-search", {}, "issues"),),
}

SEEDED = sum(map(len, WORLDS.values()))


@pytest.fixture(scope="module", autouse=True)
def small_pages() -> Iterator[None]:
    """All streams ask for small pages."""
    with pytest.MonkeyPatch.context() as patch:
        for stream in all_streams():
            size = PAGES.get(stream.name, 100)

            def smaller(requests: tuple[Request, ...], size: int = size) -> tuple[Request, ...]:
                return tuple(r if r.points else replace(r, page_size=size) for r in requests)

            configure = stream.configure
            changed = (
                replace(stream, configure=lambda queries, of=configure, cut=smaller: cut(of(queries)))
                if configure
                else replace(stream, requests=smaller(stream.requests))
            )
            patch.setattr(import_module(f"extractors.streams.{stream.name}"), "STREAM", changed)
        all_streams.cache_clear()
        yield
    all_streams.cache_clear()


@pytest.fixture(scope="module")
def first() -> Iterator[Sandbox]:
    """A sandbox at its start."""
    with Sandbox(WORLD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """A sandbox a night later than what the home has of it."""
    home = tmp_path_factory.mktemp("losses") / "home"
    with Sandbox(WORLD) as sandbox:
        run_export(sandbox, home, events={"detail": "summary"})
        sandbox.pass_night()
        yield sandbox, home


def find_again(sandbox: Sandbox) -> None:
    """Ends all losses."""
    world = sandbox.app.world
    world.losses.clear()
    for event in world.events.values():
        event.lost = False
    for issue in world.issues.values():
        issue.hidden = False
    world.settle()


@pytest.mark.xdist_group("first losses")
@pytest.mark.parametrize("losses", WORLDS.values(), ids=WORLDS.keys())
def test_losses_of_a_first_run(first: Sandbox, tmp_path: Path, losses: tuple[Loss, ...]) -> None:
    check(first, tmp_path, losses)


@pytest.mark.xdist_group("later losses")
@pytest.mark.parametrize("losses", WORLDS.values(), ids=WORLDS.keys())
def test_losses_of_a_later_night(
    later: tuple[Sandbox, Path], tmp_path: Path, losses: tuple[Loss, ...]
) -> None:
    sandbox, before = later
    home = tmp_path / "home"
    shutil.copytree(before, home, symlinks=True)
    check(sandbox, home, losses)


def check(sandbox: Sandbox, home: Path, losses: tuple[Loss, ...]) -> None:
    """Exports with the losses and finds none of them silent."""
    silent = []
    try:
        for what, how, _ in losses:
            sandbox.lose(what, **how)
        result = run_export(sandbox, home, events={"detail": "summary"})
        for loss, (what, how, table) in zip(sandbox.truth("losses"), losses, strict=True):
            assert loss["used"] or what in ("event", "issue"), f"{what} {how} did not come about"
            if not is_told(sandbox, home, result.incomplete, what, table):
                silent.append((what, how, differences(sandbox, home, [table])))
    finally:
        find_again(sandbox)
    assert silent == []


def is_told(sandbox: Sandbox, home: Path, incomplete: list[dict[str, Any]], what: str, table: str) -> bool:
    """Whether no row is missing for all that, or completeness and the run's result say that some may be."""
    named = query(
        home,
        "select count(*) from marts.completeness "
        f"where table_name = '{table}' and status not in ('complete', 'sampled')",
    ) != [(0,)]
    named = named and any(table.startswith(slice_["stream"]) for slice_ in incomplete)
    if what == "event":
        # the sandbox calls a lost event not listed; here it was counted
        stored = query(home, "select count(*) from events")[0][0]
        lost = sum(e["lost"] for e in sandbox.truth("events"))
        listed = sum(e["listed"] for e in sandbox.truth("events"))
        return named or stored == listed + lost
    missing = [r for rows in differences(sandbox, home, [table]).values() for r in rows if r[:7] == "missing"]
    return named or not missing


@pytest.mark.xdist_group("first losses")
def test_full_bodies_that_do_not_come_are_told(first: Sandbox, tmp_path: Path) -> None:
    """Summaries prove the events, not their bodies."""
    try:
        first.lose("page", endpoint="events", asks="full=1", times=None)
        result = run_export(first, tmp_path, events={"detail": "full"}, streams={"only": ["events"]})
    finally:
        find_again(first)
    short = {(s["request"], s["status"], s["expected"] - s["loaded"]) for s in result.incomplete}
    (lacking,) = query(tmp_path, "select count(*) from events anti join event_details using (event_id)")[0]
    assert {row[:2] for row in short} == {("full", "partial")}
    assert sum(row[2] for row in short) == lacking > 0
    # the first day is older than what a later run reads
    told = (
        "select distinct table_name from marts.completeness where status <> 'complete' "
        "and day > (select min(day) from marts.completeness)"
    )
    assert query(tmp_path, told) == [("event_details",)]
    healed = run_export(first, tmp_path, events={"detail": "full"}, full_audit=True)
    assert (healed.incomplete, healed.exit_code) == ([], 0)
    assert query(tmp_path, told) == []
    # how many bodies a listing of many days brings says nothing of how many events a day has
    (events,) = (table for table in status(tmp_path)["tables"] if table["table"] == "events")
    assert events["expected"] == events["loaded"] > 0


@pytest.mark.xdist_group("first losses")
def test_without_events_no_search_is_proven(first: Sandbox, tmp_path: Path) -> None:
    """What the search left out only events could tell."""
    try:
        first.lose("early-end", after=10)
        result = run_export(first, tmp_path, streams={"only": ["issues"]})
    finally:
        find_again(first)
    assert differences(first, tmp_path, ["issues"])
    assert result.exit_code == 0
    assert not status(tmp_path, result.as_of)["is_proven"]
    reasons = "select distinct expected, left(reason, 10) from marts.completeness where table_name = 'issues'"
    assert query(tmp_path, reasons) == [(None, "Not proven")]


def test_so_many_losses_are_seeded() -> None:
    assert SEEDED == 23
