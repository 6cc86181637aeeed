"""What a request declares about its payload, worked out from the columns alone, and pages that break it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from contract.cases import Case
from warehouse.schema import ELEMENT, Parent, Table, Tag, Type

ANY, ID, SINGLE_TIME = "any", "id", "time of one place"
MARKED = re.compile(r"[\[{]")


@dataclass
class Shape:
    """An object: its fields are leaves (a type, ID or ANY), objects, or lists of either. With `open`, any
    others are left out by name."""

    fields: dict[str, Any] = field(default_factory=dict)
    open: bool = False


@dataclass
class ListOf:
    """A list of such elements."""

    item: Any


def shape_of(case: Case) -> Shape:
    """The payload of a request that answers with records."""
    root = Shape()
    for table in case.request.tables:
        for path in list_paths(table):
            _add_list(root, table, path)
        if not table.each:
            for column in table.all_columns:
                _add(root, column.at, _leaf(column.name, column.type), root)
    for path in case.request.ignored:
        _put(root, path, ANY)
    return root


def list_paths(table: Table) -> list[str]:
    """Paths of the lists that a table's rows are made from."""
    return [table.each] if isinstance(table.each, str) and table.each else [e.path for e in table.each if e]


def declared_paths(case: Case) -> set[str]:
    """Every place that is used, or left out by name; of lists by type only the list."""
    return {"/".join(path) for path in places_of(shape_of(case))}


def present_paths(shape: Any, value: Any, path: str = "") -> set[str]:
    """Paths of what stands in a value, down to the places that are used or left out as a whole."""
    if isinstance(shape, ListOf) and isinstance(value, list):
        return {path}.union(*(present_paths(shape.item, element, path) for element in value))
    if isinstance(shape, Shape) and isinstance(value, dict):
        below = (present_paths(shape.fields.get(k), v, f"{path}/{k}".strip("/")) for k, v in value.items())
        return {path}.union(*below)
    return {path}


def _leaf(name: str, type_: Type) -> str:
    if type_ is Type.JSON:
        return ANY
    return ID if type_ is Type.VARCHAR and name.endswith("_id") else type_.value


def _add_list(root: Shape, table: Table, path: str) -> None:
    if MARKED.search(path):  # lists in lists and lists by type are only checked to do no harm
        root.fields[MARKED.split(path)[0].split("/")[0]] = ANY
        return
    found = _put(root, path, ListOf(Shape()))
    if not isinstance(found, ListOf):
        return
    for column in table.all_columns:
        leaf = _leaf(column.name, column.type)
        if column.at == ELEMENT:
            found.item = leaf
        elif isinstance(found.item, Shape):
            _add(found.item, column.at, leaf, root)


def _add(base: Shape, at: Any, leaf: str, root: Shape) -> None:
    if isinstance(at, Tag):
        _put(root, "tags", ListOf(Shape({"key": Type.VARCHAR.value, "value": Type.VARCHAR.value})))
    elif isinstance(at, Parent):
        _add(root, at.path, leaf, root)
    elif isinstance(at, tuple):
        for path in at:
            _put(base, path, leaf)
    elif isinstance(at, str) and at[:1].isalpha():
        _put(base, at, SINGLE_TIME if leaf == Type.TIMESTAMP else leaf)


def _put(shape: Any, path: str, leaf: Any) -> Any:
    key, _, rest = path.partition("/")
    while isinstance(shape, ListOf):
        shape = shape.item
    if not isinstance(shape, Shape) or MARKED.search(key):
        return ANY
    if key == "*":
        shape.open = True
        return ANY
    if not rest:
        return shape.fields.setdefault(key, leaf)
    return _put(shape.fields.setdefault(key, Shape()), rest, leaf)


def odd_places(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Paths at which a value is not as declared."""
    if isinstance(shape, Shape):
        if isinstance(value, dict):
            for key, sub in value.items():
                here = f"{path}/{key}".strip("/")
                if key in shape.fields:
                    yield from odd_places(shape.fields[key], sub, here)
                elif not shape.open:
                    yield here
        elif value is not None or path == "":
            yield path
    elif isinstance(shape, ListOf):
        if isinstance(value, list):
            for element in value:
                if element is None and isinstance(shape.item, Shape):
                    yield path
                else:
                    yield from odd_places(shape.item, element, path)
        elif value is not None:
            yield path
    elif not _fits(shape, value):
        yield path


def _fits(leaf: str, value: Any) -> bool:
    if value is None or leaf == ANY:
        return True
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if leaf in (Type.TIMESTAMP, SINGLE_TIME):
        # a second place of the same column may hold anything while the first holds a time
        return number or (isinstance(value, str) and (leaf != SINGLE_TIME or value not in NO_TIMES))
    return {
        Type.VARCHAR: isinstance(value, str),
        ID: isinstance(value, str) or whole,
        Type.BIGINT: whole or (isinstance(value, str) and value.isdecimal()),
        Type.DOUBLE: number or (isinstance(value, str) and value.isdecimal()),
        Type.BOOLEAN: isinstance(value, bool),
    }[leaf]  # type: ignore[index]


GOOD_TIMES = (
    "2026-11-02T10:00:00Z",
    "2026-11-02T10:00:00.5Z",
    "2026-11-02T10:00:00.123456Z",
    "2026-11-02T10:00:00.123456789Z",
    "2026-11-02T10:00:00+05:30",
    "2026-11-02T10:00:00",
    "1970-01-01T00:00:00Z",
    "2999-12-31T23:59:59.999999Z",
)
BAD_TIMES = ("", "yesterday", "2026-13-45T99:00:00Z", "2026-11-02T10", "9999999-01-01T00:00:00Z", "\u0000")
TEXTS = (
    "text",
    "消息 ✓",
    "a\u0000b",
    "\ud800",
    "x\udfffy",
    "\u2028",
    "\u202eabc",
    "z" * 1200,
    "12",
    "'; drop table x; --",
)
NO_TIMES = frozenset((*BAD_TIMES, *TEXTS))
NUMBERS = (5, -7, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**70, 10**400, 1.5, -2.25e300)
OTHERS = (None, True, False, [], {}, [None], [[]], [{}], [5], {"a": {"b": []}}, {"id": None}, ["x", 5, None])


def _nested(depth: int) -> Any:
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"deeper": value}
    return value


NASTY = (*GOOD_TIMES, *BAD_TIMES, *TEXTS, *NUMBERS, *OTHERS, _nested(60))
UNKNOWN_KEYS = ("brandNew", "émoji🎉", "with space", "nul\u0000", 'quo"te', "back\\slash", "x" * 300)
NO_RECORDS = (None, 5, "text", [], [[]], True, 2**70)
ABSENT = object()


def places_of(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every declared place, also those of objects and lists."""
    for key, sub in shape.fields.items():
        here = (*path, key)
        yield here
        below = sub.item if isinstance(sub, ListOf) else sub
        if isinstance(below, Shape):
            yield from places_of(below, here)


def change(record: Any, path: tuple[str, ...], value: Any, element: int) -> None:
    """Sets a place of the record, or takes it away; of lists on the way one element is meant."""
    for key in path[:-1]:
        if not isinstance(record, dict):
            return
        below = record.setdefault(key, {})
        if below is None:
            below = record[key] = {}
        if isinstance(below, list):
            if not below:
                below.append({})
            below = below[element % len(below)]
        record = below
    if isinstance(record, dict):
        if value is ABSENT:
            record.pop(path[-1], None)
        else:
            record[path[-1]] = copy.deepcopy(value)


@dataclass(frozen=True)
class Change:
    """One place of a record that gets another value."""

    path: tuple[str, ...]
    value: Any
    element: int


@dataclass(frozen=True)
class Copy:
    """A record of the payloads, changed; a value in its place that is no record where there is one."""

    record: int
    changes: tuple[Change, ...]
    instead: Any = ABSENT


def broken_pages(case: Case) -> st.SearchStrategy[list[Copy]]:
    """What pages are made of: records of the payloads with a few places changed, some of them twice."""
    known = sorted(places_of(shape_of(case)))
    unknown = st.tuples(st.sampled_from(known), st.sampled_from(UNKNOWN_KEYS)).map(
        lambda p: (*p[0][:-1], p[1])
    )
    places = st.one_of(*[st.sampled_from(known)] * 4, unknown)
    values = st.one_of(*[st.sampled_from(NASTY)] * 6, st.just(ABSENT))
    changes = st.lists(st.builds(Change, places, values, st.integers(0, 3)), max_size=5).map(tuple)
    records = st.builds(Copy, st.integers(0, len(case.records()) - 1), changes)
    others = st.builds(
        Copy, st.just(0), st.just(()), st.sampled_from((None, 5, "text", [], [[]], True, 2**70))
    )
    return st.lists(st.one_of(*[records] * 8, others), min_size=1, max_size=4)


def make_page(case: Case, parts: list[Copy]) -> list[Any]:
    """The page itself."""
    records = case.records()
    page = []
    for part in parts:
        record = copy.deepcopy(records[part.record]) if part.instead is ABSENT else part.instead
        for one in part.changes:
            change(record, one.path, one.value, one.element)
        page.append(record)
    return page


def as_json(value: Any) -> bytes:
    """JSON as servers write it: everything that is not ASCII escaped, lone surrogates too."""
    return json.dumps(value, separators=(",", ":")).encode()
