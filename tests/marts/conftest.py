"""A database of the declared tables, filled from small text tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from golden import Given, Mart, as_text, cell_value, cells, declared_tables

from warehouse.mart_files import all_marts, create_marts
from warehouse.schema import create_statements


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every declared table and no row, made once."""
    path = tmp_path_factory.mktemp("empty") / "sentry.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create schema meta")
        for table in declared_tables():
            for statement in create_statements(table):
                connection.execute(statement)
    return path


@pytest.fixture
def connection(empty_database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every declared table, empty, in memory."""
    with duckdb.connect() as made:
        made.execute(f"attach '{empty_database}' as empty (read_only)")
        made.execute("copy from database empty to memory")
        made.execute("detach empty")
        yield made


@pytest.fixture
def given(connection: duckdb.DuckDBPyConnection) -> Given:
    """Fills tables from text: a line with its name, one of column names, then rows; blank line between."""

    def fill(text: str) -> None:
        for block in text.strip().split("\n\n"):
            name, header, *rows = [line.strip() for line in block.splitlines()]
            columns = cells(header)
            values = [[cell_value(cell) for cell in cells(row)] for row in rows]
            if "organization_id" not in columns and name not in ("meta.runs", "meta.settings"):
                columns, values = ["organization_id", *columns], [["1", *row] for row in values]
            marks = ", ".join("?" for _ in columns)
            connection.executemany(f"insert into {name} ({', '.join(columns)}) values ({marks})", values)

    return fill


@pytest.fixture
def rows_of(connection: duckdb.DuckDBPyConnection) -> Mart:
    """Makes all marts, runs the reconciliation query of the one asked for, gives its rows as text."""

    def read(name: str, columns: str = "*", order: str = "all", where: str = "true") -> list[tuple[Any, ...]]:
        create_marts(connection)
        (mart,) = [mart for mart in all_marts() if mart.name == name]
        assert mart.reconcile, f"{name} has no reconciliation query"
        assert connection.execute(mart.reconcile).fetchall() == []
        key = ", ".join(mart.key)
        twice = f"select {key} from {mart.full_name} group by all having count(*) > 1"
        assert connection.execute(twice).fetchall() == []
        names = ", ".join(cells(columns)) if columns != "*" else "*"
        found = connection.execute(
            f"select {names} from marts.{name} where {where} order by {order}"
        ).fetchall()
        return [tuple(as_text(value) for value in row) for row in found]

    return read
