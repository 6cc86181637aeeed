"""Gathers the body of an answer, so that many large ones at once cost little more memory than one."""

from __future__ import annotations

import mmap
import threading
import time
from types import TracebackType
from typing import Self

LARGEST_BODY = 128 << 20
"""Bytes of a page: a hundred events, each as large as Sentry takes one (1 MB), and a quarter more."""

LARGE_BODY = 8 << 20
"""Bytes; what is larger is gathered by one thread at a time."""

_large = threading.Lock()
"""Of the process, as its memory is."""


class Body:
    """Pieces of one body of `most` bytes at most; leave the block, and its memory is free again."""

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most = most
        self._pieces: list[bytes] = []
        # memory of its own, which goes back at once: that of many pieces would stay with the thread
        self._memory: mmap.mmap | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pieces.clear()
        if self._memory is not None:
            self._memory.close()
            _large.release()

    def has_room(self, piece: bytes) -> bool:
        """Whether the body stays within its limit with this piece."""
        return self.size + len(piece) <= self._most

    def add(self, piece: bytes) -> float:
        """Takes a piece; returns the seconds for which it waited until other large bodies were done."""
        waited = 0.0
        if self._memory is None and self.size + len(piece) > LARGE_BODY:
            begun = time.monotonic()
            _large.acquire()
            try:
                self._memory = mmap.mmap(-1, self._most)
            except BaseException:
                _large.release()
                raise
            waited = time.monotonic() - begun
            self._memory.write(b"".join(self._pieces))
            self._pieces.clear()
        if self._memory is None:
            self._pieces.append(piece)
        else:
            self._memory.write(piece)
        self.size += len(piece)
        return waited

    def whole(self) -> bytes:
        """All pieces so far, as one."""
        return b"".join(self._pieces) if self._memory is None else self._memory[: self.size]
