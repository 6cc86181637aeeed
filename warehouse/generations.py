"""Generation folders, and `published`, which shows the newest: a link, or a folder of files where links can
not be made."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from warehouse.store import PUBLISHED, WarehouseError

LINK = "published"
FOLDER = "generations"
MANIFEST = "manifest.json"

MARKER = ".without-links"
"""File in a `published` that is a folder of ours, not a link."""

NAME = re.compile(r"\d{8}T\d{12}")
"""Names of generations: when each was begun (UTC, to the microsecond)."""

NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
"""What systems answer that know no symbolic links, or keep them from this user."""

PRIVILEGE_NOT_HELD = 1314
"""Windows' answer to users who may not make links."""


@contextmanager
def one_publisher(home: Path) -> Iterator[None]:
    """Waits until no other process publishes from this home; a killed one lets go by itself."""
    try:
        import fcntl
    except ImportError:  # not POSIX: there, whoever comes second finds the copy of the first gone, and fails
        yield
        return
    file = home / FOLDER / ".lock"
    file.touch(mode=0o600)
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def begin_generation(home: Path) -> Path:
    """A fresh, hidden folder for a generation; what a killed publish left is removed."""
    folder = home / FOLDER
    for left in folder.glob(".*.partial"):
        shutil.rmtree(left, ignore_errors=True)
    partial = folder / f".{datetime.now(UTC):%Y%m%dT%H%M%S%f}.partial"
    partial.mkdir()
    return partial


def finish_generation(partial: Path) -> Path:
    """Gives a whole generation its name."""
    return partial.rename(partial.with_name(partial.name.removeprefix(".").removesuffix(".partial")))


def point(link: Path, generation: Path) -> None:
    """Shows a generation under `link`: by a link that is swapped in one step.

    Where links can not be made, `link` is a folder, and the generation's files are moved into it one by one,
    each in one step, the manifest last. Raises WarehouseError when a folder that is not ours is in the way.
    One that a copy of the home made of the link is ours.
    """
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    is_folder = link.is_dir() and not link.is_symlink()
    if is_folder and (link / MARKER).exists():
        _move_files(link, generation)
        return
    if is_folder and not _holds_only_published(link):
        raise WarehouseError(
            f"{link} is a folder, not a link of ours: move it away, then run `sentry-warehouse publish`. "
            "What is loaded is safe."
        )
    try:
        fresh.symlink_to(Path(generation.parent.name, generation.name), target_is_directory=True)
    except (OSError, NotImplementedError) as error:
        if link.is_symlink() or not _knows_no_links(error):
            raise
        _move_files(link, generation)
        return
    copied = generation.with_name(f".{link.name}.partial")
    if is_folder:  # a link can not take its place in one step
        link.rename(copied)
    fresh.replace(link)
    shutil.rmtree(copied, ignore_errors=True)


def _holds_only_published(folder: Path) -> bool:
    places = {(".", PUBLISHED), (".", MANIFEST), ("parquet", ".parquet")}
    files = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return all({(str(f.parent), f.name), (str(f.parent), f.suffix)} & places for f in files)


def _knows_no_links(error: Exception) -> bool:
    return (
        not isinstance(error, OSError)
        or error.errno in NO_LINKS
        or getattr(error, "winerror", None) == PRIVILEGE_NOT_HELD
    )


def _move_files(folder: Path, generation: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(generation.stat().st_mode)
    (folder / MARKER).touch()
    files = [path.relative_to(generation) for path in generation.rglob("*") if path.is_file()]
    for file in sorted(files, key=lambda file: (file.name == MANIFEST, file)):
        target = folder / file
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod((generation / file).parent.stat().st_mode)
        fresh = target.with_name(f".{target.name}.new")
        fresh.unlink(missing_ok=True)
        try:
            fresh.hardlink_to(generation / file)
        except (OSError, NotImplementedError):
            shutil.copy2(generation / file, fresh)
        fresh.replace(target)
    for left in [path for path in folder.rglob("*") if path.is_file()]:
        if left.name != MARKER and left.relative_to(folder) not in files:
            left.unlink()


def prune(link: Path, newest: Path, keep: int) -> None:
    """Removes all but the newest `keep` generations (at least one); never the one that `link` points to."""
    shown = {newest.resolve(), link.resolve()}
    whole = sorted(path for path in newest.parent.iterdir() if NAME.fullmatch(path.name))
    for old in whole[: -max(keep, 1)]:
        if old.resolve() not in shown:
            shutil.rmtree(old, ignore_errors=True)
