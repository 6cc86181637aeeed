"""Exports in a process that can be killed: at any time from outside, or at points only it can reach."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import sys
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


def start_replay(values: dict[str, Any], *, point: str = "", at: int = 1) -> BaseProcess:
    """Starts a replay and a publish with these settings that crash likewise."""
    process = _processes.Process(target=_replay, args=(values, point, at), daemon=True)
    process.start()
    return process


def _replay(values: dict[str, Any], point: str, at: int) -> None:
    from flows.replay import replay
    from flows.settings import load_settings
    from warehouse.publish import publish

    if point:
        REPLAY_POINTS[point](_Countdown(at))
    settings = load_settings(None, values, environment={})
    replay(settings)
    publish(settings.home_path)
    os._exit(0)


def start_command(*arguments: str, values: dict[str, str], busy: str, said: Path) -> BaseProcess:
    """Starts a command with these variables that works without end where it first comes to `busy`, a
    function as `module:name`; it writes what it says on standard error to `said`, and "busy" when it is.
    """
    process = _processes.Process(target=_command, args=(arguments, values, busy, said), daemon=True)
    process.start()
    return process


def _command(arguments: tuple[str, ...], values: dict[str, str], busy: str, said: Path) -> None:
    from flows.cli import main

    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 2)
    os.environ.update(values)
    sys.argv = ["sentry-warehouse", *arguments]
    if busy:
        module, _, name = busy.partition(":")
        setattr(_find(module), name, _work_without_end)
    main()


def _work_without_end(*_: Any, **__: Any) -> None:
    os.write(2, b"busy\n")
    # a library that knows no signals: Python's handler has to wait for it
    sqlite3.connect(":memory:").execute(
        "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    ).fetchall()


class _Countdown:
    """Kills this process when it has been reached often enough."""

    def __init__(self, times: int) -> None:
        self._times = times

    @property
    def is_last(self) -> bool:
        """Whether the next time is the one."""
        return self._times == 1

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
            if countdown.is_last:
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

REPLAY_POINTS: dict[str, Callable[[_Countdown], None]] = {
    "replay: in a transaction": _before_commit,
    "replay: between files": _after("flows.replay:_Rebuild", "_take"),
    "replay: before the swap": _before("flows.replay", "_swap"),
    "replay: after the swap": _after("flows.replay", "_swap"),
}
"""The same for a replay."""

OFTEN = (
    "before a commit",
    "after a commit",
    "in the middle of an archive file",
    "between archive and commit",
)
"""Points that a run comes to many times."""
