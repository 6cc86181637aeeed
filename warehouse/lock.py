"""One process at a time changes a home: an export, a replay or a forget."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.store import in_use, make_private_folder, unusable

FILE = ".lock"

_held: dict[Path, int] = {}
_guard = threading.Lock()


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Holds the home for this process, which may do so again meanwhile. The system lets go when a process
    ends, however it does; the file stays.

    Raises WarehouseBusy while another process holds it, HomeUnusable when the folder can not be written.
    """
    path = home.absolute()
    make_private_folder(home)
    with _guard:
        again = path in _held
        descriptor = _held[path] if again else _held.setdefault(path, _lock(home))
    try:
        yield
    finally:
        if not again:
            with _guard:
                del _held[path]
            os.close(descriptor)


def _lock(home: Path) -> int:
    try:
        descriptor = os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise unusable(f"The folder {home} can not be written ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise in_use(home / "warehouse.duckdb") from None
    except OSError:
        # a file system without locks: DuckDB's own lock must do
        pass
    return descriptor
