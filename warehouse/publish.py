"""Publishes what BI tools read: a copy with marts and Parquet files, checked as readers see it."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from warehouse.generations import (
    FOLDER,
    LINK,
    MANIFEST,
    begin_generation,
    finish_generation,
    one_publisher,
    point,
    prune,
)
from warehouse.mart_files import SCHEMA as MARTS
from warehouse.mart_files import MartError, additive, create_marts
from warehouse.schema import key_of, keys_that_stand_twice, literal, quote
from warehouse.store import (
    CATALOG,
    DISK_IS_FULL,
    MEMORY,
    PUBLISHED,
    STORAGE_VERSION,
    WarehouseDamaged,
    WarehouseError,
    attach_warehouse,
    make_private_folder,
    open_duckdb,
    refuse_empty,
    refuse_links,
    trouble_with,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

WAREHOUSE = "warehouse.duckdb"

MANIFEST_VERSION = 1
"""Raised when something in manifest.json goes or changes its meaning."""

BUFFER = 16 << 20
"""Bytes copied at a time."""

THREADS = 2
"""Of DuckDB while it publishes within a limit: each thread that sorts takes 30 MB."""

ROW_GROUP = "64MB"
"""Of Parquet files: DuckDB's usual 122,880 rows of stack frames do not fit into the limit, and go to the disk
and back (137 s of a core for 3.6 million frames, 7 s so)."""


def publish(
    home: Path,
    *,
    keep: int = 3,
    group_readable: bool = False,
    compact: bool = False,
    compact_days: int = 0,
    memory_limit: str = MEMORY,
) -> Path:
    """Copies `warehouse.duckdb` into a new generation, builds marts and Parquet twins there, checks it, and
    shows it under `published`. Returns the path of `published`.

    Readers of the old generation are not disturbed; the newest `keep` stay. While it is copied nobody may
    write into the warehouse; who publishes second waits. `compact`, or `compact_days` since the last time
    (0 = never), has the warehouse written anew first, which gives back the space of replaced rows. What does
    not fit into `memory_limit` goes to the disk meanwhile, as far as DuckDB can do that.

    Raises WarehouseError when there is nothing to publish or no room for it, WarehouseBusy while an export
    runs, WarehouseDamaged when the copy does not check out. `published` stays as it was, then.
    """
    source = home / WAREHOUSE
    refuse_empty(home)
    if not source.exists():
        raise WarehouseError(f"{source} does not exist: run `sentry-warehouse export` first.")
    folder_mode, file_mode = (0o750, 0o640) if group_readable else (0o700, 0o600)
    refuse_links(source, home / FOLDER)
    make_private_folder(home)
    if group_readable:
        home.chmod(home.stat().st_mode | 0o010)  # passed through on the way to `published`, never listed
    (home / FOLDER).mkdir(exist_ok=True)
    (home / FOLDER).chmod(folder_mode)
    with one_publisher(home):
        compacted_at = _compacted_at(home / LINK)
        partial = begin_generation(home)
        try:
            with _said_for_people(source):
                if compact or (compact_days and _now() - compacted_at >= timedelta(days=compact_days)):
                    _within(memory_limit, lambda limit: rewrite(source, partial, limit))
                    compacted_at = _now()
                rows = _copy(source, partial / PUBLISHED, memory_limit)
                _within(memory_limit, lambda limit: _build(partial, limit))
                manifest = _within(memory_limit, lambda limit: _check(partial, rows, limit))
                manifest["compacted_at"] = compacted_at
            (partial / MANIFEST).write_text(json.dumps(manifest, indent=2, default=_plain) + "\n")
            for path in (partial, *partial.rglob("*")):
                path.chmod(folder_mode if path.is_dir() else file_mode)
            final = finish_generation(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        point(home / LINK, final)
        prune(home / LINK, final, keep)
    return home / LINK


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).isoformat()
    return str(value)


def _compacted_at(link: Path) -> datetime:
    """When the warehouse was last written anew; one that was never published is new itself."""
    try:
        return datetime.fromisoformat(json.loads((link / MANIFEST).read_text())["compacted_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return _now()


@contextmanager
def _said_for_people(source: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        first = str(error).splitlines()[0][:200]
        kept = "what was published last stays as it is."
        trouble = trouble_with(source, error)
        if DISK_IS_FULL.search(str(error)):
            raise WarehouseError(
                f"No room on the disk to publish {source} ({first}): make room and run "
                f"`sentry-warehouse publish`; {kept}"
            ) from None
        if isinstance(trouble, WarehouseDamaged):
            raise WarehouseDamaged(f"{trouble} Until then {kept}") from None
        raise WarehouseDamaged(
            f"The copy of {source} could not be published ({first}); {kept} Run "
            "`sentry-warehouse publish`, and report it if that does not help."
        ) from None


def _within(memory_limit: str, step: Callable[[str], T]) -> T:
    """Does a step within the limit, or without one where DuckDB can not: not all that it groups by can go to
    the disk (marts of 6 million events did not fit into 150 MB, they had 2 GB without a limit)."""
    try:
        return step(memory_limit)
    except duckdb.OutOfMemoryException:
        logger.info("publishing does not fit into %s of memory: it goes on without a limit", memory_limit)
        return step("")


@contextmanager
def _connect(temporary: Path, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with its own folder for what does not fit into memory; an empty limit is DuckDB's own,
    four fifths of the machine's memory."""
    connection = open_duckdb()
    try:
        if memory_limit:
            connection.execute(f"set memory_limit = {literal(memory_limit)}")
            connection.execute(f"set threads = {THREADS}")
        connection.execute(f"set temp_directory = {literal(str(temporary))}")
        yield connection
    finally:
        connection.close()
        shutil.rmtree(temporary, ignore_errors=True)


def _copy(source: Path, target: Path, memory_limit: str) -> dict[str, int]:
    """Copies the warehouse while nobody can write into it; rows of each of its tables."""
    log = source.with_name(source.name + ".wal")
    # opened first and closed last: the system drops a process's locks on a file that it closes once
    with source.open("rb") as reader, _connect(target.with_name("tmp"), memory_limit) as connection:
        while True:
            if log.exists():  # a killed writer's; it belongs into the file before that is copied
                attach_warehouse(connection, source, CATALOG)
                connection.execute(f"checkpoint {CATALOG}")
                connection.execute(f"detach {CATALOG}")
            attach_warehouse(connection, source, CATALOG, read_only=True)
            if not log.exists():
                break
            connection.execute(f"detach {CATALOG}")
        rows = _rows(connection, CATALOG)
        target.touch(mode=0o600)
        with target.open("wb") as writer:
            shutil.copyfileobj(reader, writer, BUFFER)
    return rows


def _rows(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, int]:
    names = [
        f"{quote(schema)}.{quote(name)}"
        for schema, name in connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = ? order by 1, 2",
            [catalog],
        ).fetchall()
    ]
    return {
        name: connection.execute(f"select count(*) from {catalog}.{name}").fetchall()[0][0] for name in names
    }


def rewrite(source: Path, folder: Path, memory_limit: str) -> None:
    """Writes the warehouse anew, without the space that replaced rows left, and puts it in its place. The
    folder holds what is half done.

    Takes about 30 s per GB, and as much room on the disk. Raises WarehouseBusy while an export runs,
    WarehouseDamaged when not every row came along (the old file stays).
    """
    fresh = folder / WAREHOUSE
    for left in (fresh, fresh.with_name(fresh.name + ".wal")):  # of an attempt with less memory
        left.unlink(missing_ok=True)
    with _connect(folder / "tmp", memory_limit) as connection:
        attach_warehouse(connection, source, "old")
        connection.execute("checkpoint old")  # no log may stay behind for the new file
        connection.execute(
            f"attach {literal(str(fresh))} as {CATALOG} (storage_version {literal(STORAGE_VERSION)})"
        )
        connection.execute(f"copy from database old to {CATALOG}")
        connection.execute(f"checkpoint {CATALOG}")
        before, after = _rows(connection, "old"), _rows(connection, CATALOG)
        if before != after:
            lost = next(name for name in before if before[name] != after.get(name))
            raise WarehouseDamaged(
                f"{source} could not be written anew (rows of {lost}: {before[lost]} before, "
                f"{after.get(lost, 0)} after); the old file stays."
            )
        connection.execute(f"detach {CATALOG}")
        fresh.chmod(0o600)
        fresh.replace(source)  # while the old file is still locked


def _build(folder: Path, memory_limit: str) -> None:
    """Makes the marts in the copy."""
    with _connect(folder / "tmp", memory_limit) as connection:
        connection.execute(f"attach {literal(str(folder / PUBLISHED))} as {CATALOG}")
        connection.execute(f"use {CATALOG}")
        connection.execute("begin")
        try:
            create_marts(connection)
        except MartError as error:
            if isinstance(error.__cause__, duckdb.OutOfMemoryException | duckdb.IOException):
                raise error.__cause__ from None
            raise WarehouseError(
                "Nothing is published, because the tables are not those that the marts of this version read "
                f"({str(error).splitlines()[0]}). If another version wrote them, `sentry-warehouse export` "
                "or `sentry-warehouse replay` brings them up to date."
            ) from error
        connection.execute("commit")
        connection.execute("checkpoint")


def _check(folder: Path, source_rows: Mapping[str, int], memory_limit: str) -> dict[str, Any]:
    """Opens the copy as a reader does, reads every table and mart, writes the Parquet twins and says what
    there is: the manifest. Raises WarehouseDamaged when rows lack or a key stands twice.
    """
    (folder / "parquet").mkdir(exist_ok=True)
    with _connect(folder / "tmp", memory_limit) as connection:
        connection.execute(f"attach {literal(str(folder / PUBLISHED))} as {CATALOG} (read_only)")
        connection.execute(f"use {CATALOG}")
        # a row group at a time: then rows stay in their order all the same
        connection.execute("set threads = 1")
        connection.execute("set preserve_insertion_order = false")
        relations = connection.execute(
            "select schema_name, table_name, 'table' as kind, comment from duckdb_tables() "
            "where database_name = current_database() "
            "union all select schema_name, view_name, 'view', comment from duckdb_views() "
            "where database_name = current_database() and not internal order by 1, 2"
        ).fetchall()
        tables = [_table(connection, folder, *relation) for relation in relations]
        found = {f"{quote(t['schema'])}.{quote(t['name'])}": t["rows"] for t in tables}
        for name, rows in source_rows.items():
            if found.get(name) != rows and not name.startswith(quote(MARTS) + "."):
                raise WarehouseDamaged(
                    f"Rows of {name}: {found.get(name, 'none')} in the copy, {rows} in the warehouse. "
                    "It is not published, what was published last stays."
                )
        runs = connection.execute(
            "select run_id, command, as_of, finished_at, status, version from meta.runs "
            "where status in ('complete', 'incomplete') order by as_of desc, finished_at desc limit 1"
        )
        names = [column[0] for column in runs.description or []]
        run = [dict(zip(names, row, strict=True)) for row in runs.fetchall()]
        completeness = connection.execute(
            "select table_name, status, count(*), min(day), max(day) from marts.completeness "
            "group by all order by all"
        ).fetchall()
    return {
        "manifest_version": MANIFEST_VERSION,
        "generation": folder.name.strip(".").removesuffix(".partial"),
        "published_at": _now(),
        "run": run[0] if run else None,
        "database": {
            "file": PUBLISHED,
            "storage_version": STORAGE_VERSION,
            **_file_facts(folder / PUBLISHED),
        },
        "tables": tables,
        "completeness": [
            dict(zip(("table", "status", "days", "first_day", "last_day"), row, strict=True))
            for row in completeness
        ],
    }


def _table(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    schema: str,
    name: str,
    kind: str,
    comment: str | None,
) -> dict[str, Any]:
    full = f"{quote(schema)}.{quote(name)}"
    columns = connection.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and table_name = ? "
        "order by column_index",
        [schema, name],
    ).fetchall()
    (count,) = connection.execute(f"select count(*) from {full}").fetchall()[0]
    key = key_of(comment or "")
    if key:
        _check_key(connection, full, key)
    facts: dict[str, Any] = {
        "schema": schema,
        "name": name,
        "kind": kind,
        "comment": comment,
        "key": key,
        "rows": count,
        "columns": [_column(schema, *column) for column in columns],
    }
    if schema == "meta" or not name.replace("_", "").isalnum():
        return facts
    file = f"parquet/{name}.parquet" if schema == "main" else f"parquet/{schema}.{name}.parquet"
    copied = connection.execute(
        f"copy (select * from {full}) to {literal(str(folder / file))} "
        f"(format parquet, compression zstd, row_group_size_bytes '{ROW_GROUP}')"
    ).fetchall()
    if copied != [(count,)]:
        raise WarehouseDamaged(
            f"Rows of {full}: {copied[0][0]} in {file}, {count} in the database. It is not published, what "
            "was published last stays."
        )
    return {**facts, "file": file, **_file_facts(folder / file)}


def _column(schema: str, name: str, type_: str, comment: str | None) -> dict[str, Any]:
    facts = {"name": name, "type": type_, "comment": comment}
    told = additive(comment or "") if schema == MARTS else ""
    return {**facts, "additive": told} if told else facts


def _check_key(connection: duckdb.DuckDBPyConnection, full: str, key: list[str]) -> None:
    twice = connection.execute(f"{keys_that_stand_twice(full, key)} limit 1").fetchall()
    if twice:
        shown = ", ".join(f"{name} {value}" for name, value in zip(key, twice[0], strict=True))
        raise WarehouseDamaged(
            f"{full} has more than one row of {shown}: it is not published, what was published last stays. "
            "Run `sentry-warehouse replay`, and report it if that does not help."
        )


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
