"""Serves the deployments: the nightly export on a schedule, the other flows at the press of a button."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.orchestration import API_URL, check_api, configured_api, prepare_environment, use_api
from flows.settings import UsageError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

NIGHTLY = "30 2 * * *"
LOCALTIME = Path("/etc/localtime")


def local_timezone(localtime: Path = LOCALTIME, variable: str | None = None) -> str:
    """The IANA name of this machine's time zone, as the variable TZ or else the system has it; UTC where it
    can not be told."""
    named = (os.environ.get("TZ", "") if variable is None else variable).removeprefix(":")
    if _is_zone(named):
        return named
    name = "/".join(localtime.resolve().parts).partition("/zoneinfo/")[2]
    return name if _is_zone(name) else "UTC"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def serve_nightly(*, cron: str, timezone: str, home: str, config: str | None, token_block: str = "") -> None:
    """Registers the deployments and runs what is due, one run at a time, until it is stopped.

    `token_block` names a Prefect block of type Secret to use in place of SENTRY_AUTH_TOKEN.

    Raises UsageError for a wrong schedule or when no Prefect server is configured, PrefectUnreachable when
    it does not answer.
    """
    if not _is_zone(timezone):
        raise UsageError(f"{timezone!r} is no time zone: write one like Europe/Vienna or UTC.")
    api = configured_api()
    if not api:
        raise UsageError(
            f"No Prefect server is configured: start one (`prefect server start`) and set {API_URL} "
            f"(http://127.0.0.1:4200/api), or let cron do it: {cron.strip()} sentry-warehouse export"
        )
    check_api(api, otherwise=f"or let cron do it: {cron.strip()} sentry-warehouse export --no-prefect")
    prepare_environment()
    use_api(api)
    from prefect import serve
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.nightly import backfill, nightly_export, publish, replay

    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError:
        raise UsageError(f"{cron!r} is no cron schedule: write five fields, as in {NIGHTLY!r}.") from None
    # a second run waits for the first: two writers can not have the file open
    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    target = {"home": home, "config": config or ""}
    asking = {**target, "token_block": token_block}
    shared: dict[str, Any] = {
        "tags": ["sentry-warehouse"],
        "concurrency_limit": alone,
        "entrypoint_type": EntrypointType.MODULE_PATH,
    }
    deployments = [
        nightly_export.to_deployment("nightly", schedule=schedule, parameters=asking, **shared),
        backfill.to_deployment("by-hand", parameters=asking, **shared),
        *(flow.to_deployment("by-hand", parameters=target, **shared) for flow in (replay, publish)),
    ]
    # not paused when it ends: a night that falls into a restart is made up for
    _refuse_pooled(f"{nightly_export.name}/nightly")
    serve(*cast("list[RunnerDeployment]", deployments), limit=1, pause_on_shutdown=False)


def _refuse_pooled(name: str) -> None:
    """Raises UsageError when workers run this deployment: then nothing would ever come here."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            pool = client.read_deployment_by_name(name).work_pool_name
        except ObjectNotFound:
            return
    if pool:
        raise UsageError(
            f"Workers of the pool {pool} run {name!r} already. To serve it here instead, delete it first: "
            f"prefect deployment delete {name}"
        )
