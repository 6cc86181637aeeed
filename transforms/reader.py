"""Chooses how answers of a shape become frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from transforms.discover import DiscoverReader
from transforms.frames import Batch
from transforms.records import RecordReader
from transforms.series import SeriesReader
from warehouse.schema import Table


class Reader(Protocol):
    """Turns bodies of one request into a Batch; `context` holds what is known of the slice.

    Raises transforms.repair.Unreadable for a body of another shape.
    """

    def read(self, bodies: Iterable[bytes], context: Mapping[str, Any]) -> Batch: ...


def make_reader(
    shape: Literal["records", "series", "discover"], tables: tuple[Table, ...], ignored: tuple[str, ...]
) -> Reader:
    """The reader for a request's answers."""
    if shape == "series":
        return SeriesReader(tables)
    if shape == "discover":
        return DiscoverReader(tables)
    return RecordReader(tables, ignored)
