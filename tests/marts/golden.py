"""Text tables for golden rows, and the declared tables they go into."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from extractors.stream import all_streams
from extractors.streams import discover, issues
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.schema import Table, history_table

Given = Callable[[str], None]
Mart = Callable[..., list[tuple[Any, ...]]]


def declared_tables() -> tuple[Table, ...]:
    """Every table an export makes, with the default Discover queries."""
    requests = [request for stream in all_streams() for request in stream.requests]
    requests += discover.configure(discover.DEFAULT_QUERIES)
    tables = {table.name: table for request in requests for table in request.tables}
    tables |= {table.name: table for table in (issues.ISSUE_DETAILS, issues.ISSUE_ACTIVITY)}
    tables |= {table.history: history_table(table) for table in list(tables.values()) if table.history}
    return (*tables.values(), *BOOKKEEPING)


def table(text: str) -> list[tuple[str, ...]]:
    """Golden rows: one line per row, cells divided by |."""
    return [tuple(cells(line)) for line in text.strip().splitlines()]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def cell_value(cell: str) -> str | None:
    """`-` is null, an empty cell the empty string."""
    return None if cell == "-" else cell


def as_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
