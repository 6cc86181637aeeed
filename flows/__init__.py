"""Runs: what the commands and the schedules do."""

import ctypes
import os
import sys

M_ARENA_MAX = -8
"""Of glibc's mallopt (malloc.h)."""

SOON = "dirty_decay_ms:50,muzzy_decay_ms:0"
"""To jemalloc, which polars has inside: freed memory goes back to the system soon, not after a second and a
half. The peak of 10,000 full events is 398 instead of 411 MB, for no measurable time; at once would take 4 %
of normalising, and half the speed of `pl.read_json`."""


def _save_memory() -> None:
    """Lets all threads take memory from one place, where the C library is glibc: else it makes up to sixteen,
    and each keeps what the pages in it left behind (50 MB in a night of 200 projects). Only before DuckDB and
    polars are loaded, so it is done where the package begins."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", SOON)
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_ARENA_MAX, 1)


_save_memory()
