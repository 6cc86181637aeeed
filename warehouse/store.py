"""Opens the writer's file: private, one writer at a time, readable by older clients; says what is wrong."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import RLock
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar

import duckdb

from warehouse.bookkeeping import BOOKKEEPING, SETTINGS
from warehouse.schema import (
    Table,
    Type,
    comment_statements,
    create_statements,
    history_table,
    key_of,
    literal,
    quote,
    stored_columns,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

STORAGE_VERSION = "v1.2.0"
"""Oldest DuckDB whose clients read the file: BI tools embed older engines (measured: 1.2.2 to 2.0.0)."""

SCHEMA_VERSION = 2
"""Raised when bookkeeping tables change: an older file is migrated when it is opened to write."""

MIGRATIONS = {
    2: (
        # rejects are numbered since; a key is never null
        "update meta.rejects set number = n from (select rowid as r, row_number() over "
        "(partition by run_id, slice_id order by rowid) as n from meta.rejects) where rowid = r",
        "update meta.archive as a set request = s.request from meta.slices as s "
        "where s.run_id = a.run_id and s.slice_id = a.slice_id",
    ),
}
"""Version → statements that bring a file of the version before up to it, after missing columns are added."""

CATALOG = "sentry"
"""Name under which the file is attached; the same as the published file's, so that views stay valid."""


PUBLISHED = "sentry.duckdb"
"""Name of the published file."""

REBUILT = "warehouse.replay.duckdb"
"""Name of the writer's file while a replay makes it anew."""

DISK_IS_FULL = re.compile(r"No space left|File too large|Disk quota|wrote=", re.IGNORECASE)
"""What DuckDB says of a disk without room; it hands on no error number."""

MEMORY_IS_SHORT = re.compile(
    r"Out of Memory|could not allocate block|failed to (pin|allocate)", re.IGNORECASE
)
"""Also of a checkpoint, whose error is one of input and output."""

FILE_IS_DAMAGED = re.compile(r"corrupt|checksum|not a valid DuckDB|read enough bytes", re.IGNORECASE)

THREADS = 1
"""Of DuckDB while it loads: one batch is loaded at a time, and a second thread makes nothing faster there but
takes 70 MB."""

MEMORY = "160MB"
"""What DuckDB may use then, unless the settings say otherwise. Each of the 300 columns of the tables of full
events is appended to in a block of 256 KB: with less, all of them go to the disk and come back at each commit
(170 ms instead of 32). With more, a run needs more than 400 MB."""

LOCK_SECONDS = 2.0
"""How long a writer waits for a reader to let the file go: `status` looks into it for a moment."""


class WarehouseError(Exception):
    """Something about the files on disk; the message says what and what to do."""


class MemoryShort(WarehouseError):
    """DuckDB may not use as much memory as it needs."""


class WarehouseBusy(WarehouseError):
    """Another process has the writer's file open."""


class WarehouseDamaged(WarehouseError):
    """The file is not a DuckDB database, or one that can not be read."""


class HomeUnusable(WarehouseError):
    """The folder can not be made or written, or holds nothing: a matter of configuration."""


class ArrowSource(Protocol):
    """A frame that hands out Arrow streams and knows its rows: polars frames do."""

    def __len__(self) -> int: ...

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

    @property
    def schema(self) -> Mapping[str, object]: ...

    def clear(self) -> ArrowSource: ...


class _Shown:
    """What DuckDB scans under one name, without pyarrow: a frame, or `empty` while there is none."""

    def __init__(self, empty: ArrowSource) -> None:
        self.frame = self.empty = empty

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


class Store:
    """The writer's connection. One thread at a time: `transaction` holds a lock."""

    def __init__(self, path: Path, *, memory_limit: str = MEMORY) -> None:
        """Opens or makes the file with its bookkeeping tables. From then on, what this process makes on the
        disk is for its owner alone.

        Raises WarehouseBusy, WarehouseDamaged, or WarehouseError when the folder can not be written.
        """
        self.path = path
        self.lock = RLock()
        self._columns: dict[str, dict[str, str]] = {}
        self._shown: dict[tuple[tuple[str, object], ...], tuple[str, _Shown]] = {}
        self._limit = memory_limit
        self.connection = _attach(path, memory_limit)
        try:
            self._prepare()
        except duckdb.Error as error:
            self.connection.close()
            raise trouble_with(path, error) or WarehouseDamaged(_damaged(path, error)) from None
        except WarehouseError:
            self.connection.close()
            raise

    def _prepare(self) -> None:
        for schema in ("meta", "marts"):
            self.connection.execute(f"create schema if not exists {schema}")
        with self.transaction():
            for table in BOOKKEEPING:
                self.fit(table)
            known = self.rows("select value from meta.settings where name = 'schema_version'")
            version = int(known[0][0]) if known else SCHEMA_VERSION
            if version > SCHEMA_VERSION:
                raise WarehouseError(
                    f"{self.path} was made by a newer sentry-warehouse (schema {version}, this one knows "
                    f"{SCHEMA_VERSION}): update sentry-warehouse."
                )
            for number in range(version + 1, SCHEMA_VERSION + 1):
                for statement in MIGRATIONS[number]:
                    self.connection.execute(statement)
            self.put(SETTINGS, [{"name": "schema_version", "value": str(SCHEMA_VERSION)}])

    def close(self) -> None:
        """Writes the log into the file and lets it go. Raises WarehouseError when the disk does not take it:
        then the log stays, and the next to open the file takes it from there.
        """
        with self.lock:
            try:
                self.checkpoint()
            finally:
                self.connection.close()

    def checkpoint(self) -> None:
        """Writes the log into the file, and gives back the memory that its rows took. Raises WarehouseError
        when the disk does not take it."""

        def write_log() -> None:
            with self.explained():
                self.connection.execute("checkpoint")

        self._in_memory(write_log)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing, one at a time. Raises WarehouseError for trouble with the disk or the file."""
        with self.lock, self.explained():
            self.connection.execute("begin")
            try:
                yield self.connection
            except BaseException:
                with suppress(duckdb.Error):  # a disk that is full has ended the transaction already
                    self.connection.execute("rollback")
                self._columns.clear()
                self._shown.clear()  # names that were given inside of it are gone as well
                raise
            self.connection.execute("commit")

    def commit(self, step: Callable[[], T]) -> T:
        """Does a step in a transaction; once more where memory did not suffice, be it for the commit alone.

        Raises what `transaction` does.
        """

        def transact() -> T:
            with self.transaction():
                return step()

        return self._in_memory(transact)

    def _in_memory(self, step: Callable[[], T]) -> T:
        """A step within the limit of memory, or without one where DuckDB can not: it holds 2,048 values of a
        column at once, whatever their size, and the disk does not help there."""
        with self.lock:
            try:
                return step()
            except MemoryShort:
                if not self._limit:
                    raise
            logger.info("loading does not fit into %s of memory: it goes on without a limit", self._limit)
            self._limit = ""
            self._columns.clear()
            self._shown.clear()
            self.connection.close()  # a checkpoint that failed leaves it of no use
            self.connection = _attach(self.path, self._limit)
            return step()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raises WarehouseError for DuckDB's trouble with the disk, the file or the memory."""
        try:
            yield
        except duckdb.Error as error:
            trouble = trouble_with(self.path, error)
            if trouble is None:
                raise
            raise trouble from None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises WarehouseError for trouble with the disk or the file."""
        with self.lock, self.explained():
            return self.connection.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def frame(self, frame: ArrowSource) -> Iterator[str]:
        """Lets SQL see a frame, as a table of the name that comes out.

        Names stay, one for all frames of a schema: to register and unregister one took as long as to insert a
        small frame (0.8 of 2.4 ms with 28 columns). So there can be one frame of a schema at a time.
        """
        schema = tuple(frame.schema.items())
        shown = self._shown.get(schema)
        if shown is None:
            shown = self._shown[schema] = (f"frame_{len(self._shown)}", _Shown(frame.clear()))
            self.connection.register(*shown)
        name, slot = shown
        slot.frame = frame
        try:
            yield name
        finally:
            slot.frame = slot.empty

    def create(self, table: Table) -> None:
        """Makes a table with its comments, if it is not there."""
        for statement in create_statements(table):
            self.connection.execute(statement)
        self._columns.pop(table.full_name, None)

    def fit(self, table: Table) -> list[str]:
        """Makes a table, or widens the stored one so that all columns fit (nothing is ever narrowed).

        Returns the names of columns that a stored table lacked.
        """
        stored = self.columns(table)
        if not stored:
            self.create(table)
            if table.history:
                self.create(history_table(table))
            return []
        added, changed = [], False
        for column in stored_columns(table):
            have, comes = stored.get(column.name), column.type.value
            alter, name = f"alter table {table.full_name}", quote(column.name)
            if have is None:
                self.connection.execute(f"{alter} add column {name} {comes}")
                added.append(column.name)
            elif (wider := _wider(have, comes)) != have:
                self.connection.execute(f"{alter} alter column {name} type {wider}")
                changed = True
        if added or changed:
            for statement in comment_statements(replace(table, key=self.key(table))):
                self.connection.execute(statement)
            self._columns.pop(table.full_name, None)
        return added

    def columns(self, table: Table) -> dict[str, str]:
        """Name → type of the stored columns; empty where there is no such table."""
        if table.full_name not in self._columns:
            found = self.connection.execute(
                "select column_name, data_type from duckdb_columns() "
                "where database_name = current_database() and schema_name = ? and table_name = ?",
                [table.schema, table.name],
            ).fetchall()
            self._columns[table.full_name] = dict(found)
        return self._columns[table.full_name]

    def key(self, table: Table) -> tuple[str, ...]:
        """Names of the key's columns of the table as stored: what a Discover query grouped by before its
        fields were changed stays among them, as rows of then do."""
        if not table.nullable_key:
            return table.key
        found = self.connection.execute(
            "select comment from duckdb_tables() "
            "where database_name = current_database() and schema_name = ? and table_name = ?",
            [table.schema, table.name],
        ).fetchall()
        earlier = key_of(found[0][0] or "") if found else []
        return tuple(dict.fromkeys([*table.key, *earlier]))

    def put(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes bookkeeping rows, in place of those with the same key. Absent columns become null."""
        if not rows:
            return
        columns = ", ".join(map(quote, table.names))
        same = " and ".join(f"stored.{quote(k)} = fresh.{quote(k)}" for k in table.key)
        text = json.dumps([{n: row.get(n) for n in table.names} for row in rows], default=str)
        # one bound text for all rows: so many bound values take five times as long
        source = f"(select unnest(from_json(?, {_shape(table)}), recursive := true))"
        # column by column: compared as tuples, all rows of years of runs would be read (53 ms in place of 3)
        self.connection.execute(
            f"delete from {table.full_name} as stored using {source} as fresh where {same}", [text]
        )
        self.connection.execute(
            f"insert into {table.full_name} ({columns}) select {columns} from {source}", [text]
        )


def _wider(have: str, comes: str) -> str:
    """The type that holds both what is stored and what comes."""
    if have == comes:
        return have
    return "DOUBLE" if {have, comes} == {"BIGINT", "DOUBLE"} else "VARCHAR"


def _shape(table: Table) -> str:
    """The rows of `put` as from_json wants to know them; what is JSON already stays text."""
    types = {c.name: (Type.VARCHAR if c.type is Type.JSON else c.type).value for c in table.all_columns}
    return literal(json.dumps([types]))


def refuse_links(*paths: Path) -> None:
    """Raises HomeUnusable for a path that is a link: it would lead what we write to somewhere else."""
    for path in paths:
        if path.is_symlink():
            raise HomeUnusable(
                f"{path} is a link, and links in the folder are not followed: remove it. "
                "To keep everything on another disk, name a folder there with --home."
            )


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """A DuckDB without a file, whose times are UTC, and which draws no bars."""
    connection = duckdb.connect(":memory:")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


def _attach(path: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    refuse_links(path, path.with_name(path.name + ".wal"), path.parent / "tmp")
    fresh = not path.exists()
    if fresh:
        make_private_folder(path.parent)
    connection = open_duckdb()
    if memory_limit:
        connection.execute(f"set memory_limit = {literal(memory_limit)}")
    connection.execute(f"set threads = {THREADS}")
    # freed memory goes back at once: 120 MB less at the peak of a long load, for no measurable time
    connection.execute("set allocator_flush_threshold = '16MB'")
    connection.execute("set allocator_background_threads = true")
    connection.execute("set allocator_bulk_deallocation_flush_threshold = '16MB'")
    # a checkpoint after each 16 MB of log writes the last row group of every table anew: a third of the time
    # of a long load, and a file half as large again
    connection.execute("set wal_autocheckpoint = '256MB'")
    connection.execute(f"set temp_directory = {literal(str(path.parent / 'tmp'))}")
    os.umask(0o077)  # for good: DuckDB makes its log and its temporary files anew again and again
    try:
        attach_warehouse(connection, path, CATALOG)
    except WarehouseError:
        connection.close()
        raise
    connection.execute(f"use {CATALOG}")
    return connection


def attach_warehouse(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, *, read_only: bool = False
) -> None:
    """Attaches the writer's file (made if it is not there, to write), and waits a moment while it is locked.

    Raises WarehouseBusy, WarehouseDamaged, or WarehouseError when it can not be opened.
    """
    how = "read_only" if read_only else f"storage_version {literal(STORAGE_VERSION)}"
    end = monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute(f"attach {literal(str(path))} as {name} ({how})")
        except duckdb.Error as error:
            if not is_locked(error) or monotonic() > end:
                raise opening_trouble(path, error) from None
            sleep(0.05)
        else:
            return


def is_locked(error: duckdb.Error) -> bool:
    """Whether another process has the file open."""
    return "Conflicting lock" in str(error) or "Could not set lock" in str(error)


def fold_log(path: Path) -> None:
    """Writes the log that a killed writer left into its file, so that a copy of that is whole.

    Raises what `attach_warehouse` does.
    """
    connection = duckdb.connect(":memory:")
    try:
        attach_warehouse(connection, path, CATALOG)
        connection.execute(f"checkpoint {CATALOG}")
    finally:
        connection.close()


def in_use(path: Path) -> WarehouseBusy:
    """What to do while another process has the writer's file."""
    return WarehouseBusy(
        f"{path} is in use by another process. If an export is running, wait for it; "
        "BI tools should read published/sentry.duckdb instead."
    )


def opening_trouble(path: Path, error: duckdb.Error) -> WarehouseError:
    """Why a file could not be opened, and what to do."""
    text = str(error)
    if is_locked(error) and path.name == PUBLISHED:
        return WarehouseBusy(
            f"{path} is open for writing in another process: close it there, and open it read-only."
        )
    if is_locked(error):
        return in_use(path)
    if "Permission denied" in text or "Read-only file system" in text:
        return HomeUnusable(f"{path} can not be written: give this user write permission on {path.parent}.")
    if DISK_IS_FULL.search(text) or MEMORY_IS_SHORT.search(text):
        return trouble_with(path, error) or WarehouseError(text)
    return WarehouseDamaged(_damaged(path, error))


def trouble_with(path: Path, error: duckdb.Error) -> WarehouseError | None:
    """What an error of DuckDB's says about the disk, the file or the memory; None when it is about something
    else."""
    text = str(error)
    if "failed to offload" in text:  # it may use nine tenths of what is free
        return MemoryShort(
            f"No room on the disk of {path} for what does not fit into memory: make room, or set `memory` "
            "(SENTRY_WAREHOUSE_MEMORY) to more, such as 500MB, and run again; what is committed stays."
        )
    if MEMORY_IS_SHORT.search(text):
        return MemoryShort(
            f"DuckDB needs more memory than it may have ({text.splitlines()[0][:200]}): set `memory` "
            "(SENTRY_WAREHOUSE_MEMORY) to more, such as 500MB, and run again; what is committed stays."
        )
    if DISK_IS_FULL.search(text):
        return WarehouseError(
            f"No room on the disk of {path}: make room and run again; what is committed stays."
        )
    if FILE_IS_DAMAGED.search(text):
        return WarehouseDamaged(_damaged(path, error))
    if isinstance(error, duckdb.IOException):
        return WarehouseError(
            f"{path} could not be read or written ({text.splitlines()[0][:200]}). Look at the disk and the "
            "rights of this user, then run again; what is committed stays."
        )
    return None


def _damaged(path: Path, error: duckdb.Error) -> str:
    first = str(error).splitlines()[0][:200]
    if path.name == PUBLISHED:
        return (
            f"{path} is damaged ({first}). `sentry-warehouse publish` makes it anew from the warehouse; "
            "older copies lie in generations/."
        )
    return (
        f"{path} is not a DuckDB database that can be read ({first}). Move it away; "
        "`sentry-warehouse replay` then rebuilds it from raw/, `sentry-warehouse export` starts anew."
    )


def remove_leftovers(home: Path) -> None:
    """Removes what is of no use after a kill: the new file of a replay, rows that did not fit into memory.
    The caller holds the home."""
    for left in (home / REBUILT, home / f"{REBUILT}.wal"):
        left.unlink(missing_ok=True)
    shutil.rmtree(home / "tmp", ignore_errors=True)


def refuse_empty(home: Path) -> None:
    """Raises HomeUnusable where nothing of a warehouse is yet."""
    if not any((home / name).exists() for name in ("warehouse.duckdb", "raw", "published")):
        raise HomeUnusable(
            f"There is no warehouse in {home.absolute()} yet: `sentry-warehouse export` makes one, "
            "`sentry-warehouse demo` one of made-up data. If it is elsewhere, name its folder with --home."
        )


def unusable(problem: str) -> HomeUnusable:
    """What to do about a folder that can not be used."""
    return HomeUnusable(f"{problem}: choose another with --home, or give this user write permission.")


def make_private_folder(path: Path) -> None:
    """Makes a folder for its owner alone.

    Raises HomeUnusable when that is not possible.
    """
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise unusable(f"The folder {path} can not be made ({error.strerror})") from None
    if not path.is_dir():
        raise HomeUnusable(f"{path} is no folder: choose another with --home.")
    if not os.access(path, os.W_OK | os.X_OK):
        raise unusable(f"The folder {path} can not be written")
