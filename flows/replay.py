"""Rebuilds tables from the raw archive, without network, in a new file that is swapped in when it holds."""

from __future__ import annotations

import heapq
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import duckdb

from extractors.archive import Archive, Page
from extractors.plan import floor
from extractors.stream import DiscoverQuery, Request, Stream, all_streams
from flows.loading import Loader, archive_row
from flows.planning import discover_queries
from flows.retention import BEGINS_AFTER
from flows.run import FLUSH_BYTES
from flows.settings import Settings, UsageError
from transforms.frames import Batch
from transforms.repair import Unreadable
from warehouse import state
from warehouse.bookkeeping import ARCHIVE, BOOKKEEPING, DRIFT, REJECTS, RUNS
from warehouse.checks import CheckFailed, run_checks
from warehouse.lock import hold
from warehouse.marks import follow_merges
from warehouse.schema import Table, history_table, literal, quote
from warehouse.store import (
    REBUILT,
    SCHEMA_VERSION,
    Store,
    WarehouseBusy,
    WarehouseDamaged,
    WarehouseError,
    fold_log,
    is_locked,
    refuse_empty,
    remove_leftovers,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

FILES_A_TRANSACTION = 100
"""Small files are loaded so many at a time: a transaction of its own for each costs a write to the disk."""

Row = dict[str, Any]
"""A row of meta.archive; only file and position of one that is not registered."""

MOST_DAMAGED = 5
"""Files that a message names."""

REMADE = (ARCHIVE, DRIFT, REJECTS)
"""Bookkeeping that follows from the archive; the rest is carried over from the old file."""


@dataclass(slots=True)
class Replayed:
    """What a replay came to."""

    files: int = 0
    pages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    unreadable: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def _copy(store: Store, table: Table) -> None:
    store.connection.execute(
        f"insert into {table.full_name} by name select * from old.meta.{quote(table.name)}"
    )


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller does along the way: `carry` copies a table of bookkeeping from the attached `old`,
    `finish` is called with the new store and the old file before the new one takes its place."""

    carry: Callable[[Store, Table], None] = _copy
    finish: Callable[[Store, Path], None] = lambda new, old: None


NO_HOOKS = Hooks()


def replay(
    settings: Settings,
    *,
    streams: Sequence[str] = (),
    since: datetime | None = None,
    force: bool = False,
    show: Callable[[int, int], None] = lambda done, total: None,
    hooks: Hooks = NO_HOOKS,
) -> Replayed:
    """Rebuilds the tables of `streams` (all if none is named) from files loaded since `since` (all of them).

    The new file takes the old one's place when the checks of an export find nothing wrong with it, or in any
    case with `force`. Everything else is carried over from the present file, where that can be read; a
    damaged one is kept beside it as `warehouse.damaged-<time>.duckdb`.

    Raises UsageError for an unknown stream, WarehouseBusy while an export runs, WarehouseError when there is
    no archive, CheckFailed when the new file does not hold together, or lacks what can not be read.
    """
    began = datetime.now(UTC)
    known = {s.name: s for s in all_streams()}
    if unknown := sorted(set(streams) - set(known)):
        raise UsageError(f"There is no stream {unknown[0]!r}. There are: {', '.join(known)}.")
    refuse_empty(settings.home_path)
    with hold(settings.home_path):
        replayed = _replay(settings, known, streams, since, show, hooks, force=force)
    replayed.seconds = (datetime.now(UTC) - began).total_seconds()
    return replayed


def _replay(
    settings: Settings,
    known: dict[str, Stream],
    streams: Sequence[str],
    since: datetime | None,
    show: Callable[[int, int], None],
    hooks: Hooks,
    *,
    force: bool,
) -> Replayed:
    home = settings.home_path
    archive = Archive(home / "raw")
    old, new = home / "warehouse.duckdb", home / REBUILT
    remove_leftovers(home)
    everything = not streams and since is None
    registered, begins_after = registered_files(old)
    if begins_after is not None:
        # what was removed can not be rebuilt: its rows stay, the rest is loaded over them
        since = max(since or datetime.min, begins_after + timedelta(microseconds=1))
    if registered is not None:
        fold_log(old)
    partly = bool(streams) or since is not None
    files = _files(archive, registered, streams, since)
    _check(old, archive, partly=partly, readable=registered is not None)
    if partly:
        shutil.copyfile(old, new)
        new.chmod(0o600)
    replayed = Replayed()
    try:
        with Store(new, memory_limit=settings.memory) as store:
            if partly:
                _empty(store, [known[n] for n in streams or known], since)
            elif registered is not None:
                _carry_over(store, old, hooks.carry)
            for stream in known.values():
                for request in stream.requests:
                    for table in request.tables:
                        store.fit(table)
            if everything and registered is not None:
                files = _with_unknown(store, archive, files, since)
            queries = discover_queries(settings)
            rebuild = _Rebuild(store, archive, known, queries, since, replayed)
            rebuild.load(files, show)
            _reconstruct(store, archive, [str(row["file"]) for row in files if "run_id" not in row])
            if streams:
                follow_merges(store)
            state.keep_last_rejects(store)
            replayed.rows = state.table_rows(store)
            hooks.finish(store, old)
            if not force:
                _refuse_loss(archive, rebuild.damaged)
                _verify(store, known, home / "published" / "sentry.duckdb")
    except BaseException:
        remove_leftovers(home)
        raise
    _swap(old, new, damaged=registered is None)
    return replayed


def _refuse_loss(archive: Archive, damaged: Sequence[str]) -> None:
    """Raises CheckFailed where files of the archive can not be read whose rows the old file has."""
    if damaged:
        raise CheckFailed(
            "The rebuilt file is not put in place, because it would lack rows that the present one has: in "
            f"{archive.folder} can not be read {', '.join(damaged[:MOST_DAMAGED])}"
            f"{f' and {more} more' if (more := len(damaged) - MOST_DAMAGED) > 0 else ''}. Put these files "
            "back from a backup and replay again. The old one stays as it is. "
            "`sentry-warehouse replay --force` takes the new one nevertheless."
        )


def _verify(store: Store, streams: Mapping[str, Stream], published: Path) -> None:
    """Raises CheckFailed when the new file does not hold together: the old one stays, then."""
    tables = {t.name: t for s in streams.values() for r in s.requests for t in r.tables}
    (last,) = store.rows("select max_by(run_id, started_at) from meta.runs")[0]
    found = run_checks(store, list(tables.values()), last or "", published, record=False)
    failed = [finding.text for finding in found if finding.check.severity == "fail"]
    if failed:
        raise CheckFailed(
            "The rebuilt file is not put in place, because it does not hold together: "
            + " ".join(failed)
            + " The old one stays as it is. `sentry-warehouse replay --force` takes the new one nevertheless."
        )


def _check(old: Path, archive: Archive, *, partly: bool, readable: bool) -> None:
    if partly and not readable:
        raise WarehouseError(
            f"{old} can not be read, so nothing can be carried over: "
            "run `sentry-warehouse replay` without --stream and --since."
        )
    if not partly and next(archive.files(), None) is None:
        raise WarehouseError(f"There is no archive in {archive.folder}: nothing to rebuild from.")


def registered_files(old: Path) -> tuple[list[Row] | None, datetime | None]:
    """Rows of every archive file the old warehouse has loaded, in that order, None when it is missing or can
    not be read; and the time up to which its archive was pruned. A file of an older version is migrated.
    Raises WarehouseBusy while somebody writes to it.
    """
    if not old.exists():
        return None, None
    names = ARCHIVE.names
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"attach {literal(str(old))} as old (read_only)")
        (version,) = connection.execute(
            "select value from old.meta.settings where name = 'schema_version'"
        ).fetchall()[0]
        if int(version) < SCHEMA_VERSION:
            connection.execute("detach old")
            Store(old).close()
            connection.execute(f"attach {literal(str(old))} as old (read_only)")
        rows = connection.execute(
            f"select {', '.join(names)} from old.meta.archive order by position"
        ).fetchall()
        # reads every column of bookkeeping, which is carried over, so that damage shows now
        for table in BOOKKEEPING:
            connection.execute(f"select max(hash(t)) from old.meta.{quote(table.name)} as t").fetchall()
        found = connection.execute(
            "select value from old.meta.settings where name = ?", [BEGINS_AFTER]
        ).fetchall()
    except (duckdb.Error, WarehouseDamaged, IndexError) as error:
        if isinstance(error, duckdb.Error) and is_locked(error):
            raise WarehouseBusy(f"{old} is in use: wait for the export to end, then replay again.") from None
        return None, None
    finally:
        connection.close()
    begins_after = datetime.fromisoformat(json.loads(found[0][0])) if found else None
    return [dict(zip(names, row, strict=True)) for row in rows], begins_after


def _files(
    archive: Archive, registered: list[Row] | None, streams: Sequence[str], since: datetime | None
) -> list[Row]:
    """Rows of meta.archive of the files to replay, in the order in which they were loaded."""
    if registered is None:
        dated = _dated(archive, archive.files())
        return [{"file": file, "position": number} for number, (_, file) in enumerate(dated, 1)]
    return [
        row
        for row in registered
        if (not streams or row["stream"] in streams) and (since is None or row["written_at"] >= since)
    ]


def _with_unknown(store: Store, archive: Archive, registered: list[Row], since: datetime | None) -> list[Row]:
    """The files and, each at its time, those of runs that the warehouse does not know: it was put back from a
    backup, or begun anew, and the archive was not."""
    known = {run_id for (run_id,) in store.rows("select run_id from meta.runs")}
    unknown = _dated(archive, (file for file in archive.files() if Path(file).parts[1] not in known))
    if not unknown:
        return registered
    merged = heapq.merge(
        zip(accumulate((row["written_at"] for row in registered), max), registered, strict=True),
        ((at, {"file": file}) for at, file in unknown if since is None or at >= since),
        key=itemgetter(0),
    )
    return [row | {"position": number} for number, (_, row) in enumerate(merged, 1)]


def _dated(archive: Archive, files: Iterable[str]) -> list[tuple[datetime, str]]:
    """The files in the order in which they were loaded, each with the time; first those that are damaged."""
    pages = ((file, _first_page(archive, file)) for file in files)
    return sorted((page.loaded_at if page else datetime.min, file) for file, page in pages)


def _first_page(archive: Archive, file: str) -> Page | None:
    """None where the file can not be read, which is told when it should be loaded."""
    try:
        return archive.first(file)
    except OSError:
        return None


def _carry_over(store: Store, old: Path, carry: Callable[[Store, Table], None]) -> None:
    remade = {t.name for t in REMADE}
    store.connection.execute(f"attach {literal(str(old))} as old (read_only)")
    for table in BOOKKEEPING:
        if table.name not in remade:
            store.connection.execute(f"delete from {table.full_name}")
            carry(store, table)
    store.connection.execute("detach old")


def _empty(store: Store, streams: Iterable[Stream], since: datetime | None) -> None:
    """Drops the tables that are rebuilt whole. With `since` they stay, and later files are loaded over them;
    only histories are taken back to what they were then, as older states would not fit behind newer ones."""
    for stream in streams:
        tables: list[Table] = [t for r in stream.requests for t in r.tables]
        if since is not None:
            for history in (history_table(t) for t in tables if t.history and store.columns(t)):
                store.connection.execute(f"delete from {history.full_name} where valid_from >= ?", [since])
                store.connection.execute(
                    f"update {history.full_name} set valid_to = null where valid_to >= ?", [since]
                )
            continue
        names = [t.name for t in tables] + [history_table(t).name for t in tables if t.history]
        if stream.configure:
            found = store.rows(
                "select table_name from duckdb_tables() where schema_name = 'main' "
                "and database_name = current_database() and starts_with(table_name, ?)",
                [stream.name + "_"],
            )
            names += [row[0] for row in found]
        for name in dict.fromkeys(names):
            store.connection.execute(f"drop table if exists main.{quote(name)}")
        for table in (DRIFT, REJECTS):
            store.connection.execute(f"delete from {table.full_name} where stream = ?", [stream.name])


class _Rebuild:
    """Loads files of the archive one after the other, many small ones in one transaction."""

    def __init__(
        self,
        store: Store,
        archive: Archive,
        streams: Mapping[str, Stream],
        queries: Sequence[DiscoverQuery],
        since: datetime | None,
        replayed: Replayed,
    ) -> None:
        self._store, self._archive, self._streams, self._queries = store, archive, streams, queries
        self._since, self._replayed = since, replayed
        self._loader = Loader(store, streams)
        self._run_id = ""
        self._seen: set[tuple[str, str, datetime, bool]] = set()
        self._rows: list[Row] = []
        self._pieces: list[tuple[Loader, Sequence[Page], Batch]] = []
        self._held = 0
        self.damaged: list[str] = []
        """Files that the old warehouse had loaded, and that are gone or can not be read."""

    def load(self, files: Sequence[Row], show: Callable[[int, int], None]) -> None:
        """Loads all of them, in this order."""
        for number, row in enumerate(files, 1):
            self._take(row)
            if self._held >= FLUSH_BYTES or len(self._rows) >= FILES_A_TRANSACTION:
                self._commit()
            show(number, len(files))
        self._commit()

    def _take(self, row: Row) -> None:
        file = str(row["file"])
        try:
            pieces = self._archive.pieces(file)
        except Exception as error:  # noqa: BLE001  # polars names its errors anew with each version
            self._replayed.unreadable.append(f"{file}: {str(error).splitlines()[0][:200]}")
            if "run_id" in row:
                self.damaged.append(file)
                self._rows.append(row)  # it may be mended, and replayed again
            return
        self._replayed.files += 1
        for pages in pieces:
            self._take_piece(file, pages)
        self._rows.append(row if "run_id" in row else archive_row(file, row["position"], pieces))

    def _take_piece(self, file: str, pages: Sequence[Page]) -> None:
        first = pages[0]
        # a file that was joined and not yet removed, or what was loaded before the time asked for
        key = (first.run_id, first.slice_id, first.loaded_at, first.first)
        if key in self._seen or (self._since is not None and first.loaded_at < self._since):
            return
        self._seen.add(key)
        if first.run_id != self._run_id:
            # readers learn unknown fields once a run: so does what meta.drift says of them
            self._loader, self._run_id = Loader(self._store, self._streams), first.run_id
        _learn(self._loader, first, self._queries)
        try:
            batch = self._loader.normalise(pages)
        except (Unreadable, KeyError) as error:
            self._replayed.unreadable.append(f"{file}: {error}")
            return
        self._pieces.append((self._loader, pages, batch))
        self._replayed.pages += len(pages)
        size = sum(len(page.body) for page in pages)
        self._replayed.bytes += size
        self._held += size
        if self._held >= FLUSH_BYTES:
            self._commit_pieces()

    def _commit(self) -> None:
        self._commit_pieces(self._rows)
        self._rows = []

    def _commit_pieces(self, files: Sequence[dict[str, Any]] = ()) -> None:
        def write() -> None:
            for loader, pages, batch in self._pieces:
                loader.write(pages, batch)
            self._store.put(ARCHIVE, files)

        self._store.commit(write)
        self._pieces, self._held = [], 0


def _learn(loader: Loader, page: Page, queries: Sequence[DiscoverQuery]) -> None:
    """Lets pages of a Discover query be read that the configuration may no longer name."""
    stream = _stream_of(page)
    if stream is not None and stream.configure is not None:
        for request in _requests_of(stream, page, queries):
            loader.add(stream.name, request)


def _stream_of(page: Page) -> Stream | None:
    return next((s for s in all_streams() if s.name == page.stream), None)


def _requests_of(stream: Stream, page: Page, queries: Sequence[DiscoverQuery] = ()) -> tuple[Request, ...]:
    """Requests that a page of the stream may belong to."""
    if stream.configure is None:
        return stream.requests
    fields = tuple(value for name, value in json.loads(page.parameters) if name == "field")
    interval = _interval_of(page, fields, queries)
    return stream.configure([DiscoverQuery(name=page.request, fields=fields, interval=interval)])


def _interval_of(
    page: Page, fields: tuple[str, ...], queries: Sequence[DiscoverQuery]
) -> Literal["1h", "1d"] | None:
    """The interval of the Discover query that a page answers; None for a snapshot. Those begin at any
    second; one of a day that begins with an hour is told from a slice by the configured query."""
    if page.window_start is None or floor(page.window_start, HOUR) != page.window_start:
        return None
    length = page.window_end - page.window_start
    if length > DAY:
        return None
    like = [query.interval for query in queries if (query.name, query.fields) == (page.request, fields)]
    return like[0] if like else "1h" if length <= HOUR else "1d"


def request_of(page: Page) -> tuple[Stream, Request] | None:
    """The stream and the request that a page was asked by; None where there is no such any more."""
    stream = _stream_of(page)
    if stream is None:
        return None
    found = next((r for r in _requests_of(stream, page) if r.name == page.request), None)
    return (stream, found) if found else None


def _reconstruct(store: Store, archive: Archive, files: Sequence[str]) -> None:
    """Runs and cursors as far as the archive tells them, after the old file was lost: every run is taken
    as ended, and no cursor is set, so that the next export reads again what it can not prove.
    """
    runs: dict[str, dict[str, Any]] = {}
    for page in filter(None, (_first_page(archive, file) for file in files)):
        run = runs.setdefault(
            page.run_id,
            {
                "run_id": page.run_id,
                "command": "export",
                "as_of": page.window_end,
                "started_at": page.fetched_at,
                "status": "incomplete",
                "note": "rebuilt from the archive",
            },
        )
        run["as_of"] = max(run["as_of"], page.window_end)
        run["finished_at"] = page.loaded_at
    with store.transaction():
        store.put(RUNS, list(runs.values()))


def _swap(old: Path, new: Path, *, damaged: bool) -> None:
    """Puts the new file in the old one's place in one step. What is damaged stays under another name."""
    log = old.with_name(old.name + ".wal")
    if old.exists() and damaged:
        kept = old.with_name(f"warehouse.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}.duckdb")
        try:
            kept.hardlink_to(old)
        except OSError:  # not every file system has links
            shutil.copyfile(old, kept)
        if log.exists():
            log.rename(kept.with_name(kept.name + ".wal"))
    log.unlink(missing_ok=True)
    new.replace(old)
