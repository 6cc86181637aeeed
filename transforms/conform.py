"""The way of records that do not fit: field by field, so that a wrong value costs only itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from transforms.frames import Batch, Drift, Reject
from transforms.repair import MISFIT
from transforms.shape import (
    LEAF_TYPES,
    Below,
    Items,
    Named,
    Node,
    Variants,
    escape,
    json_type,
)
from warehouse.schema import Type

REJECT_VALUE_CHARACTERS = 1000
"""A rejected value is kept up to this length; the archive holds it whole."""

read_object = msgspec.json.Decoder(dict[str, Raw]).decode
read_list = msgspec.json.Decoder(list[Raw]).decode


class _Typed(msgspec.Struct):
    type: Raw = Raw(b"null")


_read_type = msgspec.json.Decoder(_Typed).decode


class Misfits:
    """Collects what did not fit of one record."""

    def __init__(self, batch: Batch, table: str, record: str) -> None:
        self.batch, self.table, self.record = batch, table, record

    def note(self, path: str, raw: Raw, wanted: str, *, kept: bool = False) -> None:
        """One value of another type than declared; `kept` when it still stands in a column."""
        found = type_of(raw)
        self.batch.drift.add(Drift(path, "type", found))
        if not kept and found != "null":
            text = str(raw, "utf-8", "replace")[:REJECT_VALUE_CHARACTERS]
            reason = f"{found} where {wanted} is declared"
            self.batch.rejects.append(Reject(self.table, self.record, path, reason, text))


def type_of(raw: Raw) -> str:
    """JSON's name of a value's type, from its first byte: the value may be anything."""
    first = bytes(raw)[:1]
    named = {b"{": "object", b"[": "array", b'"': "string", b"t": "boolean", b"f": "boolean", b"n": "null"}
    if first in named:
        return named[first]
    try:
        return json_type(msgspec.json.decode(raw))
    except msgspec.DecodeError:
        return "number"


def new_fields(node: Below | str, raw: Raw, path: str = "") -> Iterator[Drift]:
    """The fields of a value that are not declared; what is kept as JSON is not looked into."""
    first = bytes(raw)[:1]
    try:
        if isinstance(node, Items | Variants) and first == b"[":
            for element in read_list(raw):
                below, here = (node.item, path) if isinstance(node, Items) else _variant(node, element, path)
                if below is None:
                    yield Drift(here, "new", "object")
                else:
                    yield from new_fields(below, element, here)
        elif isinstance(node, Named) and first == b"{":
            for element in read_object(raw).values():
                yield from new_fields(node.item, element, path)
        elif isinstance(node, Node) and first == b"{":
            for key, sub in read_object(raw).items():
                here = f"{path}/{escape(key)}" if path else escape(key)
                if key in node.fields:
                    yield from new_fields(node.fields[key], sub, here)
                elif not node.open:
                    yield Drift(here, "new", type_of(sub))
    except MISFIT:
        return


def _variant(variants: Variants, element: Raw, path: str) -> tuple[Node | None, str]:
    tag = tag_of(element)
    return (variants.nodes.get(tag), f"{path}[{escape(tag)}]") if tag else (variants.rest, path)


def tag_of(raw: Raw) -> str:
    """The type of an element of a list by type; empty where it has none."""
    try:
        return msgspec.json.decode(_read_type(raw).type, type=str)
    except MISFIT:
        return ""


def conform(node: Node, raw: Raw, path: str, misfits: Misfits, *, kept: bool = False) -> Any:
    """The value as the node's struct, each field by itself: what does not fit is null and noted.

    Returns None when it is no object at all (noted too). `kept` says that a column holds the whole of it.
    """
    try:
        return node.decode(raw)
    except MISFIT:
        pass
    try:
        values = read_object(raw)
    except MISFIT:
        misfits.note(path, raw, "object", kept=kept)
        return None
    made = {}
    for key, sub in node.fields.items():
        if key not in values or key not in node.attribute or bytes(values[key]) == b"null":
            continue
        value, here = values[key], f"{path}/{escape(key)}" if path else escape(key)
        if isinstance(sub, Node):
            made[node.attribute[key]] = conform(sub, value, here, misfits, kept=kept)
        elif isinstance(sub, str):
            made[node.attribute[key]] = _conform_leaf(sub, value, here, misfits, kept=kept)
        else:
            made[node.attribute[key]] = _conform_below(sub, value, here, misfits)
    return node.struct(**made)


def _conform_below(sub: Items | Named | Variants, raw: Raw, path: str, misfits: Misfits) -> Any:
    try:
        return sub.decode(raw)
    except MISFIT:
        pass
    wanted = "object" if isinstance(sub, Named) else "array"
    try:
        if isinstance(sub, Named):
            return read_object(raw)
        elements = read_list(raw)
    except MISFIT:
        misfits.note(path, raw, wanted)
        return None
    if isinstance(sub, Variants):
        found = [conform_variant(sub, element, path, misfits) for element in elements]
    elif isinstance(sub.item, str):
        return [_conform_leaf(sub.item, element, path, misfits) for element in elements]
    else:
        found = [conform(sub.item, element, path, misfits) for element in elements]
    return [element for element in found if element is not None]


def conform_variant(variants: Variants, raw: Raw, path: str, misfits: Misfits) -> Any:
    """An element of a list by type."""
    tag = tag_of(raw)
    if not tag:
        misfits.note(f"{path}/type", _type_or_null(raw), "string", kept=True)
        return conform(variants.rest, raw, path, misfits)
    return conform(variants.node(tag), raw, f"{path}[{escape(tag)}]", misfits)


def _type_or_null(raw: Raw) -> Raw:
    try:
        return _read_type(raw).type
    except MISFIT:
        return Raw(b"null")


def _conform_leaf(leaf: str, raw: Raw, path: str, misfits: Misfits, *, kept: bool = False) -> Any:
    try:
        return msgspec.json.decode(raw, type=LEAF_TYPES[leaf], strict=False)
    except MISFIT:
        pass
    as_text = leaf in ("id", Type.VARCHAR, Type.TIMESTAMP)
    misfits.note(path, raw, leaf, kept=as_text or kept)
    return str(raw, "utf-8", "replace") if as_text else None
