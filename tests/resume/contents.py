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

Contents = dict[str, Counter[tuple[Any, ...]]]


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
        return {
            table: Counter(
                connection.execute(f"select {_shown(columns)} from main.{quote(table)}").fetchall()
            )
            for table, columns in found.items()
        }
    finally:
        connection.close()


def _shown(columns: list[str]) -> str:
    return ", ".join(
        f"{quote(c)} is not null" if c in MARKS else quote(c) for c in columns if c not in OF_THE_RUN
    )


def differences(ours: Contents, theirs: Contents) -> list[str]:
    """A line for each table that is not the same, with an example."""
    lines = []
    for table in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(table, Counter()), theirs.get(table, Counter())
        missing, extra = other - one, one - other
        if missing or extra:
            lines.append(
                f"{table}: {missing.total()} missing, {extra.total()} too many of {other.total()}; "
                f"missing {list(missing)[:1]}, too many {list(extra)[:1]}"
            )
    return lines


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
