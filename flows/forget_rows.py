"""Takes a person out of rows whose archived pages were let go.

Each row is treated as a record that has what the row has, and what comes of it is written back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Raw

from extractors.stream import Stream
from transforms.privacy import Forgetting
from transforms.shape import at_in, list_steps, places, steps
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.schema import ELEMENT, KEY, Column, Each, Parent, Tag, Type, history_table, literal, quote
from warehouse.schema import Table as DeclaredTable
from warehouse.store import Store

Steps = tuple[tuple[str, str, str], ...]
"""As in `transforms.shape`: (key, kind, tag) of each segment of a path."""

TEXTS = (Type.VARCHAR, Type.JSON)
EVENT = "event_id"


@dataclass(slots=True)
class _Rows:
    """A stored table: its columns with text, where records have them, and whose records they are."""

    table: str
    columns: list[str]
    stream: str = ""
    personal: Sequence[tuple[str, str]] = ()
    at: dict[str, Steps] = field(default_factory=dict)
    json: frozenset[str] = frozenset()
    key: frozenset[str] = frozenset()
    named_by: str = ""
    has_event: bool = False


def blank_rows(store: Store, forgetting: Forgetting, streams: Iterable[Stream]) -> None:
    """Blanks the person in all rows of the tables. A row whose user is the person loses what is personal in
    it, as do all rows about the same event; in any other what names them becomes null or says `[forgotten]`,
    and in a key a made-up value."""
    tables = list(_tables(store, streams))
    events: set[str] = set()
    for rows in tables:
        if rows.has_event:
            events.update(_events_of(store, forgetting, rows))
    with store.transaction():
        store.connection.execute("create or replace temp table forgotten_events (event_id varchar)")
        if events:
            store.connection.execute("insert into forgotten_events select unnest(?)", [sorted(events)])
        for rows in tables:
            _blank(store, forgetting, rows)
        store.connection.execute("drop table forgotten_events")


def _events_of(store: Store, forgetting: Forgetting, rows: _Rows) -> Iterator[str]:
    """Ids of events whose user is the person."""
    for _, event, values in _read(store, forgetting, rows, beside=False):
        if forgetting.is_theirs(_record(rows, values), rows.personal):
            yield event


def _blank(store: Store, forgetting: Forgetting, rows: _Rows) -> None:
    theirs = (
        {event for (event,) in store.rows("select event_id from forgotten_events")} if rows.has_event else ()
    )
    for rowid, event, values in _read(store, forgetting, rows, beside=rows.has_event):
        made: dict[str, str | None] = {}
        record = _record(rows, values)
        treated = forgetting.record(rows.stream, record, rows.personal, theirs=event in theirs)
        for name, value in values.items():
            if value is None:
                continue
            if name in rows.at:
                left = _value_of(rows, treated, name, values)
                if left == _value_of(rows, record, name, values):
                    continue
            else:
                left = forgetting.value(value, name, json=name in rows.json)
                if left == value:
                    continue
            made[name] = forgetting.stand_in(value) if left is None and name in rows.key else left
        if made:
            store.connection.execute(
                f"update {rows.table} set {', '.join(f'{quote(n)} = ?' for n in made)} where rowid = ?",
                [*made.values(), rowid],
            )


def _read(
    store: Store, forgetting: Forgetting, rows: _Rows, *, beside: bool
) -> list[tuple[int, str, dict[str, str | None]]]:
    """Rows that may hold the person, with `beside` also the others of their events: number, event, texts."""
    person = forgetting.person
    held = [
        f"contains(lower({quote(column)}), lower({literal(form)}))"
        for column in rows.columns
        for form in (*person.hashes, *person.spellings)
    ]
    if beside:
        held.append(f"{EVENT} in (select event_id from forgotten_events)")
    texts = ", ".join(f"{quote(c)}::varchar" for c in rows.columns)
    event = EVENT if rows.has_event else "''"
    found = store.rows(f"select rowid, {event}, {texts} from {rows.table} where {' or '.join(held)}")
    return [(rowid, event, dict(zip(rows.columns, values, strict=True))) for rowid, event, *values in found]


def _tables(store: Store, streams: Iterable[Stream]) -> Iterator[_Rows]:
    """All tables that are there: those of streams, and bookkeeping, of which no record is known."""
    declared: dict[str, tuple[Stream, Sequence[tuple[str, str]], DeclaredTable]] = {}
    for stream in streams:
        for request in stream.requests:
            for table in request.tables:
                one = (stream, (*stream.personal, *request.personal), table)
                declared.setdefault(table.name, one)
                if table.history:
                    declared.setdefault(table.history, (*one[:2], history_table(table)))
    keys = {table.name: frozenset(table.key) for table in BOOKKEEPING}
    for schema, name, columns, types, all_columns in store.rows(
        "select schema_name, table_name, list(column_name order by column_index) filter (is_text), "
        "list(data_type order by column_index) filter (is_text), list(column_name) from "
        "(select *, data_type in ('VARCHAR', 'JSON') as is_text from duckdb_columns()) "
        "where database_name = current_database() and schema_name in ('main', 'meta') and not internal "
        "group by all order by all"
    ):
        if not columns:
            continue
        full = f"{quote(schema)}.{quote(name)}"
        json = frozenset(c for c, t in zip(columns, types, strict=True) if t == "JSON")
        if schema == "main" and name in declared:
            stream, personal, table = declared[name]
            each = table.lists[0] if table.lists else None
            at = {c.name: way for c in table.all_columns if c.name in columns and (way := _way(c, each))}
            named_by = next((c.name for c in table.all_columns if c.at == KEY), "")
            yield _Rows(
                full,
                columns,
                stream.name,
                personal,
                at,
                json,
                frozenset(table.key),
                named_by,
                EVENT in all_columns,
            )
        else:
            # of a Discover query all that is no figure may be part of the key
            yield _Rows(full, columns, json=json, key=keys.get(name, frozenset(columns)))


def _way(column: Column, each: Each | None) -> Steps:
    """Where a record has a column's value; () where that is no plain place."""
    at = at_in(column, each)
    base = list_steps(each) if each else ()
    match at:
        case Tag(key):
            return (("tags", "list", key), ("value", "", ""))
        case Parent(path):
            return steps(places(path)[0])
        case _ if at == ELEMENT:
            return base
        case _ if (plain := places(at)) and plain[0].isprintable() and plain[0] not in "#@":
            return (*base, *steps(plain[0]))
    return ()


def _record(rows: _Rows, values: dict[str, str | None]) -> Raw:
    record: dict[str, Any] = {}
    for name, way in rows.at.items():
        text = values[name]
        if text is None:
            continue
        node: Any = record
        for step in way[:-1]:
            node = _below(node, step, values.get(rows.named_by) or "")
        key, kind, _ = way[-1]
        value = Raw(text.encode()) if name in rows.json else text
        if isinstance(node, dict):
            node[key] = [value] if kind == "list" else value
    return Raw(msgspec.json.encode(record))


def _below(node: Any, step: tuple[str, str, str], name: str) -> Any:
    """What a step leads to, made where it is not there; `name` is that of a named object, or the type of an
    element. None where something else stands."""
    key, kind, tag = step
    if not isinstance(node, dict):
        return None
    if kind in ("", "named"):
        below = node.setdefault(key, {})
        return below.setdefault(name, {}) if kind and isinstance(below, dict) else below
    items = node.setdefault(key, [])
    if not isinstance(items, list):
        return None
    mark = {"key" if key == "tags" else "type": tag or name} if tag or kind == "tag" else {}
    found = [item for item in items if isinstance(item, dict) and mark.items() <= item.items()]
    if not found:
        found = [dict(mark)]
        items.append(found[0])
    return found[0]


def _value_of(rows: _Rows, record: Raw, name: str, values: dict[str, str | None]) -> str | None:
    """What a record made of the values says of a column, as text."""
    node: Any = msgspec.json.decode(record)
    *above, (key, kind, _) = rows.at[name]
    for step in above:
        node = _below(node, step, values.get(rows.named_by) or "")
    found = node.get(key) if isinstance(node, dict) else None
    if kind == "list" and isinstance(found, list):
        found = found[0] if found else None
    if found is None or isinstance(found, str):
        return found if name not in rows.json or found is None else msgspec.json.encode(found).decode()
    return msgspec.json.encode(found).decode()
