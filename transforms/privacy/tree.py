"""Personal places of a record as a tree, and the walk that decodes only along it.

Values are `msgspec.Raw`: what is not on the way to a personal place is written through as it came. An
object on the way is written anew, so of a key that stands twice only the last value survives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

Treat = Callable[[Raw], Raw]
Named = Callable[[str, str, Raw], Raw]
"""Treats the field of an object: path of the object, key, value."""

DEEPEST = 40
"""What is nested deeper is not looked through but hidden as a whole: no stack is without end."""

NULL = Raw(b"null")
EMPTY = (b"null", b'""', b"[]", b"{}")
QUOTE, BRACE, BRACKET = b'"{['
read_object = msgspec.json.Decoder(dict[str, Raw]).decode
read_list = msgspec.json.Decoder(list[Raw]).decode
read_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


def write(value: object) -> Raw:
    """A value of Python, with Raw inside, as Raw."""
    return Raw(_encode(value))


def first_byte(raw: Raw) -> int:
    """The byte that tells what JSON value it is."""
    return memoryview(raw)[0]


def is_empty(raw: Raw) -> bool:
    """Whether there is nothing to hide."""
    return len(memoryview(raw)) <= 4 and bytes(raw) in EMPTY


def text_of(raw: Raw) -> str:
    """A string's text, and the JSON text of anything else."""
    return read_string(raw) if first_byte(raw) == QUOTE else str(raw, "utf-8")


@dataclass(slots=True)
class Node:
    """One place: what is done to its value, what to values below, and what to a bare value standing where
    an object with places below is due. Where the fields of an object are `known`, `stranger` is done to any
    other, by its key."""

    children: dict[str, Node] = field(default_factory=dict)
    treat: Treat | None = None
    bare: Treat | None = None
    known: set[str] = field(default_factory=set)
    stranger: Callable[[str, Raw], Raw] | None = None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do here and below."""
        return not (self.children or self.known or self.treat)


def grow(places: Iterable[tuple[str, Treat, Treat]]) -> Node:
    """The tree of (path, treatment of the value, treatment of a bare value on the way to it)."""
    root = Node()
    for path, treat, bare in places:
        node = root
        for key in path.split("/"):
            if node is not root:
                node.bare = node.bare or bare
            node = node.children.setdefault(key.replace("~1", "/").replace("~0", "~"), Node())
        node.treat = treat
    return root


def fence(
    root: Node,
    known: Iterable[str],
    personal: frozenset[str],
    stranger: Callable[[str], Callable[[str, Raw], Raw]],
) -> None:
    """Lets `stranger`, made for the path of an object, treat what stands there beside the known and personal
    paths. What lies below a personal one is treated, or kept, with that."""
    for path in (*known, *personal):
        node, here = root, ""
        for key in path.split("/"):
            name = key.replace("~1", "/").replace("~0", "~")
            node.known.add(name)
            node.stranger = node.stranger or stranger(here)
            here = f"{here}/{key}"
            if here[1:] in personal or here[1:] == path:
                break
            node = node.children.setdefault(name, Node())


def walk(node: Node, raw: Raw, other: Named | None = None, path: str = "", lists: int = 0) -> Raw:
    """The value with all places of the tree treated; lists are passed through. `other` treats fields that
    no place names, and bare values among records (as a field without a name). Null is null everywhere."""
    if node.children or node.known:
        kind = first_byte(raw)
        if kind == BRACKET:
            if lists == DEEPEST:
                return NULL
            return write([walk(node, item, other, path, lists + 1) for item in read_list(raw)])
        if kind == BRACE:
            raw = _walk_object(node, raw, other, path)
        elif node.bare is not None:
            raw = node.bare(raw)
        elif other is not None:
            raw = other(path, "", raw)
    return raw if node.treat is None else node.treat(raw)


def _walk_object(node: Node, raw: Raw, other: Named | None, path: str) -> Raw:
    values = read_object(raw)
    children = node.children
    strangers = node.stranger and values.keys() - node.known
    if other is None and not strangers and children.keys().isdisjoint(values):
        return raw
    if node.stranger and strangers:
        values |= {key: node.stranger(key, values[key]) for key in strangers}
    if other is not None:
        for key, value in values.items():
            if key not in children:
                values[key] = other(path, key, value)
    for key, child in children.items():
        value = values.get(key, NULL)
        if value != NULL:
            values[key] = walk(child, value, other, f"{path}/{key}" if other else "")
    return write(values)
