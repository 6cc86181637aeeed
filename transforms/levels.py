"""Decoded records level by level: every list of lists flat, each element knowing its owner and its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, cast

import polars as pl
from msgspec import Raw
from msgspec.structs import astuple

from transforms.conform import REJECT_VALUE_CHARACTERS, Misfits, conform, new_fields
from transforms.frames import POLARS, Reject, build_series, nothing
from transforms.repair import MISFIT
from transforms.shape import (
    NULL,
    REST,
    Items,
    Named,
    Node,
    Variants,
    escape,
    leaf_of,
    list_steps,
    places,
    unescape,
)
from warehouse.schema import (
    ELEMENT,
    KEY,
    POSITION,
    Column,
    Each,
    Made,
    Parent,
    Place,
    Tag,
    Type,
    Up,
)

INDEX = pl.UInt32
Unread = list[tuple[int, str, str]]
"""Values that are no times: index of the record, path, value. A list and no callback: what refers back to its
owner is freed late, and a run would hold the structs of many batches at once."""


class Level:
    """Elements of all records at one place, in order. `owner` is each one's index in the level above, `root`
    that of its record; both None for the records themselves."""

    def __init__(
        self,
        item: Node | str,
        elements: list[Any],
        above: Level | None = None,
        owner: pl.Series | None = None,
        position: pl.Series | None = None,
        unread: Unread | None = None,
    ) -> None:
        self.item, self.elements, self.above, self.owner = item, elements, above, owner
        self.by_type = False
        self._unread: Unread = above._unread if above else [] if unread is None else unread
        self.walker = Walker(item, elements) if isinstance(item, Node) else None
        self.names: list[str | None] = []
        self.wholes: Sequence[Any] = elements
        self._position = position
        self._series: dict[tuple[Place, str, Type], pl.Series] = {}
        self._constants: dict[tuple[Type, Any], pl.Series] = {}
        self._json: dict[str, Sequence[bytes | None]] = {}
        self.root: pl.Series | None = None
        if above is not None and owner is not None:
            self.root = owner if above.root is None else above.root[owner]

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def position(self) -> pl.Series:
        """Each element's place in its list, from 0."""
        if self._position is None:
            self._position = pl.Series(list(range(len(self))), dtype=pl.Int64)
        return self._position

    def series(self, column: Column, at: Place) -> pl.Series:
        """The values of a column at a place of these elements."""
        if isinstance(at, Parent):
            return self._from_record(column, at.path)
        if isinstance(at, Up):
            return self._from_above(column, at)
        key = (at, leaf_of(column.name, column.type), column.type)
        if key not in self._series:
            self._series[key] = self._read(column, at)
        return self._series[key]

    def constant(self, type_: Type, value: Any) -> pl.Series:
        """The same value for each element."""
        level = self.record_level
        if (type_, value) not in level._constants:
            level._constants[type_, value] = pl.Series([value], dtype=POLARS[type_])
        return level._constants[type_, value].new_from_index(0, len(self))

    @property
    def record_level(self) -> Level:
        """The level of the records."""
        level = self
        while level.above is not None:
            level = level.above
        return level

    def _from_record(self, column: Column, path: Place) -> pl.Series:
        found = self.record_level.series(column, path)
        return found if self.root is None else found[self.root]

    def _from_above(self, column: Column, at: Up) -> pl.Series:
        level, owner = self, None
        for _ in range(at.levels):
            owner = level.owner if owner is None else cast(pl.Series, level.owner)[owner]
            level = cast(Level, level.above)
        return level.series(column, at.at)[cast(pl.Series, owner)]

    def _read(self, column: Column, at: Place) -> pl.Series:
        if at == POSITION:
            return self.position
        if at == KEY:
            return self._build(column, self.names)
        if at == ELEMENT:
            return self._finish(column, self.wholes)
        if isinstance(at, Tag):
            return self._build(column, cast(Walker, self.walker).tag(at.key))
        if isinstance(at, Made):
            return self._make(column, at)
        if column.type is Type.JSON and isinstance(at, str):
            return text_series(self._texts(at))
        return self._finish(column, cast(Walker, self.walker).first(places(at)))

    def _make(self, column: Column, at: Made) -> pl.Series:
        values = cast(Walker, self.walker).values
        made = at.make(*(self._texts(path) if t is Type.JSON else values(path) for path, t in at.places))
        return text_series(made) if column.type is Type.VARCHAR else self._build(column, made)

    def _texts(self, at: str) -> Sequence[bytes | None]:
        """The JSON texts at a place, read once."""
        if at not in self._json:
            self._json[at] = json_texts(cast(Walker, self.walker).values(at))
        return self._json[at]

    def _finish(self, column: Column, values: Sequence[Any]) -> pl.Series:
        if column.type is Type.JSON:
            return text_series(json_texts(values))
        if leaf_of(column.name, column.type) == "id":
            return id_series(column, values)
        return self._build(column, values)

    def _build(self, column: Column, values: Sequence[Any]) -> pl.Series:
        series, bad = build_series(column, values)
        path = "|".join(places(column.at)) if bad else ""
        for index in bad:
            record = index if self.root is None else self.root[index]
            self._unread.append((record, path, str(values[index])[:REJECT_VALUE_CHARACTERS]))
        return series


def json_texts(values: Sequence[Raw]) -> Sequence[bytes | None]:
    """JSON values as texts; None for null and missing."""
    if values[0] == NULL and values.count(NULL) == len(values):
        return [None] * len(values)
    texts = list(map(bytes, values))
    return [None if t == b"null" else t for t in texts] if b"null" in texts else texts


def text_series(texts: Sequence[bytes | None]) -> pl.Series:
    """A column of UTF-8 texts."""
    if texts[0] is None and texts.count(None) == len(texts):
        return nothing(len(texts), Type.JSON)
    try:
        return pl.Series(texts, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:  # bytes that are no UTF-8
        return pl.Series([None if t is None else t.decode("utf-8", "replace") for t in texts])


UUID = r"^([0-9A-Fa-f]{8})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{12})$"


def id_series(column: Column, values: Sequence[Any]) -> pl.Series:
    """Ids as texts, whether they came as text or number; those of events without the dashes that some servers
    put in (facts §8.11)."""
    try:
        ids = pl.Series(values, dtype=pl.String)
    except TypeError:
        values = [v if v is None else str(v) for v in values]
        ids = pl.Series(values, dtype=pl.String)
    if column.name.endswith("event_id") and "-" in "".join(filter(None, values)):
        return ids.str.replace(UUID, "$1$2$3$4$5")
    return ids


class Levels:
    """All levels below some records; each is walked once, whoever asks for it."""

    def __init__(self, tree: Node, records: list[Any], names: Sequence[Any], misfits: Misfits) -> None:
        self._unread: Unread = []
        self.records = Level(tree, records, unread=self._unread)
        self._names = names
        self._misfits = misfits
        self._below: dict[tuple[int, str], Level] = {}
        self._by_type: dict[tuple[int, str], dict[Any, _Found]] = {}

    def report(self) -> None:
        """Takes note of the values that were no times."""
        for record, path, value in self._unread:
            name = str(self._names[record])
            self._misfits.batch.rejects.append(Reject(self._misfits.table, name, path, "not a time", value))
        self._unread.clear()

    def at(self, each: Each | None) -> Level:
        """The level that rows are made from."""
        level = self.records
        if each is None:
            return level
        path: list[str] = []
        for key, kind, tag in list_steps(each):
            path.append(key)
            if kind:
                name = "/".join(path) + f"[{tag}]"
                found = self._below.get((id(level), name))
                if found is None:
                    found = self._below[id(level), name] = self._descend(level, path, kind, tag)
                level, path = found, []
        return level

    def _descend(self, level: Level, path: list[str], kind: str, tag: str) -> Level:
        walker = cast(Walker, level.walker)
        lists = walker.values("/".join(map(escape, path)))
        below = walker.below(path)
        if kind == "tag":
            key = (id(level), "/".join(path))
            if key not in self._by_type:
                self._by_type[key] = _group(lists)
            return _of_type(cast(Variants, below), tag, self._by_type[key], level)
        if kind == "named":
            return self._named(cast(Named, below), lists, level, "/".join(path))
        counts = [len(v) if v else 0 for v in lists]
        elements = list(chain.from_iterable(filter(None, lists)))
        owner = pl.Series(list(chain.from_iterable(map(repeat, range(len(lists)), counts))), dtype=INDEX)
        position = pl.Series(list(chain.from_iterable(map(range, counts))), dtype=pl.Int64)
        made = Level(cast(Items, below).item, elements, level, owner, position)
        if level.by_type:
            made._position = _numbered_on(level, made)
        return made

    def _named(self, below: Named, objects: Sequence[Any], above: Level, path: str) -> Level:
        wholes, names, owners = [], [], []
        for index, found in enumerate(objects):
            if found:
                wholes += found.values()
                names += found
                owners += [index] * len(found)
        structs = self._decode_all(below.item, wholes, path)
        owner = pl.Series(owners, dtype=INDEX)
        level = Level(below.item, structs, above, owner)
        level.names, level.wholes = names, wholes
        return level

    def _decode_all(self, node: Node, raws: list[Raw], path: str) -> list[Any]:
        """Structs of objects: all at once, each by itself where one does not fit."""
        try:
            return cast(list[Any], node.decode_list(b"[" + b",".join(raws) + b"]"))
        except MISFIT:
            return [self._decode(node, raw, path) for raw in raws]

    def _decode(self, node: Node, raw: Raw, path: str) -> Any:
        try:
            return node.decode(raw)
        except MISFIT:
            pass
        if not node.open:
            self._misfits.batch.drift |= set(new_fields(node, raw, path))
        return conform(node, raw, path, self._misfits, kept=node.open) or node.struct()


_Found = tuple[list[Any], list[int], list[int]]
"""Elements, their owners, their places."""


def _group(lists: Sequence[Any]) -> dict[Any, _Found]:
    """Elements of lists by their struct."""
    groups: dict[Any, _Found] = {}
    for index, found in enumerate(lists):
        for position, element in enumerate(found or ()):
            group = groups.get(element.__class__)
            if group is None:
                group = groups[element.__class__] = ([], [], [])
            group[0].append(element)
            group[1].append(index)
            group[2].append(position)
    return groups


def _of_type(variants: Variants, tag: str, groups: Mapping[Any, _Found], above: Level) -> Level:
    """The elements of one type, or of all types that no other path names."""
    rest = tag == REST
    elements, owners, positions = [], [], []
    for struct, group in groups.items():
        found = variants.tags[struct]
        if (found is None or found in variants.learnt) if rest else found == tag:
            elements += group[0]
            owners += group[1]
            positions += group[2]
    item = variants.node(None if rest else tag)
    level = Level(item, elements, above, pl.Series(owners, dtype=INDEX), pl.Series(positions, dtype=pl.Int64))
    level.by_type = True
    level.names = [variants.tags[e.__class__] for e in elements]
    return level


def _numbered_on(entries: Level, level: Level) -> pl.Series:
    """Positions that go on where a record has two entries of one type, so that they tell rows apart."""
    owners = cast(pl.Series, entries.owner).to_list()
    if len(set(owners)) == len(owners):
        return level.position
    begun: Counter[int] = Counter()
    numbers = []
    for record in cast(pl.Series, level.root):
        numbers.append(begun[record])
        begun[record] += 1
    return pl.Series(numbers, dtype=pl.Int64)


TURNED = 6
"""Structs with so many fields are turned into columns at once; fewer are read one by one."""
TURNED_AT_ONCE = 256


class Walker:
    """Reads places of decoded structs as lists, one value a struct; shared objects are walked once."""

    def __init__(self, node: Node, structs: list[Any]) -> None:
        self.node, self.structs = node, structs
        self._below: dict[str, Walker] = {}
        self._tags: list[Mapping[str, Any]] | None = None
        self._columns: dict[str, list[Any]] | None = None

    def below(self, path: Sequence[str]) -> Any:
        """What is declared at the keys of a path."""
        node = self.node
        for key in path[:-1]:
            node = cast(Node, node.fields[key])
        return node.fields[path[-1]]

    def values(self, path: str) -> Sequence[Any]:
        """The values at a path; None where an object on the way is null or missing."""
        segment, _, rest = path.partition("/")
        key = unescape(segment)
        if not rest:
            return self._column(key)
        if key not in self._below:
            sub = cast(Node, self.node.fields[key])
            empty = sub.struct()
            structs = [empty if s is None else s for s in self.values(key)]
            self._below[key] = Walker(sub, structs)
        return self._below[key].values(rest)

    def _column(self, key: str) -> Sequence[Any]:
        if len(self.node.attribute) < TURNED:
            return list(map(attrgetter(self.node.attribute[key]), self.structs))
        if self._columns is None:
            self._columns = {name: [] for name in self.node.struct.__struct_fields__}
            add = [column.extend for column in self._columns.values()]
            # all fields of some structs at a time, while they are in the processor's cache
            for i in range(0, len(self.structs), TURNED_AT_ONCE):
                turned = zip(*map(astuple, self.structs[i : i + TURNED_AT_ONCE]), strict=True)
                for extend, values in zip(add, turned, strict=True):
                    extend(values)
        return self._columns[self.node.attribute[key]]

    def first(self, paths: tuple[str, ...]) -> Sequence[Any]:
        """The first value that is not null of several places."""
        found = self.values(paths[0])
        for path in paths[1:]:
            if any(v is None or v is NULL for v in found):
                found = [
                    b if a is None or a is NULL else a for a, b in zip(found, self.values(path), strict=True)
                ]
        return found

    def tag(self, key: str) -> list[Any]:
        """The value of a tag; the last one where a key stands twice."""
        if self._tags is None:
            item = cast(Node, self.node.fields["tags"].item)  # type: ignore[union-attr]
            k, v = attrgetter(item.attribute["key"]), attrgetter(item.attribute["value"])
            self._tags = [
                dict(zip(map(k, tags), map(v, tags), strict=True)) if tags else {}
                for tags in self.values("tags")
            ]
        return [tags.get(key) for tags in self._tags]
