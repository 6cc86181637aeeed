"""Exports in a process that can be killed: at any time from outside, or at points only it can reach."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.resume.child", "tests.resume.heavy"])


def start_export(values: dict[str, Any], *, point: str = "", at: int = 1) -> BaseProcess:
    """Starts an export with these settings that kills itself the `at`-th time it comes to `point`."""
    process = _processes.Process(target=_export, args=(values, point, at), daemon=True)
    process.start()
    return process


def finish_export(values: dict[str, Any], *, seconds: float = 100) -> int:
    """Exports without a crash; the exit code."""
    process = start_export(values)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"the finishing export did not end within {seconds} s")
    return process.exitcode


def _export(values: dict[str, Any], point: str, at: int) -> None:
    from flows.pipeline import export
    from flows.progress import Progress
    from flows.settings import load_settings

    if point:
        POINTS[point](_Countdown(at))
    result = export(load_settings(None, values, environment={}), Progress())
    logging.shutdown()
    os._exit(result.exit_code)


class _Countdown:
    """Kills this process when it has been reached often enough."""

    def __init__(self, times: int) -> None:
        self._times = times

    def reach(self) -> None:
        self._times -= 1
        if self._times == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, countdown: _Countdown, *, after: bool) -> None:
    """Crashes before or after a function that is called as usual."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if not after:
            countdown.reach()
        result = original(*arguments, **named)
        if after:
            countdown.reach()
        return result

    setattr(owner, name, wrapped)


def _before(where: str, name: str) -> Callable[[_Countdown], None]:
    return lambda countdown: _around(_find(where), name, countdown, after=False)


def _after(where: str, name: str) -> Callable[[_Countdown], None]:
    return lambda countdown: _around(_find(where), name, countdown, after=True)


def _find(where: str) -> Any:
    module, _, attribute = where.partition(":")
    owner = __import__(module, fromlist=["_"])
    return getattr(owner, attribute) if attribute else owner


def _before_commit(countdown: _Countdown) -> None:
    from warehouse.store import Store

    original = Store.transaction

    @contextmanager
    def transaction(self: Store) -> Iterator[Any]:
        with original(self) as connection:
            yield connection
            countdown.reach()

    Store.transaction = transaction  # type: ignore[method-assign]


def _after_commit(countdown: _Countdown) -> None:
    from warehouse.store import Store

    original = Store.transaction

    @contextmanager
    def transaction(self: Store) -> Iterator[Any]:
        with original(self) as connection:
            yield connection
        countdown.reach()

    Store.transaction = transaction  # type: ignore[method-assign]


def _in_the_middle_of_an_archive_file(countdown: _Countdown) -> None:
    import extractors.archive

    original = os.fsync

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if name.endswith(".partial"):
            os.ftruncate(descriptor, 100)
            countdown.reach()
        original(descriptor)

    extractors.archive.os.fsync = fsync


POINTS: dict[str, Callable[[_Countdown], None]] = {
    "before a commit": _before_commit,
    "after a commit": _after_commit,
    "in the middle of an archive file": _in_the_middle_of_an_archive_file,
    "between archive and commit": _after("extractors.archive:Archive", "write"),
    "after the plan": _after("flows.pipeline", "plan_run"),
    "before the follow-ups": _before("flows.pipeline", "follow_up"),
    "between two rounds of follow-ups": _after("flows.pipeline", "run_more"),
    "before the end is noted": _before("warehouse.state", "end_run"),
    "after the end is noted": _after("warehouse.state", "end_run"),
    "before the file is closed": _before("warehouse.store:Store", "close"),
    "after the file is closed": _after("warehouse.store:Store", "close"),
    "publish: after the copy": _after("shutil", "copyfileobj"),
    "publish: before the manifest": _after("warehouse.publish", "_build"),
    "publish: before the link moves": _before("warehouse.publish", "point"),
    "publish: after the link moved": _after("warehouse.publish", "point"),
    "publish: after the end": _after("warehouse.publish", "prune"),
}
"""Where a crash may hurt most → how to have one there."""

OFTEN = (
    "before a commit",
    "after a commit",
    "in the middle of an archive file",
    "between archive and commit",
)
"""Points that a run comes to many times."""
