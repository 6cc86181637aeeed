"""Answers of Discover/Explore to a frame whose types come from the answer's own `meta.fields`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from transforms.conform import REJECT_VALUE_CHARACTERS
from transforms.frames import Batch, Drift, Reject, build_frame, build_series
from transforms.repair import Unreadable, read_json
from transforms.shape import json_type
from warehouse.schema import Column, Context, Table, Type

TYPES = {
    "boolean": Type.BOOLEAN,
    "integer": Type.BIGINT,
    "date": Type.TIMESTAMP,
    "array": Type.JSON,
    "string": Type.VARCHAR,
    "number": Type.DOUBLE,
    "duration": Type.DOUBLE,
    "percentage": Type.DOUBLE,
    "percent_change": Type.DOUBLE,
    "rate": Type.DOUBLE,
    "size": Type.DOUBLE,
    "score": Type.DOUBLE,
    "currency": Type.DOUBLE,
}
"""Column type for each type that `meta.fields` names (facts §4.5); an unknown one stays text."""


class Answer(msgspec.Struct):
    """A page: rows keyed by the requested field text."""

    data: list[dict[str, Any]]
    meta: Any = None


_decoder = msgspec.json.Decoder(Answer)


class DiscoverReader:
    """Reads Discover pages into one table, whose columns name the fields they were asked as."""

    def __init__(self, tables: tuple[Table, ...]) -> None:
        (self.table,) = tables

    def read(self, bodies: Iterable[bytes], context: Mapping[str, Any]) -> Batch:
        """Pages as a Batch; `complaint` says "sampled" where Sentry answered from part of its data.

        Raises Unreadable for a body that is no such answer.
        """
        batch = Batch()
        answers = [_decode(body) for body in bodies]
        rows = [row for answer in answers for row in answer.data]
        batch.records = len(rows)
        types: dict[str, str] = {}
        for answer in answers:
            meta = answer.meta if isinstance(answer.meta, dict) else {}
            fields = meta.get("fields", meta)
            types |= (
                {k: v for k, v in fields.items() if isinstance(v, str)} if isinstance(fields, dict) else {}
            )
            if meta.get("dataScanned") == "partial":
                batch.complaint = "sampled"
        table = typed_table(self.table, types, rows)
        asked = {c.at for c in table.all_columns}
        batch.drift |= {
            Drift(key, "new", json_type(value))
            for row in rows
            for key, value in row.items()
            if key not in asked and key not in UNINVITED
        }
        columns = {c.name: _values(table, c, rows, context, batch) for c in table.all_columns}
        batch.frames[table] = build_frame(table, columns, batch)
        return batch


UNINVITED = frozenset({"id", "project.name", "project"})
"""Columns Sentry adds unasked to queries without aggregates (facts §4.5)."""


def _decode(body: bytes) -> Answer:
    try:
        return read_json(_decoder.decode, body)
    except Unreadable as error:
        raise Unreadable(f"no Discover answer: {error}") from None


def typed_table(table: Table, types: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> Table:
    """The table with the types its answer names. Ids stay text, and so does a part of the key of which some
    value would not fit: as null it would make rows equal that are not. Only texts have a default for null.
    """

    def typed(column: Column) -> Column:
        named = types.get(column.at) if isinstance(column.at, str) else None
        type_ = TYPES.get(named, Type.VARCHAR) if named else column.type
        if is_id(column.name) or type_ is column.type:
            return column
        retyped = replace(column, type=type_, default=None)
        return column if column.name in table.key and not _holds(retyped, rows) else retyped

    declared = tuple(
        c for c in table.all_columns if c.name not in ("organization_id", "_run_id", "_loaded_at")
    )
    return replace(table, columns=tuple(typed(c) for c in declared))


def _holds(column: Column, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether the column's type takes every row's value."""
    fitted = [fit(row.get(str(column.at)), column.type) for row in rows]
    if not all(fits for _, fits in fitted):
        return False
    _, unread = build_series(column, [value for value, _ in fitted])
    return not unread


def is_id(name: str) -> bool:
    """Whether a column holds an id, which is text whatever the source sends."""
    return bool(re.search(r"(^|_)id$", name))


def _values(
    table: Table, column: Column, rows: Sequence[dict[str, Any]], context: Mapping[str, Any], batch: Batch
) -> list[Any]:
    if isinstance(column.at, Context):
        return [context[column.at.name]] * len(rows)
    made = []
    for row in rows:
        value = row.get(str(column.at))
        fitted, fits = fit(value, column.type)
        if not fits:
            text = msgspec.json.encode(value).decode()[:REJECT_VALUE_CHARACTERS]
            reason = f"{json_type(value)} where {column.type.value} is declared"
            batch.rejects.append(Reject(table.name, "", str(column.at), reason, text))
        made.append(fitted)
    return made


def fit(value: Any, type_: Type) -> tuple[Any, bool]:
    """The value as the column's type and whether it fitted."""
    if value is None:
        return None, True
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if type_ is Type.JSON:
        return msgspec.json.encode(value).decode(), True
    if type_ is Type.BIGINT:
        whole = number and value == int(value) and -(2**63) <= value < 2**63
        return (int(value), True) if whole else (None, False)
    if type_ is Type.DOUBLE:
        holds = number and abs(value) <= sys.float_info.max
        return (float(value), True) if holds else (None, False)
    if type_ is Type.BOOLEAN:
        truth = value in (0, 1) if number else isinstance(value, bool)
        return (bool(value), True) if truth else (None, False)
    return (value if isinstance(value, str) else msgspec.json.encode(value).decode()), True
