"""What a run is given from outside: who does the work, who is told, and what time it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from extractors.plan import Slice

MOST_THREADS = 512
"""Never reached: each stream has its own bound."""

T = TypeVar("T")


class Workers(Protocol):
    """Where the work of a run is done."""

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        """Lets a slice be worked on, beside others; the caller bounds how many."""

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does something else that takes its time, and waits for it."""

    def close(self) -> None:
        """No more slices will come."""


class Threads:
    """Threads of this process."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="slice")

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        del slice_
        return self._pool.submit(work)

    def step(self, title: str, work: Callable[[], T]) -> T:
        del title
        return work()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Observer(Protocol):
    """Is told how a run goes; may be called from several threads."""

    def planned(self, slices: Sequence[Slice]) -> None: ...
    def progressed(self, slice_: Slice, requests: int, rows: int) -> None: ...
    def finished(self, slice_: Slice, status: str, reason: str) -> None: ...


class Clock:
    """The server's time: windows must be in its hours, not in those of a clock that runs wrong here."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """UTC without a zone."""
        return datetime.now(UTC).replace(tzinfo=None) + self.offset
