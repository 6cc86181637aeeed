"""From archived pages to committed rows: the one way, for live runs and for replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from extractors.archive import Page
from extractors.plan import floor, requests_of
from extractors.stream import PROJECT_FIELDS, DiscoverQuery, Request, Stream
from transforms.frames import Batch
from transforms.reader import Reader, make_reader
from transforms.records import RecordReader
from transforms.repair import read_json
from transforms.shape import Node, build_tree, field_paths
from warehouse.bookkeeping import ARCHIVE, DRIFT, REJECTS
from warehouse.load import Clear, load
from warehouse.marks import mark_deleted, mark_merged, mark_unlisted
from warehouse.schema import Column, quote
from warehouse.store import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@cache
def known_fields(request: Request) -> frozenset[str]:
    """Paths of the fields that records of a request are declared to have, as privacy takes them; none where
    that is open."""
    if request.shape != "records":
        return frozenset()
    return field_paths(build_tree(request.tables, request.ignored, frozenset()))


class Loader:
    """Normalises pages and commits their rows and the archive's entry in one transaction, on one thread."""

    def __init__(
        self, store: Store, streams: Mapping[str, Stream], queries: Sequence[DiscoverQuery] = ()
    ) -> None:
        self.store = store
        self._requests: dict[tuple[str, str], Request] = {}
        self._readers: dict[tuple[str, str], Reader] = {}
        self._known: dict[tuple[str, str], frozenset[str]] = {}
        for stream in streams.values():
            for request in requests_of(stream, queries):
                self.add(stream.name, request)

    def add(self, stream: str, request: Request) -> None:
        """Lets pages of one more request be read."""
        self._requests[stream, request.name] = request
        self._readers[stream, request.name] = make_reader(request.shape, request.tables, request.ignored)
        self._known[stream, request.name] = known_fields(request)

    def request(self, stream: str, name: str) -> Request:
        """A request by its stream and name. Raises KeyError for one that is not known."""
        return self._requests[stream, name]

    def requests(self, stream: str) -> list[Request]:
        """The requests of a stream."""
        return [r for (name, _), r in self._requests.items() if name == stream]

    def writes(self) -> dict[tuple[str, str], frozenset[str]]:
        """(stream, request) → names of the tables that it fills."""
        return {key: frozenset(t.name for t in r.tables) for key, r in self._requests.items()}

    def marking(self) -> list[tuple[str, str]]:
        """(stream, request) whose answers mark rows of other requests."""
        return [key for key, request in self._requests.items() if request.control]

    def tree(self, stream: str, name: str) -> Node | None:
        """The payload places that a request's tables use; None for answers that are no lists of records."""
        reader = self._readers[stream, name]
        return reader.tree if isinstance(reader, RecordReader) else None

    def known_fields(self, stream: str, name: str) -> frozenset[str]:
        """`known_fields` of a request by its stream and name."""
        return self._known[stream, name]

    def normalise(self, pages: Sequence[Page]) -> Batch:
        """Pages of one slice as a Batch. Raises transforms.repair.Unreadable."""
        first = pages[0]
        context = {
            "organization_id": first.organization_id,
            "project_id": first.project_id,
            "interval_seconds": first.interval_seconds,
            "interval_start": first.window_start,
            "_run_id": first.run_id,
            "_loaded_at": first.loaded_at,
            "items": [p.item for p in pages],
        }
        return self._readers[first.stream, first.request].read([p.body for p in pages], context)

    def commit(
        self, pages: Sequence[Page], file: str, *, also: Callable[[Batch], None] | None = None
    ) -> Batch:
        """Loads pages that stand in the archive as `file`; `also` is called with the batch in
        the same transaction, and once more where that is done again."""
        batch = self.normalise(pages)

        def write() -> None:
            self.write(pages, batch)
            (position,) = self.store.rows(
                "select coalesce(max(position) filter (file = ?), max(position) + 1, 1) from meta.archive",
                [file],
            )[0]
            self.store.put(ARCHIVE, [archive_row(file, position, [pages])])
            if also:
                also(batch)

        self.store.commit(write)
        return batch

    def write(self, pages: Sequence[Page], batch: Batch) -> None:
        """Loads what pages of one slice became, inside the caller's transaction."""
        first = pages[0]
        request = self.request(first.stream, first.request)
        clear = _rows_to_clear(first, request, batch)
        sliced = request.shape == "discover" and request.load == "replace" and not request.is_snapshot
        if clear and sliced:
            clear = replace(clear, keep=self._of_others(first, request))
        load(self.store, batch.frames, seen_at=first.loaded_at, clear=clear)
        if sliced and first.window_start and first.window_end - first.window_start <= HOUR:
            self._clear_day(first, first.window_start, request, batch)
        if request.control:
            _apply_marks(self.store, pages)
        self._note(first, batch)

    def _of_others(self, page: Page, request: Request) -> tuple[str, list[str]] | None:
        """The column that tells whose a row of an answer is, and what it holds for projects that the answer
        can not tell of: those that were not chosen, and those that Sentry did not list in its run, or listed
        as out of reach."""
        owner = _owner(request)
        if owner is None:
            return None
        chosen = [value for name, value in json.loads(page.parameters) if name == "project"]
        others = self.store.rows(
            f"select {'project_id' if owner.at == 'project.id' else 'slug'} from projects "
            "where organization_id = ? "
            "and (_run_id < ? or has_access is false or not list_has_any(?, ['-1', project_id]))",
            [page.organization_id, page.run_id, chosen],
        )
        return owner.name, [value for (value,) in others]

    def _clear_day(self, page: Page, hour: datetime, request: Request, batch: Batch) -> None:
        """Removes figures of a whole day, which a query gave before it asked by the hour, of the projects
        that a batch tells of. They stand at the day's first hour."""
        owner = _owner(request)
        if owner is None:
            return
        for table, frame in batch.frames.items():
            self.store.connection.execute(
                f"delete from {table.full_name} as stored where organization_id = ? and interval_start = ? "
                f"and list_contains(?, {quote(owner.name)}::varchar) and _run_id <> ? "
                "and not exists (from meta.slices as s where s.run_id = stored._run_id and s.stream = ? "
                "and s.request = ? and s.organization_id = stored.organization_id "
                "and s.window_start = stored.interval_start "
                "and s.window_end <= s.window_start + interval 1 hour)",
                [
                    page.organization_id,
                    floor(hour, DAY),
                    [str(value) for value in frame[owner.name].unique()],
                    page.run_id,
                    page.stream,
                    page.request,
                ],
            )

    def _note(self, page: Page, batch: Batch) -> None:
        known = {}
        if batch.drift:
            rows = self.store.rows(
                f"select {', '.join(DRIFT.names)} from meta.drift where stream = ?", [page.stream]
            )
            known = {row[1:4]: dict(zip(DRIFT.names, row, strict=True)) for row in rows}
        self.store.put(
            DRIFT,
            [
                _met(known.get(astuple(drift), {"stream": page.stream, **asdict(drift)}), page)
                for drift in sorted(batch.drift, key=astuple)
            ],
        )
        slice_ = [page.run_id, page.slice_id]
        if page.first:
            self.store.connection.execute(
                "delete from meta.rejects where run_id = ? and slice_id = ?", slice_
            )
        (noted,) = self.store.rows(
            "select coalesce(max(number), 0) from meta.rejects where run_id = ? and slice_id = ?", slice_
        )[0]
        self.store.put(
            REJECTS,
            [
                {
                    "run_id": page.run_id,
                    "slice_id": page.slice_id,
                    "number": number,
                    "stream": page.stream,
                    "organization_id": page.organization_id,
                    "table_name": reject.table,
                    "record": reject.record,
                    "path": reject.path,
                    "reason": reject.reason,
                    "value": reject.value,
                    "rejected_at": page.loaded_at,
                }
                for number, reject in enumerate(batch.rejects, noted + 1)
            ],
        )


def archive_row(file: str, position: int, pieces: Sequence[Sequence[Page]]) -> dict[str, Any]:
    """A file's row in meta.archive; `pieces` are its pages by slice and load."""
    first, last = pieces[0][0], pieces[-1][0]
    return {
        "file": file,
        "position": position,
        "run_id": first.run_id,
        "slice_id": first.slice_id if len(pieces) == 1 else "",
        "stream": first.stream,
        "request": first.request,
        "pages": sum(len(pages) for pages in pieces),
        "bytes": sum(len(page.body) for pages in pieces for page in pages),
        "written_at": last.loaded_at,
    }


def _met(drift: dict[str, Any], page: Page) -> dict[str, Any]:
    """A row of meta.drift after it was met once more. It does not depend on the order of files: a replay of
    compacted ones has another."""
    first = {"first_seen": page.loaded_at, "first_run_id": page.run_id, "example": page.path}
    last = {"last_seen": page.loaded_at, "last_run_id": page.run_id}
    if "first_seen" not in drift:
        return drift | first | last
    earlier = first if page.loaded_at < drift["first_seen"] else {}
    later = last if page.loaded_at >= drift["last_seen"] else {}
    return drift | earlier | later


def _owner(request: Request) -> Column | None:
    """The column of a Discover query that tells whose a row is."""
    return next((c for c in request.tables[0].columns if c.at in PROJECT_FIELDS), None)


def _rows_to_clear(page: Page, request: Request, batch: Batch) -> Clear | None:
    """The rows that a batch replaces: those of its scope and intervals, with its slice's first file only."""
    if request.load != "replace" or not page.first:
        return None
    if request.shape != "series":
        return Clear(page.organization_id, page.project_id, page.window_start, page.window_end)
    if batch.clear is None:
        return None
    return Clear(page.organization_id, page.project_id, *batch.clear)


def _apply_marks(store: Store, pages: Sequence[Page]) -> None:
    """Marks issues as the answers about each of them say: not found, or another one in its place."""
    for page in pages:
        if page.status == 404:
            mark_deleted(store, page.organization_id, page.item, page.loaded_at)
            continue
        try:
            (found,) = ids_of(page.body)
        except ValueError:  # Unreadable is one
            continue  # it names no issue, which meta.rejects tells: asked for again by the next run
        if found == page.item:
            mark_unlisted(store, page.organization_id, page.item, page.loaded_at)
        else:
            mark_merged(store, page.organization_id, page.item, found, page.loaded_at)


class _Identity(msgspec.Struct):
    id: str | int


_read_identities = msgspec.json.Decoder(list[_Identity]).decode


def ids_of(body: bytes) -> list[str]:
    """Ids of a page's records. Raises transforms.repair.Unreadable."""
    return [str(record.id) for record in read_json(_read_identities, body)]
