"""The end of a run: what it brought, checks, warnings, the archive in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.asking import NOT_KEPT
from flows.planning import drift_checks
from flows.policy import note_key
from flows.retention import keep_archive
from flows.run import Run
from flows.settings import FORGETTING, Settings
from warehouse import state
from warehouse.checks import DRIFT_OF, CheckFailed, Finding, run_checks


@dataclass(slots=True)
class Result:
    """How a run ended. `slices` counts them by status; `audited_days` counts the days (of a project) whose
    events were held against Sentry's count, and are new or short. Of `requests`, `retried` asked once more
    for what had failed, and `throttled` were answered 429.
    """

    run_id: str
    as_of: datetime
    status: str = "running"
    requests: int = 0
    retried: int = 0
    throttled: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    slices: dict[str, int] = field(default_factory=dict)
    audited_days: dict[str, int] = field(default_factory=dict)
    incomplete: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    published: Path | None = None
    resumed: bool = False

    @property
    def exit_code(self) -> int:
        """0 complete, 3 when some slice is not."""
        return 3 if self.incomplete else 0


def finish(run: Run, settings: Settings, result: Result) -> None:
    """Checks the tables and notes how the run ended, in `meta.runs` and the result.

    Raises CheckFailed where they do not hold together, or drift is set to fail.
    """
    published = settings.home_path / "published" / "sentry.duckdb"
    for counts, audited in ((result.slices, "is distinct from"), (result.audited_days, "=")):
        counts.update(
            run.store.rows(
                f"select status, count(*) from meta.coverage where run_id = ? and request {audited} 'audit' "
                "group by 1",
                [run.run_id],
            )
        )
    result.incomplete = state.incomplete(run.store, run.run_id)
    result.rows = state.table_rows(run.store)
    tables = [t for stream in run.streams.values() for r in run.requests(stream.name) for t in r.tables]
    findings = run_checks(
        run.store,
        list({t.name: t for t in tables}.values()),
        run.run_id,
        published,
        more=drift_checks(settings, run.streams),
    )
    result.warnings += [
        *_forgetting(settings),
        *note_key(run.store, run.privacy),
        *_not_kept(run),
        *(f.text for f in findings if f.check.severity == "warn"),
    ]
    failures = [f for f in findings if f.check.severity == "fail"]
    failed = [f.text for f in failures]
    result.status = "failed" if failed else "incomplete" if result.incomplete else "complete"
    usage = run.clients.usage()
    requests, size = state.spent(run.store, run.run_id)  # by the part that was cut off, too
    state.end_run(
        run.store,
        run.run_id,
        status=result.status,
        finished_at=run.clock.now(),
        requests=max(usage.requests, requests),
        bytes=max(usage.bytes, size),
        rows=sum(result.rows.values()),
        note="; ".join(failed) or None,
    )
    if failed:
        raise CheckFailed(_not_published(failures))


def _forgetting(settings: Settings) -> list[str]:
    """A sentence on a `forget` that was cut off: none is at work beside a run."""
    if not (settings.home_path / FORGETTING).exists():
        return []
    return [
        "Forgetting a person was cut off: run `sentry-warehouse forget` again for the same value, as not all "
        "of it is gone."
    ]


def _not_kept(run: Run) -> list[str]:
    """A sentence on the days that were asked for and that Sentry no longer keeps."""
    days = run.store.rows(
        "select min(window_start), max(window_end) - interval 1 microsecond, "
        "string_agg(distinct stream, ', ' order by stream) from meta.coverage "
        "where run_id = ? and reason = ? having count(*) > 0",
        [run.run_id, NOT_KEPT],
    )
    return [
        f"Sentry no longer keeps what was asked for of {first:%Y-%m-%d} to {last:%Y-%m-%d} ({streams}): of "
        "these days only what earlier runs read is here, and completeness claims no more."
        for first, last, streams in days
    ]


def tidy_archive(run: Run, settings: Settings, result: Result) -> None:
    """Joins small files of the archive and removes old ones. What does not work out here is no reason to hold
    back the data: it is a warning of the result."""
    loader = run.loader
    try:
        keep_archive(run.store, run.archive, settings, loader.writes(), loader.marking())
    except OSError as error:
        result.warnings.append(
            f"The archive could not be tidied up ({_said(error)}). Nothing of it was removed, and the next "
            "run tries again."
        )


def _said(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _not_published(failures: Sequence[Finding]) -> str:
    drifted = [f.text for f in failures if f.check.name.startswith(DRIFT_OF)]
    broken = [f.text for f in failures if not f.check.name.startswith(DRIFT_OF)]
    said = ["The data is loaded but not published."]
    if broken:
        said += ["It does not hold together:", *broken]
        said.append("Run `sentry-warehouse replay`, and report it if that does not help.")
    if drifted:
        said += ["What Sentry sends has changed, and drift is set to fail:", *drifted]
        said.append(
            "All of it: `sentry-warehouse status`. Where a change is fine, name it in drift.accepted as "
            "'stream:path', or set drift of the stream to warn or note, and run the export again."
        )
    return " ".join(said)
