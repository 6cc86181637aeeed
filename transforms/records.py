"""Lists of JSON objects to frames: compiled and strict first, field by field where a record does not fit."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
import polars as pl
from msgspec import Raw

from transforms.conform import (
    Misfits,
    conform,
    new_fields,
    read_list,
    read_object,
)
from transforms.frames import Batch, Drift, Reject, build_frame, empty_frame
from transforms.levels import Level, Levels, Walker, id_series
from transforms.repair import MISFIT, Unreadable, as_utf8, repair
from transforms.shape import Node, at_in, build_tree, compile_node, leaf_of, places
from warehouse.schema import KEY, POSITION, Column, Constant, Context, Each, Parent, Table, Type, Up

MANY = 40
"""So many new fields of one object are names rather than fields: no more of them are told apart."""
UNSPEAKABLE = re.compile(r'[\\"\x00-\x1f]')
"""What the names of a compiled decoder's fields can not hold."""


class RecordReader:
    """Reads pages of one request into its tables.

    It learns unknown fields while it reads, so one reader is kept for a run; `read` may be called from
    several threads (learning twice does no harm).
    """

    def __init__(self, tables: tuple[Table, ...], ignored: tuple[str, ...] = ()) -> None:
        self.tables = tables
        self.ignored = ignored
        self._learnt: frozenset[str] = frozenset()
        self.tree = self._compile()

    def _compile(self) -> Node:
        """The payload places that are known: declared, left out, learnt."""
        tree = build_tree(self.tables, self.ignored, self._learnt)
        compile_node(tree)
        return tree

    def read(self, bodies: Iterable[bytes], context: Mapping[str, Any]) -> Batch:
        """Pages (JSON lists of objects) as a Batch. `context` gives the values of Context columns.

        Raises Unreadable for a body that is no JSON list.
        """
        # a batch makes many objects at once and none that refer to themselves: looking for such ones among
        # them takes a fifth of the time
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._read(list(bodies), context)
        finally:
            if collecting:
                gc.enable()

    def _read(self, kept: list[bytes], context: Mapping[str, Any]) -> Batch:
        drift: set[Drift] = set()
        while True:
            batch = Batch(drift=drift)
            tree = self.tree
            records = [record for body in kept for record in self._decode(tree, body, batch)]
            if tree is self.tree:
                break  # else something was learnt, and structs of two trees do not mix
        self._fill(tree, records, batch, context)
        return batch

    def decode(self, bodies: Iterable[bytes]) -> list[Any]:
        """Only the decoding, to measure what the rest costs."""
        return [record for body in bodies for record in self._decode(self.tree, body, Batch())]

    def _decode(self, tree: Node, body: bytes, batch: Batch) -> list[Any]:
        try:
            records: list[Any] = tree.decode_list(body)
        except MISFIT:
            return self._decode_each(tree, body, batch)
        batch.records += len(records)
        return records

    def _decode_each(self, tree: Node, body: bytes, batch: Batch) -> list[Any]:
        try:
            if as_utf8(body) is not body:
                raise UnicodeDecodeError("utf-8", b"", 0, 1, "not UTF-8")
            raws = read_list(body)
        except msgspec.ValidationError as error:
            raise Unreadable(f"not a JSON list: {error}") from None
        except MISFIT:
            batch.drift.add(Drift("", "repaired", "string"))
            return self._decode(tree, repair(body), batch)
        batch.records += len(raws)
        records, misfits = [], []
        for raw in raws:
            try:
                records.append(tree.decode(raw))
            except MISFIT:
                misfits.append((len(records), raw))
                records.append(None)
        if misfits and self._learn(tree, [raw for _, raw in misfits], batch):
            return []
        for index, raw in misfits:
            noted = Misfits(batch, self.tables[0].name, _name_record(raw))
            records[index] = conform(tree, raw, "", noted)
        return [record for record in records if record is not None]

    def _learn(self, tree: Node, raws: Sequence[Raw], batch: Batch) -> bool:
        """Takes note of new fields; False where there is nothing to be learnt: no new field, or one where the
        tree has no room for it, such as a field of an object that stands for a list."""
        found = {drift for raw in raws for drift in new_fields(tree, raw)}
        if not found:
            return False
        counts = Counter(drift.path.rpartition("/")[0] for drift in found)
        counts.update(path.rpartition("/")[0] for path in self._learnt)
        paths = set()
        for drift in found:
            above = drift.path.rpartition("/")[0]
            if counts[above] > MANY or UNSPEAKABLE.search(drift.path):
                paths.add(f"{above}/*".lstrip("/"))
                drift = Drift(f"{above}/*".lstrip("/"), "new", "object")  # noqa: PLW2901
            else:
                paths.add(drift.path)
            batch.drift.add(drift)
        if not paths <= self._learnt:
            self._learnt |= paths
            self.tree = self._compile()
        return self.tree is not tree  # another thread may have learnt the same

    def _fill(self, tree: Node, records: list[Any], batch: Batch, context: Mapping[str, Any]) -> None:
        records, names = latest_by_key(self.tables[0], tree, records, batch)
        misfits = Misfits(batch, self.tables[0].name, "")
        levels = Levels(tree, records, names, misfits)
        for table in self.tables:
            own = levels
            chosen = table.only or table.without
            if chosen is not None:
                at, values = chosen
                found = cast(Walker, levels.records.walker).first(places(at))
                left_out = [(v in values) is (table.only is None) for v in found]
                if all(left_out):
                    batch.frames[table] = empty_frame(table)
                    continue
                if any(left_out):
                    own = Levels(
                        tree,
                        [r for r, out in zip(records, left_out, strict=True) if not out],
                        [n for n, out in zip(names, left_out, strict=True) if not out],
                        misfits,
                    )
            unique = is_one_a_record(table, self.tables[0]) or is_unique_by_place(table)
            batch.frames[table] = table_frame(table, own, context, batch, unique=unique)
            own.report()


def table_frame(
    table: Table, levels: Levels, context: Mapping[str, Any], batch: Batch, *, unique: bool
) -> pl.DataFrame:
    """The table's rows, from each of its lists; `unique` says that no two have one key."""
    frames: list[pl.DataFrame] = []
    for each in table.lists or (None,):
        level = levels.at(each)
        if len(level):
            columns = {c.name: _series(c, each, level, context) for c in table.all_columns}
            frames.append(build_frame(table, columns, batch, unique=unique))
    if not frames:
        return empty_frame(table)
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def _series(column: Column, each: Each | None, level: Level, context: Mapping[str, Any]) -> pl.Series:
    at = at_in(column, each)
    if isinstance(at, Context | Constant):
        value = context[at.name] if isinstance(at, Context) else at.value
        return level.constant(column.type, value)
    return level.series(column, at)


def is_unique_by_place(table: Table) -> bool:
    """Whether the key only says where a row stood in its record, so that there can be no two of one key."""
    by_name = {c.name: c for c in table.all_columns}
    own: list[Any] = [by_name[k].at for k in table.key if k not in ("organization_id",)]
    kinds = (Parent, Up, Constant)
    return (
        bool(table.lists)
        and all(at in (POSITION, KEY, "?") or isinstance(at, kinds) for at in own)
        and any(isinstance(at, Parent) for at in own)
    )


def is_one_a_record(table: Table, root: Table) -> bool:
    """Whether a table has a row a record and the key of the first table, by which records are told apart;
    only where it is of texts: two different numbers or times may mean the same."""
    own, first = (
        [(c.at, c.default) for c in t.all_columns if c.name in t.key and not isinstance(c.at, Context)]
        for t in (table, root)
    )
    texts = all(c.type is Type.VARCHAR for c in table.all_columns if c.name in table.key)
    return not table.lists and texts and bool(own) and own == first


def latest_by_key(
    root: Table, tree: Node, records: list[Any], batch: Batch
) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """The records without earlier copies of the same key, so that no child of an outdated copy stays, and
    without those that have no key (reported); with their keys."""
    by_payload = [c for c in root.all_columns if c.name in root.key and not isinstance(c.at, Context)]
    walker = Walker(tree, records)
    keys = list(zip(*(_key_values(walker, c) for c in by_payload), strict=True))
    if not by_payload:
        return records, [()] * len(records)
    keyless = sum(None in key for key in keys)
    if not keyless and len(set(keys)) == len(keys):
        return records, keys
    batch.rejects += [Reject(root.name, "", "", "key is null", "")] * keyless
    last = {key: i for i, key in enumerate(keys) if None not in key}
    kept = [i for i, key in enumerate(keys) if last.get(key) == i]
    return [records[i] for i in kept], [keys[i] for i in kept]


def _key_values(walker: Walker, column: Column) -> Sequence[Any]:
    values = walker.first(places(column.at))
    if leaf_of(column.name, column.type) == "id":
        values = id_series(column, values).to_list()
    return values if column.default is None else [column.default if v is None else v for v in values]


def _name_record(raw: Raw) -> str:
    try:
        fields = read_object(raw)
    except MISFIT:
        return ""
    return str(cast(Any, fields.get("id", b"")), "utf-8", "replace").strip('"')
