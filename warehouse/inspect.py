"""Reads what is there for people and monitors: status, answers to SQL. Never writes, blocks no writer."""

from __future__ import annotations

import difflib
import glob
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from warehouse.mart_files import all_marts
from warehouse.schema import literal
from warehouse.sql_files import put_together, read_part
from warehouse.store import (
    CATALOG,
    PUBLISHED,
    WarehouseError,
    attach_warehouse,
    is_locked,
    open_duckdb,
    opening_trouble,
    refuse_empty,
    trouble_with,
)

FOLDER = Path(__file__).with_name("status")


class QueryError(WarehouseError):
    """SQL that DuckDB refuses; the message is for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query with the names and DuckDB types of their columns."""

    names: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """Rows as dictionaries."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


def connect_published(home: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published file, under the catalog name `sentry`.

    Raises WarehouseError when nothing is published yet, or the file can not be read.
    """
    file = home / "published" / PUBLISHED
    if not file.exists():
        refuse_empty(home)
        if _is_written(home / "warehouse.duckdb"):
            raise WarehouseError(
                f"The first export into {home.absolute()} is still at work: what it brings is published when "
                "it ends. Look again then."
            )
        raise WarehouseError(
            f"Nothing is published in {home.absolute()} yet: run `sentry-warehouse export`, or name another "
            "folder with --home."
        )
    connection = open_duckdb()
    try:
        attach_warehouse(connection, file, CATALOG, read_only=True)
    except WarehouseError:
        connection.close()
        raise
    connection.execute(f"use {CATALOG}")
    return connection


def _is_written(file: Path) -> bool:
    """Whether a writer is at work on the file."""
    if not file.exists():
        return False
    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute(f"attach {literal(str(file))} as {CATALOG} (read_only)")
        except duckdb.Error as error:
            return is_locked(error)
    return False


RAW_PAGES = """
create view pages as
select
    regexp_replace(filename, '^.*/raw/([^/]+/[^/]+/[^/]+)$', '\\1') as file,
    * exclude (body, filename, first) replace (try_cast(parameters as json) as parameters),
    coalesce(try_cast(try(decode(body)) as json), to_json(coalesce(try(decode(body)), body::varchar))) as body
from read_parquet({files}, filename = true, union_by_name = true, hive_partitioning = false)
"""
"""The archive as a view: what is no JSON is a JSON string."""

NAMES_RAW = re.compile(r"\braw\s*\.", re.IGNORECASE)


def _connect(home: Path, sql: str) -> duckdb.DuckDBPyConnection:
    """`connect_published`, with the archive as `raw.pages` where the SQL names it: it may have many files."""
    connection = connect_published(home)
    if NAMES_RAW.search(sql):
        # a database of its own in memory: the published file is read only, and must not need the archive
        connection.execute("attach ':memory:' as raw")
        files = str(Path(glob.escape(str((home / "raw").absolute())), "*", "*", "*.parquet"))
        try:
            connection.execute(f"use raw; {RAW_PAGES.format(files=literal(files))}; use {CATALOG}")
        except duckdb.IOException:
            connection.close()
            raise QueryError(
                f"There is no archive in {home / 'raw'} that this user can read, so raw.pages is empty."
            ) from None
        except duckdb.Error as error:
            connection.close()
            raise QueryError(
                f"A file of the archive is damaged ({str(error).splitlines()[0]}). Put it back from a "
                "backup, or move it away: the tables keep their rows."
            ) from None
    return connection


def _only(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The one statement of the SQL, without its semicolon. Raises QueryError for several: DuckDB would answer
    the last one, and nobody would know of the others."""
    try:
        # the text of a statement that another one follows ends before its semicolon, or behind it (DuckDB 2)
        *statements, _ = connection.extract_statements(f"{sql}\n; select 1")
    except duckdb.Error:
        return sql  # what is wrong with it is said when it is run
    if len(statements) > 1:
        raise QueryError(
            f"These are {len(statements)} statements, and one is answered at a time: ask them one by one, or "
            "make one of them (`with … as (select …) select …`)."
        )
    return statements[0].query.rstrip("; \t\r\n") if statements else sql


def run_query(home: Path, sql: str) -> Answer:
    """The answer of the published file to one SQL statement.

    Raises QueryError for SQL that does not work, with the name that was probably meant.
    """
    connection = _connect(home, sql)
    try:
        relation: duckdb.DuckDBPyConnection | None = connection.execute(_only(connection, sql))
        if relation is None or relation.description is None:
            raise QueryError("There is nothing to answer: write a SELECT, such as `select * from issues`.")
        described = relation.description
        return Answer([d[0] for d in described], [str(d[1]) for d in described], relation.fetchall())
    except duckdb.Error as error:
        raise QueryError(_explain(connection, error, sql)) from None
    finally:
        connection.close()


FORMATS = {
    "csv": "format csv, header",
    "json": "format json, array true, timestampformat '%Y-%m-%dT%H:%M:%S.%fZ'",
    "parquet": "format parquet, compression zstd",
}
"""How DuckDB is told to write; times are UTC, and JSON says so."""

NO_JSON = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")|-?(?:NaN|Infinity)')
"""A text, or a figure that DuckDB writes and JSON does not know."""


def write_query(home: Path, sql: str, target: Path, format_: str) -> None:
    """Writes the answer to a file: csv, json (one array) or parquet. JSON has null where a figure is infinite
    or none (NaN).

    Raises QueryError for SQL that does not work, or a file that can not be written.
    """
    if format_ != "json":
        _write(home, sql, target, format_)
        return
    with TemporaryDirectory(prefix="sentry-warehouse-") as folder:
        written = Path(folder, "answer")
        _write(home, sql, written, format_)
        with written.open("rb") as lines, target.open("wb") as file:
            file.writelines(map(_without_nan, lines))


def _without_nan(line: bytes) -> bytes:
    if b"NaN" not in line and b"Infinity" not in line:
        return line
    return NO_JSON.sub(lambda found: found[1] or b"null", line)


def _write(home: Path, sql: str, target: Path, format_: str) -> None:
    connection = _connect(home, sql)
    into = f"to {literal(str(target))} ({FORMATS[format_]})"
    try:
        body = _only(connection, sql).strip()
        try:
            connection.execute(f"copy (\n{body}\n) {into}")
        except (duckdb.ParserException, duckdb.BinderException):
            # DESCRIBE, SHOW and the like can be selected from, but not copied; and columns of the same name,
            # as joined tables have, get a number then, without which JSON can not hold both
            connection.execute(f"copy (select * from (\n{body}\n)) {into}")
    except duckdb.ParserException:
        try:  # the message must be about what was typed
            connection.execute(sql)
        except duckdb.Error as error:
            raise QueryError(_explain(connection, error, sql)) from None
        raise QueryError(f"This can only be shown as a table: {body[:60]}") from None
    except duckdb.Error as error:
        raise QueryError(_explain(connection, error, sql)) from None
    finally:
        connection.close()


def query_as_text(home: Path, sql: str, format_: str) -> str:
    """The same text that `write_query` writes. Raises QueryError."""
    with TemporaryDirectory(prefix="sentry-warehouse-") as folder:
        target = Path(folder, "answer")
        write_query(home, sql, target, format_)
        return target.read_bytes().decode()  # line ends inside of values stay as they are


def _explain(connection: duckdb.DuckDBPyConnection, error: duckdb.Error, sql: str) -> str:
    if "Corrupt database" in str(error):
        (path,) = connection.execute(
            "select path from duckdb_databases() where database_name = ?", [CATALOG]
        ).fetchall()[0]
        return str(trouble_with(Path(path), error))
    text = str(error).split("\n\nLINE ")[0].split("\nLINE ")[0].strip()
    missing = re.search(r"(?:Table|View) with name (\S+) does not exist", text)
    if missing:
        return _no_such_table(connection, missing[1].strip('!"'))
    column = re.search(
        r'Referenced column "([^"]+)" (?:not found|was not found)|'
        r'Table "[^"]+" does not have a column named "([^"]+)"',
        text,
    )
    if column:
        wanted = column[1] or column[2]
        # DuckDB names what is left, however unlike it is
        there = re.findall(r'"([^"]+)"', text.partition("Candidate bindings")[2])
        near = difflib.get_close_matches(wanted.lower(), there, n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        if not near and f'"{wanted}"' in sql:
            hint = f" If it is a text, put it in single quotes: '{wanted}'."
        return f"There is no column {wanted!r} in the tables that are asked.{hint}"
    return text


def _no_such_table(connection: duckdb.DuckDBPyConnection, wanted: str) -> str:
    found = connection.execute(
        "select case table_schema when 'main' then table_name else table_schema || '.' || table_name end "
        "from information_schema.tables where table_catalog = current_database() order by 1"
    ).fetchall()
    by_last_word: dict[str, list[str]] = {}
    for (name,) in found:
        by_last_word.setdefault(name.rpartition(".")[2], []).append(name)
    bare = wanted.rpartition(".")[2].lower()
    near = [
        name
        for word in difflib.get_close_matches(bare, by_last_word, n=3, cutoff=0.6)
        for name in by_last_word[word]
    ]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(n for (n,) in found)}."
    return f"There is no table {wanted!r}. {hint}"


def connect_for_status(home: Path) -> tuple[duckdb.DuckDBPyConnection, bool]:
    """A read-only connection to the writer's file, or to the published one while a writer is at work.

    Returns the connection and whether a writer is at work. Raises WarehouseError when there is nothing yet,
    or the file can not be read.
    """
    file = home / "warehouse.duckdb"
    if not file.exists():
        return connect_published(home), False
    connection = open_duckdb()
    try:
        connection.execute(f"attach {literal(str(file))} as {CATALOG} (read_only)")
    except duckdb.Error as error:
        connection.close()
        if not is_locked(error):
            raise opening_trouble(file, error) from None
        return connect_published(home), True
    connection.execute(f"use {CATALOG}")
    return connection, False


def status(home: Path, now: datetime | None = None) -> dict[str, Any]:
    """What `status` shows: last runs, freshness and completeness by table, what is not whole, drift.

    `is_proven` says that the newest run is complete, and so is every table, up to 36 hours before `now`
    (UTC without a zone; this machine's clock unless given), but for what is `left_out` by all exports of a
    week. A run that stands as running while nobody writes is `interrupted`. Raises WarehouseError when there
    is nothing yet, or the file is damaged.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    connection, busy = connect_for_status(home)

    def ask(sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        found = connection.execute(sql, values or {})
        names = [d[0] for d in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    try:
        runs = ask(
            "select run_id, command, as_of, started_at, finished_at, status, requests, rows, note "
            "from meta.runs order by started_at desc limit 5"
        )
        # a run that ended before it made any table has none to tell of
        made = ask(
            "select 1 from information_schema.tables where table_catalog = current_database() "
            "and table_schema = 'main' and table_name = 'projects'"
        )
        if made:  # after years of nights it takes a while: both questions read it
            connection.execute(f"create temp table standing as {_sql('standing')}")
        tables = ask(_sql("tables"), {"now": now}) if made else []
        ended = [run for run in runs if run["status"] != "running"]
        if not busy:
            for run in runs:
                run["status"] = "interrupted" if run["status"] == "running" else run["status"]
        return {
            "home": str(home),
            "is_proven": bool(ended)
            and ended[0]["status"] == "complete"
            and all(table["is_proven"] for table in tables),
            "export_running": busy,
            "runs": runs,
            "tables": tables,
            "incomplete": ask(_sql("incomplete")) if made else [],
            "left_out": ask(_sql("left_out_scopes")) if made else [],
            "drift": ask("select * from meta.drift order by last_seen desc, stream, kind, path"),
            "rejects": ask(
                "select stream, table_name, path, reason, count(*) as values from meta.rejects "
                "group by all order by values desc limit 20"
            ),
            "deprecations": ask("select * from meta.deprecations order by path"),
        }
    except duckdb.Error as error:
        written = (home / "warehouse.duckdb").exists() and not busy
        trouble = trouble_with(home / ("warehouse.duckdb" if written else f"published/{PUBLISHED}"), error)
        if trouble is None:
            raise
        raise trouble from None
    finally:
        connection.close()


def _sql(name: str) -> str:
    """A SELECT of `status/`, which may hold others, parts and marts. Marts that one reads are put in as well:
    the writer's file has none."""
    marts = {mart.name: mart.sql for mart in all_marts()}
    file = FOLDER / f"{name}.sql"
    text = marts[name] if name in marts else file.read_text("utf-8") if file.exists() else read_part(name)
    return put_together(re.sub(r"\b(from|join) marts\.(\w+)", r"\1 {\2}", text), _sql)
