"""Nights that ask for the same days again and again: each hour is as the newest slice over it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from warehouse.mart_files import create_marts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORST_LAST = ("complete", "sampled", "partial", "capped", "gone", "forbidden", "failed")
PROJECTS, NIGHTS, FIRST = 60, 7, datetime(2026, 10, 20)

Slice = dict[str, Any]


def nights(project: str, choice: random.Random) -> Iterator[Slice]:
    """Slices of one project: windows of some days, whole or in pieces, with gaps, and asked again."""
    back = choice.choice((1, 2, 5, 9)) * DAY
    for night in range(NIGHTS):
        end = FIRST + night * DAY + choice.randint(0, 9) * HOUR
        start = end - back - choice.randint(0, 9) * HOUR
        if choice.random() < 0.5:
            start = start.replace(hour=0)
        if choice.random() < 0.15:
            continue
        between = range(1, (end - start) // HOUR)
        cuts = sorted(start + hour * HOUR for hour in choice.sample(between, choice.choice((0, 0, 1, 2))))
        pieces = [(a, b) for a, b in zip([start, *cuts], [*cuts, end], strict=True) if choice.random() > 0.1]
        if pieces and choice.random() < 0.2:
            pieces.append(pieces[0])
        for number, (a, b) in enumerate(pieces):
            yield {
                "run_id": f"r{night}",
                "slice_id": f"s{number}",
                "project_id": project,
                "window_start": a,
                "window_end": b,
                "status": choice.choice(("complete", *WORST_LAST)),
                "finished_at": end + number * timedelta(minutes=1),
            }


def days(slices: list[Slice]) -> dict[date, str]:
    """The worst of what the newest slice over each hour of a day says."""
    found: dict[date, str] = {}
    newest_first = sorted(slices, key=lambda s: s["finished_at"], reverse=True)
    hour = min(s["window_start"] for s in slices)
    while hour < max(s["window_end"] for s in slices):
        newest = next((s for s in newest_first if s["window_start"] <= hour < s["window_end"]), None)
        if newest:
            was = found.get(hour.date(), newest["status"])
            found[hour.date()] = max(was, newest["status"], key=WORST_LAST.index)
        hour += HOUR
    return found


def test_each_day_is_as_the_newest_slices_over_its_hours_say(connection: duckdb.DuckDBPyConnection) -> None:
    choice = random.Random(7)
    by_project = {str(p): list(nights(str(p), choice)) for p in range(PROJECTS)}
    columns = list(next(iter(by_project.values()))[0])
    connection.executemany(
        f"insert into meta.coverage (organization_id, stream, request, {', '.join(columns)}) "
        f"values ('1', 'events', '', {', '.join('?' * len(columns))})",
        [list(s.values()) for slices in by_project.values() for s in slices],
    )
    create_marts(connection)
    found: dict[str, dict[date, str]] = {}
    for project, day, status in connection.execute(
        "select project_id, day, status from marts.completeness"
    ).fetchall():
        found.setdefault(project, {})[day] = status
    assert found == {project: days(slices) for project, slices in by_project.items() if slices}
