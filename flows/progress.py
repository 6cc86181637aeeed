"""Shows a run to a person: live bars on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from extractors.plan import Slice
from flows.answers import counted, visible

WHOLE = ("complete", "sampled")
"""Statuses in meta.coverage that leave nothing to be asked for."""

LINE_SECONDS = 10.0
"""In a log, one line a stream at most so often."""


@dataclass(slots=True)
class Counts:
    """What a stream has come to."""

    planned: int = 0
    done: int = 0
    requests: int = 0
    rows: int = 0
    troubled: int = 0


class Progress:
    """Counts by stream, thread-safe; subclasses show them."""

    def __init__(self) -> None:
        self.streams: dict[str, Counts] = defaultdict(Counts)
        self._told: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def planned(self, slices: Sequence[Slice]) -> None:
        """Slices that are to be done."""
        with self._lock:
            for slice_ in slices:
                self.streams[slice_.stream].planned += 1
            for name in {s.stream for s in slices}:
                self.show(name, self.streams[name])

    def progressed(self, slice_: Slice, requests: int, rows: int) -> None:
        """Requests answered and rows committed for a slice."""
        with self._lock:
            counts = self.streams[slice_.stream]
            counts.requests += requests
            counts.rows += rows
            self.show(slice_.stream, counts)

    def finished(self, slice_: Slice, status: str, reason: str) -> None:
        """A slice is closed."""
        with self._lock:
            counts = self.streams[slice_.stream]
            counts.done += 1
            if status not in (*WHOLE, "split"):
                counts.troubled += 1
                scope = (slice_.organization_id, slice_.project_id, status)
                if scope not in self._told:
                    self._told.add(scope)
                    self.trouble(slice_, status, reason)
            self.show(slice_.stream, counts)

    def show(self, stream: str, counts: Counts) -> None:
        """A stream's counts changed."""

    def trouble(self, slice_: Slice, status: str, reason: str) -> None:
        """A slice could not be completed; told once for each scope and status."""


class Lines(Progress):
    """Plain lines on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, float] = {}

    def show(self, stream: str, counts: Counts) -> None:
        complete = counts.planned and counts.done == counts.planned
        now = time.monotonic()
        if not complete and now - self._shown.setdefault(stream, now) < LINE_SECONDS:
            return
        self._shown[stream] = now
        line = (
            f"{stream}: {counts.done:,}/{counted(counts.planned, 'slice')}, "
            f"{counted(counts.requests, 'request')}, {counted(counts.rows, 'row')}"
        )
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # this is the log's line

    def trouble(self, slice_: Slice, status: str, reason: str) -> None:
        print(visible(f"{slice_.title}: {status}: {reason}"), file=sys.stderr, flush=True)  # noqa: T201


class Bars(Progress):
    """One bar a stream, with requests, rows and time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("slices  {task.fields[requests]:>7,} requests {task.fields[rows]:>10,} rows"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, stream: str, counts: Counts) -> None:
        if stream not in self._tasks:
            self._tasks[stream] = self._bars.add_task(stream, total=0, requests=0, rows=0)
        self._bars.update(
            self._tasks[stream],
            total=counts.planned,
            completed=counts.done,
            requests=counts.requests,
            rows=counts.rows,
        )

    def trouble(self, slice_: Slice, status: str, reason: str) -> None:
        self._bars.console.print(
            visible(f"{slice_.title}: {status}: {reason}"), markup=False, highlight=False
        )


def make_progress() -> Progress:
    """Bars on a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()
