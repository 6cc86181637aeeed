"""Answers recorded from a real server, read from `.http` files kept outside of this repository."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SENTRY_WAREHOUSE_RECORDINGS"
"""Names the folder: one file per request with request line, status line, headers, blank line, body."""


@dataclass(frozen=True)
class Recording:
    """One answer as received."""

    name: str
    target: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def folder() -> Path | None:
    """Where recordings lie, if anywhere."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read_recording(file: Path) -> Recording:
    """A recording from its file."""
    head, _, body = file.read_bytes().partition(b"\n\n")
    request, status, *headers = head.decode("utf-8", "replace").split("\n")
    parted = (line.partition(": ") for line in headers)
    return Recording(
        name=file.stem,
        target=request.split(" ")[1],
        status=int(status.split(" ")[1]),
        headers=tuple((name.lower(), value) for name, _, value in parted),
        body=body,
    )


def recordings(pattern: str) -> list[Recording]:
    """Good answers whose file's name matches, in order of names."""
    where = folder()
    assert where is not None
    found = [read_recording(file) for file in sorted(where.glob(pattern))]
    assert found, f"{where} has no {pattern}"
    return [r for r in found if r.status == 200]
