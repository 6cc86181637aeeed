"""Looks again where lists lack what is known: issues that the search left out without a word (facts §1.4), in
ever smaller windows; rows of other lists whose page was dropped, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from extractors.plan import Slice
from flows.answers import counted
from flows.run import Run
from warehouse import state
from warehouse.worklist import rows_of

FEW = 10
"""So many missing issues are asked for one by one: cheaper than to search again."""

PAGE = 100
"""Issues a search lists at a time."""

SECOND = timedelta(seconds=1)

UNPROVEN = (
    "Not proven: issues that the search leaves out are known by their events, and those of this project are "
    "not loaded."
)

Window = tuple[datetime, datetime]
Asked = dict[tuple[str, str], set[Window]]


def windows_again(
    times: Sequence[datetime], count: Callable[[Window], int], asked: set[Window]
) -> list[Window]:
    """Windows that hold the last events of missing issues and were not asked yet, each for fewer requests
    than half of what one by one would cost. `times` ascend; `count` tells how many issues had events in one.
    """
    if len(times) <= FEW:
        return []
    window = (times[0].replace(microsecond=0), times[-1].replace(microsecond=0) + SECOND)
    if window not in asked and count(window) // PAGE + 1 <= len(times) // 2:
        return [window]
    if window[1] - window[0] <= SECOND:
        return []
    middle = len(times) // 2
    return windows_again(times[:middle], count, asked) + windows_again(times[middle:], count, asked)


def slices_again(run: Run, asked: Asked) -> list[Slice]:
    """Slices that search again where many issues are missing; none when no search is left that would pay.

    What is asked is noted in `asked`, so that the next call cuts smaller.
    """
    slices = []
    rows = rows_of(run.store, "issues_missing", run.run_id)
    for (organization_id, project_id), found in groupby(rows, key=lambda row: (row[0], row[1])):
        before = asked.setdefault((organization_id, project_id), set())
        times = [row[3] for row in found]
        for window in windows_again(times, _counter(run, organization_id, project_id), before):
            before.add(window)
            slices.append(
                Slice(
                    stream="issues",
                    request="",
                    organization_id=organization_id,
                    organization_slug=run.organizations[organization_id].slug,
                    project_id=project_id,
                    window_start=window[0],
                    window_end=window[1],
                )
            )
    return slices


def _counter(run: Run, organization_id: str, project_id: str) -> Callable[[Window], int]:
    def count(window: Window) -> int:
        (found,) = run.store.rows(
            "select count(distinct issue_id) from events where organization_id = ? and project_id = ? "
            "and date_created >= ? and date_created < ?",
            [organization_id, project_id, *window],
        )
        return int(found[0])

    return count


def lists_again(run: Run, streams: Sequence[str]) -> list[Slice]:
    """Slices that ask once more for lists of these streams that lack what they showed before, or what Sentry
    counts of them."""
    slices: list[dict[str, Any]] = []
    for organization_id, stream, _ in rows_of(run.store, "lists_short", run.run_id):
        if stream in streams and organization_id in run.organizations:
            slices += state.slices_of(run.store, run.run_id, stream, organization_id)
    slices += state.short_slices(run.store, run.run_id, streams)
    return list({Slice(**row).slice_id: Slice(**row) for row in slices}.values())


def record_sweep(run: Run) -> None:
    """Notes in meta.coverage how many issues each sweep should have shown, and how many were seen; where
    that is fewer, it is partial, and where nothing tells, not proven."""
    rows = rows_of(run.store, "issues_swept", run.run_id)
    _record(run, [row[:3] for row in rows], _issues_lacking)
    with run.store.transaction() as connection:
        connection.execute(
            "update meta.coverage set expected = null, reason = ? "
            "where run_id = ? and list_contains(?, slice_id) and status = 'complete'",
            [UNPROVEN, run.run_id, [slice_id for slice_id, _, _, is_proven in rows if not is_proven]],
        )


def record_projects(run: Run) -> None:
    """Makes a list of projects partial that lacks some of which Sentry counts events."""
    _record(
        run,
        rows_of(run.store, "projects_listed", run.run_id),
        lambda lacking: (
            f"The list lacks {counted(lacking, 'project')} of which Sentry counts events, also when asked "
            "again."
        ),
    )


def record_bodies(run: Run) -> list[Slice]:
    """Notes in meta.coverage how many full bodies each listing of them should have brought, and how many
    there are; returns those that are short, and partial from now on."""
    short = _record(
        run,
        rows_of(run.store, "bodies_read", run.run_id),
        lambda lacking: (
            f"The full bodies of {counted(lacking, 'event')} did not come, also when asked again. "
            "`export --full-audit` asks for all of them anew."
        ),
    )
    return [Slice(**row) for row in state.slices_named(run.store, run.run_id, short)]


def _issues_lacking(lacking: int) -> str:
    return (
        f"Sentry's search left out {counted(lacking, 'issue')} that events or earlier runs "
        "name, and not all of them could be asked for one by one (setting `details`)."
    )


def _record(run: Run, rows: Sequence[tuple[Any, ...]], reason: Callable[[int], str]) -> list[str]:
    """Writes (slice_id, expected, loaded) into meta.coverage; returns the ids of slices that are short."""
    with run.store.transaction() as connection:
        for slice_id, expected, loaded in rows:
            short = loaded < expected
            connection.execute(
                "update meta.coverage set expected = ?, loaded = ?, status = ?, reason = ? "
                "where run_id = ? and slice_id = ?",
                [
                    expected,
                    loaded,
                    "partial" if short else "complete",
                    reason(expected - loaded) if short else None,
                    run.run_id,
                    slice_id,
                ],
            )
    return [slice_id for slice_id, expected, loaded in rows if loaded < expected]
