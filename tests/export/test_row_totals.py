"""Rows of Discover answers are held against the total; where that can not be, it is said, and that is all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from extractors.plan import Organization, counted_together, plan, split
from extractors.stream import DiscoverQuery, all_streams
from extractors.streams.discover import configure
from flows.report import print_status
from tests.acceptance.odd import rows, run
from tests.acceptance.strict import Asked, Refused, StrictSentry
from tests.acceptance.world import World
from warehouse.inspect import status

Answer = tuple[int, Any, dict[str, str]]

DAILY = {"name": "daily", "fields": ["project.id", "title", "count()"], "interval": "1d", "days": 3}
WHOLE = {"name": "whole", "fields": ["project.id", "title", "count()"], "days": 20}


def is_total(asked: Asked) -> bool:
    return asked.query["field"] in (["count()"], ["timestamp.to_day", "count()"])


def exported(
    home: Path, totals: Callable[[StrictSentry, Asked], Answer], *queries: dict[str, Any]
) -> tuple[StrictSentry, Any]:
    """An export of Discover queries from a server that answers questions for totals in its own way."""
    with StrictSentry(World(web_issues=12)) as sentry:

        def answer(asked: Asked) -> Answer:
            return totals(sentry, asked) if is_total(asked) else sentry.discover(asked, "acme")

        sentry.overrides = [(".*/acme/events/", answer)]
        return sentry, run(sentry, home, "discover", discover=list(queries))


def coverage(home: Path) -> set[tuple[str, str, bool, str]]:
    """(request, status, whether a total is known, reason) of the Discover slices."""
    sql = "select request, status, expected is not null, coalesce(reason, '') from meta.coverage"
    return set(rows(home, f"{sql} where stream = 'discover'"))


def test_one_question_counts_the_windows_of_a_night(tmp_path: Path) -> None:
    sentry, result = exported(tmp_path, lambda s, asked: s.discover(asked, "acme"), DAILY, WHOLE)
    assert (result.exit_code, sentry.complaints) == (0, [])
    asked = [a.query["field"] for a in sentry.requests_of("/acme/events/") if is_total(a)]
    assert sorted(asked) == [["count()"], ["timestamp.to_day", "count()"]]
    assert coverage(tmp_path) == {("daily", "complete", True, ""), ("whole", "complete", True, "")}
    sums = "select expected, loaded from meta.coverage where request = 'whole'"
    assert rows(tmp_path, sums) == rows(tmp_path, "select sum(count), sum(count) from discover_whole")


def refused(sentry: StrictSentry, asked: Asked) -> Answer:
    raise Refused(400, {"detail": "Invalid query."})


def partly(sentry: StrictSentry, asked: Asked) -> Answer:
    status_, body, headers = sentry.discover(asked, "acme")
    return status_, {**body, "meta": {**body["meta"], "dataScanned": "partial"}}, headers


def with_groups(sentry: StrictSentry, asked: Asked) -> Answer:
    return 200, {"data": [{"title": "a", "count()": 1}, {"title": "b", "count()": 2}]}, {}


def with_nothing_known(sentry: StrictSentry, asked: Asked) -> Answer:
    return 200, {"data": [{"count": 3}], "meta": None}, {}


@pytest.mark.parametrize(
    ("totals", "questions"),
    [(refused, 4), (partly, 2), (with_groups, 2), (with_nothing_known, 2)],  # the older way, too, if refused
)
def test_a_server_that_tells_no_total_fails_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    totals: Callable[[StrictSentry, Asked], Answer],
    questions: int,
) -> None:
    sentry, result = exported(tmp_path, totals, DAILY)
    assert (result.exit_code, result.status) == (0, "complete")
    ((request, how, known, reason),) = coverage(tmp_path)
    assert (request, how, known) == ("daily", "complete", False)
    assert reason.startswith("Not proven: Sentry does not tell how many there are.")
    asked = sum(map(is_total, sentry.requests_of("/acme/events/")))
    assert asked == questions, "not again for each day"
    found = status(tmp_path, result.as_of)
    (table,) = [t for t in found["tables"] if t["table"] == "discover_daily"]
    assert (table["days"], table["unproven_days"], table["is_proven"]) == (table["whole_days"],) * 2 + (
        False,
    )
    assert not found["is_proven"]
    print_status(found)
    assert "Not proven" in " ".join(capsys.readouterr().out.split())


def test_a_query_without_a_figure_that_adds_up_says_how_it_could_be_proven(tmp_path: Path) -> None:
    query = {**DAILY, "fields": ["project.id", "count_unique(user)"]}
    sentry, result = exported(tmp_path, refused, query)
    assert result.exit_code == 0
    ((_, how, known, reason),) = coverage(tmp_path)
    assert (how, known) == ("complete", False)
    assert "With count() among its fields" in reason
    assert not [a for a in sentry.requests_of("/acme/events/") if is_total(a)]


def test_events_as_they_are_must_be_as_many_as_sentry_counts(tmp_path: Path) -> None:
    query = {"name": "raw", "fields": ["id", "title"], "days": 20}
    events = [
        {"id": "a", "title": "A", "project.name": "web"},
        {"id": "b", "title": "A", "project.name": "web"},
    ]
    for home, known, again in (("whole", 2, 0), ("short", 3, 1)):
        with StrictSentry(World(web_issues=0)) as sentry:

            def answer(asked: Asked, known: int = known) -> Answer:
                return 200, {"data": [{"count()": known}] if is_total(asked) else events}, {}

            sentry.overrides = [(".*/acme/events/", answer)]
            result = run(sentry, tmp_path / home, "discover", discover=[query])
        assert len(sentry.requests_of("/acme/events/")) == 2 + 2 * again
        told = [(i["status"], i["expected"], i["loaded"]) for i in result.incomplete]
        assert told == [("partial", 3, 2)] * again
    assert "also when asked again" in result.incomplete[0]["reason"]


def test_sampled_figures_are_no_proof(tmp_path: Path) -> None:
    with StrictSentry(World(web_issues=3)) as sentry:
        sentry.overrides = [(".*/acme/events/", lambda asked: partly(sentry, asked))]
        result = run(sentry, tmp_path, "discover", discover=[DAILY])
    assert result.exit_code == 0
    ((_, how, known, reason),) = coverage(tmp_path)
    assert (how, known) == ("sampled", False)
    assert "extrapolated" in reason
    assert not status(tmp_path, result.as_of)["is_proven"]


@pytest.mark.parametrize(("interval", "days"), [("1d", 90), ("1h", 9)])
def test_every_window_is_counted_together_with_others(interval: Literal["1d", "1h"], days: int) -> None:
    (request,) = configure([DiscoverQuery(name="a", fields=("count()",), interval=interval, days=days)])
    (stream,) = [s for s in all_streams() if s.name == "discover"]
    organization = Organization(organization_id="1", slug="acme")
    for as_of in (datetime(2026, 11, 3), datetime(2026, 11, 3, 12, 30)):
        slices = plan(stream, request, organization, None, watermark=None, as_of=as_of)
        stretches = [counted_together(s, request, as_of) for s in slices]
        for slice_, stretch in zip(slices, stretches, strict=True):
            assert stretch is not None
            start, end, length = stretch
            assert slice_.window_start is not None
            assert start <= slice_.window_start < slice_.window_end <= end <= as_of
            assert (slice_.window_start - start) % length == timedelta(0)
            assert end - start <= 30 * length
        assert len(set(stretches)) == 1 + -(-(len(slices) - 7) // 30)
        assert len(set(stretches[-4:])) == 1, "a night asks once"


def test_figures_of_a_whole_window_are_never_taken_from_its_pieces() -> None:
    (stream,) = [s for s in all_streams() if s.name == "discover"]
    organization = Organization(organization_id="1", slug="acme")
    for query in (DiscoverQuery(name="a", fields=("title", "count()")), DiscoverQuery(**DAILY)):
        (request,) = configure([query])
        as_of = datetime(2026, 11, 3, 12)
        slices = plan(stream, request, organization, None, watermark=None, as_of=as_of)
        assert [split(s, request) for s in slices] == [[]] * len(slices)
