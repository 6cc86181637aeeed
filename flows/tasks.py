"""Slices as tasks of a Prefect flow run: one each, or parts of a stream when there are very many."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from extractors.errors import SentryError
from extractors.plan import Slice
from flows.answers import counted
from flows.artifacts import Artifacts, Outcome
from flows.orchestration import PrefectUnreachable
from flows.progress import WHOLE
from flows.report import not_complete
from flows.workers import MOST_THREADS
from warehouse.store import WarehouseError

T = TypeVar("T")

RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(MOST_THREADS))
"""Wide: how many slices go on at once is the pipeline's to bound, stream by stream."""

TASKS_A_STREAM = 30
"""About as many tasks a stream is cut into at most, so that a run of a dozen streams stays at a few hundred:
a Prefect server on SQLite answers 503 after about a thousand quick ones, and each costs some 10 ms."""

WORST_LAST = (*WHOLE, "split", "stopped", "gone", "forbidden", "capped", "partial", "failed")
DONE = (*WHOLE, "split")
MOST_NAMED = 10
"""Slices that the message of a task names."""


@dataclass(frozen=True, slots=True)
class _Job:
    slice_: Slice
    work: Callable[[], list[Slice]]
    future: Future[list[Slice]]


@dataclass(slots=True)
class _Line:
    """Slices of one stream and organization, on their way to a task."""

    waiting: deque[_Job] = field(default_factory=deque)
    started: int = 0
    tasks: int = 0
    idle: int = 0


def as_task(title: str, work: Callable[[], T]) -> T:
    """Does the work as a task of the current flow run and waits for it. Raises what the work raises."""
    return task(name=title, task_run_name=title, cache_policy=NO_CACHE, persist_result=False)(work)()


class Tasks:
    """Lets slices be worked on by tasks of the current flow run, in threads of its task runner.

    A task takes one slice, or several one after the other where a stream has more than TASKS_A_STREAM.
    """

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._lines: dict[tuple[str, str], _Line] = {}
        self._first: dict[str, _Job] = {}
        self._tasks: dict[str, Task[..., State[Any]]] = {}
        self._change = threading.Condition()
        self._closed = False

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        """Hands the slice to a task that waits for one, or submits another."""
        job = _Job(slice_, work, Future())
        key = (slice_.stream, slice_.organization_slug)
        with self._change:
            line = self._lines.setdefault(key, _Line())
            line.started += 1
            if line.idle > len(line.waiting):
                line.waiting.append(job)
                self._change.notify_all()
                return job.future
            line.tasks += 1
            self._first[slice_.slice_id] = job
        size = -(-self._artifacts.streams[slice_.stream].planned // TASKS_A_STREAM)
        title = self._title(slice_, line, size)
        submitted = self._task(slice_.stream).submit(title, slice_.slice_id, size)
        submitted.add_done_callback(lambda done: _settle(job, done))
        return job.future

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work as a task with this name."""
        return as_task(title, work)

    def close(self) -> None:
        """Lets tasks that wait for more slices end."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _title(self, slice_: Slice, line: _Line, size: int) -> str:
        if size <= 1:
            return slice_.title
        key = (slice_.stream, slice_.organization_slug)
        parts = -(-self._artifacts.planned_slices[key] // size)
        return f"{slice_.stream} · {slice_.organization_slug} · part {line.tasks} of {max(parts, line.tasks)}"

    def _task(self, stream: str) -> Task[..., State[Any]]:
        if stream not in self._tasks:
            # retries stay with the client: Prefect's would repeat what is committed
            self._tasks[stream] = Task(
                self._run,
                name=stream,
                task_run_name="{title}",
                cache_policy=NO_CACHE,
                persist_result=False,
            )
        return self._tasks[stream]

    def _run(self, title: str, slice_id: str, size: int) -> State[Any]:
        del title  # it names the task run
        first = self._first.pop(slice_id)
        _tag(first.slice_.stream)
        outcomes: list[Outcome] = []
        for job in self._jobs(first, size):
            try:
                children = job.work()
            except (SentryError, WarehouseError) as error:  # said in one sentence by the flow
                job.future.set_exception(error)
                return Failed(message=f"{job.slice_.title}: {error}")
            except BaseException as error:
                job.future.set_exception(error)
                raise
            outcomes.append(self._artifacts.take_outcome(job.slice_))
            job.future.set_result(children)
        return state_of(outcomes)

    def _jobs(self, first: _Job, size: int) -> Iterator[_Job]:
        """The first one, then up to `size` in all, as they come."""
        yield first
        key = (first.slice_.stream, first.slice_.organization_slug)
        line = self._lines[key]

        def is_decided() -> bool:
            return bool(line.waiting) or self._closed or line.started >= self._artifacts.planned_slices[key]

        for _ in range(size - 1):
            with self._change:
                line.idle += 1
                self._change.wait_for(is_decided)
                line.idle -= 1
                if not line.waiting:
                    return
                job = line.waiting.popleft()
            yield job


def _tag(name: str) -> None:
    """Tags the current task run; Prefect's server hears of it when the run ends.

    A tag that is known before makes each task ask the server for a place among those of its tag: one request
    more, and a task that fails when the server is away.
    """
    if context := TaskRunContext.get():
        context.task_run.tags.append(name)


def _settle(job: _Job, done: PrefectFuture[Any]) -> None:
    """A task that Prefect did not run must not be waited for."""
    if not job.future.done():
        problem = f"Prefect did not run {job.slice_.title} ({done.state.message})"
        remedy = "run the command again, or without it: --no-prefect."
        job.future.set_exception(PrefectUnreachable(f"{problem}: {remedy}"))


def state_of(outcomes: Sequence[Outcome]) -> State[Any]:
    """The state of a task, from what its slices came to: the worst of theirs."""
    worst = max((o.status for o in outcomes), key=WORST_LAST.index)
    rows = sum(o.rows for o in outcomes)
    if worst == "stopped":
        return Cancelled(message="Stopped; the next run goes on here.")
    if worst == "split" and len(outcomes) == 1:
        return Completed(name="Split", message="Too much for one window: smaller ones took its place.")
    if worst in DONE:
        notes = [o.reason for o in outcomes if o.reason and o.status != "split"]
        slices = f"{len(outcomes):,} slices, " if len(outcomes) > 1 else ""
        return Completed(message="; ".join([f"{slices}{counted(rows, 'row')}", *dict.fromkeys(notes)]))
    troubled = [o for o in outcomes if o.status not in DONE]
    lines = [f"{o.slice_.title}: {o.status}: {o.reason}" for o in troubled[:MOST_NAMED]]
    if len(troubled) > MOST_NAMED:
        lines.append(f"… and {len(troubled) - MOST_NAMED:,} more.")
    if len(outcomes) > 1:
        lines.insert(0, f"{not_complete(len(troubled), len(outcomes))}.")
    message = troubled[0].reason if len(outcomes) == 1 else "\n".join(lines)
    return Failed(name="Failed" if worst == "failed" else worst.capitalize(), message=message)
