"""A real Prefect server as a process, and what the tests ask it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from extractors.sandbox import Sandbox
from flows.orchestration import ENVIRONMENT

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds until something is held to be broken; this machine may be busy."""


def wait_for(what: Callable[[], Any], *, seconds: float = PATIENCE, every: float = 0.3) -> Any:
    """The first true value of `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := what():
            return value
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrefectServer:
    """`prefect server start` on loopback with a home and a port of its own."""

    def __init__(self, home: Path, *, database: str = "", prefix: Sequence[str] = ()) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.client = httpx.Client(base_url=self.url + "/", trust_env=False, timeout=120)
        self.database = database
        self.prefix = prefix
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        log = (self.home / "server.log").open("ab")
        environment = self.environment() | {
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_UI_API_URL": self.url,
        }
        if self.database:
            environment["PREFECT_API_DATABASE_CONNECTION_URL"] = self.database
        with log:
            self.process = subprocess.Popen(
                [
                    *self.prefix,
                    BIN / "prefect",
                    "server",
                    "start",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(self.port),
                ],
                env=environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            return self.client.get("health").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Ends the server as a service manager would."""
        if self.process:
            end(self.process)
            self.process = None

    def environment(self, **more: str) -> dict[str, str]:
        """Variables of a process that uses this server."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SENTRY_"))}
        return {
            **kept,
            **ENVIRONMENT,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "NO_PROXY": "127.0.0.1",
            **more,
        }

    def ask(self, path: str, **body: Any) -> Any:
        """The answer to a POST of Prefect's API."""
        return self._answer("POST", path, body)

    def get(self, path: str) -> Any:
        """The answer to a GET of Prefect's API."""
        return self._answer("GET", path)

    def _answer(self, method: str, path: str, body: Any = None) -> Any:
        def try_it() -> httpx.Response | None:
            answer = self.client.request(method, path, json=body)
            return None if answer.status_code == 503 else answer  # SQLite on a busy machine

        answer: httpx.Response = wait_for(try_it)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def run(self, run_id: str) -> dict[str, Any]:
        """A flow run."""
        found: dict[str, Any] = self.get(f"flow_runs/{run_id}")
        return found

    def newest_run(self) -> dict[str, Any]:
        """The flow run that was made last."""
        found: dict[str, Any] = self.ask("flow_runs/filter", sort="START_TIME_DESC", limit=1)[0]
        return found

    def tasks(self, run_id: str, *types: str) -> list[dict[str, Any]]:
        """Task runs of a flow run, of these types of state or all."""
        found: list[dict[str, Any]] = []
        chosen = {"state": {"type": {"any_": types}}} if types else {}
        while True:
            page = self.ask(
                "task_runs/filter",
                flow_runs={"id": {"any_": [run_id]}},
                task_runs=chosen,
                limit=200,
                offset=len(found),
            )
            found += page
            if len(page) < 200:
                return found

    def artifacts(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Artifacts of a flow run by key."""
        found = self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run_id]}}, limit=200)
        return {artifact["key"]: artifact for artifact in found}

    def start_deployment(self, name: str, **parameters: Any) -> str:
        """Asks for a run of a deployment now; returns its id."""
        deployment = self.get(f"deployments/name/{name}")
        made = self.ask(f"deployments/{deployment['id']}/create_flow_run", parameters=parameters)
        return str(made["id"])

    def forget_deployment(self, name: str) -> None:
        """Deletes a deployment with the runs that it is to have, if it is there."""
        found = self.client.get(f"deployments/name/{name}")
        if found.status_code == 200:
            self.client.delete(f"deployments/{found.json()['id']}").raise_for_status()

    def cancel(self, run_id: str) -> None:
        """What the UI's button does."""
        self.ask(f"flow_runs/{run_id}/set_state", state={"type": "CANCELLING"})

    def wait_until_ended(self, run_id: str) -> dict[str, Any]:
        """The state that a flow run ends in."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        run = wait_for(lambda: (r := self.run(run_id))["state"] and r["state"]["type"] in final and r)
        state: dict[str, Any] = run["state"]
        return state

    def run_of(self, home: Path) -> dict[str, Any]:
        """The flow run that works on this home; waits until there is one."""

        def find() -> list[dict[str, Any]]:
            runs = self.ask("flow_runs/filter", sort="START_TIME_DESC", limit=20)
            return [run for run in runs if run["parameters"].get("home") == str(home)]

        found: dict[str, Any] = wait_for(find)[0]
        return found

    def wait_until_at_work(self, run_id: str, *, slices: int = 5) -> None:
        """Until some slices are done and the run goes on."""
        wait_for(lambda: len(self.tasks(run_id, "COMPLETED")) >= slices)
        assert self.run(run_id)["state"]["type"] == "RUNNING"


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and patience."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def sentry(sandbox: Sandbox, home: Path, **more: str) -> dict[str, str]:
    """Variables that point to a sandbox. Discover is left out: it makes 180 slices and no difference here."""
    return {
        "SENTRY_URL": sandbox.url,
        "SENTRY_AUTH_TOKEN": sandbox.token,
        "SENTRY_WAREHOUSE_HOME": str(home),
        "SENTRY_WAREHOUSE_PRIVACY_KEY": "0123456789abcdef0123456789abcdef",
        "SENTRY_WAREHOUSE_STREAMS_EXCLUDE": "discover",
        **more,
    }


def slowly(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """The same, so slow that a run can be caught at work."""
    return sentry(sandbox, home, SENTRY_WAREHOUSE_THREADS="1")


@contextmanager
def process(
    arguments: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block; its output goes to `<name>.log` in the folder."""
    with (folder / f"{Path(arguments[0]).name}.log").open("ab") as log:
        started = subprocess.Popen(
            [BIN / arguments[0], *arguments[1:]], env=dict(environment), cwd=folder, stdout=log, stderr=log
        )
    try:
        yield started
    finally:
        if started.poll() is None:
            end(started)


def call(
    arguments: list[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [BIN / arguments[0], *arguments[1:]],
        env=dict(environment),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def make_secret(server: PrefectServer, name: str, value: str) -> None:
    """Makes a block of type Secret, as the UI does."""
    kind = server.get("block_types/slug/secret")["id"]
    schema = server.ask("block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind]}})[0]["id"]
    server.ask(
        "block_documents/", name=name, data={"value": value}, block_type_id=kind, block_schema_id=schema
    )
