"""Shows a run in Prefect's UI while it goes on: one progress artifact a stream, a report at its end."""

from __future__ import annotations

import contextvars
import logging
import re
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from extractors.plan import Slice
from flows.progress import Counts, Progress
from flows.run import Observer
from flows.run_report import Report, as_markdown, coverage_rows

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
"""How often artifacts move: each change is a request to Prefect's server."""


class Artifacts(Progress):
    """Counts a run and shows it as artifacts of the flow run it is made in.

    Prefect is display only: an artifact that can not be written is logged and the run goes on.
    `outcomes` holds each finished slice's (status, reason) until somebody takes it.
    """

    def __init__(self, beside: Observer | None = None) -> None:
        """`beside` is told the same: the bars of a terminal."""
        super().__init__()
        self.outcomes: dict[str, tuple[str, str]] = {}
        self.rows: dict[str, int] = {}
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

    def planned(self, slices: Sequence[Slice]) -> None:
        super().planned(slices)
        if self._beside:
            self._beside.planned(slices)

    def progressed(self, slice_: Slice, requests: int, rows: int) -> None:
        super().progressed(slice_, requests, rows)
        with self._lock:
            self.rows[slice_.slice_id] = self.rows.get(slice_.slice_id, 0) + rows
        if self._beside:
            self._beside.progressed(slice_, requests, rows)

    def finished(self, slice_: Slice, status: str, reason: str) -> None:
        self.outcomes[slice_.slice_id] = (status, reason)
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
        try:
            for name, (share, text) in changed.items():
                if name in self._ids:
                    update_progress_artifact(self._ids[name], share, text)
                else:
                    made = create_progress_artifact(share, artifact_key("progress", name), text)
                    self._ids[name] = cast("UUID", made)
        except Exception as error:  # noqa: BLE001  # whatever Prefect's client raises, the data matters more
            logger.warning("The progress could not be shown: %s", error)


def percent(counts: Counts) -> float:
    """Share of the planned slices that are done."""
    return round(100 * counts.done / counts.planned, 1) if counts.planned else 0.0


def describe(counts: Counts) -> str:
    """What stands beside a progress bar."""
    text = f"{counts.done:,} of {counts.planned:,} slices, {counts.requests:,} requests, {counts.rows:,} rows"
    return f"{text}; **{counts.troubled:,} not complete**" if counts.troubled else text


def artifact_key(*words: str) -> str:
    """Words as a key that Prefect accepts: lower case letters, digits and dashes."""
    return re.sub("[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def show_report(report: Report) -> None:
    """Writes the Markdown report and the table of coverage as artifacts of the flow run."""
    try:
        create_markdown_artifact(as_markdown(report), key="run-report", description="What the run brought")
        create_table_artifact(
            coverage_rows(report), key="coverage", description="What was asked and how much of it is complete"
        )
    except Exception as error:  # noqa: BLE001  # whatever Prefect's client raises, the data matters more
        logger.warning("The report could not be shown: %s", error)
