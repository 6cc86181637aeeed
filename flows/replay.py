"""Rebuilds tables from the raw archive, without network, in a new file that is swapped in when it holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from extractors.archive import Archive, Page
from extractors.stream import DiscoverQuery, Request, Stream, all_streams
from flows.loading import Loader
from flows.settings import Settings, UsageError
from transforms.records import Unreadable
from warehouse import state
from warehouse.bookkeeping import ARCHIVE, BOOKKEEPING, DRIFT, REJECTS, RUNS
from warehouse.load import fit_table
from warehouse.lock import hold
from warehouse.schema import Table, history_table, literal, quote
from warehouse.store import REBUILT, Store, WarehouseBusy, WarehouseError, fold_log, is_locked, remove_rebuilt

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
    show: Callable[[int, int], None] = lambda done, total: None,
    hooks: Hooks = NO_HOOKS,
) -> Replayed:
    """Rebuilds the tables of `streams` (all if none is named) from files loaded since `since` (all of them).

    Everything else is carried over from the present file, where that can be read; a damaged one is kept
    beside it as `warehouse.damaged-<time>.duckdb`. Raises UsageError for an unknown stream,
    WarehouseBusy while an export runs, WarehouseError when there is no archive.
    """
    began = datetime.now(UTC)
    known = {s.name: s for s in all_streams()}
    if unknown := sorted(set(streams) - set(known)):
        raise UsageError(f"There is no stream {unknown[0]!r}. There are: {', '.join(known)}.")
    with hold(settings.home_path):
        replayed = _replay(settings, known, streams, since, show, hooks)
    replayed.seconds = (datetime.now(UTC) - began).total_seconds()
    return replayed


def _replay(
    settings: Settings,
    known: dict[str, Stream],
    streams: Sequence[str],
    since: datetime | None,
    show: Callable[[int, int], None],
    hooks: Hooks,
) -> Replayed:
    home = settings.home_path
    archive = Archive(home / "raw")
    old, new = home / "warehouse.duckdb", home / REBUILT
    registered = registered_files(old)
    remove_rebuilt(home)
    if registered is not None:
        fold_log(old)
    partly = bool(streams) or since is not None
    files = _files(archive, registered, streams, since)
    _check(old, archive, partly=partly, readable=registered is not None, found=bool(files))
    if partly:
        shutil.copyfile(old, new)
        new.chmod(0o600)
    replayed = Replayed()
    with Store(new, memory_limit=settings.memory) as store:
        if partly:
            _empty(store, [known[n] for n in streams or known], since)
        elif registered is not None:
            _carry_over(store, old, hooks.carry)
        for stream in known.values():
            for request in stream.requests:
                for table in request.tables:
                    fit_table(store, table)
        loader, run_id = Loader(store, known), ""
        for number, file in enumerate(files):
            if Path(file).parts[1] != run_id:
                # readers learn unknown fields once a run: so does what meta.drift says of them
                loader, run_id = Loader(store, known), Path(file).parts[1]
            _load(loader, archive, file, replayed)
            show(number + 1, len(files))
        if registered is None:
            _reconstruct(store, archive, files)
        replayed.rows = state.table_rows(store)
        hooks.finish(store, old)
    _swap(old, new, damaged=registered is None)
    return replayed


def _check(old: Path, archive: Archive, *, partly: bool, readable: bool, found: bool) -> None:
    if partly and not readable:
        raise WarehouseError(
            f"{old} can not be read, so nothing can be carried over: "
            "run `sentry-warehouse replay` without --stream and --since."
        )
    if not partly and not found:
        raise WarehouseError(f"There is no archive in {archive.folder}: nothing to rebuild from.")


def registered_files(old: Path) -> list[tuple[str, str, datetime]] | None:
    """(file, stream, time) of every archive file the old warehouse has loaded, in that order; None when it
    is missing or can not be read. Raises WarehouseBusy while somebody writes to it.
    """
    if not old.exists():
        return None
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"attach {literal(str(old))} as old (read_only)")
        rows = connection.execute(
            "select file, stream, written_at from old.meta.archive order by position"
        ).fetchall()
        # reads every column of bookkeeping, which is carried over, so that damage shows now
        for table in BOOKKEEPING:
            connection.execute(f"select * from old.meta.{quote(table.name)}").fetchall()
    except duckdb.Error as error:
        if is_locked(error):
            raise WarehouseBusy(f"{old} is in use: wait for the export to end, then replay again.") from None
        return None
    finally:
        connection.close()
    return [(row[0], row[1], row[2]) for row in rows]


def _files(
    archive: Archive,
    registered: list[tuple[str, str, datetime]] | None,
    streams: Sequence[str],
    since: datetime | None,
) -> list[str]:
    """Files to replay in the order in which they were loaded."""
    if registered is None:
        dated = [(archive.read(file)[0].loaded_at, file) for file in archive.files()]
        return [file for _, file in sorted(dated)]
    return [
        file
        for file, stream, written_at in registered
        if (not streams or stream in streams) and (since is None or written_at >= since)
    ]


def _carry_over(store: Store, old: Path, carry: Callable[[Store, Table], None]) -> None:
    remade = {t.name for t in REMADE}
    store.connection.execute(f"attach {literal(str(old))} as old (read_only)")
    for table in BOOKKEEPING:
        if table.name not in remade:
            store.connection.execute(f"delete from {table.full_name}")
            carry(store, table)
    store.connection.execute("detach old")


def _empty(store: Store, streams: Iterable[Stream], since: datetime | None) -> None:
    """Drops the tables that are rebuilt whole; with `since` they stay, later files are loaded over them."""
    if since is not None:
        return
    for stream in streams:
        tables: list[Table] = [t for r in stream.requests for t in r.tables]
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


def _load(loader: Loader, archive: Archive, file: str, replayed: Replayed) -> None:
    try:
        pages = archive.read(file)
    except Exception as error:  # noqa: BLE001  # polars names its errors anew with each version
        replayed.unreadable.append(f"{file}: {str(error).splitlines()[0][:200]}")
        return
    _learn(loader, pages[0])
    try:
        loader.commit(pages, file)
    except (Unreadable, KeyError) as error:
        replayed.unreadable.append(f"{file}: {error}")
        return
    replayed.files += 1
    replayed.pages += len(pages)
    replayed.bytes += sum(len(p.body) for p in pages)


def _learn(loader: Loader, page: Page) -> None:
    """Lets pages of a Discover query be read that the configuration may no longer name."""
    stream = _stream_of(page)
    if stream is not None and stream.configure is not None:
        for request in _requests_of(stream, page):
            loader.add(stream.name, request)


def _stream_of(page: Page) -> Stream | None:
    return next((s for s in all_streams() if s.name == page.stream), None)


def _requests_of(stream: Stream, page: Page) -> tuple[Request, ...]:
    """Requests that a page of the stream may belong to."""
    if stream.configure is None:
        return stream.requests
    fields = tuple(value for name, value in json.loads(page.parameters) if name == "field")
    sliced = page.window_start and (page.window_end - page.window_start).days <= 1
    query = DiscoverQuery(name=page.request, fields=fields, interval="1d" if sliced else None)
    return stream.configure([query])


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
    for file in files:
        page = archive.read(file)[0]
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
