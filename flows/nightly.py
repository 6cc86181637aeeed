"""The Prefect skin: flows and tasks around the plain pipeline. Prefect schedules and shows, DuckDB knows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import click
from prefect import State, Task, flow, task
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from extractors.errors import SentryError
from extractors.plan import Slice
from extractors.stream import all_streams
from flows.artifacts import Artifacts, show_report
from flows.orchestration import PrefectUnreachable
from flows.pipeline import Result
from flows.pipeline import export as export_plain
from flows.replay import replay as replay_plain
from flows.run import MOST_THREADS, Observer
from flows.run_report import read_report, verdict
from flows.settings import Settings, UsageError, load_settings
from warehouse.publish import publish as publish_plain
from warehouse.store import WarehouseError

logger = logging.getLogger(__name__)

T = TypeVar("T")

STANDING = ("forbidden", "gone", "capped")
"""Ways of being incomplete that the next run will not mend by itself."""

RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(MOST_THREADS))
"""Wide: how many slices go on at once is the pipeline's to bound, stream by stream."""

StreamName = Annotated[str, Field(json_schema_extra={"enum": [s.name for s in all_streams()]})]

EVERYTHING: list[str] = []
"""An empty list in the form: no choice was made."""


def _run_name() -> str:
    return f"{flow_run.get_flow_name()} {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="nightly_export", flow_run_name=_run_name, task_runner=RUNNER)
def nightly_export(
    home: str = "",
    config: str = "",
    organizations: list[str] = EVERYTHING,
    streams: list[StreamName] = EVERYTHING,
    token_block: str = "",
) -> State[Any]:
    """Brings the warehouse up to date and publishes it. A run that was cut off is taken up again.

    Args:
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
        organizations: Slugs. Empty: as configured (SENTRY_ORG), or all that the token sees.
        streams: Only these. Empty: as configured, or all.
        token_block: Name of a Prefect block of type Secret that holds the token. Empty: SENTRY_AUTH_TOKEN.
    """
    return _perform(lambda: _settings(home, config, organizations, streams, token_block), command="export")


@flow(name="backfill", flow_run_name=_run_name, task_runner=RUNNER)
def backfill(
    since: datetime | None = None,
    until: datetime | None = None,
    days: Annotated[int, Field(ge=1, le=3660)] = 90,
    home: str = "",
    config: str = "",
    organizations: list[str] = EVERYTHING,
    streams: list[StreamName] = EVERYTHING,
    token_block: str = "",
) -> State[Any]:
    """Reads a past time again, as far as Sentry still has it, and publishes.

    Args:
        since: Start, UTC unless it has a zone. Empty: as many days back as `days` says.
        until: End, exclusive, UTC unless it has a zone. Empty: now.
        days: Counts only without a start.
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
        organizations: Slugs. Empty: as configured (SENTRY_ORG), or all that the token sees.
        streams: Only these. Empty: as configured, or all.
        token_block: Name of a Prefect block of type Secret that holds the token. Empty: SENTRY_AUTH_TOKEN.
    """
    end = _plain(until) if until else None
    start = _plain(since) if since else (end or _plain(datetime.now(UTC))) - timedelta(days=days)
    if end is not None and end <= start:
        return Failed(message="The end must be later than the start.")
    return _perform(
        lambda: _settings(home, config, organizations, streams, token_block),
        command="backfill",
        since=start,
        until=end,
    )


@flow(name="publish", flow_run_name=_run_name)
def publish(home: str = "", config: str = "") -> State[Any]:
    """Publishes the warehouse anew: a checked copy that BI tools read, with marts and Parquet files.

    Args:
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
    """
    try:
        link = _publish(_settings(home, config))
    except (UsageError, WarehouseError) as error:
        return Failed(message=str(error))
    return Completed(message=f"Published {link / 'sentry.duckdb'}")


@flow(name="replay", flow_run_name=_run_name)
def replay(
    streams: list[StreamName] = EVERYTHING,
    since: datetime | None = None,
    home: str = "",
    config: str = "",
) -> State[Any]:
    """Rebuilds tables from the raw archive, without network, and publishes.

    Args:
        streams: Only the tables of these. Empty: all.
        since: Only files loaded since then. Empty: all of them.
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
    """
    try:
        settings = _settings(home, config)
        start = _plain(since) if since else None
        replayed = replay_plain(settings, streams=streams, since=start)
        _publish(settings)
    except (UsageError, WarehouseError) as error:
        return Failed(message=str(error))
    message = f"{sum(replayed.rows.values()):,} rows from {replayed.files:,} files"
    if replayed.unreadable:
        return Failed(
            message=f"{message}; {len(replayed.unreadable)} could not be read: {replayed.unreadable[0]}"
        )
    return Completed(message=message)


def _publish(settings: Settings) -> Path:
    kept = settings.publish
    return publish_plain(settings.home_path, keep=kept.keep, group_readable=kept.group_readable)


def _plain(time: datetime) -> datetime:
    """UTC without a zone."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _settings(
    home: str,
    config: str,
    organizations: Sequence[str] = (),
    streams: Sequence[str] = (),
    token_block: str = "",
) -> Settings:
    overrides: dict[str, Any] = {"home": home or None, "organizations": list(organizations) or None}
    if streams:
        overrides["streams"] = {"only": list(streams)}
    if token_block:
        overrides["token"] = _secret(token_block)
    return load_settings(config or None, overrides)


def _secret(name: str) -> str:
    try:
        return str(Secret.load(name, _sync=True).get())  # type: ignore[call-arg, union-attr, unused-ignore]
    except ValueError:
        raise UsageError(
            f"There is no Prefect block of type Secret named {name!r}: make it in the UI under Blocks."
        ) from None


@dataclass(slots=True)
class _Given:
    """What a command of this process hands to the flow it starts; never leaves the process."""

    settings: Settings
    observer: Observer
    result: Result | None = None
    error: Exception | None = None


_given: ContextVar[_Given | None] = ContextVar("given", default=None)


def export_orchestrated(
    settings: Settings,
    observer: Observer,
    *,
    command: str = "export",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Result:
    """`pipeline.export` as a flow run of this process. Raises what `pipeline.export` does."""
    given = _Given(settings, observer)
    token = _given.set(given)
    home = str(settings.home_path.absolute())
    try:
        if command == "backfill":
            state = backfill(since=since, until=until, home=home, return_state=True)
        else:
            state = nightly_export(home=home, return_state=True)
    finally:
        _given.reset(token)
    if given.error:
        raise given.error
    if given.result is None:
        raise PrefectUnreachable(f"Prefect did not let the flow run: {state.message}")
    return given.result


def _perform(
    settings_of: Callable[[], Settings],
    *,
    command: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> State[Any]:
    """Runs the pipeline as tasks of the current flow run; returns the state the run deserves."""
    given = _given.get()
    if given:
        click.echo(f"Shown at {flow_run.ui_url}", err=True)
    try:
        settings = given.settings if given else settings_of()
        with Artifacts(given.observer if given else None) as artifacts:
            result = export_plain(
                settings, artifacts, command=command, since=since, until=until, workers=Tasks(artifacts)
            )
        show_report(read_report(settings.home_path, result))
    except (UsageError, SentryError, WarehouseError) as error:
        if given:
            given.error = error
        return Failed(message=str(error))
    except Exception as error:
        if given:
            given.error = error
        raise
    if given:
        given.result = result
    return conclude(result)


def conclude(result: Result) -> State[Any]:
    """Completed, Failed, or Incomplete (of type FAILED) when only what Sentry refuses is missing.

    Prefect's automations go by a state's name: one on Failed is silent about what no retry will mend.
    """
    if not result.incomplete:
        return Completed(message=verdict(result))
    standing = all(slice_["status"] in STANDING for slice_ in result.incomplete)
    return Failed(name="Incomplete" if standing else "Failed", message=verdict(result))


@dataclass(slots=True)
class _Job:
    slice_: Slice
    work: Callable[[], list[Slice]]
    future: Future[list[Slice]]
    children: list[Slice] | None = None
    error: BaseException | None = None


class Tasks:
    """Lets slices be worked on as tasks of the current flow run, in threads of its task runner."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._jobs: dict[str, _Job] = {}
        self._tasks: dict[str, Task[..., State[Any]]] = {}

    def start(self, slice_: Slice, work: Callable[[], list[Slice]]) -> Future[list[Slice]]:
        """Submits the slice as a task named like it, tagged with its stream."""
        job = self._jobs[slice_.slice_id] = _Job(slice_, work, Future())
        submitted = self._task(slice_.stream).submit(slice_.title, slice_.slice_id)
        submitted.add_done_callback(lambda done: self._settle(slice_.slice_id, done))
        return job.future

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work as a task with this name."""
        return task(name=title, task_run_name=title, cache_policy=NO_CACHE, persist_result=False)(work)()

    def close(self) -> None:
        """Nothing to close: the flow run ends its task runner."""

    def _task(self, stream: str) -> Task[..., State[Any]]:
        if stream not in self._tasks:
            # retries stay with the client: Prefect's would repeat what is committed
            self._tasks[stream] = Task(
                self._do,
                name=stream,
                tags=[stream],
                task_run_name="{title}",
                cache_policy=NO_CACHE,
                persist_result=False,
            )
        return self._tasks[stream]

    def _do(self, title: str, slice_id: str) -> State[Any]:
        del title  # it names the task run
        job = self._jobs[slice_id]
        try:
            job.children = job.work()
        except BaseException as error:
            job.error = error
            raise
        status, reason = self._artifacts.outcomes.pop(slice_id, ("stopped", ""))
        rows = self._artifacts.rows.pop(slice_id, 0)
        return slice_state(status, reason, rows)

    def _settle(self, slice_id: str, done: PrefectFuture[Any]) -> None:
        job = self._jobs.pop(slice_id)
        if job.children is not None:
            job.future.set_result(job.children)
        else:
            job.future.set_exception(
                job.error or RuntimeError(f"Prefect did not run {job.slice_.title}: {done}")
            )


def slice_state(status: str, reason: str, rows: int) -> State[Any]:
    """The state of a slice's task."""
    if status in ("complete", "sampled"):
        return Completed(message=f"{rows:,} rows" + (f"; {reason}" if reason else ""))
    if status == "split":
        return Completed(name="Split", message="Too much for one window: smaller ones took its place.")
    if status == "stopped":
        return Cancelled(message="Stopped; the next run goes on here.")
    return Failed(name="Failed" if status == "failed" else status.capitalize(), message=reason)
