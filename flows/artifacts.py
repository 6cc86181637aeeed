"""Shows a run in Prefect's UI while it goes on: one progress artifact a stream, a report at its end."""

from __future__ import annotations

import contextvars
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.settings import PREFECT_API_URL

from extractors.plan import Slice
from flows.answers import counted
from flows.orchestration import check_api
from flows.progress import Counts, Progress
from flows.replay import Replayed
from flows.run_report import Report, as_markdown, replay_as_markdown
from flows.workers import Observer

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
"""How often artifacts move: each change is a request to Prefect's server."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a slice came to; its status is one of coverage's, `split` or `stopped`."""

    slice_: Slice
    status: str
    reason: str
    rows: int


class Artifacts(Progress):
    """Counts a run and shows it as artifacts of the flow run it is made in.

    Prefect is display only: an artifact that can not be written is logged and the run goes on.
    `planned_slices` counts them by stream and slug of the organization.
    """

    def __init__(self, beside: Observer | None = None) -> None:
        """`beside` is told the same: the bars of a terminal."""
        super().__init__()
        self.planned_slices: Counter[tuple[str, str]] = Counter()
        self._ends: dict[str, tuple[str, str]] = {}
        self._rows: Counter[str] = Counter()
        self._beside = beside
        self._changed: set[str] = set()
        self._ids: dict[str, UUID] = {}
        self._ended = threading.Event()
        context = contextvars.copy_context()  # artifacts belong to the flow run of this context
        self._thread = threading.Thread(target=context.run, args=(self._flush_often,), daemon=True)

    def __enter__(self) -> Artifacts:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def take_outcome(self, slice_: Slice) -> Outcome:
        """What the slice came to; it is forgotten here."""
        with self._lock:
            status, reason = self._ends.pop(slice_.slice_id, ("stopped", ""))
            return Outcome(slice_, status, reason, self._rows.pop(slice_.slice_id, 0))

    def planned(self, slices: Sequence[Slice]) -> None:
        with self._lock:
            self.planned_slices.update((s.stream, s.organization_slug) for s in slices)
        super().planned(slices)
        if self._beside:
            self._beside.planned(slices)

    def progressed(self, slice_: Slice, requests: int, rows: int) -> None:
        super().progressed(slice_, requests, rows)
        with self._lock:
            self._rows[slice_.slice_id] += rows
        if self._beside:
            self._beside.progressed(slice_, requests, rows)

    def finished(self, slice_: Slice, status: str, reason: str) -> None:
        with self._lock:
            self._ends[slice_.slice_id] = (status, reason)
        super().finished(slice_, status, reason)
        if self._beside:
            self._beside.finished(slice_, status, reason)

    def show(self, stream: str, counts: Counts) -> None:
        self._changed.add(stream)

    def trouble(self, slice_: Slice, status: str, reason: str) -> None:
        logger.warning("%s: %s: %s", slice_.title, status, reason)

    def _flush_often(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            changed = {
                name: (percent(c), describe(c)) for name, c in self.streams.items() if name in self._changed
            }
            self._changed.clear()

        def show() -> None:
            for name in list(changed):
                self._ids[name] = show_progress(self._ids.get(name), name, *changed[name])
                del changed[name]

        display("The progress", show)
        with self._lock:
            self._changed.update(changed)  # what could not be shown is tried again


def percent(counts: Counts) -> float:
    """Share of the planned slices that are done."""
    return round(100 * counts.done / counts.planned, 1) if counts.planned else 0.0


def describe(counts: Counts) -> str:
    """What stands beside a progress bar."""
    text = (
        f"{counts.done:,} of {counted(counts.planned, 'slice')}, {counted(counts.requests, 'request')}, "
        f"{counted(counts.rows, 'row')}"
    )
    return f"{text}; **{counts.troubled:,} not complete**" if counts.troubled else text


def artifact_key(*words: str) -> str:
    """Words as a key that Prefect accepts: lower case letters, digits and dashes."""
    return re.sub("[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def display(what: str, show: Callable[[], object]) -> None:
    """Lets something be shown, when Prefect's server answers: its client would wait a minute for one that is
    away. Whatever goes wrong is logged, no more: the data matters more than its display."""
    try:
        if api := PREFECT_API_URL.value():
            check_api(api)
        show()
    except Exception as error:  # noqa: BLE001  # whatever Prefect's client raises
        logger.warning("%s could not be shown: %s", what, error)


def show_progress(shown: UUID | None, name: str, share: float, text: str) -> UUID:
    """Moves the progress artifact that is `shown` already, or makes one; returns its id."""
    if shown:
        update_progress_artifact(shown, share, text)
        return shown
    return cast("UUID", create_progress_artifact(share, artifact_key("progress", name), text))


class FileProgress:
    """Shows how many files of the archive a replay has read; called after each."""

    def __init__(self) -> None:
        self._id: UUID | None = None
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now >= self._next:
            self._next = now + FLUSH_SECONDS
            display("The progress", lambda: self._show(done, total))

    def _show(self, done: int, total: int) -> None:
        text = f"{done:,} of {counted(total, 'file')}"
        self._id = show_progress(self._id, "replay", round(100 * done / total, 1), text)


def show_report(report: Report) -> None:
    """Writes the Markdown report and the table of coverage as artifacts of the flow run."""

    def show() -> None:
        create_markdown_artifact(as_markdown(report), key="run-report", description="What the run brought")
        create_table_artifact(
            report.coverage, key="coverage", description="What was asked and how much of it is complete"
        )

    display("The report", show)


def show_replay(replayed: Replayed, published: Path) -> None:
    """Writes the Markdown report of a replay as an artifact of the flow run."""
    text = replay_as_markdown(replayed, published)
    display(
        "The report",
        lambda: create_markdown_artifact(text, key="replay-report", description="What the replay brought"),
    )
