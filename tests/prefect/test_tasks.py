"""Slices become tasks: one each, or parts of a stream when there are many.

The pipeline's own loop drives them; threads stand for Prefect's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from extractors.errors import Unauthorized
from extractors.plan import Slice
from flows import tasks as module
from flows.artifacts import Artifacts, Outcome
from flows.lanes import Interrupted, run_slices
from flows.orchestration import PrefectUnreachable
from flows.tasks import TASKS_A_STREAM, Tasks, state_of

AS_OF = datetime(2026, 11, 22)
Work = Callable[[Slice], list[Slice]]


class TaskRuns:
    """Stands for Prefect: keeps the names and results of task runs. `refused` names are never run."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(64)
        self.names: list[str] = []
        self.runs: list[Future[Any]] = []
        self.refused: set[str] = set()

    def task(self, function: Callable[..., Any], **options: Any) -> Any:
        assert not {"retries", "tags"} & set(options)

        def submit(title: str, *rest: Any) -> Any:
            self.names.append(title)
            run: Future[Any] = Future()
            if title not in self.refused:
                run = self.pool.submit(function, title, *rest)
            self.runs.append(run)
            done = SimpleNamespace(state=SimpleNamespace(message="not today"))
            if title in self.refused:
                return SimpleNamespace(add_done_callback=lambda call: call(done))
            return SimpleNamespace(add_done_callback=lambda call: run.add_done_callback(lambda _: call(done)))

        return SimpleNamespace(submit=submit)


@pytest.fixture
def task_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskRuns]:
    """Task runs of this test."""
    made = TaskRuns()
    monkeypatch.setattr(module, "Task", made.task)
    yield made
    made.pool.shutdown()


def slices(number: int, stream: str = "issues", organization: str = "acme") -> list[Slice]:
    return [
        Slice(
            stream=stream,
            request="",
            organization_id=organization,
            organization_slug=organization,
            project_id=str(i),
            project_slug=f"p{i}",
            window_start=None,
            window_end=AS_OF,
        )
        for i in range(number)
    ]


def drive(
    planned: list[Slice], work: Work, status: Callable[[Slice], str] = lambda _: "complete"
) -> list[str]:
    """Runs slices as the pipeline does; returns the ids of those that were worked on."""
    artifacts, seen = Artifacts(), []
    workers = Tasks(artifacts)

    def one(slice_: Slice) -> list[Slice]:
        children = work(slice_)
        seen.append(slice_.slice_id)
        if children:
            artifacts.planned(children)
        artifacts.progressed(slice_, 1, 2)
        artifacts.finished(slice_, "split" if children else status(slice_), "why")
        return children

    run: Any = SimpleNamespace(
        observer=artifacts,
        stop=threading.Event(),
        work=lambda s: workers.start(s, lambda: one(s)),
        request=lambda s: SimpleNamespace(path=s.request),
    )
    try:
        run_slices(run, planned, threads=4)
    finally:
        workers.close()
    return seen


def nothing(_: Slice) -> list[Slice]:
    return []


def test_a_few_slices_are_a_task_each(task_runs: TaskRuns) -> None:
    planned = slices(TASKS_A_STREAM)
    seen = drive(planned, nothing)
    assert sorted(seen) == sorted(s.slice_id for s in planned)
    assert task_runs.names == [s.title for s in planned]
    assert task_runs.names[0] == "issues · acme/p0 · 2026-11-22"
    assert {run.result().name for run in task_runs.runs} == {"Completed"}


@pytest.mark.parametrize("organizations", [1, 3])
def test_thousands_of_slices_are_a_few_tasks(task_runs: TaskRuns, organizations: int) -> None:
    planned = [
        s
        for organization in range(organizations)
        for stream in ("issues", "sessions")
        for s in slices(1000, stream, f"o{organization}")
    ]
    seen = drive(planned, nothing)
    assert sorted(seen) == sorted(s.slice_id for s in planned)
    # each of the four at work may end with a part that is not full
    assert 2 * TASKS_A_STREAM <= len(task_runs.names) <= 2 * (TASKS_A_STREAM + 4 * organizations)
    size = -(-1000 * organizations // TASKS_A_STREAM)
    assert task_runs.names[0] == f"issues · o0 · part 1 of {-(-1000 // size)}"
    messages = [run.result().message for run in task_runs.runs]
    assert f"{size} slices, {2 * size:,} rows; why" in messages


def test_slices_that_split_find_a_task(task_runs: TaskRuns) -> None:
    def halve(slice_: Slice) -> list[Slice]:
        if slice_.request:
            return []
        return [replace(slice_, request="a"), replace(slice_, request="b")]

    assert len(drive(slices(100), halve)) == 300
    assert all(run.result().name in ("Completed", "Split") for run in task_runs.runs)


def test_an_error_ends_all_tasks(task_runs: TaskRuns) -> None:
    def refuse(slice_: Slice) -> list[Slice]:
        if slice_.project_id == "50":
            raise Unauthorized("The token is refused.")
        return []

    with pytest.raises(Unauthorized):
        drive(slices(300), refuse)
    states = [run.result(10) for run in task_runs.runs]
    failed = [s for s in states if s.name == "Failed"]
    assert [s.message for s in failed] == ["issues · acme/p50 · 2026-11-22: The token is refused."]


def test_a_mistake_of_ours_is_raised_in_its_task(task_runs: TaskRuns) -> None:
    def mistake(_: Slice) -> list[Slice]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(slices(3), mistake)
    with pytest.raises(ZeroDivisionError):
        task_runs.runs[0].result(10)


def test_a_task_that_prefect_does_not_run_is_not_waited_for(task_runs: TaskRuns) -> None:
    planned = slices(5)
    task_runs.refused = {planned[3].title}
    with pytest.raises(PrefectUnreachable, match=r"not today.*--no-prefect"):
        drive(planned, nothing)


def test_stopping_lets_waiting_tasks_end(task_runs: TaskRuns) -> None:
    artifacts = Artifacts()
    workers = Tasks(artifacts)
    stop = threading.Event()

    def last(_: Slice) -> list[Slice]:
        stop.set()
        return []

    run: Any = SimpleNamespace(
        observer=artifacts,
        stop=stop,
        work=lambda s: workers.start(s, lambda: last(s)),
        request=lambda s: SimpleNamespace(path=s.request),
    )
    with pytest.raises(Interrupted):
        run_slices(run, slices(300), threads=4)
    workers.close()
    assert {run.result(10).name for run in task_runs.runs} == {"Cancelled"}


@pytest.mark.parametrize(
    ("statuses", "type_", "name", "message"),
    [
        (["complete"], "COMPLETED", "Completed", "1 row; why"),
        (["sampled"], "COMPLETED", "Completed", "1 row; why"),
        (["split"], "COMPLETED", "Split", "smaller ones"),
        (["complete", "split"], "COMPLETED", "Completed", "2 slices, 2 rows; why"),
        (["forbidden"], "FAILED", "Forbidden", "why"),
        (["gone"], "FAILED", "Gone", "why"),
        (["failed"], "FAILED", "Failed", "why"),
        (["stopped"], "CANCELLED", "Cancelled", "goes on here"),
        (["complete", "stopped"], "CANCELLED", "Cancelled", "goes on here"),
        (["complete", "forbidden"], "FAILED", "Forbidden", "1 of 2 slices is not complete"),
        (
            ["partial", "forbidden", "complete"],
            "FAILED",
            "Partial",
            "issues · acme/p1 · 2026-11-22: forbidden: why",
        ),
        (["forbidden"] * 40, "FAILED", "Forbidden", "… and 30 more."),
    ],
)
def test_a_task_ends_in_the_worst_state_of_its_slices(
    statuses: list[str], type_: str, name: str, message: str
) -> None:
    planned = slices(len(statuses))
    state = state_of([Outcome(s, status, "why", 1) for s, status in zip(planned, statuses, strict=True)])
    assert (state.type.value, state.name) == (type_, name)
    assert message in (state.message or "")
