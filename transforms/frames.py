"""Python columns to polars frames with exactly a table's schema; times parsed here, the odd ones reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl

from warehouse.schema import Column, Table, Type

POLARS: dict[Type, Any] = {
    Type.VARCHAR: pl.String,
    Type.BIGINT: pl.Int64,
    Type.DOUBLE: pl.Float64,
    Type.BOOLEAN: pl.Boolean,
    Type.TIMESTAMP: pl.Datetime("us"),
    Type.JSON: pl.String,
}


EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""First and last microsecond of the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A payload field that is not as declared: `kind` is new, type, or repaired (a body that strict JSON
    decoders refuse); `found` the JSON type met."""

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

    frames     table → frame with exactly the table's schema, keys unique and never null
    records    how many records the pages held
    drift      fields that are not as declared
    rejects    values that fit no column
    clear      time (from, to) whose intervals the frames replace; None where they replace none
    complaint  "capped" or "sampled" where the source left something out; "" where it says nothing of that
    """

    frames: dict[Table, pl.DataFrame] = field(default_factory=dict)
    records: int = 0
    drift: set[Drift] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    clear: tuple[Any, Any] | None = None
    complaint: str = ""


@lru_cache(maxsize=256)
def polars_schema(table: Table) -> pl.Schema:
    """The polars schema of a table's frames."""
    return pl.Schema({c.name: POLARS[c.type] for c in table.all_columns})


@lru_cache(maxsize=256)
def empty_frame(table: Table) -> pl.DataFrame:
    """A frame of the table's schema without rows; made once, as polars takes 0.15 ms for it."""
    return pl.DataFrame(schema=polars_schema(table))


def parse_times(texts: pl.Series) -> pl.Series:
    """ISO 8601 texts of any precision and offset as UTC Datetime("us") without a zone; null where it is
    no time. Sentry mixes precisions in one column (facts §4.0), some servers leave the zone out. Numbers are
    read as `parse_epochs` does.
    """
    parsed = _usual(texts)
    if parsed.null_count() > texts.null_count():
        parsed = parsed.fill_null(_iso(texts))
    if parsed.null_count() > texts.null_count():
        bare = texts.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
        parsed = parsed.fill_null(_iso(bare + "Z"))
    parsed = _within_range(parsed)
    if parsed.null_count() > texts.null_count():
        parsed = parsed.fill_null(parse_epochs(texts.cast(pl.Float64(), strict=False)))
    return parsed


USUAL = {20: "%Y-%m-%dT%H:%M:%SZ", 24: "%Y-%m-%dT%H:%M:%S.%3fZ", 27: "%Y-%m-%dT%H:%M:%S.%6fZ"}
"""How Sentry writes most times, by their length: read twice as fast as ISO 8601 of any form (4,500 texts)."""
MANY_TIMES = 1_000
"""So many times are worth a try with the form of the first."""


def _usual(texts: pl.Series) -> pl.Series:
    """Times; null, where there are many, also for those that have another form than the first."""
    first = texts.first(ignore_nulls=True) if len(texts) >= MANY_TIMES else None
    form = USUAL.get(len(first)) if isinstance(first, str) else None
    return _iso(texts) if form is None else texts.str.to_datetime(form, time_unit="us", strict=False)


def _iso(texts: pl.Series) -> pl.Series:
    parsed = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    return parsed.cast(pl.Datetime("us"))


def _within_range(times: pl.Series) -> pl.Series:
    """Times of the years 1 to 9999; others are null: neither Python nor most clients can hold them."""
    if times.is_empty() or times.null_count() == len(times):
        return times
    numbers = times.cast(pl.Int64)  # to_physical takes twenty times as long
    if numbers.min() >= EARLIEST and numbers.max() <= LATEST:  # type: ignore[operator]
        return times
    return times.set(~numbers.is_between(EARLIEST, LATEST), None)


def parse_epochs(numbers: pl.Series) -> pl.Series:
    """Numbers as times: seconds since 1970, or milli-, micro-, nanoseconds where that is what fits a time
    between 1973 and 5138; null where none does."""
    frame = pl.DataFrame({"n": numbers})
    scaled = pl.coalesce(
        pl.when(pl.col("n").is_between(10.0**low, 10.0 ** (low + 3), closed="left")).then(
            pl.col("n") * 10.0 ** (14 - low)
        )
        for low in (8, 11, 14, 17)
    )
    return frame.select(scaled.round().cast(pl.Int64()).cast(pl.Datetime("us"))).to_series()


def build_series(column: Column, values: Sequence[Any]) -> tuple[pl.Series, list[int]]:
    """The column's series and the places where a time could not be read."""
    dtype = POLARS[column.type]
    if not values or (values[0] is None and _all_null(values)):
        series = nothing(len(values), column.type).alias(column.name)
    elif column.type is Type.TIMESTAMP:
        series = _times(values).alias(column.name)
        if series.null_count() > values.count(None):
            return series, [i for i in series.is_null().arg_true() if values[i] is not None]
    else:
        series = pl.Series(column.name, values, dtype=dtype)
    if column.default is not None:
        series = series.fill_null(column.default)
    return series, []


def _all_null(values: Sequence[Any]) -> bool:
    return values.count(None) == len(values)


def nothing(length: int, type_: Type) -> pl.Series:
    """So many nulls."""
    return _NULLS[type_].new_from_index(0, length)


_NULLS = {type_: pl.Series([None], dtype=dtype) for type_, dtype in POLARS.items()}


def _times(values: Sequence[Any]) -> pl.Series:
    """Times from ISO texts, numbers or datetimes, also mixed."""
    first = next(v for v in values if v is not None)
    try:
        if isinstance(first, str):
            return parse_times(pl.Series(values, dtype=pl.String))
        if isinstance(first, int | float):
            return parse_epochs(pl.Series(values, dtype=pl.Float64))
        return pl.Series(values, dtype=pl.Datetime("us"))
    except TypeError:
        texts = [v if v is None or isinstance(v, str) else repr(v) for v in values]
        return parse_times(pl.Series(texts, dtype=pl.String))


def build_frame(
    table: Table, columns: Mapping[str, Sequence[Any] | pl.Series], batch: Batch, *, unique: bool = False
) -> pl.DataFrame:
    """A frame of the table's schema from one list or series a column.

    Rows without a key are left out and reported, duplicates by key go (the last one stays); `unique` says
    that there are none.
    """
    series, unread = [], []
    for column in table.all_columns:
        values = columns[column.name]
        if isinstance(values, pl.Series):
            filled = values if column.default is None else values.fill_null(column.default)
            series.append(filled.alias(column.name))
            continue
        built, bad = build_series(column, values)
        series.append(built)
        unread += [(column, i, values[i]) for i in bad]
    frame = pl.DataFrame(series)
    for column, i, value in unread:
        batch.rejects.append(
            Reject(table.name, record_name(table, frame, i), str(column.at), "not a time", str(value))
        )
    return frame if unique else unique_by_key(table, frame, batch)


def record_name(table: Table, frame: pl.DataFrame, row: int) -> str:
    """The key of a row as people read it."""
    return ", ".join(f"{k}={frame[k][row]}" for k in table.key if k != "organization_id")


def unique_by_key(table: Table, frame: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The frame without rows whose key must not be null but is (reported), and without duplicates (the last
    stays)."""
    keys = list(table.key)
    if not table.nullable_key and any(frame[k].null_count() for k in keys):
        keyless = frame.filter(pl.any_horizontal(pl.col(keys).is_null()))
        batch.rejects += [
            Reject(table.name, record_name(table, keyless, i), "", "key is null", "")
            for i in range(keyless.height)
        ]
        frame = frame.drop_nulls(keys)
    if frame.height > 1 and frame.select(keys).is_duplicated().any():
        frame = frame.unique(keys, keep="last", maintain_order=True)
    return frame
