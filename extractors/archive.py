"""The raw archive: pages as received (after privacy) in Parquet, written whole and renamed into place."""

from __future__ import annotations

import errno
import os
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from glob import escape
from itertools import groupby
from pathlib import Path
from typing import Any

COMPRESSION_LEVEL = 3
DATA_PAGE_BYTES = 256 << 10
"""A quarter of the usual: writing 8 MB of pages needs some 10 MB less, and the file is not larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer with what was asked. `item` is the id asked for, where ids are asked one by one."""

    run_id: str
    slice_id: str
    stream: str
    request: str
    organization_id: str
    project_id: str
    window_start: datetime | None
    window_end: datetime
    interval_seconds: int | None
    path: str
    parameters: str
    item: str
    status: int
    fetched_at: datetime
    loaded_at: datetime
    first: bool
    body: bytes


class Archive:
    """Files of pages below one folder, `<stream>/<run>/<slice>-<number>.parquet`; those of several slices
    are named after the first, `pages-<slice>-<number>.parquet`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, pages: Sequence[Page], number: int) -> str:
        """Writes pages of one slice as one file; returns its path below the folder.

        Raises OSError when the disk does not take it; no half file is left under the final name.
        """
        first = pages[0]
        relative = Path(first.stream, first.run_id, f"{first.slice_id}-{number:04d}.parquet")
        target = self.folder / relative
        self._refuse_links(relative)
        for folder in (self.folder, self.folder / first.stream, target.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_whole(_frame(pages), target)
        return str(relative)

    def rewrite(self, relative: str, pages: Sequence[Page]) -> None:
        """Puts other pages in a file's place, in one step. Raises OSError when the disk does not take it."""
        self._refuse_links(relative)
        _write_whole(_frame(pages), self.folder / relative)

    def read(self, relative: str) -> list[Page]:
        """The pages of a file. Raises OSError when it can not be read."""
        return [Page(**row) for row in self._frame(relative).iter_rows(named=True)]

    def first(self, relative: str) -> Page:
        """The first page of a file. Raises as `read`."""
        return Page(**self._frame(relative, rows=1).row(0, named=True))

    def _frame(self, relative: str, rows: int | None = None) -> Any:
        import polars as pl

        self._refuse_links(relative)
        path = self.folder / relative
        try:
            return pl.read_parquet(path, n_rows=rows, glob=False)
        except pl.exceptions.PolarsError as error:
            said = str(error).splitlines()[0][:200]
            raise OSError(errno.EIO, f"it is damaged: {said}", str(path)) from None

    def pieces(self, relative: str) -> list[list[Page]]:
        """The pages of a file by slice and load: what was loaded together. Raises as `read`."""
        return [list(pages) for _, pages in groupby(self.read(relative), key=_piece)]

    def join(self, files: Sequence[str], name: str) -> str:
        """Writes the pages of files of one stream and run as one file beside them, and reads it again;
        returns its path. The files stay.

        Raises OSError when one can not be read or the disk does not take it.
        """
        import polars as pl

        frame = pl.concat([self._frame(file) for file in files])
        target = (self.folder / files[0]).with_name(name)
        _write_whole(frame, target)
        if not pl.read_parquet(target, glob=False).equals(frame):
            target.unlink()
            raise OSError(errno.EIO, "What was written is not what was to be written", str(target))
        return str(target.relative_to(self.folder))

    def size(self, relative: str) -> int:
        """Bytes of a file on disk; 0 where it is missing."""
        try:
            return (self.folder / relative).stat().st_size
        except FileNotFoundError:
            return 0

    def files(self) -> Iterator[str]:
        """Paths of all whole files below the folder, sorted."""
        self._refuse_links("")
        found = (p.relative_to(self.folder) for p in self.folder.glob("*/*/*.parquet"))
        yield from sorted(map(str, found))

    def _refuse_links(self, relative: str | Path) -> None:
        """Raises OSError where the way to a file leads through a link, or the file is one."""
        path = self.folder
        for part in ("", *Path(relative).parts):
            path = path / part
            if path.is_symlink():
                raise OSError(errno.ELOOP, "is a link, and links in the archive are not followed", str(path))

    def remove_strays(self, run_id: str, committed: Container[str]) -> list[str]:
        """Removes what a run that was cut off wrote and did not commit, half files too; returns the paths."""
        self._refuse_links("")
        strays = [
            path
            for path in self.folder.glob(f"*/{escape(run_id)}/*")
            if str(path.relative_to(self.folder)) not in committed
        ]
        for path in strays:
            path.unlink(missing_ok=True)
        return sorted(str(path.relative_to(self.folder)) for path in strays)

    def remove(self, relative: str) -> None:
        """Removes a file, and its run's folder when it was the last; missing is fine."""
        path = self.folder / relative
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are left in it
            path.parent.rmdir()


def _frame(pages: Sequence[Page]) -> Any:
    import polars as pl

    schema = _schema()
    return pl.DataFrame({name: [getattr(page, name) for page in pages] for name in schema}, schema=schema)


def _write_whole(frame: Any, target: Path) -> None:
    """A frame as a file that is there whole or not at all."""
    partial = target.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            frame.write_parquet(
                file,
                compression="zstd",
                compression_level=COMPRESSION_LEVEL,
                data_page_size=DATA_PAGE_BYTES,
            )
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _piece(page: Page) -> tuple[Any, ...]:
    return (page.request, page.slice_id, page.project_id, page.first, page.loaded_at)


def _schema() -> Any:
    import polars as pl

    special = {
        "body": pl.Binary(),
        "status": pl.Int64(),
        "interval_seconds": pl.Int64(),
        "first": pl.Boolean(),
        **dict.fromkeys(("window_start", "window_end", "fetched_at", "loaded_at"), pl.Datetime("us")),
    }
    return {f.name: special.get(f.name, pl.String()) for f in fields(Page)}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
