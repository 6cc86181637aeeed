"""Keeps the raw archive in bounds: small files of ended runs become few, old runs go when settings say so.

Files are made first, then meta.archive changes in one transaction that also names the files to remove, then
they are removed. Whatever is cut off in between is made up for the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from extractors.archive import Archive
from flows.settings import Settings
from warehouse import state
from warehouse.bookkeeping import ARCHIVE, SETTINGS
from warehouse.store import Store

logger = logging.getLogger(__name__)

TO_REMOVE = "archive files to remove"
BEGINS_AFTER = "archive begins after"
"""Names in meta.settings: files that count no more; the time up to which archived pages were removed."""

FEW = 2
"""So many small files of a request are joined: each costs replay and file system some milliseconds."""
SMALL_BYTES = 4_000_000
JOINED_BYTES = 8_000_000
"""Of page bodies: files below the first are joined, up to the second."""

Row = dict[str, Any]
Writes = Mapping[tuple[str, str], frozenset[str]]
"""(stream, request) → tables that it fills."""


@dataclass(slots=True)
class _Group:
    rows: list[Row] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(row["bytes"] for row in self.rows)


def keep_archive(
    store: Store, archive: Archive, settings: Settings, writes: Writes, marking: Iterable[tuple[str, str]]
) -> None:
    """Does what the settings ask for. `marking` are (stream, request) whose answers mark rows of other
    requests: the order of files around them is left as it is.

    Raises OSError when the disk does not take it, or gave a file that can not be read; nothing is lost then,
    and other files are joined all the same.
    """
    _remove_named(store, archive)
    rows = _rows(store)
    if settings.archive.keep_days or settings.archive.max_gb:
        gone = _outdated(archive, settings, rows)
        if gone:
            _prune(store, archive, rows, gone)
            rows = [row for row in rows if row["run_id"] not in gone]
    if settings.archive.compact:
        problem: OSError | None = None
        for group in _groups(rows, writes, frozenset(marking)):
            try:
                _join(store, archive, group)
            except OSError as error:
                problem = problem or error
        if problem:
            raise problem


def _rows(store: Store) -> list[Row]:
    """Files of runs that have ended, in the order in which they were loaded."""
    names = ARCHIVE.names
    found = store.rows(
        f"select {', '.join(names)} from meta.archive where run_id not in "
        "(select run_id from meta.runs where status = 'running') order by position"
    )
    return [dict(zip(names, row, strict=True)) for row in found]


def _remove_named(store: Store, archive: Archive) -> None:
    files = state.recall(store, TO_REMOVE)
    if files:
        for file in files:
            archive.remove(file)
        with store.transaction() as connection:
            connection.execute("delete from meta.settings where name = ?", [TO_REMOVE])


def _outdated(archive: Archive, settings: Settings, rows: list[Row]) -> set[str]:
    """Runs whose pages go: the oldest ones, never the last."""
    ended: dict[str, datetime] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        run_id = row["run_id"]
        ended[run_id] = max(ended.get(run_id, row["written_at"]), row["written_at"])
        if settings.archive.max_gb:
            sizes[run_id] = sizes.get(run_id, 0) + archive.size(row["file"])
    if not ended:
        return set()
    oldest_first = sorted(ended, key=lambda run_id: ended[run_id])
    since = ended[oldest_first[-1]] - timedelta(days=settings.archive.keep_days)
    gone: set[str] = set()
    for run_id in oldest_first[:-1]:
        too_old = bool(settings.archive.keep_days) and ended[run_id] < since
        too_much = bool(settings.archive.max_gb) and sum(sizes.values()) > settings.archive.max_gb * 1e9
        if not too_old and not too_much:
            break
        gone.add(run_id)
        sizes.pop(run_id, None)
    return gone


def _prune(store: Store, archive: Archive, rows: list[Row], gone: set[str]) -> None:
    old = [row for row in rows if row["run_id"] in gone]
    until = max(row["written_at"] for row in old)
    _replace(store, archive, [row["file"] for row in old], [], {BEGINS_AFTER: until.isoformat()})
    logger.info("archive: %d runs up to %s removed", len(gone), until)


def _replace(
    store: Store, archive: Archive, files: list[str], made: list[Row], settings: Mapping[str, Any]
) -> None:
    with store.transaction() as connection:
        connection.execute("delete from meta.archive where file in (select unnest(?))", [files])
        store.put(ARCHIVE, made)
        for name, value in {**settings, TO_REMOVE: files}.items():
            store.put(SETTINGS, [state.setting(name, value)])
    _remove_named(store, archive)


def _groups(rows: list[Row], writes: Writes, marking: frozenset[tuple[str, str]]) -> Iterator[_Group]:
    """Files that can be joined without a difference to a replay: of one run and request, with nothing between
    them that writes into the same tables or marks rows."""
    open_: dict[tuple[str, str], _Group] = {}
    run_id = ""

    def close(keys: Iterable[tuple[str, str]]) -> Iterator[_Group]:
        for key in list(keys):
            group = open_.pop(key)
            if len(group.rows) >= FEW:
                yield group

    for row in rows:
        key = (row["stream"], row["request"])
        if row["run_id"] != run_id or key in marking or row["request"] is None:
            yield from close(open_)
            run_id = row["run_id"]
        if key in marking or row["request"] is None:
            continue
        yield from close(k for k in open_ if k != key and _meet(k, key, writes))
        joined_before = not row["slice_id"]
        if joined_before or row["bytes"] >= SMALL_BYTES:
            yield from close(k for k in open_ if k == key)
            continue
        group = open_.setdefault(key, _Group())
        group.rows.append(row)
        if group.bytes >= JOINED_BYTES:
            yield from close([key])
    yield from close(open_)


def _meet(one: tuple[str, str], other: tuple[str, str], writes: Writes) -> bool:
    """Whether two requests write into a table of both; of what is not declared any more all is possible."""
    if one[0] != other[0]:
        return False
    first, second = writes.get(one), writes.get(other)
    return first is None or second is None or bool(first & second)


def _join(store: Store, archive: Archive, group: _Group) -> None:
    first = group.rows[0]
    files = [row["file"] for row in group.rows]
    made = archive.join(files, f"pages-{Path(first['file']).name}")
    row = first | {
        "file": made,
        "slice_id": "",
        "pages": sum(r["pages"] for r in group.rows),
        "bytes": group.bytes,
        "written_at": max(r["written_at"] for r in group.rows),
    }
    _replace(store, archive, files, [row], {})
