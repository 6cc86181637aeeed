"""Turns declared tables into compiled decoders: one tree of payload places per request, msgspec below.

Unknown fields are errors to the compiled decoder. When one turns up it is reported once, learnt, and the
decoder rebuilt, so that a newer server costs one slow page and not all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from warehouse.schema import ELEMENT, POSITION, Context, Parent, Place, Table, Tag, Type

NULL = Raw(b"null")
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
LEAF_TYPES: dict[str, Any] = {
    Type.VARCHAR: str | None,
    Type.BIGINT: Int64 | None,
    Type.DOUBLE: float | None,
    Type.BOOLEAN: bool | None,
    Type.TIMESTAMP: str | None,
    Type.JSON: Raw,
    "id": str | Int64 | None,
    "ignored": Raw,
}


@dataclass(slots=True)
class Node:
    """One object of the payload: its fields are leaves (a key of LEAF_TYPES), objects or lists."""

    fields: dict[str, str | Node | Items] = field(default_factory=dict)
    struct: Any = None
    attribute: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Items:
    """A list whose elements are objects (Node) or plain values (leaf)."""

    item: Node | str


class BadDeclaration(ValueError):
    """Two columns want one payload place in ways that exclude each other."""


def _child(node: Node, key: str) -> Node:
    found = node.fields.setdefault(key, Node())
    if not isinstance(found, Node):
        raise BadDeclaration(f"{key!r} is declared both as a value and as an object")
    return found


def _leaf(node: Node, path: str, leaf: str) -> None:
    *parents, last = path.split("/")
    for key in parents:
        node = _child(node, key)
    if node.fields.setdefault(last, leaf) != leaf and leaf != "ignored":
        raise BadDeclaration(f"{path!r} is declared as {node.fields[last]} and as {leaf}")


def _list_at(node: Node, path: str) -> Items:
    *parents, last = path.split("/")
    for key in parents:
        node = _child(node, key)
    found = node.fields.setdefault(last, Items(Node()))
    if not isinstance(found, Items):
        raise BadDeclaration(f"{path!r} is declared both as a list and as something else")
    return found


def leaf_of(name: str, type_: Type) -> str:
    """How a column's value is decoded: ids may come as text or number and become text."""
    return "id" if type_ is Type.VARCHAR and (name == "id" or name.endswith("_id")) else type_.value


def places(at: Place) -> tuple[str, ...]:
    """The alternative payload paths of a plain place."""
    return (at,) if isinstance(at, str) else at if isinstance(at, tuple) else ()


def build_tree(tables: tuple[Table, ...], ignored: tuple[str, ...], learnt: frozenset[str]) -> Node:
    """The tree of all payload places that the tables use, and those left out (`ignored`, `learnt`).

    Raises BadDeclaration when columns contradict each other.
    """
    root = Node()
    for table in tables:
        base = root
        items: Items | None = None
        if table.each:
            items = _list_at(root, table.each)
            if any(c.at == ELEMENT for c in table.all_columns):
                items.item = next(leaf_of(c.name, c.type) for c in table.all_columns if c.at == ELEMENT)
            elif isinstance(items.item, Node):
                base = items.item
        for column in table.all_columns:
            at, leaf = column.at, leaf_of(column.name, column.type)
            if isinstance(at, Context) or at in (ELEMENT, POSITION):
                continue
            if isinstance(at, Tag):
                tags = _list_at(root, "tags")
                if isinstance(tags.item, Node):
                    _leaf(tags.item, "key", Type.VARCHAR)
                    _leaf(tags.item, "value", Type.VARCHAR)
            elif isinstance(at, Parent):
                _leaf(root, at.path, leaf)
            else:
                for path in places(at):
                    _leaf(base, path, leaf)
    for path in (*ignored, *sorted(learnt)):
        _ignore(root, path)
    return root


def _ignore(node: Node | Items | str, path: str) -> None:
    key, _, rest = path.partition("/")
    while isinstance(node, Items):
        node = node.item
    if isinstance(node, str):
        return
    if not rest:
        node.fields.setdefault(_unescape(key), "ignored")
    else:
        _ignore(node.fields.setdefault(_unescape(key), Node()), rest)


def escape(key: str) -> str:
    """A payload key as part of a path."""
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def compile_node(node: Node, name: str = "Record") -> Any:
    """The msgspec Struct type of a node; sets `struct` and `attribute` (payload key → attribute)."""
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for number, (key, sub) in enumerate(node.fields.items()):
        attribute = f"f{number}"
        node.attribute[key] = attribute
        rename[attribute] = key
        if isinstance(sub, str):
            fields.append((attribute, LEAF_TYPES[sub], NULL if LEAF_TYPES[sub] is Raw else None))
        elif isinstance(sub, Node):
            fields.append((attribute, compile_node(sub, f"{name}_{number}") | None, None))
        else:
            if isinstance(sub.item, Node):
                compile_node(sub.item, f"{name}_{number}")
            fields.append((attribute, list_of(sub.item) | None, None))
    node.struct = msgspec.defstruct(name, fields, rename=rename, forbid_unknown_fields=True, gc=False)
    return node.struct


def list_of(item: Node | str) -> Any:
    """The type of a list with such items."""
    type_ = LEAF_TYPES[item] if isinstance(item, str) else item.struct
    return list.__class_getitem__(type_)


def decoder_of_list(node: Node) -> msgspec.json.Decoder[list[Any]]:
    """A decoder of JSON lists of a compiled node; numbers in texts are taken as numbers."""
    return msgspec.json.Decoder(list_of(node), strict=False)


def unknown_paths(node: Node | Items | str, value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, JSON type) of every field in `value` that the tree does not name."""
    if isinstance(node, Items):
        if isinstance(value, list):
            for element in value:
                yield from unknown_paths(node.item, element, path)
    elif isinstance(node, Node) and isinstance(value, dict):
        for key, sub in value.items():
            here = f"{path}/{escape(key)}" if path else escape(key)
            if key not in node.fields:
                yield here, json_type(sub)
            else:
                yield from unknown_paths(node.fields[key], sub, here)


def json_type(value: object) -> str:
    """JSON's name of a decoded value's type."""
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value)) or ("array" if isinstance(value, list) else "object")
