"""Python columns to polars frames with exactly a table's schema; times parsed here, the odd ones reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from warehouse.schema import Column, Table, Type

POLARS = {
    Type.VARCHAR: pl.String(),
    Type.BIGINT: pl.Int64(),
    Type.DOUBLE: pl.Float64(),
    Type.BOOLEAN: pl.Boolean(),
    Type.TIMESTAMP: pl.Datetime("us"),
    Type.JSON: pl.String(),
}


@dataclass(frozen=True, slots=True)
class Drift:
    """A payload field that is not as declared: `kind` is new or type, `found` the JSON type met."""

    path: str
    kind: str
    found: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A value (or record, when `path` is empty) that fits no column; the rest of its record is loaded."""

    table: str
    record: str
    path: str
    reason: str
    value: str


@dataclass(slots=True)
class Batch:
    """What pages became.

    frames    table → frame with exactly the table's schema, keys unique and never null
    records   how many records the pages held
    clear     intervals (from, to) whose rows the frames replace; empty for upserts
    expected  sums the source gives for what the frames hold, where it gives any, by column name
    """

    frames: dict[Table, pl.DataFrame] = field(default_factory=dict)
    records: int = 0
    drift: set[Drift] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    clear: tuple[Any, Any] | None = None
    complaint: str = ""


def polars_schema(table: Table) -> pl.Schema:
    """The polars schema of a table's frames."""
    return pl.Schema({c.name: POLARS[c.type] for c in table.all_columns})


def parse_times(texts: pl.Series) -> pl.Series:
    """ISO 8601 texts of any precision and offset as UTC Datetime("us") without a zone; null where it is
    no time. Sentry mixes precisions in one column (facts §4.0), some servers leave the zone out.
    """
    parsed = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if parsed.null_count() > texts.null_count():
        bare = texts.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
        parsed = parsed.fill_null(
            (bare + "Z").str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        )
    return parsed.dt.replace_time_zone(None)


def build_series(column: Column, values: Sequence[Any]) -> tuple[pl.Series, list[int]]:
    """The column's series and the places where a time could not be read."""
    dtype = POLARS[column.type]
    if column.type is not Type.TIMESTAMP or (values and not isinstance(_first(values), str)):
        series = pl.Series(column.name, values, dtype=dtype)
        if column.default is not None:
            series = series.fill_null(column.default)
        return series, []
    texts = pl.Series(column.name, values, dtype=pl.String())
    parsed = parse_times(texts)
    bad: list[int] = []
    if parsed.null_count() > texts.null_count():
        bad = (parsed.is_null() & texts.is_not_null()).arg_true().to_list()
    return parsed.alias(column.name), bad


def _first(values: Sequence[Any]) -> Any:
    return next((v for v in values if v is not None), "")


def build_frame(table: Table, columns: Mapping[str, Sequence[Any]], batch: Batch) -> pl.DataFrame:
    """A frame of the table's schema from one list a column.

    Rows without a key are left out and reported, duplicates by key go (the last one stays).
    """
    series, unread = [], []
    for column in table.all_columns:
        values = columns[column.name]
        built, bad = build_series(column, values)
        series.append(built)
        unread += [(column, i, values[i]) for i in bad]
    frame = pl.DataFrame(series, schema=polars_schema(table))
    for column, i, value in unread:
        batch.rejects.append(
            Reject(table.name, record_name(table, frame, i), str(column.at), "not a time", str(value))
        )
    return unique_by_key(table, frame, batch)


def record_name(table: Table, frame: pl.DataFrame, row: int) -> str:
    """The key of a row as people read it."""
    return ", ".join(f"{k}={frame[k][row]}" for k in table.key if k != "organization_id")


def unique_by_key(table: Table, frame: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The frame without rows whose key is null (reported) and without duplicates (the last stays)."""
    keys = list(table.key)
    if any(frame[k].null_count() for k in keys):
        keyless = frame.filter(pl.any_horizontal(pl.col(keys).is_null()))
        batch.rejects += [
            Reject(table.name, record_name(table, keyless, i), "", "key is null", "")
            for i in range(keyless.height)
        ]
        frame = frame.drop_nulls(keys)
    if frame.height > 1 and frame.select(keys).is_duplicated().any():
        frame = frame.unique(keys, keep="last", maintain_order=True)
    return frame
