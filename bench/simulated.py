"""A simulated Sentry in a process of its own: what is measured shares no interpreter with it."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from extractors.sandbox import Sandbox, SandboxOptions
from flows.ending import Result
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import load_settings

_processes = multiprocessing.get_context("spawn")


class Simulated:
    """Lets a sandbox in another process do things."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url, self.token = connection.recv()

    def requests(self) -> list[tuple[str, int]]:
        """(path, status) of each request since the last call."""
        return self._ask("requests")

    def pass_night(self, *, quiet: bool = False) -> None:
        """Lets a night pass, one in which nothing happens if it is quiet."""
        self._ask("quiet night" if quiet else "night")

    def fail(self, share: float, kinds: tuple[str, ...]) -> None:
        """From now on so many of the answers are bad."""
        self._ask(("fail", share, kinds))

    def _ask(self, what: object) -> Any:
        self._connection.send(what)
        return self._connection.recv()


@contextmanager
def simulated(options: SandboxOptions) -> Iterator[Simulated]:
    """A sandbox with these options, until the end of the block."""
    here, there = _processes.Pipe()
    process = _processes.Process(target=_serve, args=(options, there), daemon=True)
    process.start()
    try:
        yield Simulated(here)
    finally:
        process.kill()
        process.join()


def _serve(options: SandboxOptions, connection: Connection) -> None:
    from dataclasses import replace

    from extractors.sandbox.faults import Faults

    with Sandbox(options) as sandbox:
        connection.send((sandbox.url, sandbox.token))
        while True:
            asked = connection.recv()
            if asked == "requests":
                connection.send([(path, status) for _, path, _, status in sandbox.app.log])
                sandbox.app.log.clear()
            elif isinstance(asked, tuple):
                _, share, kinds = asked
                sandbox.app.faults = Faults(replace(options, faults=share, fault_kinds=kinds))
                connection.send(None)
            else:
                sandbox.pass_night(quiet=asked == "quiet night")
                connection.send(None)


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def export_from(sandbox: Simulated, home: Path, **more: Any) -> Result:
    """One export into the home."""
    values = {
        "url": sandbox.url,
        "token": sandbox.token,
        "home": str(home),
        "lag_minutes": 0,
        "privacy_key": "0123456789abcdef0123456789abcdef",  # so that two homes can be compared
        **more,
    }
    return export(load_settings(None, values, environment={}), Progress())
