"""Answers of a real server go through every stream that reads them, and nothing of them is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from contract.cases import CASES, CONTEXT, Case, check_frames, first_at
from contract.recordings import VARIABLE, Recording, folder, read_recording, recordings
from contract.shapes import present_paths, shape_of
from transforms.frames import Batch
from transforms.repair import Unreadable
from transforms.shape import places
from warehouse.schema import Type

pytestmark = pytest.mark.skipif(
    folder() is None, reason=f"no recordings of a real server: {VARIABLE} names no folder of .http files"
)

BY_NAME = {case.name: case for case in CASES}
ISSUE_PAGES = ("issue_[0-9].http", "issue_[0-9][0-9].http", "issue_*__orgpath.http")

SOURCES = [
    ("organizations", ("organizations.http",)),
    ("projects", ("org_*__projects.http",)),
    ("teams", ("org_*__teams.http", "proj_*__teams.http")),
    ("members", ("org_*__members.http",)),
    ("releases", ("org_*__releases.http", "org_releases_all.*.http", "proj_*__releases.http")),
    ("issues", ("org_*__issues.http", "org_issues_*.http", "proj_*__issues.http", "issues_limit_*.http")),
    ("issues_detail", ISSUE_PAGES),
    ("issues_vanished", ISSUE_PAGES),
    ("events", ("proj_*__events.p*.http", "issue_*__events.http", "events_perpage_*.http")),
    ("events_full", ("proj_*__events_full*.http",)),
    ("events_latest", ("issue_*__events_latest.http", "issue_*__events_oldest.http", "proj_*__event_*.http")),
]
"""Which recordings each request reads."""

SERIES = ("stats_v2_*.http", "sessions_q.http")

each_source = pytest.mark.parametrize(
    ("case", "patterns"), [pytest.param(BY_NAME[name], patterns, id=name) for name, patterns in SOURCES]
)


def _pages(patterns: Sequence[str]) -> list[Recording]:
    return [found for pattern in patterns for found in recordings(pattern)]


def _bodies(case: Case, pages: Sequence[Recording]) -> list[bytes]:
    return [b"[" + page.body + b"]" if case.request.worklist else page.body for page in pages]


def _records(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    return [record for body in bodies for record in json.loads(body)]


def _rows_match(case: Case, batch: Batch, bodies: Sequence[bytes]) -> None:
    records = _records(bodies)
    assert batch.records == len(records)
    root = case.request.tables[0]
    (key,) = [k for k in root.key if k != "organization_id" or root.key == ("organization_id",)]
    assert set(batch.frames[root][key]) == {str(r["id"]) for r in records}
    for table in case.request.tables[1:]:
        newest = {str(r["id"]): r for r in records}.values()
        if any("[" in each.path or "{" in each.path for each in table.lists):
            continue
        if table.only is not None:  # all that was recorded are errors
            assert batch.frames[table].is_empty(), table.name
            continue
        lists = [r.get(table.lists[0].path) if table.lists else [r] for r in newest]
        assert batch.frames[table].height == sum(len(found) for found in lists if found), table.name


@each_source
def test_every_record_is_in_the_frames(case: Case, patterns: tuple[str, ...]) -> None:
    bodies = _bodies(case, _pages(patterns))
    assert _records(bodies), "recordings without a record prove nothing"
    batch = case.read(bodies)
    check_frames(case, batch)
    _rows_match(case, batch, bodies)
    assert batch.drift == set()
    assert batch.rejects == []


@each_source
def test_what_the_server_tells_stands_in_its_column(case: Case, patterns: tuple[str, ...]) -> None:
    bodies = _bodies(case, _pages(patterns))
    root = case.request.tables[0]
    frame = case.read(bodies).frames[root]
    newest = {str(r["id"]): r for r in _records(bodies)}
    for column in root.columns:
        if not isinstance(column.at, str | tuple):
            continue
        told = [first_at(newest[row[root.key[-1]]], places(column.at)) for row in frame.iter_rows(named=True)]
        for value, stored in zip(told, frame[column.name], strict=True):
            assert (value is None) == (stored is None), column.name
            if column.type is Type.VARCHAR and value is not None:
                assert stored == str(value)
            elif column.type is Type.JSON and value is not None:
                assert json.loads(stored) == value


@each_source
def test_page_by_page_is_the_same_as_all_at_once(case: Case, patterns: tuple[str, ...]) -> None:
    reader = case.reader()
    for page in _pages(patterns):
        bodies = _bodies(case, [page])
        _rows_match(case, reader.read(bodies, CONTEXT), bodies)


@each_source
def test_our_payloads_have_every_field_of_the_recordings(case: Case, patterns: tuple[str, ...]) -> None:
    shape = shape_of(case)
    composed = {p for r in case.records() for p in present_paths(shape, r)}
    recorded = {p for r in _records(_bodies(case, _pages(patterns))) for p in present_paths(shape, r)}
    assert recorded - composed == set()


def test_series_without_groups_give_their_intervals_and_no_row() -> None:
    for page in (found for pattern in SERIES for found in recordings(pattern)):
        case = BY_NAME["sessions" if "/sessions/" in page.target else "outcomes"]
        if b'"intervals"' in page.body:
            batch = case.read([page.body])
            check_frames(case, batch)
            assert batch.frames[case.request.tables[0]].is_empty()
            assert batch.clear is not None
            assert not batch.complaint
        else:  # grouped in a way that has no series: an empty table would be a lie
            with pytest.raises(Unreadable):
                case.read([page.body])


@pytest.mark.parametrize("pattern", ["discover_q.http", "err_*.http", "_429_*.http"])
def test_a_refusal_is_never_taken_for_an_empty_answer(pattern: str) -> None:
    where = folder()
    assert where is not None
    refused = [r for r in map(read_recording, sorted(where.glob(pattern))) if r.status != 200]
    assert refused
    for answer in refused:
        for case in CASES:
            with pytest.raises(Unreadable):
                case.read([answer.body])
