"""Puts frames into tables: by key, or in place of what the same intervals held; keeps history as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from warehouse.schema import (
    Context,
    Table,
    Type,
    comment_statements,
    history_table,
    quote,
    stored_columns,
)
from warehouse.store import ArrowSource, Store

WIDER = {
    (Type.BIGINT, "DOUBLE"): "DOUBLE",
    (Type.DOUBLE, "BIGINT"): "DOUBLE",
}
"""Type that holds both what is stored and what comes; anything else meets in VARCHAR."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Rows that make way: those of a scope whose interval starts in [start, end); no times = all of it."""

    organization_id: str
    project_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


def load(
    store: Store,
    frames: Mapping[Table, ArrowSource],
    *,
    seen_at: datetime,
    clear: Clear | None = None,
) -> None:
    """Loads frames, parents before children, inside the caller's transaction.

    A frame's rows take the place of stored rows with the same key; a child table's rows are replaced
    together with their parent's. With `clear`, the rows it names go first. `seen_at` is the time that
    history notes for a new state.
    """
    for table, frame in frames.items():
        fit_table(store, table)
        if clear:
            _clear(store, table, clear)
        parent = next((t for t in frames if t.name == table.parent), None) if table.parent else None
        owners = frames[parent] if parent else frame
        if len(owners):
            _replace(store, table, frame, parent or table, owners, seen_at)


def _replace(
    store: Store, table: Table, frame: ArrowSource, owner: Table, owners: ArrowSource, seen_at: datetime
) -> None:
    """Puts rows in place of those that belong to the same owners: themselves, or their parents."""
    same = " and ".join(f"stored.{quote(k)} = owners.{quote(k)}" for k in owner.key)
    names = ", ".join(quote(c.name) for c in table.all_columns)
    values = ", ".join(_value(store, table, c.name, c.type) for c in table.all_columns)
    with store.frame("owners", owners):
        store.connection.execute(f"delete from {table.full_name} as stored using owners where {same}")
    if not len(frame):
        return
    with store.frame("incoming", frame):
        if table.history:
            _keep_history(store, table, seen_at)
        store.connection.execute(f"insert into {table.full_name} ({names}) select {values} from incoming")


def _value(store: Store, table: Table, name: str, type_: Type) -> str:
    column = quote(name)
    if type_ is Type.JSON:
        # a text that DuckDB's parser refuses (1e400) is kept as a JSON string
        return f"coalesce(try_cast({column} as json), to_json({column}))"
    stored = store.columns(table)[name]
    return column if stored == type_.value else f"cast({column} as {stored})"


def _clear(store: Store, table: Table, clear: Clear) -> None:
    conditions, values = ["organization_id = ?"], [clear.organization_id]
    columns = {c.name: c for c in table.all_columns}
    if clear.project_id and columns.get("project_id") and columns["project_id"].at == Context("project_id"):
        conditions.append("project_id = ?")
        values.append(clear.project_id)
    if clear.start is not None and clear.end is not None and "interval_start" in columns:
        conditions.append("interval_start >= ? and interval_start < ?")
        values += [clear.start, clear.end]  # type: ignore[list-item]  # DuckDB takes datetimes
    store.connection.execute(f"delete from {table.full_name} where {' and '.join(conditions)}", values)


def fit_table(store: Store, table: Table) -> None:
    """Makes the table, or widens a stored one so that the frame's columns fit (nothing is ever narrowed)."""
    stored = store.columns(table)
    if not stored:
        store.create(table)
        if table.history:
            store.create(history_table(table))
        return
    changed = False
    for column in stored_columns(table):
        have = stored.get(column.name)
        if have is None:
            store.connection.execute(
                f"alter table {table.full_name} add column {quote(column.name)} {column.type.value}"
            )
            changed = True
        elif have not in (column.type.value, "VARCHAR") and (column.type, have) != (Type.BIGINT, "DOUBLE"):
            wider = WIDER.get((column.type, have), "VARCHAR")
            store.connection.execute(
                f"alter table {table.full_name} alter column {quote(column.name)} type {wider}"
            )
            changed = True
    if changed:
        for statement in comment_statements(table):
            store.connection.execute(statement)
        store.forget_columns(table)


def _keep_history(store: Store, table: Table, seen_at: datetime) -> None:
    history = history_table(table)
    same = " and ".join(f"h.{quote(k)} = i.{quote(k)}" for k in table.key)
    other = " or ".join(f"h.{quote(c)} is distinct from i.{quote(c)}" for c in table.tracked)
    store.connection.execute(
        f"update {history.full_name} as h set valid_to = ? from incoming as i "
        f"where {same} and h.valid_to is null and ({other})",
        [seen_at],
    )
    names = [c.name for c in history.all_columns if c.name not in ("valid_from", "valid_to")]
    store.connection.execute(
        f"insert into {history.full_name} ({', '.join(map(quote, names))}, valid_from, valid_to) "
        f"select {', '.join('i.' + quote(n) for n in names)}, ?, null from incoming as i "
        f"where not exists (select 1 from {history.full_name} as h where {same} and h.valid_to is null)",
        [seen_at],
    )
