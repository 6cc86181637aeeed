"""Works on many slices at once, in lanes, so that a slow limit holds back nobody else."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from extractors.plan import Slice
from flows.run import Run

GRACE_SECONDS = 1.5
"""How long slices at work may take to notice that the run is to stop."""

Lane = tuple[str, str]
"""Stream and path: what lies on one path falls under one limit."""


class Interrupted(Exception):
    """The user asked to stop; what is committed stays, the next run goes on."""


def run_slices(
    run: Run,
    slices: Sequence[Slice],
    *,
    threads: int,
    then: Callable[[str, frozenset[str]], list[Slice]] = lambda stream, open_: [],
) -> None:
    """Runs slices, at most `threads` of each lane at a time.

    `then` is told when the listings among them of a stream are done, and of which streams they are not; it
    says what can be asked because of it, and that goes on beside the others. Raises Interrupted when the run
    is to stop, and the first error that is not a slice's own; the other slices stop.
    """
    queues: dict[Lane, deque[Slice]] = {}
    working: dict[Future[list[Slice]], Slice] = {}
    listings: Counter[str] = Counter()

    def add(more: Sequence[Slice]) -> None:
        for slice_ in more:
            queues.setdefault(lane_of(run, slice_), deque()).append(slice_)
            listings[slice_.stream] += slice_.items is None

    def close(slice_: Slice) -> None:
        if slice_.items is None:
            listings[slice_.stream] -= 1
            if not listings[slice_.stream] and not run.stop.is_set():
                more = then(slice_.stream, frozenset(s for s, left in listings.items() if left))
                run.observer.planned(more)
                add(more)

    run.observer.planned(slices)
    add(slices)
    try:
        while not run.stop.is_set():
            busy = Counter(lane_of(run, slice_) for slice_ in working.values())
            for lane, queue in queues.items():
                for _ in range(min(threads - busy[lane], len(queue))):
                    slice_ = queue.popleft()
                    working[run.work(slice_)] = slice_
            if not working:
                break
            done, _ = wait(working, return_when=FIRST_COMPLETED)
            for future in done:
                slice_ = working.pop(future)
                add(future.result())
                close(slice_)
    except BaseException:
        run.stop.set()
        raise
    finally:
        if run.stop.is_set():
            wait(working, timeout=GRACE_SECONDS)
    if run.stop.is_set():
        raise Interrupted("Stopped; run the same command again to go on.")


def lane_of(run: Run, slice_: Slice) -> Lane:
    """The lane of a slice."""
    return slice_.stream, run.request(slice_).path
