"""What the contract is checked over: every request of every stream found, with its payloads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from extractors.plan import requests_of
from extractors.stream import Request, Stream, all_streams
from extractors.streams.discover import DEFAULT_QUERIES
from transforms.frames import Batch, polars_schema
from transforms.reader import Reader, make_reader
from transforms.shape import Items, Node, build_tree
from warehouse.schema import Table

PAYLOADS = Path(__file__).parents[1] / "payloads"

CONTEXT: dict[str, Any] = {
    "organization_id": "4507700000000101",
    "project_id": "4507700000000201",
    "interval_seconds": 3600,
    "interval_start": datetime(2026, 11, 1),
    "_run_id": "20261102T030000-contract",
    "_loaded_at": datetime(2026, 11, 2, 3),
}
"""What is known of a slice, and what every reader is given."""


@dataclass(frozen=True)
class Case:
    """One request of one stream."""

    stream: Stream
    request: Request

    @property
    def name(self) -> str:
        """Name of its payload: the stream, and the request where there are several."""
        return f"{self.stream.name}_{self.request.name}".strip("_")

    def reader(self) -> Reader:
        """A fresh reader, that has learnt nothing yet."""
        return make_reader(self.request.shape, self.request.tables, self.request.ignored)

    def read(self, bodies: Iterable[bytes], **context: Any) -> Batch:
        """The bodies as a fresh reader gives them."""
        return self.reader().read(list(bodies), CONTEXT | context)

    def tree(self) -> Node:
        """All payload places that the request's tables use or leave out by name."""
        return build_tree(self.request.tables, self.request.ignored, frozenset())

    def payloads(self) -> list[Path]:
        """`<name>.json`, and `<name>.<variant>.json` for other shapes of the same answer."""
        return [
            p
            for p in (PAYLOADS / f"{self.name}.json", *sorted(PAYLOADS.glob(f"{self.name}.*.json")))
            if p.exists()
        ]

    def bodies(self) -> list[bytes]:
        """Its payloads as the reader is given them."""
        return [as_page(self, p.read_bytes()) for p in self.payloads()]


def as_page(case: Case, body: bytes) -> bytes:
    """An answer about one thing becomes a list of one record, as it does on its way to the archive."""
    single = case.request.shape == "records" and isinstance(json.loads(body), dict)
    return b"[" + body + b"]" if single else body


CASES = [
    Case(stream, request) for stream in all_streams() for request in requests_of(stream, DEFAULT_QUERIES)
]


def tables_of(streams: Iterable[Stream]) -> list[Table]:
    """Every table of the streams, once."""
    found = {t.name: t for s in streams for r in requests_of(s, DEFAULT_QUERIES) for t in r.tables}
    return list(found.values())


TABLES = tables_of(all_streams())


def check_frames(case: Case, batch: Batch) -> None:
    """What holds for every frame whatever came: the declared schema, keys that are unique and never null."""
    assert [t.name for t in batch.frames] == [t.name for t in case.request.tables]
    for table, frame in batch.frames.items():
        if case.request.shape != "discover":  # whose types come with the answer
            assert frame.schema == polars_schema(table), table.name
        assert frame.columns == list(table.names), table.name
        keys = frame.select(list(table.key))
        assert keys.null_count().sum_horizontal().sum() == 0, f"{table.name}: a key is null"
        assert not keys.is_duplicated().any(), f"{table.name}: a key stands twice"


def declared_paths(node: Node | Items | str, value: object, path: str = "") -> set[str]:
    """Paths of what stands in `value`, down to the places that the tree names."""
    if isinstance(node, Items) and isinstance(value, list):
        return {found for element in value for found in declared_paths(node.item, element, path)} | {path}
    if isinstance(node, Node) and isinstance(value, dict):
        below = {
            found
            for key, sub in value.items()
            for found in declared_paths(node.fields.get(key, "unknown"), sub, f"{path}/{key}".strip("/"))
        }
        return below | {path}
    return {path}
