"""What a home holds, in a form in which two homes can be compared whatever runs made them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from extractors.archive import Archive
from warehouse.schema import literal, quote

OF_THE_RUN = ("_run_id", "_loaded_at", "valid_from")
"""Columns that say when we looked, not what there is."""

MARKS = ("valid_to", "deleted_at", "unlisted_at")
"""Times of ours of which only counts whether they are set."""

Row = tuple[tuple[str, Any], ...]
"""(column, value) pairs."""

Contents = dict[str, Counter[Row]]


def contents(home: Path) -> Contents:
    """Table of the main schema → its rows, as published, and how often each is there."""
    connection = duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True)
    try:
        found: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'main' "
            "and database_name = current_database() and not internal order by all"
        ).fetchall():
            found.setdefault(table, []).append(column)
        return {table: _rows(connection, table, columns) for table, columns in found.items()}
    finally:
        connection.close()


def _rows(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> Counter[Row]:
    names = [c for c in columns if c not in OF_THE_RUN]
    shown = ", ".join(_shown(table, name) for name in names)
    rows = connection.execute(f"select {shown} from main.{quote(table)}").fetchall()
    return Counter(tuple(zip(names, row, strict=True)) for row in rows)


def _shown(table: str, column: str) -> str:
    if column in MARKS:
        return f"{quote(column)} is not null"
    if (table, column) == ("events", "date_created"):
        # lists say the second only, an event's own page more (facts §4.2): the last reading counts
        return f"date_trunc('second', {quote(column)})"
    return quote(column)


def differences(ours: Contents, theirs: Contents) -> list[str]:
    """A line for each table that is not the same, with an example."""
    lines = []
    for table in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(table, Counter()), theirs.get(table, Counter())
        missing, extra = other - one, one - other
        if missing or extra:
            lines.append(
                f"{table}: {missing.total()} missing, {extra.total()} too many of {other.total()}; "
                f"{_example(list(missing), list(extra))}"
            )
    return lines


def _example(missing: list[Row], extra: list[Row]) -> str:
    """The row that is nearest to being right, and where it is wrong; else any row."""
    pairs = [(set(m) ^ set(e), m) for m in missing for e in extra]
    if not pairs:
        return str(dict((missing or extra)[0]))
    wrong, row = min(pairs, key=lambda pair: len(pair[0]))
    return f"{sorted(map(str, wrong))} in {dict(row)}"


def disorder(home: Path) -> list[str]:
    """What a crash may leave and a finished run must not: files nobody knows, half files, open runs."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"attach {literal(str(home / 'warehouse.duckdb'))} as w (read_only)")
        known = {row[0] for row in connection.execute("select file from w.meta.archive").fetchall()}
        open_ = connection.execute(
            "select run_id from w.meta.runs where status = 'running' "
            "union all select s.run_id from w.meta.slices s join w.meta.runs r using (run_id) "
            "where s.state = 'open' and r.status = 'complete'"
        ).fetchall()
    finally:
        connection.close()
    archived = set(Archive(home / "raw").files())
    half = [p for p in home.rglob("*") if p.name.endswith((".partial", ".wal", ".new", ".tmp"))]
    return [
        *(f"not in meta.archive: {file}" for file in sorted(archived - known)),
        *(f"not in raw: {file}" for file in sorted(known - archived)),
        *(f"left over: {path.relative_to(home)}" for path in half),
        *(f"open: {row[0]}" for row in open_),
    ]
