"""Counts which declared fields records bring, so that one that used to come and comes no more is noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Raw

from transforms.conform import read_list, read_object, tag_of
from transforms.repair import MISFIT
from transforms.shape import Below, Items, Named, Node, Variants, escape

ELEMENTS = 3
"""So many elements of each list are looked into."""


@dataclass(slots=True)
class Seen:
    """Of one field: objects that could have it, and how many of them did (null counts as there)."""

    objects: int = 0
    present: int = 0


def count_fields(tree: Node, bodies: Iterable[bytes], most: int, counts: dict[str, Seen]) -> int:
    """Counts the declared fields of at most so many records of pages (JSON lists); returns of how many.

    What is left out by name is not counted, nor what stands in objects whose keys are names: they differ
    from record to record. Records that are no objects count for nothing.
    """
    looked = 0
    for body in bodies:
        try:
            records = read_list(body)
        except MISFIT:
            continue
        for record in records[: most - looked]:
            _count(tree, record, "", counts)
            looked += 1
        if looked >= most:
            break
    return looked


def _count(node: Below | str, raw: Raw, path: str, counts: dict[str, Seen]) -> None:
    try:
        if isinstance(node, Items | Variants):
            for element in read_list(raw)[:ELEMENTS]:
                if isinstance(node, Items):
                    _count(node.item, element, path, counts)
                elif tag := tag_of(element):
                    _count(node.node(tag), element, f"{path}[{escape(tag)}]", counts)
        elif isinstance(node, Node):
            values = read_object(raw)
            for key, sub in node.fields.items():
                if sub == "ignored":
                    continue
                here = f"{path}/{escape(key)}" if path else escape(key)
                seen = counts.setdefault(here, Seen())
                seen.objects += 1
                if key in values:
                    seen.present += 1
                    if not isinstance(sub, str | Named):
                        _count(sub, values[key], here, counts)
    except MISFIT:
        return
