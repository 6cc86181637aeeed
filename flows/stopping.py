"""Ctrl-C and SIGTERM end a command within two seconds, whatever it is doing just then."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 1.5
"""How long a command may take to end by itself; then the process ends as it is, which no file minds: what
is committed stays, what is not counts for nothing, as after a power failure."""

TOLD = "Stopped. Everything committed stays; run the same command again to go on where it stopped."

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_asked = threading.Event()


def was_asked() -> bool:
    """Whether a signal has asked this process to stop: DuckDB turns it into an error of its own."""
    return _asked.is_set()


@contextmanager
def ending_soon(seconds: float = SECONDS) -> Iterator[None]:
    """Inside, a signal raises KeyboardInterrupt, and ends the process if that does not within `seconds`.

    Python's own handlers wait until a call into a library returns, so a thread listens for signals, too.
    Does nothing outside of the main thread, where no signal arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hears, tells = os.pipe()
    os.set_blocking(tells, False)
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    heard_before = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(hears, seconds), daemon=True, name="signals").start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(heard_before)
        os.close(tells)
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt(*_: object) -> None:
    """A signal's handler."""
    _asked.set()
    raise KeyboardInterrupt


def _listen(hears: int, seconds: float) -> None:
    timer: threading.Timer | None = None
    # read on after the first: Python complains of a pipe that nobody reads, when Ctrl-C is pressed twice
    with os.fdopen(hears, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] in SIGNALS and timer is None:
                _asked.set()
                timer = threading.Timer(seconds, _end)
                timer.daemon = True
                timer.start()


def _end() -> None:
    # the bars of a terminal hide its cursor
    shown = "\x1b[?25h\n" if sys.stderr.isatty() else ""
    print(shown + TOLD, file=sys.stderr, flush=True)  # noqa: T201  # the command's last words
    os._exit(1)
