"""Serves the deployments: the nightly export on a schedule, the other flows at the press of a button."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from flows.orchestration import (
    API_URL,
    PrefectUnreachable,
    check_api,
    configured_api,
    explain_refusal,
    prepare_environment,
    use_api,
)
from flows.settings import CONFIG_FILE, UsageError
from flows.stopping import SIGNALS

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

NIGHTLY = "30 2 * * *"
PAUSE_SECONDS = 15.0
"""How often a server that is away is asked whether it is back."""
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
    """Registers the deployments and runs what is due, one run at a time, until a signal stops it: a run that
    is at work is cancelled then, and the next one takes it up.

    `token_block` names a Prefect block of type Secret to use in place of SENTRY_AUTH_TOKEN.

    Raises UsageError for a wrong schedule or when no Prefect server is configured, PrefectUnreachable when
    it does not answer or refuses.
    """
    if not _is_zone(timezone):
        raise UsageError(f"{timezone!r} is no time zone: write one like Europe/Vienna or UTC.")
    no_schedule = UsageError(f"{cron!r} is no cron schedule: write five fields, as in {NIGHTLY!r}.")
    if len(cron.split()) != len(NIGHTLY.split()):  # before it is told as a line for a crontab
        raise no_schedule
    api = configured_api()
    otherwise = f"or let cron do it: {cron_line(cron, home, config)}"
    if not api:
        raise UsageError(
            f"No Prefect server is configured: start one (`prefect server start`) and set {API_URL} "
            f"(http://127.0.0.1:4200/api), {otherwise}"
        )
    check_api(api, otherwise=otherwise)
    prepare_environment()
    use_api(api)
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.nightly import backfill, nightly_export, publish, replay

    try:
        schedule = Cron(cron, timezone=timezone)
    except ValueError:
        raise no_schedule from None
    target = {"home": home, "config": config or ""}
    asking = {**target, "token_block": token_block}
    shared: dict[str, Any] = {
        "tags": ["sentry-warehouse"],
        "entrypoint_type": EntrypointType.MODULE_PATH,
    }
    deployments = [
        nightly_export.to_deployment("nightly", schedule=schedule, parameters=asking, **shared),
        backfill.to_deployment("by-hand", parameters=asking, **shared),
        *(flow.to_deployment("by-hand", parameters=target, **shared) for flow in (replay, publish)),
    ]
    asyncio.run(_serve(api, cast("list[RunnerDeployment]", deployments), f"({cron}, {timezone})"))


def cron_line(cron: str, home: str, config: str | None) -> str:
    """A line for a crontab, which knows no PATH, working directory or variables of the user's: it names the
    command, the home and the configuration file by their paths, and says where the token must stand."""
    command = Path(sys.argv[0]).absolute()
    found = config or (str(Path(CONFIG_FILE).absolute()) if Path(CONFIG_FILE).exists() else None)
    words = [str(command) if command.name == "sentry-warehouse" else "sentry-warehouse", "--home", home]
    words += ["--config", found] if found else []
    line = f"{cron.strip()} {shlex.join([*words, 'export', '--no-prefect'])}"
    return (
        f"{line} (it sees no variables of yours: let `token_file` in the configuration file name the token)"
    )


async def _serve(api: str, deployments: list[RunnerDeployment], when: str) -> None:
    """Serves until a signal comes, again after each time that Prefect's server was away."""
    asked = asyncio.Event()
    while not asked.is_set():
        runner = await _register(api, deployments)
        click.echo(f"Serving {deployments[0].full_name} {when}; backfill, replay and publish by hand.")
        if await _run(runner, asked):
            return
        click.echo(
            f"Prefect's runner gave up: is the server at {api} away? Waiting for it; a run that was at work "
            "is taken up by the next one.",
            err=True,
        )
        while not await _is_back(api, asked):
            pass


async def _register(api: str, deployments: Sequence[RunnerDeployment]) -> Runner:
    """A runner of the deployments, which the server knows then. Raises PrefectUnreachable, and UsageError
    when workers run them."""
    import httpx
    from prefect.deployments.runner import DeploymentApplyError
    from prefect.runner import Runner

    # One run at a time: two writers can not have the file open. The deployments have no limit of their own:
    # a run that dies together with the server would hold its place there for ever.
    # Not paused when it ends: a night that falls into a restart is made up for.
    runner = Runner(pause_on_shutdown=False, limit=1)
    try:
        await _refuse_pooled(deployments[0].full_name)
        for deployment in deployments:
            await runner.aadd_deployment(deployment)
    except (httpx.HTTPError, DeploymentApplyError) as error:
        raise PrefectUnreachable(
            f"The Prefect server at {api} did not take the deployments: {explain_refusal(error)}"
        ) from None
    return runner


async def _run(runner: Runner, asked: asyncio.Event) -> bool:
    """Runs what is due until a signal asks to stop: True. False when the runner gave up, as it does after
    some minutes without its server. Prefect's own end by SIGTERM shows a traceback and cancels no run."""
    serving = asyncio.ensure_future(runner.start())
    await asyncio.sleep(0)  # it has set its handler of SIGTERM now
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    asking = asyncio.ensure_future(asked.wait())
    await asyncio.wait([serving, asking], return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()
    if asked.is_set():
        click.echo("Stopping; a run that is at work is cancelled, the next one takes it up.", err=True)
        if not serving.done():
            await runner.astop()
    try:
        await serving
    except (ExceptionGroup, RuntimeError):
        return asked.is_set()
    return True


async def _is_back(api: str, asked: asyncio.Event) -> bool:
    """Whether the server answers after a while, or nobody waits for it any more."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asked.wait(), PAUSE_SECONDS)
        return True
    try:
        await asyncio.to_thread(check_api, api)
    except PrefectUnreachable:
        return False
    return True


async def _refuse_pooled(name: str) -> None:
    """Raises UsageError when workers run this deployment: then nothing would ever come here."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    async with get_client() as client:
        try:
            pool = (await client.read_deployment_by_name(name)).work_pool_name
        except ObjectNotFound:
            return
    if pool:
        raise UsageError(
            f"Workers of the pool {pool} run {name!r} already. To serve it here instead, delete it first: "
            f"prefect deployment delete {name}"
        )
