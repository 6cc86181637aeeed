"""Answers of stats_v2 and sessions (groups × intervals) to one row a group and interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import msgspec
import polars as pl

from transforms.discover import fit
from transforms.frames import Batch, Reject, build_frame, parse_times
from transforms.repair import Unreadable, read_json
from transforms.shape import json_type
from warehouse.schema import Column, Context, Table

Number = int | float | None


class Group(msgspec.Struct):
    """One group of the answer: `series` has a list as long as `intervals` for each field asked."""

    by: dict[str, str | int | float | bool | None] = {}
    totals: dict[str, Number] = {}
    series: dict[str, list[Number]] | None = None


class Answer(msgspec.Struct):
    """A stats_v2 or sessions answer (facts §4.3, §4.4)."""

    groups: list[Group]
    intervals: list[str] | None = None


_decoder = msgspec.json.Decoder(Answer, strict=False)


class SeriesReader:
    """Reads series answers into one table; columns say `by/<group>`, `series/<field>` or `interval`.

    Rows whose every measure is null or 0 are left out: the API fills gaps with zeros.
    """

    def __init__(self, tables: tuple[Table, ...]) -> None:
        (self.table,) = tables
        self.measures = [c for c in self.table.all_columns if _field(c, "series")]

    def read(self, bodies: Iterable[bytes], context: Mapping[str, Any]) -> Batch:
        """Answers as a Batch; `clear` spans their intervals, `complaint` says "capped" when the series of
        a group do not add up to its totals (the silent 10,000-row limit).

        Raises Unreadable for a body that is no such answer, or one without series.
        """
        batch = Batch()
        answers = [decode_answer(body) for body in bodies]
        for answer, item in zip(answers, context.get("items", ()), strict=False):
            fix_group(answer, item)
        columns: dict[str, list[Any]] = {c.name: [] for c in self.table.all_columns}
        for answer in answers:
            if answer.intervals is None or any(g.series is None for g in answer.groups):
                raise Unreadable("an answer without series: the server grouped in a way that has none")
            for group in answer.groups:
                if not adds_up(group):
                    batch.complaint = "capped"
                batch.records += self._add(group, answer.intervals, columns, context, batch)
        batch.frames[self.table] = build_frame(self.table, columns, batch)
        batch.clear = span(answers, context.get("interval_seconds"))
        return batch

    def _add(
        self,
        group: Group,
        intervals: list[str],
        columns: dict[str, list[Any]],
        context: Mapping[str, Any],
        batch: Batch,
    ) -> int:
        series = group.series or {}
        measures = {c.name: series.get(_field(c, "series")) or [] for c in self.measures}
        if any(len(values) not in (0, len(intervals)) for values in measures.values()):
            raise Unreadable("a series whose length differs from its intervals")
        kept = [i for i in range(len(intervals)) if any(v and v[i] for v in measures.values())]
        for column in self.table.all_columns:
            field = _field(column, "by")
            if isinstance(column.at, Context):
                values = [context[column.at.name]] * len(kept)
            elif field:
                by = group.by.get(field)
                values = [None if by is None else str(by)] * len(kept)
            elif column.name in measures:
                found = measures[column.name]
                values = [_fitted(self.table, column, found[i], batch) if found else None for i in kept]
            else:
                values = [intervals[i] for i in kept]
            columns[column.name] += values
        return len(kept)


def _fitted(table: Table, column: Column, value: Number, batch: Batch) -> Number:
    """The number as its column holds it; null, and reported, where it does not."""
    fitted, fits = fit(value, column.type)
    if not fits:
        reason = f"{json_type(value)} where {column.type.value} is declared"
        batch.rejects.append(Reject(table.name, "", str(column.at), reason, repr(value)))
    return cast(Number, fitted)


def _field(column: Column, kind: str) -> str:
    at = column.at
    return at.partition("/")[2] if isinstance(at, str) and at.startswith(kind + "/") else ""


def decode_answer(body: bytes) -> Answer:
    """A body as an Answer. Raises Unreadable."""
    try:
        return read_json(_decoder.decode, body)
    except Unreadable as error:
        raise Unreadable(f"no series answer: {error}") from None


def fix_group(answer: Answer, item: str) -> None:
    """Puts back what a question fixed instead of grouping by it, told as `group:value`."""
    name, colon, value = item.partition(":")
    if colon:
        for group in answer.groups:
            group.by[name] = value


def sum_of_series(answer: Answer, field: str) -> int:
    """The sum of a field over all groups and intervals."""
    return sum(int(v or 0) for group in answer.groups for v in (group.series or {}).get(field, ()))


def adds_up(group: Group) -> bool:
    """Whether the series of each sum reach the group's total; other fields are not additive."""
    for field, total in group.totals.items():
        if field.startswith("sum(") and group.series and field in group.series:
            reached = sum(v or 0 for v in group.series[field])
            if total is not None and reached < total:
                return False
    return True


def span(answers: Iterable[Answer], interval_seconds: int | None) -> tuple[datetime, datetime] | None:
    """From the first interval to the end of the last; None where there are no intervals. A single one is as
    long as was asked for: rows of shorter ones in it make way, too."""
    texts = [t for a in answers for t in a.intervals or []]
    times = sorted(t for t in parse_times(pl.Series(texts, dtype=pl.String())).to_list() if t is not None)
    if not times:
        return None
    asked = timedelta(seconds=interval_seconds or 0)
    step = min((b - a for a, b in pairwise(times) if b > a), default=asked)
    return times[0], times[-1] + (step or timedelta(microseconds=1))
