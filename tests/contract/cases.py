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
from transforms.shape import places
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

    def payloads(self) -> list[Path]:
        """`<name>.json`, and `<name>.<variant>.json` for other shapes of the same answer; where there are
        none, those of another request that gets the same answers."""
        same = (self.request.tables, self.request.ignored)
        others = [c for c in CASES if c.request.path == self.request.path]
        others += [c for c in CASES if (c.request.tables, c.request.ignored) == same]
        for name in (self.name, *(c.name for c in others)):
            own = PAYLOADS / f"{name}.json"
            if own.exists():
                return [own, *sorted(PAYLOADS.glob(f"{name}.*.json"))]
        return []

    def bodies(self) -> list[bytes]:
        """Its payloads as the reader is given them."""
        return [as_page(self, json.loads(p.read_bytes())) for p in self.payloads()]

    def records(self) -> list[Any]:
        """The records of its payloads, where it answers with records."""
        return [record for body in self.bodies() for record in json.loads(body)]

    def stored(self, records: Iterable[Any]) -> list[Any]:
        """Those of the records that make rows of the root table."""
        without = self.request.tables[0].without
        if without is None:
            return list(records)
        paths, values = places(without[0]), without[1]
        return [r for r in records if first_at(r, paths) not in values]


def as_page(case: Case, answer: Any) -> bytes:
    """An answer as servers write it; one about one thing is a list of one record, as in the archive."""
    single = case.request.shape == "records" and isinstance(answer, dict)
    return json.dumps([answer] if single else answer, separators=(",", ":"), ensure_ascii=False).encode()


def first_at(record: Any, paths: Iterable[str]) -> Any:
    """The first value that is not null of several places."""
    for path in paths:
        value = record
        for key in path.split("/"):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


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
        if not table.nullable_key:
            assert keys.null_count().sum_horizontal().sum() == 0, f"{table.name}: a key is null"
        assert not keys.is_duplicated().any(), f"{table.name}: a key stands twice"
