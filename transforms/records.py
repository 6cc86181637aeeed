"""Lists of JSON objects to frames: compiled and strict first, field by field where a record does not fit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

import msgspec
from msgspec import Raw

from transforms.frames import Batch, Drift, Reject, build_frame
from transforms.shape import (
    LEAF_TYPES,
    NULL,
    Items,
    Node,
    build_tree,
    compile_node,
    decoder_of_list,
    escape,
    json_type,
    leaf_of,
    places,
    unknown_paths,
)
from warehouse.schema import ELEMENT, POSITION, Column, Context, Parent, Table, Tag, Type

REJECT_VALUE_CHARACTERS = 1000
"""A rejected value is kept up to this length; the archive holds it whole."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_object = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])


class Unreadable(ValueError):
    """A body that is no JSON at all, or not of the shape its endpoint answers with."""


def repair(body: bytes) -> bytes:
    """The same JSON without what strict decoders refuse: NaN and infinities become null, lone surrogates
    U+FFFD, bytes that are no UTF-8 too.

    Raises Unreadable when it is no JSON.
    """

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return LONE_SURROGATE.sub("\ufffd", value)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, list):
            return [clean(v) for v in value]
        if isinstance(value, dict):
            return {LONE_SURROGATE.sub("\ufffd", k): clean(v) for k, v in value.items()}
        return value

    try:
        loaded = json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None)
        return json.dumps(clean(loaded), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None


class RecordReader:
    """Reads pages of one request into its tables.

    It learns unknown fields while it reads, so one reader is kept for a run; `read` may be called from
    several threads (learning twice does no harm).
    """

    def __init__(self, tables: tuple[Table, ...], ignored: tuple[str, ...] = ()) -> None:
        self.tables = tables
        self.ignored = ignored
        self._learnt: frozenset[str] = frozenset()
        self._compile()

    def _compile(self) -> None:
        tree = build_tree(self.tables, self.ignored, self._learnt)
        compile_node(tree)
        self._tools = (tree, decoder_of_list(tree), msgspec.json.Decoder(tree.struct, strict=False))

    def read(self, bodies: Iterable[bytes], context: Mapping[str, Any]) -> Batch:
        """Pages (JSON lists of objects) as a Batch. `context` gives the values of Context columns.

        Raises Unreadable for a body that is no JSON list.
        """
        batch = Batch()
        records: list[Any] = []
        for body in bodies:
            records += self._decode(body, batch)
        batch.records = len(records)
        tree = self._tools[0]
        records = latest_by_key(self.tables[0], tree, records)
        for table in self.tables:
            columns = table_columns(table, tree, records, context)
            batch.frames[table] = build_frame(table, columns, batch)
        return batch

    def _decode(self, body: bytes, batch: Batch) -> list[Any]:
        try:
            return self._tools[1].decode(body)
        except msgspec.ValidationError:
            pass
        except msgspec.DecodeError:
            body = repair(body)
        try:
            raws = _list.decode(body)
        except msgspec.DecodeError as error:
            raise Unreadable(f"not a JSON list: {error}") from None
        self._learn(raws, batch)
        try:
            return self._tools[1].decode(body)
        except msgspec.ValidationError:
            return [r for r in (self._decode_one(raw, batch) for raw in raws) if r is not None]

    def _learn(self, raws: Sequence[Raw], batch: Batch) -> None:
        tree = self._tools[0]
        found = {d for raw in raws for d in unknown_paths(tree, msgspec.json.decode(raw))}
        if found:
            batch.drift |= {Drift(path, "new", type_) for path, type_ in found}
            self._learnt |= {path for path, _ in found}
            self._compile()

    def _decode_one(self, raw: Raw, batch: Batch) -> Any:
        tree, _, decoder = self._tools
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError:
            return conform(tree, raw, "", Misfits(batch, self.tables[0].name, _name_record(raw)))


def latest_by_key(root: Table, tree: Node, records: list[Any]) -> list[Any]:
    """The records without earlier copies of the same key, so that no child of an outdated copy stays."""
    by_payload = [c for c in root.all_columns if c.name in root.key and not isinstance(c.at, Context)]
    walker = Walker(tree, records)
    keys = list(zip(*(walker.first(places(c.at)) for c in by_payload), strict=True))
    if len(set(keys)) == len(keys):
        return records
    last = {key: i for i, key in enumerate(keys) if None not in key}
    return [r for i, (k, r) in enumerate(zip(keys, records, strict=True)) if last.get(k, i) == i]


def _name_record(raw: Raw) -> str:
    try:
        fields = _object.decode(raw)
    except msgspec.DecodeError:
        return ""
    return str(fields.get("id", b""), "utf-8").strip('"')


class Misfits:
    """Collects what did not fit of one record."""

    def __init__(self, batch: Batch, table: str, record: str) -> None:
        self.batch, self.table, self.record = batch, table, record

    def note(self, path: str, found: object, *, kept: bool, wanted: str, raw: Raw) -> None:
        """One value of another type than declared; `kept` when it still stands in its column."""
        self.batch.drift.add(Drift(path, "type", json_type(found)))
        if not kept:
            text = str(raw, "utf-8", "replace")[:REJECT_VALUE_CHARACTERS]
            reason = f"{json_type(found)} where {wanted} is declared"
            self.batch.rejects.append(Reject(self.table, self.record, path, reason, text))


def conform(node: Node, raw: Raw, path: str, misfits: Misfits) -> Any:
    """The record as the node's struct, each field by itself: what does not fit is null and noted.

    Returns None when it is no object at all (noted too).
    """
    try:
        values = _object.decode(raw)
    except msgspec.DecodeError:
        misfits.note(path, msgspec.json.decode(raw), kept=False, wanted="object", raw=raw)
        return None
    made = {}
    for key, sub in node.fields.items():
        if key not in values:
            continue
        value, here = values[key], f"{path}/{escape(key)}" if path else escape(key)
        if bytes(value) == b"null":
            continue
        if isinstance(sub, Node):
            made[node.attribute[key]] = conform(sub, value, here, misfits)
        elif isinstance(sub, Items):
            made[node.attribute[key]] = _conform_list(sub, value, here, misfits)
        else:
            made[node.attribute[key]] = _conform_leaf(sub, value, here, misfits)
    return node.struct(**made)


def _conform_list(items: Items, raw: Raw, path: str, misfits: Misfits) -> list[Any] | None:
    try:
        elements = _list.decode(raw)
    except msgspec.DecodeError:
        misfits.note(path, msgspec.json.decode(raw), kept=False, wanted="array", raw=raw)
        return None
    if isinstance(items.item, Node):
        found = [conform(items.item, e, path, misfits) for e in elements]
        return [e for e in found if e is not None]
    return [_conform_leaf(items.item, e, path, misfits) for e in elements]


def _conform_leaf(leaf: str, raw: Raw, path: str, misfits: Misfits) -> Any:
    try:
        return msgspec.json.decode(raw, type=LEAF_TYPES[leaf], strict=False)
    except msgspec.DecodeError:
        found = msgspec.json.decode(raw)
    as_text = leaf in ("id", Type.VARCHAR)
    misfits.note(path, found, kept=as_text, wanted=leaf, raw=raw)
    return str(raw, "utf-8", "replace") if as_text else None


def table_columns(
    table: Table, tree: Node, records: list[Any], context: Mapping[str, Any]
) -> dict[str, Sequence[Any]]:
    """One list a column of the table, from decoded records."""
    owners, elements = records, records
    positions: Sequence[int] = range(len(records))
    item: Node | str = tree
    if table.each:
        lists = Walker(tree, records).values(table.each)
        pairs = [(r, e, i) for r, es in zip(records, lists, strict=True) if es for i, e in enumerate(es)]
        owners = [p[0] for p in pairs]
        elements = [p[1] for p in pairs]
        positions = [p[2] for p in pairs]
        item = _item_of(tree, table.each)
    of_parent = Walker(tree, owners)
    of_element = Walker(item, elements) if isinstance(item, Node) else of_parent
    made: dict[str, Sequence[Any]] = {}
    for column in table.all_columns:
        at = column.at
        if isinstance(at, Context):
            made[column.name] = [context[at.name]] * len(elements)
        elif at == ELEMENT:
            made[column.name] = _finish(column, elements)
        elif at == POSITION:
            made[column.name] = positions
        elif isinstance(at, Tag):
            made[column.name] = of_parent.tag(at.key)
        elif isinstance(at, Parent):
            made[column.name] = _finish(column, of_parent.values(at.path))
        else:
            made[column.name] = _finish(column, of_element.first(places(at)))
    return made


def _item_of(tree: Node, path: str) -> Node | str:
    *parents, last = path.split("/")
    for key in parents:
        tree = cast(Node, tree.fields[key])
    return cast(Items, tree.fields[last]).item


def _finish(column: Column, values: Sequence[Any]) -> Sequence[Any]:
    if column.type is Type.JSON:
        texts = [None if v is None else str(v, "utf-8", "replace") for v in values]
        return [None if t == "null" else t for t in texts]
    if leaf_of(column.name, column.type) == "id":
        return [v if v is None or v.__class__ is str else str(v) for v in values]
    return values


class Walker:
    """Reads places of decoded structs as lists, one value a struct; shared objects are walked once."""

    def __init__(self, node: Node, structs: list[Any]) -> None:
        self.node, self.structs = node, structs
        self._below: dict[str, Walker] = {}
        self._tags: list[dict[str, Any]] | None = None

    def values(self, path: str) -> list[Any]:
        """The values at a path; None where an object on the way is null or missing."""
        key, _, rest = path.partition("/")
        if not rest:
            get: Callable[[Any], Any] = attrgetter(self.node.attribute[key])
            return list(map(get, self.structs))
        if key not in self._below:
            sub = cast(Node, self.node.fields[key])
            empty = sub.struct()
            structs = [empty if s is None else s for s in self.values(key)]
            self._below[key] = Walker(sub, structs)
        return self._below[key].values(rest)

    def first(self, paths: tuple[str, ...]) -> list[Any]:
        """The first value that is not null of several places."""
        found = self.values(paths[0])
        for path in paths[1:]:
            found = [
                b if a is None or a is NULL else a for a, b in zip(found, self.values(path), strict=True)
            ]
        return found

    def tag(self, key: str) -> list[Any]:
        """The value of a tag; the last one where a key stands twice."""
        if self._tags is None:
            item = cast(Node, _item_of(self.node, "tags"))
            k, v = attrgetter(item.attribute["key"]), attrgetter(item.attribute["value"])
            self._tags = [{k(t): v(t) for t in tags} if tags else {} for tags in self.values("tags")]
        return [tags.get(key) for tags in self._tags]
