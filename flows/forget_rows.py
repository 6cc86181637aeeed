"""Takes a person out of rows whose archived pages were let go.

Each row is treated as a record that has what the row has, and what comes of it is written back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Raw

from extractors.stream import Request, Stream
from flows.loading import known_fields
from transforms.privacy import Forgetting
from transforms.shape import at_in, list_steps, places, steps
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.schema import ELEMENT, KEY, POSITION, Column, Each, Parent, Tag, history_table, literal, quote
from warehouse.schema import Table as DeclaredTable
from warehouse.store import Store

Streams = Sequence[tuple[Stream, Sequence[Request]]]
Steps = tuple[tuple[str, str, str], ...]
"""As in `transforms.shape`: (key, kind, tag) of each segment of a path."""

ROWS_AT_ONCE = 1_000

read_object = msgspec.json.Decoder(dict[str, Raw]).decode
read_list = msgspec.json.Decoder(list[Raw]).decode


@dataclass(slots=True)
class _Rows:
    """A stored table: its columns with text, where records have them, and whose records they are."""

    schema: str
    name: str
    columns: list[str]
    json: frozenset[str]
    key: frozenset[str]
    stream: str = ""
    personal: Sequence[tuple[str, str]] = ()
    known: frozenset[str] = frozenset()
    at: dict[str, Steps] = field(default_factory=dict)
    named_by: str = ""
    of_events: bool = False
    discover: bool = False

    @property
    def table(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name)}"


@dataclass(slots=True)
class _Row:
    number: int
    event: str
    texts: dict[str, str | None]


def events_of(store: Store, forgetting: Forgetting, streams: Streams) -> set[str]:
    """Ids of the stored events whose user is the person."""
    return {
        row.event
        for rows in _tables(store, streams)
        if rows.of_events
        for row in _read(store, forgetting, rows, set())
        if forgetting.is_theirs(_record(rows, row), rows.personal)
    }


def blank_rows(store: Store, forgetting: Forgetting, streams: Streams, events: set[str]) -> None:
    """Blanks the person in all rows of the tables. A row whose user is the person loses what is personal in
    it, as do all rows about the same event, and about `events`; in any other what names them becomes null or
    says `[forgotten]`, and in a key a made-up value."""
    theirs = events | events_of(store, forgetting, streams)
    with store.transaction():
        for rows in _tables(store, streams):
            for number, made in _changes(store, forgetting, rows, theirs if rows.of_events else set()):
                store.connection.execute(
                    f"update {rows.table} set {', '.join(f'{quote(n)} = ?' for n in made)} where rowid = ?",
                    [*made.values(), number],
                )


def count_rows(store: Store, forgetting: Forgetting, streams: Streams) -> dict[str, int]:
    """How many rows of each table of data `blank_rows` would change."""
    theirs = events_of(store, forgetting, streams)
    counts = {
        rows.name: sum(1 for _ in _changes(store, forgetting, rows, theirs if rows.of_events else set()))
        for rows in _tables(store, streams)
        if rows.schema == "main"
    }
    return {name: count for name, count in counts.items() if count}


def _changes(
    store: Store, forgetting: Forgetting, rows: _Rows, theirs: set[str]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Rows that have to change, by number, and what their columns hold then."""
    for row in _read(store, forgetting, rows, theirs):
        record = _record(rows, row)
        treated = forgetting.record(
            rows.stream,
            record,
            rows.personal,
            rows.known,
            rows=rows.discover,
            theirs=row.event in theirs,
        )
        made: dict[str, str | None] = {}
        for name, text in row.texts.items():
            if text is None:
                continue
            if name in rows.at:
                left = _value_of(rows, row, treated, name)
                changed = left != _value_of(rows, row, record, name)
            else:
                left = forgetting.value(text, name, json=name in rows.json)
                changed = left != text
            if changed:
                made[name] = forgetting.stand_in(text) if left is None and name in rows.key else left
        if made:
            yield row.number, made


def _read(store: Store, forgetting: Forgetting, rows: _Rows, events: set[str]) -> Iterator[_Row]:
    """Rows that may hold the person, and those about the events."""
    person = forgetting.person
    held = [
        f"contains(lower({quote(column)}), lower({literal(form)}))"
        for column in rows.columns
        for form in (*person.hashes, *person.spellings)
    ]
    if events:
        held.append("event_id in (select unnest($events))")
    texts = ", ".join(f"{quote(c)}::varchar" for c in rows.columns)
    event = "event_id" if rows.of_events else "''"
    sql = (
        f"select rowid, {event}, {texts} from {rows.table} where rowid > $last and ({' or '.join(held)}) "
        f"order by rowid limit {ROWS_AT_ONCE}"
    )
    last = -1
    with store.lock, store.explained():
        while found := store.connection.execute(
            sql, {"last": last} | ({"events": sorted(events)} if events else {})
        ).fetchall():
            for number, about, *values in found:
                yield _Row(number, about, dict(zip(rows.columns, values, strict=True)))
            last = found[-1][0]


def _tables(store: Store, streams: Streams) -> Iterator[_Rows]:
    """All tables that are there; of bookkeeping, and of queries that are no longer configured, no record is
    known."""
    declared: dict[str, tuple[Stream, Request, DeclaredTable]] = {}
    for stream, requests in streams:
        for request in requests:
            for table in request.tables:
                declared.setdefault(table.name, (stream, request, table))
                if table.history:
                    declared.setdefault(table.history, (stream, request, history_table(table)))
    keys = {table.name: frozenset(table.key) for table in BOOKKEEPING}
    for schema, name, columns, types, all_columns in store.rows(
        "select schema_name, table_name, list(column_name order by column_index) filter (is_text), "
        "list(data_type order by column_index) filter (is_text), list(column_name) from "
        "(select *, data_type in ('VARCHAR', 'JSON') as is_text from duckdb_columns()) "
        "semi join (from duckdb_tables() where database_name = current_database()) as stored "
        "using (database_name, schema_name, table_name) where schema_name in ('main', 'meta') "
        "group by all order by all"
    ):
        if not columns:
            continue
        json = frozenset(c for c, t in zip(columns, types, strict=True) if t == "JSON")
        # of a query all that is no figure may be part of the key
        rows = _Rows(schema, name, columns, json, keys.get(name, frozenset(columns)))
        if schema == "main" and name in declared:
            stream, request, table = declared[name]
            each = table.lists[0] if table.lists else None
            rows.stream = stream.name
            rows.personal = (*stream.personal, *request.personal)
            rows.known = known_fields(request)
            rows.discover = request.shape == "discover"
            rows.key = frozenset(table.key)
            rows.named_by = next((c.name for c in table.all_columns if c.at == KEY), "")
            rows.of_events = "event_id" in all_columns
            # a whole before its parts
            for column in sorted(table.all_columns, key=lambda c: c.at != ELEMENT):
                way = _field(column) if rows.discover else _way(column, each)
                if way and column.name in columns:
                    rows.at[column.name] = way
        yield rows


def _field(column: Column) -> Steps:
    return ((column.at, "", ""),) if isinstance(column.at, str) else ()


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
        case _ if at not in (POSITION, KEY) and (plain := places(at)):
            return (*base, *steps(plain[0]))
    return ()


def _record(rows: _Rows, row: _Row) -> Raw:
    record: dict[str, Any] = {}
    name = row.texts.get(rows.named_by) or ""
    for column, way in rows.at.items():
        text = row.texts[column]
        if text is None:
            continue
        value = _opened(text) if column in rows.json else text
        node: Any = record
        for step in way[:-1]:
            node = _below(node, step, name)
        key, kind, _ = way[-1]
        if kind == "named" and isinstance(node, dict):
            node, key = node.setdefault(key, {}), name
        if isinstance(node, dict):
            node[key] = [value] if kind == "list" else value
    return Raw(msgspec.json.encode(record))


def _opened(text: str) -> Any:
    """JSON as it is written, but that fields can be put into an object."""
    return read_object(text) if text.startswith("{") else Raw(text.encode())


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


def _value_of(rows: _Rows, row: _Row, record: Raw, column: str) -> str | None:
    """What a record made of the row says of a column: text as it is, JSON as it is written."""
    name = row.texts.get(rows.named_by) or ""
    found: Raw | None = record
    for key, kind, tag in rows.at[column]:
        found = _get(found, key)
        if found is not None and kind == "named":
            found = _get(found, name)
        elif found is not None and kind:
            found = _item(found, "key" if key == "tags" else "type", tag or (name if kind == "tag" else ""))
    if found is None or bytes(found) == b"null":
        return None
    text = str(found, "utf-8")
    return msgspec.json.decode(found, type=str) if column not in rows.json and text[0] == '"' else text


def _get(raw: Raw | None, key: str) -> Raw | None:
    return read_object(raw).get(key) if raw is not None and bytes(raw)[:1] == b"{" else None


def _item(raw: Raw, mark: str, tag: str) -> Raw | None:
    """The element of a list that has the tag at the mark; without a tag the first."""
    items = read_list(raw) if bytes(raw)[:1] == b"[" else []
    wanted = msgspec.json.encode(tag)
    return next((item for item in items if not tag or bytes(_get(item, mark) or b"") == wanted), None)
