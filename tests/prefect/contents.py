"""What stands in a warehouse, to hold one against another."""

from __future__ import annotations

from pathlib import Path

import duckdb

from extractors.sandbox import Sandbox
from tests.prefect.servers import PrefectServer, call, sentry

OF_THE_RUN = ("_", "valid_")
"""Columns that begin so tell when something was read, not what."""


def rows(home: Path) -> dict[str, list[str]]:
    """Every published row of every table, without what tells one run from another."""
    connection = duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True)
    try:
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'main' "
            "and table_name in (select table_name from duckdb_tables()) order by all"
        ).fetchall():
            if not column.startswith(OF_THE_RUN):
                columns.setdefault(table, []).append(f'"{column}"')
        return {
            table: sorted(
                str(row) for row in connection.execute(f"select {', '.join(names)} from {table}").fetchall()
            )
            for table, names in columns.items()
        }
    finally:
        connection.close()


def slices(home: Path) -> dict[str, int]:
    """Slices of the newest run by state."""
    connection = duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)
    try:
        found = connection.execute(
            "select state, count(*) from meta.slices group by all having count(*) > 0"
        ).fetchall()
        return dict(found)
    finally:
        connection.close()


def runs(home: Path) -> list[str]:
    """States of the runs in the warehouse."""
    connection = duckdb.connect(str(home / "published" / "sentry.duckdb"), read_only=True)
    try:
        return [
            s for (s,) in connection.execute("select status from meta.runs order by started_at").fetchall()
        ]
    finally:
        connection.close()


def expected_rows(server: PrefectServer, sandbox: Sandbox, folder: Path) -> dict[str, list[str]]:
    """What an undisturbed export of this process brings."""
    home = folder / "undisturbed"
    done = call(
        ["sentry-warehouse", "export", "--no-prefect"], server.environment(**sentry(sandbox, home)), folder
    )
    assert done.returncode == 3, done.stderr
    return rows(home)
