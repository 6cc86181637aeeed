"""Looks at the folder that an export writes to: rights, space, and the warehouse in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flows.findings import Findings
from flows.settings import Settings
from transforms.privacy import KEY_FILE, KeyFileError, load_key
from warehouse.store import Store, WarehouseBusy, WarehouseError

TOO_LITTLE_SPACE = 32 << 20
"""Bytes that even the smallest warehouse needs with its published copies."""

LITTLE_SPACE = 1 << 30
"""Bytes left on the disk from which on a warning is due: publishing needs as much as the warehouse again."""


def check_home(settings: Settings, found: Findings) -> None:
    """A line for the disk and one for the warehouse."""
    home = settings.home_path
    place = next(p for p in (home.absolute(), *home.absolute().parents) if p.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        found.bad(
            "home", f"{home} can not be written", "Choose another with --home, or change its rights.", 2
        )
        return
    free, used = shutil.disk_usage(place).free, sum(_sizes(home))
    says = f"{home}: {used / 1e9:,.1f} GB used, {free / 1e9:,.1f} GB free"
    if free < TOO_LITTLE_SPACE:
        found.bad("disk", says, "Make room: an export would stop when it is used up.", 1)
    elif free < max(LITTLE_SPACE, used):
        found.warn("disk", says, "Make room: publishing needs as much as the warehouse again.")
    else:
        found.good("disk", says)
    if settings.privacy_key or os.path.lexists(home / KEY_FILE):  # not made by looking
        try:
            load_key(home, settings.privacy_key or None)
        except (KeyFileError, OSError) as error:
            found.bad("privacy key", str(error), "", 2)
    file = home / "warehouse.duckdb"
    if not file.exists() and any((home / "raw").glob("*/*/*.parquet")):
        found.warn(
            "warehouse",
            f"{file} is not there, but {home / 'raw'} holds pages of earlier runs",
            "`sentry-warehouse replay` rebuilds it with all its history; an export starts anew.",
        )
        return
    if not file.exists():
        found.good("warehouse", f"{file} is not there yet; the first export makes it")
        return
    try:
        Store(file).close()
    except WarehouseBusy as error:
        found.warn("warehouse", str(error))
    except WarehouseError as error:
        found.bad("warehouse", str(error), "", 1)
    else:
        found.good("warehouse", f"{file} can be written, nobody else does")


def _sizes(home: Path) -> Iterator[int]:
    for path in home.rglob("*"):
        with suppress(OSError):  # it may go while we look
            if not path.is_symlink() and path.is_file():
                yield path.stat().st_size
