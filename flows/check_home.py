"""Looks at the folder that an export writes to: rights, space, and the warehouse in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from extractors.archive import Archive
from flows.answers import counted
from flows.findings import Findings
from flows.policy import ANOTHER_KEY, KEYS
from flows.retention import BEGINS_AFTER
from flows.settings import Settings
from transforms.privacy import KEY_FILE, KeyFileError, Policy, Privacy, load_key
from warehouse import state
from warehouse.store import Store, WarehouseBusy, WarehouseError

TOO_LITTLE_SPACE = 32 << 20
"""Bytes that even the smallest warehouse needs with its published copies."""

LITTLE_SPACE = 1 << 30
"""Bytes left on the disk from which on a warning is due: publishing needs as much as the warehouse again."""


def check_home(settings: Settings, found: Findings) -> None:
    """A line for the disk and one for the warehouse; others where archive or key do not fit to it."""
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
    _check_key(settings, _check_warehouse(home, found), found)


def _check_warehouse(home: Path, found: Findings) -> list[str]:
    """Lines for the warehouse and its archive; returns the marks of the keys that its runs had."""
    file = home / "warehouse.duckdb"
    if not file.exists() and any((home / "raw").glob("*/*/*.parquet")):
        found.warn(
            "warehouse",
            f"{file} is not there, but {home / 'raw'} holds pages of earlier runs",
            "`sentry-warehouse replay` rebuilds it with all its history; an export starts anew.",
        )
        return []
    if not file.exists():
        found.good("warehouse", f"{file} is not there yet; the first export makes it")
        return []
    try:
        with Store(file) as store:
            found.good("warehouse", f"{file} can be written, nobody else does")
            _check_archive(store, Archive(home / "raw"), found)
            return state.recall(store, KEYS) or []
    except WarehouseBusy as error:
        found.warn("warehouse", str(error))
    except WarehouseError as error:
        found.bad("warehouse", str(error), "", 1)
    return []


def _check_archive(store: Store, archive: Archive, found: Findings) -> None:
    """Whether the warehouse and its archive are of the same time: either may have been put back alone."""
    try:
        files = set(archive.files())
    except OSError as error:
        found.bad("archive", f"{error.filename} {error.strerror}", "Remove it.", 1)
        return
    loaded = {file for (file,) in store.rows("select file from meta.archive")}
    known = {run_id for (run_id,) in store.rows("select run_id from meta.runs")}
    # of runs before that a replay loads nothing
    begins = re.sub("[-:]", "", state.recall(store, BEGINS_AFTER) or "")
    runs = {Path(file).parts[1] for file in files - loaded}
    if unknown := sorted(run_id for run_id in runs - known if run_id >= begins):
        found.warn(
            "archive",
            f"{archive.folder} holds pages of {counted(len(unknown), 'run')} that the warehouse does not "
            f"know, such as {unknown[-1]}",
            "`sentry-warehouse replay` loads them, too.",
        )
    if lost := sorted(loaded - files):
        found.warn(
            "archive",
            f"{archive.folder} lacks {counted(len(lost), 'file')} that the warehouse was loaded from, such "
            f"as {lost[-1]}",
            "Put them back from a backup: tables keep their rows, but `replay` and `forget` need all files.",
        )


def _check_key(settings: Settings, marks: list[str], found: Findings) -> None:
    """A line where the key can not be used, or is not the one of the last run."""
    file = settings.home_path / KEY_FILE
    if not settings.privacy_key and not os.path.lexists(file):  # not made by looking
        if marks:
            found.warn(
                "privacy key",
                f"{file} is not there, though earlier runs had a key",
                "Put it back from a copy: the next export makes another, whose hashes do not join old ones.",
            )
        return
    try:
        key = load_key(settings.home_path, settings.privacy_key or None)
    except (KeyFileError, OSError) as error:
        found.bad("privacy key", str(error), "", 2)
        return
    if marks and Privacy(Policy(), key).hash(KEYS) != marks[-1]:
        found.warn("privacy key", ANOTHER_KEY)


def _sizes(home: Path) -> Iterator[int]:
    for path in home.rglob("*"):
        with suppress(OSError):  # it may go while we look
            if not path.is_symlink() and path.is_file():
                yield path.stat().st_size
