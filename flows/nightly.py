"""The Prefect skin: flows and tasks around the plain pipeline. Prefect schedules and shows, DuckDB knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import click
from prefect import State, flow
from prefect.blocks.system import Secret
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from extractors.errors import SentryError
from extractors.stream import all_streams
from flows.answers import counted
from flows.artifacts import Artifacts, FileProgress, show_replay, show_report
from flows.ending import Result
from flows.orchestration import PrefectUnreachable, explain_refusal
from flows.pipeline import export as export_plain
from flows.publishing import publish_home
from flows.replay import Replayed
from flows.replay import replay as replay_plain
from flows.report import verdict
from flows.run_report import read_report
from flows.settings import Settings, UsageError, load_settings
from flows.tasks import RUNNER, Tasks, as_task
from flows.workers import Observer
from transforms.privacy import KeyFileError, PolicyError
from warehouse.store import WarehouseError

STANDING = ("forbidden", "gone", "capped")
"""Ways of being incomplete that the next run will not mend by itself."""

StreamName = Annotated[str, Field(json_schema_extra={"enum": [s.name for s in all_streams()]})]

Time = Annotated[
    datetime,
    Field(json_schema_extra={"pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ].+)?$"}),
]
"""The pattern lets Prefect's server refuse what is no date; it does not look at `format`."""

EVERYTHING: list[str] = []
"""An empty list in the form: no choice was made."""


def _run_name() -> str:
    return f"{flow_run.get_flow_name()} {datetime.now(UTC):%Y-%m-%d %H:%M}"


@flow(name="nightly_export", flow_run_name=_run_name, task_runner=RUNNER)
def nightly_export(
    full_audit: bool = False,
    home: str = "",
    config: str = "",
    organizations: list[str] = EVERYTHING,
    streams: list[StreamName] = EVERYTHING,
    token_block: str = "",
) -> State[Any]:
    """Brings the warehouse up to date and publishes it. An interrupted run is taken up again.

    Args:
        full_audit: Read all events that Sentry keeps, and all issues' own pages, again: once a week, say.
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
        organizations: Slugs. Empty: as configured (SENTRY_ORG), or all that the token sees.
        streams: Only these. Empty: as configured, or all.
        token_block: Name of a Prefect block of type Secret that holds the token. Empty: SENTRY_AUTH_TOKEN.
    """
    return _perform(
        lambda: _settings(home, config, organizations, streams, token_block, full_audit=full_audit),
        _export_flow,
    )


@flow(name="backfill", flow_run_name=_run_name, task_runner=RUNNER)
def backfill(
    since: Time | None = None,
    until: Time | None = None,
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
        until: End, exclusive, UTC unless it has a zone; its day is read whole. Empty: now.
        days: Used only without a start.
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
        organizations: Slugs. Empty: as configured (SENTRY_ORG), or all that the token sees.
        streams: Only these. Empty: as configured, or all.
        token_block: Name of a Prefect block of type Secret that holds the token. Empty: SENTRY_AUTH_TOKEN.
    """
    end = _utc(until) if until else None
    start = _utc(since) if since else _days_before(end or datetime.now(UTC).replace(tzinfo=None), days)
    if end is not None and end <= start:
        return Failed(message="The end must be later than the start.")
    return _perform(
        lambda: _settings(home, config, organizations, streams, token_block),
        lambda settings, observer: _export_flow(settings, observer, since=start, until=end),
    )


@flow(name="publish", flow_run_name=_run_name)
def publish(compact: bool = False, home: str = "", config: str = "") -> State[Any]:
    """Publishes the warehouse again: a checked copy that BI tools read, with marts and Parquet files.

    Args:
        compact: Rewrite the warehouse first, which frees the space of replaced rows.
        home: Folder of the warehouse, where the flow runs. Empty: SENTRY_WAREHOUSE_HOME.
        config: Configuration file, where the flow runs. Empty: sentry-warehouse.toml, if there is one.
    """
    return _perform(
        lambda: _settings(home, config), lambda settings, _: _publish_flow(settings, compact=compact)
    )


@flow(name="replay", flow_run_name=_run_name)
def replay(
    streams: list[StreamName] = EVERYTHING,
    since: Time | None = None,
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
    start = _utc(since) if since else None
    return _perform(
        lambda: _settings(home, config), lambda settings, _: _replay_flow(settings, streams, start)
    )


def _utc(time: datetime) -> datetime:
    """UTC without a zone."""
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _days_before(end: datetime, days: int) -> datetime:
    """A midnight: a run that was cut off is taken up by one that asks for the same."""
    return end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def _settings(
    home: str,
    config: str,
    organizations: Sequence[str] = (),
    streams: Sequence[str] = (),
    token_block: str = "",
    *,
    full_audit: bool = False,
) -> Settings:
    overrides: dict[str, Any] = {"home": home or None, "organizations": list(organizations) or None}
    if full_audit:
        overrides["full_audit"] = True
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
    observer: Observer | None = None
    result: Any = None
    error: Exception | None = None


_given: ContextVar[_Given | None] = ContextVar("given", default=None)


def export_orchestrated(
    settings: Settings,
    observer: Observer,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Result:
    """`pipeline.export` as a flow run of this process. Raises what `pipeline.export` does."""
    home = str(settings.home_path.absolute())
    result: Result = _start(
        _Given(settings, observer),
        lambda: (
            nightly_export(full_audit=settings.full_audit, home=home, return_state=True)
            if since is None
            else backfill(since=since, until=until, home=home, return_state=True)
        ),
    )
    return result


def replay_orchestrated(settings: Settings, streams: Sequence[str], since: datetime | None) -> Replayed:
    """`replay.replay` and publishing as a flow run of this process. Raises what they do."""
    home = str(settings.home_path.absolute())
    result: Replayed = _start(
        _Given(settings), lambda: replay(streams=list(streams), since=since, home=home, return_state=True)
    )
    return result


def publish_orchestrated(settings: Settings, *, compact: bool = False) -> Path:
    """`publishing.publish_home` as a flow run of this process. Raises what that does."""
    home = str(settings.home_path.absolute())
    result: Path = _start(_Given(settings), lambda: publish(compact=compact, home=home, return_state=True))
    return result


def _start(given: _Given, run: Callable[[], State[Any]]) -> Any:
    token = _given.set(given)
    try:
        problem = run().message
    except Exception as error:  # noqa: BLE001  # whatever Prefect's client raises, the data matters more
        problem = explain_refusal(error)
        if given.result is not None:
            click.echo(f"Prefect was not told how the run ended: {problem}", err=True)
    finally:
        _given.reset(token)
    if given.error:
        raise given.error
    if given.result is None:
        raise PrefectUnreachable(
            f"Prefect did not let the flow run: {(problem or '').rstrip('.')}. --no-prefect runs without it."
        )
    return given.result


def _perform(
    settings_of: Callable[[], Settings],
    work: Callable[[Settings, Observer | None], tuple[Any, State[Any]]],
) -> State[Any]:
    """Does the work of the current flow run; returns the state it deserves.

    What a person can mend is one sentence of a failed state, everything else is raised.
    """
    given = _given.get()
    if given:
        click.echo(f"Shown at {flow_run.ui_url}", err=True)
    try:
        result, state = work(given.settings if given else settings_of(), given.observer if given else None)
    except (UsageError, SentryError, WarehouseError, KeyFileError, PolicyError, PrefectUnreachable) as error:
        if given:
            given.error = error
        return Failed(message=str(error))
    except Exception as error:
        if given:
            given.error = error
        raise
    if given:
        given.result = result
    return state


def _export_flow(
    settings: Settings,
    observer: Observer | None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Result, State[Any]]:
    with Artifacts(observer) as artifacts:
        result = export_plain(settings, artifacts, since=since, until=until, workers=Tasks(artifacts))
    show_report(read_report(settings.home_path, result))
    return result, conclude(result)


def _replay_flow(
    settings: Settings, streams: Sequence[str], since: datetime | None
) -> tuple[Replayed, State[Any]]:
    show = FileProgress()
    replayed = as_task("replay", lambda: replay_plain(settings, streams=streams, since=since, show=show))
    link, _ = _publish_flow(settings)
    show_replay(replayed, link)
    message = f"{counted(sum(replayed.rows.values()), 'row')} from {counted(replayed.files, 'file')}"
    if replayed.unreadable:
        lost = f"{len(replayed.unreadable):,} could not be read: {replayed.unreadable[0]}"
        return replayed, Failed(message=f"{message}; {lost}")
    return replayed, Completed(message=message)


def _publish_flow(settings: Settings, *, compact: bool = False) -> tuple[Path, State[Any]]:
    link = as_task("publish", lambda: publish_home(settings, compact=compact))
    return link, Completed(message=f"Published {link / 'sentry.duckdb'}")


def conclude(result: Result) -> State[Any]:
    """Completed, Failed, or Incomplete (of type FAILED) when only what Sentry refuses is missing.

    Prefect's automations go by a state's name: one on Failed is silent about what no retry will mend.
    """
    if not result.incomplete:
        return Completed(message=verdict(result))
    standing = all(slice_["status"] in STANDING for slice_ in result.incomplete)
    return Failed(name="Incomplete" if standing else "Failed", message=verdict(result))
