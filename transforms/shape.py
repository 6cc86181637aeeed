"""Turns declared tables into compiled decoders: one tree of payload places per request, msgspec below.

Unknown fields are errors to the compiled decoder. When one turns up it is reported once, learnt, and the
decoder rebuilt, so that a newer server costs one slow page and not all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import or_
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from warehouse.schema import (
    ELEMENT,
    GIVEN,
    KEY,
    POSITION,
    Column,
    Constant,
    Context,
    Each,
    Made,
    Parent,
    Place,
    Table,
    Tag,
    Type,
    Up,
)

NULL = Raw(b"null")
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
LEAF_TYPES: dict[str, Any] = {
    Type.VARCHAR: str | None,
    Type.BIGINT: Int64 | None,
    Type.DOUBLE: float | None,
    Type.BOOLEAN: bool | None,
    Type.TIMESTAMP: str | float | None,
    Type.JSON: Raw,
    "id": str | Int64 | None,
    "ignored": Raw,
}
REST = "*"
"""In a path to ignore: all fields that are not named. In a list by type: all types that are not named."""

SEGMENT = re.compile(r"(?P<key>[^\[\]{}]*)(?:(?P<list>\[\])|(?P<named>\{\})|\[(?P<tag>[^\]]+)\])?")


def _rest() -> Node:
    """The shape of a type of which nothing is declared."""
    return Node({"type": "ignored"})


@dataclass(slots=True)
class Node:
    """One object of the payload: its fields are leaves (a key of LEAF_TYPES) or below. With `open`, fields
    that are not named are none of our business."""

    fields: dict[str, str | Below] = field(default_factory=dict)
    open: bool = False
    struct: Any = None
    decode: Any = None
    decode_list: Any = None
    attribute: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Items:
    """A list whose elements are objects (Node) or plain values (leaf)."""

    item: Node | str
    decode: Any = None


@dataclass(slots=True)
class Named:
    """An object whose keys are names, and whose values are alike."""

    item: Node
    decode: Any = None


@dataclass(slots=True)
class Variants:
    """A list of {type, data} objects, of another shape for each type. `rest` is the shape of types that are
    not named; `tags` knows the type of each struct."""

    nodes: dict[str, Node] = field(default_factory=dict)
    rest: Node = field(default_factory=_rest)
    learnt: set[str] = field(default_factory=set)
    tags: dict[Any, str | None] = field(default_factory=dict)
    decode: Any = None

    def node(self, tag: str | None) -> Node:
        """The shape of a type."""
        return self.rest if tag is None else self.nodes.get(tag, self.rest)


Below = Node | Items | Named | Variants


class BadDeclaration(ValueError):
    """Two columns want one payload place in ways that exclude each other."""


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[tuple[str, str, str], ...]:
    """A path's segments as (key, kind, tag); kind is "", list, named or tag.

    Raises BadDeclaration.
    """
    found = []
    for segment in path.split("/"):
        match = SEGMENT.fullmatch(segment)
        if match is None:
            raise BadDeclaration(f"{path!r} is no path")
        kind = match.lastgroup if match.lastgroup in ("list", "named", "tag") else ""
        found.append((unescape(match["key"]), kind or "", match["tag"] or ""))
    return tuple(found)


@lru_cache(maxsize=4096)
def list_steps(each: Each) -> tuple[tuple[str, str, str], ...]:
    """The segments of a path to a list; the last is one, marked or not."""
    *above, (key, kind, tag) = steps(each.path)
    return (*above, (key, kind or "list", tag))


def descend(node: Node, step: tuple[str, str, str]) -> Node:
    """The node a step leads to, made if it is not there. Raises BadDeclaration."""
    key, kind, tag = step
    made: Below
    if kind == "list":
        made = Items(Node())
    elif kind == "named":
        made = Named(Node())
    else:
        made = Variants() if kind == "tag" else Node()
    found = node.fields.setdefault(key, made)
    if type(found) is not type(made):
        raise BadDeclaration(f"{key!r} is declared in two ways")
    if isinstance(found, Variants):
        return found.rest if tag == REST else found.nodes.setdefault(unescape(tag), _rest())
    if isinstance(found, Items | Named):
        if not isinstance(found.item, Node):
            raise BadDeclaration(f"{key!r} is declared as a list of values and of objects")
        return found.item
    if not isinstance(found, Node):
        raise BadDeclaration(f"{key!r} is declared both as a value and as an object")
    return found


def _leaf(node: Node, path: str, leaf: str) -> None:
    *above, (last, kind, _) = steps(path)
    for step in above:
        node = descend(node, step)
    if kind or (node.fields.setdefault(last, leaf) != leaf and leaf != "ignored"):
        raise BadDeclaration(f"{path!r} is declared as {node.fields.get(last)} and as {leaf}")


def leaf_of(name: str, type_: Type) -> str:
    """How a column's value is decoded: ids may come as text or number and become text."""
    return "id" if type_ is Type.VARCHAR and (name == "id" or name.endswith("_id")) else type_.value


def places(at: Place) -> tuple[str, ...]:
    """The alternative payload paths of a plain place."""
    return (at,) if isinstance(at, str) else at if isinstance(at, tuple) else ()


def at_in(column: Column, each: Each | None) -> Place:
    """The place of a column in one of the lists of its table."""
    return column.at if column.at != GIVEN or each is None else dict(each.given)[column.name]


def build_tree(tables: tuple[Table, ...], ignored: tuple[str, ...], learnt: frozenset[str]) -> Node:
    """The tree of all payload places that the tables use, and those left out (`ignored`, `learnt`).

    Raises BadDeclaration when columns contradict each other.
    """
    root = Node()
    for table in tables:
        for each in table.lists or (None,):
            _grow(root, table, each)
    for path in (*ignored, *sorted(learnt)):
        _ignore(root, path)
    return root


def _grow(root: Node, table: Table, each: Each | None) -> None:
    trail = [root]
    if each is not None:
        path = list_steps(each)
        values = next((leaf_of(c.name, c.type) for c in table.all_columns if c.at == ELEMENT), "")
        for step in path[:-1]:
            trail.append(descend(trail[-1], step))
        if values and path[-1][1] == "list":
            trail[-1].fields.setdefault(path[-1][0], Items(values))
            trail.append(Node())
        else:
            trail.append(descend(trail[-1], path[-1]))
            trail[-1].open |= bool(values)
        trail = [trail[0], *(n for n, s in zip(trail[1:], path, strict=True) if s[1])]
    for column in table.all_columns:
        _place(trail, at_in(column, each), leaf_of(column.name, column.type))


def _place(trail: list[Node], at: Place, leaf: str) -> None:
    root, base = trail[0], trail[-1]
    if isinstance(at, Context | Constant) or at in (ELEMENT, POSITION, KEY):
        return
    if isinstance(at, Tag):
        tags = descend(root, ("tags", "list", ""))
        _leaf(tags, "key", Type.VARCHAR)
        _leaf(tags, "value", Type.VARCHAR)
    elif isinstance(at, Up):
        if at.at not in (POSITION, KEY):
            _leaf(trail[-1 - at.levels], at.at, leaf)
    elif isinstance(at, Made):
        for path, type_ in at.places:
            _leaf(base, path, type_.value)
    elif isinstance(at, Parent):
        for path in places(at.path):
            _leaf(root, path, leaf)
    else:
        for path in places(at):
            _leaf(base, path, leaf)


def _ignore(root: Node, path: str) -> None:
    *above, last = path.split("/")
    node: Below | str = root
    for segment in above:
        node = _declared(node, segment, Node)
    while isinstance(node, Items | Named):
        node = node.item
    if not isinstance(node, Node):
        return
    ((key, kind, tag),) = steps(last) if last != REST else ((REST, "", ""),)
    if last == REST:
        node.open = True
    elif kind == "tag":
        found = node.fields.setdefault(key, Variants())
        if isinstance(found, Variants):
            found.learnt.add(unescape(tag))
    else:
        node.fields.setdefault(key, "ignored")


def _declared(node: Below | str, segment: str, make: Callable[[], Node]) -> Below | str:
    """What a segment of a path leads to, lists passed through."""
    while isinstance(node, Items | Named):
        node = node.item
    if not isinstance(node, Node):
        return "ignored"
    ((key, kind, tag),) = steps(segment)
    if kind == "tag":
        found = node.fields.setdefault(key, Variants())
        return found.node(unescape(tag)) if isinstance(found, Variants) else "ignored"
    return node.fields.setdefault(key, make())


def field_paths(tree: Node) -> frozenset[str]:
    """Keys joined by `/` (a `/` in a key is `~1`) of all fields of a tree's objects, lists passed through;
    of objects whose keys are names, only where they stand."""
    return frozenset(_paths(tree, ""))


def _paths(node: Below | str, above: str) -> Iterator[str]:
    if isinstance(node, Items):
        yield from _paths(node.item, above)
    elif isinstance(node, Variants):
        for one in (*node.nodes.values(), node.rest):
            yield from _paths(one, above)
    elif isinstance(node, Node):
        for key, sub in node.fields.items():
            here = f"{above}{key.replace('~', '~0').replace('/', '~1')}"
            yield here
            yield from _paths(sub, f"{here}/")


def escape(key: str) -> str:
    """A payload key as part of a path."""
    for mark, escaped in ESCAPES:
        key = key.replace(mark, escaped)
    return key


@lru_cache(maxsize=4096)
def unescape(segment: str) -> str:
    """The payload key that a part of a path means."""
    for mark, escaped in reversed(ESCAPES):
        segment = segment.replace(escaped, mark)
    return segment


ESCAPES = (("~", "~0"), ("/", "~1"), ("[", "~2"), ("]", "~3"), ("{", "~4"), ("}", "~5"), ("*", "~6"))


def compile_node(node: Node, name: str = "Record", tag: str | None = None) -> Any:
    """The msgspec Struct type of a node; sets `struct`, `decode`, `decode_list`, `attribute` (key →
    attribute). Numbers in texts are taken as numbers."""
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for number, (key, sub) in enumerate(node.fields.items()):
        if tag is not None and key == "type":
            continue
        attribute = f"f{number}"
        node.attribute[key] = attribute
        rename[attribute] = key
        type_ = compile_below(sub, f"{name}_{number}")
        fields.append((attribute, type_, NULL if type_ is Raw else None))
    tagged: dict[str, Any] = {} if tag is None else {"tag": tag, "tag_field": "type"}
    node.struct = msgspec.defstruct(
        name, fields, rename=rename, forbid_unknown_fields=not node.open, gc=False, **tagged
    )
    node.decode = msgspec.json.Decoder(node.struct, strict=False).decode
    node.decode_list = msgspec.json.Decoder(list.__class_getitem__(node.struct), strict=False).decode
    return node.struct


def compile_below(sub: str | Below, name: str) -> Any:
    """The type of a field."""
    if isinstance(sub, str):
        return LEAF_TYPES[sub]
    if isinstance(sub, Node):
        return compile_node(sub, name) | None
    if isinstance(sub, Named):
        compile_node(sub.item, name)
        type_: Any = dict[str, Raw]
    elif isinstance(sub, Items):
        item = LEAF_TYPES[sub.item] if isinstance(sub.item, str) else compile_node(sub.item, name)
        type_ = list.__class_getitem__(item)
    else:
        type_ = list.__class_getitem__(_compile_variants(sub, name))
    sub.decode = msgspec.json.Decoder(type_, strict=False).decode
    return type_ | None


def _compile_variants(variants: Variants, name: str) -> Any:
    """The union of all types, `rest` among them for what has no type."""
    for tag in variants.learnt - variants.nodes.keys():
        variants.nodes[tag] = Node(dict(variants.rest.fields), open=variants.rest.open)
    structs = []
    for number, (tag, node) in enumerate(variants.nodes.items()):
        structs.append(compile_node(node, f"{name}_{number}", tag))
        variants.tags[node.struct] = tag
    compile_node(variants.rest, f"{name}_rest", "")
    variants.tags[variants.rest.struct] = None
    return reduce(or_, [*structs, variants.rest.struct])


def json_type(value: object) -> str:
    """JSON's name of a decoded value's type."""
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value)) or ("array" if isinstance(value, list) else "object")
