"""What a table is: each column written once, with its type, meaning and place in Sentry's payload.

Decoder, polars schema, DDL, COMMENTs and the data dictionary are derived from these values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Type(StrEnum):
    """DuckDB's name of a column's type. Times are UTC without a zone; JSON is the text as received."""

    VARCHAR = "VARCHAR"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class Tag:
    """The value of one tag in the record's `tags` list of {key, value}."""

    key: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A place in the record that holds the list a child table is made from."""

    path: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """Not in the payload: known of the slice it was asked for (`organization_id`, `project_id`, …)."""

    name: str


@dataclass(frozen=True, slots=True)
class Up:
    """A place in the element whose list the row's list stands in: the exception of a frame."""

    at: str
    levels: int = 1


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for all rows of one list; with `Each`."""

    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Made:
    """What a function makes of several places, given as (path, type).

    It takes a list of values a place, and returns one as long. JSON comes as bytes; texts are returned so.
    """

    places: tuple[tuple[str, Type], ...]
    make: Callable[..., list[Any]]


ELEMENT = "."
"""The element itself: for lists of plain values; as JSON also for objects."""

POSITION = "#"
"""The element's place in its list, from 0."""

KEY = "@"
"""The name an element has in an object (`contexts{}`), or its type in a list by type (`entries[*]`)."""

GIVEN = "?"
"""Another place in each of the lists that rows are made from: see `Each`."""

Place = str | tuple[str, ...] | Tag | Parent | Context | Up | Constant | Made
"""Keys joined by `/`; of several places the first that is not null counts."""


@dataclass(frozen=True, slots=True)
class Each:
    """A list that rows are made from, and the places of the columns that are GIVEN.

    The path's keys are joined by `/`. A list on the way is marked `values[]`, one of {type, data} of which
    only a type is meant `entries[exception]` (`[*]` = all types that no other path names), an object whose
    keys are names `contexts{}`.
    """

    path: str
    given: tuple[tuple[str, Place], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `default` replaces null: key columns need one where Sentry may leave the value out. With `keep`, a null
    does not replace what is stored: only some answers have the value, and it never changes.
    """

    name: str
    type: Type
    comment: str
    at: Place
    default: str | None = None
    keep: bool = False


def _provenance() -> tuple[Column, ...]:
    return (
        Column("_run_id", Type.VARCHAR, "Run that loaded this row (meta.runs).", Context("_run_id")),
        Column("_loaded_at", Type.TIMESTAMP, "When this row was loaded (UTC).", Context("_loaded_at")),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `comment` says in one sentence what a row is (the grain).

    `organization_id` is put in front and `_run_id`, `_loaded_at` behind the declared columns, so that
    no table can lack them. A child table names the list it is made from (`each`) and the table whose
    records hold it (`parent`); its rows live and are replaced together with their parent's.

    `history` names a table that keeps every state the `tracked` columns were ever seen in, one row per
    state from `valid_from` to `valid_to` (null = still so). `marks` are columns that no payload fills:
    the loader sets them when a record turns out to be deleted or merged. `without` names a place and the
    values there of records that make no rows of this table, `only` those of the records that alone do.
    `nullable_key` says that parts of the key may be null, which then equals null: fields of a query that the
    source fills for some rows only.
    """

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    each: str | tuple[Each, ...] = ""
    parent: str = ""
    without: tuple[Place, tuple[str, ...]] | None = None
    only: tuple[Place, tuple[str, ...]] | None = None
    schema: str = "main"
    history: str = ""
    tracked: tuple[str, ...] = ()
    marks: tuple[Column, ...] = ()
    bookkeeping: bool = False
    nullable_key: bool = False
    all_columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        organization = Column(
            "organization_id",
            Type.VARCHAR,
            "Sentry's id of the organization.",
            Context("organization_id"),
        )
        declared = self.columns
        if self.bookkeeping:
            object.__setattr__(self, "all_columns", declared)
            return
        if not any(c.name == "organization_id" for c in declared):
            declared = (organization, *declared)
        object.__setattr__(self, "all_columns", (*declared, *_provenance()))
        if self.key[0] != "organization_id":
            object.__setattr__(self, "key", ("organization_id", *self.key))

    @property
    def lists(self) -> tuple[Each, ...]:
        """The lists that rows are made from; empty where a record is a row."""
        if isinstance(self.each, tuple):
            return self.each
        return (Each(self.each),) if self.each else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in the table's order."""
        return tuple(c.name for c in self.all_columns)

    @property
    def full_name(self) -> str:
        """Quoted name with its schema."""
        return f"{self.schema}.{quote(self.name)}"


def quote(name: str) -> str:
    """An identifier as SQL takes it whatever it holds."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


def literal(text: str) -> str:
    """A string as an SQL literal, for statements that take no parameters (COMMENT, ATTACH)."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def snake_case(text: str) -> str:
    """Sentry's spelling of a name as a column: `firstSeen` → `first_seen`, `p95(transaction.duration)` →
    `p95_transaction_duration`, `tags[x]` → `tags_x`, `count()` → `count`.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^0-9a-z]+", "_", spaced.lower()).strip("_") or "unnamed"


def history_table(table: Table) -> Table:
    """The table that keeps the states of a table with `history`."""
    by_name = {c.name: c for c in table.all_columns}
    columns = tuple(by_name[n] for n in (*table.key[1:], "project_id", *table.tracked) if n in by_name)
    return Table(
        table.history,
        f"One row per state that exports saw in {table.name}, and from when to when they saw it.",
        (*table.key, "valid_from"),
        (
            *columns,
            Column("valid_from", Type.TIMESTAMP, "First seen in this state (UTC).", Context("valid_from")),
            Column(
                "valid_to",
                Type.TIMESTAMP,
                "First seen in another state, deleted or merged (UTC); null for the present state.",
                Context("valid_to"),
            ),
        ),
    )


def stored_columns(table: Table) -> tuple[Column, ...]:
    """All columns of the table as stored: declared ones, marks, provenance."""
    return (*table.all_columns, *table.marks)


def create_statements(table: Table) -> list[str]:
    """DDL of a table with a COMMENT on it and on each column. No primary key: uniqueness is a check
    (a key in DuckDB makes the file 4 times larger and an upsert of 100k rows 40 s instead of 0.6 s).
    """
    columns = ", ".join(f"{quote(c.name)} {c.type.value}" for c in stored_columns(table))
    return [
        f"create table if not exists {table.full_name} ({columns})",
        *comment_statements(table),
    ]


def key_of(comment: str) -> list[str]:
    """Names of the key's columns, which every COMMENT on a table ends with."""
    found = re.search(r" Key: ([a-z0-9_]+(?:, [a-z0-9_]+)*)\.$", comment)
    return found[1].split(", ") if found else []


def keys_that_stand_twice(full_name: str, key: Sequence[str]) -> str:
    """A SELECT of the keys that more than one row of a table has. It groups by 8 bytes a row first: with the
    texts of 46 million keys DuckDB does not come through in `memory`, with these it does, sooner."""
    names = ", ".join(map(quote, key))
    return (
        f"select {names} from {full_name} where hash({names}) in "
        f"(select hash({names}) from {full_name} group by all having count(*) > 1) "
        "group by all having count(*) > 1"
    )


def comment_statements(table: Table) -> list[str]:
    """COMMENTs on a table and its columns."""
    grain = f"{table.comment} Key: {', '.join(table.key)}."
    return [
        f"comment on table {table.full_name} is {literal(grain)}",
        *(
            f"comment on column {table.full_name}.{quote(c.name)} is {literal(c.comment)}"
            for c in stored_columns(table)
        ),
    ]
