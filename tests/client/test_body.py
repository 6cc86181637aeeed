"""Large bodies are gathered one at a time; one that finds no memory lets the others go on."""

from __future__ import annotations

import mmap
from typing import Any

import pytest

from extractors.body import LARGE_BODY, Body

PIECE = b"x" * (LARGE_BODY // 2)
PIECES = 3


def gather() -> bytes:
    """A large body, from pieces."""
    with Body(PIECES * len(PIECE)) as body:
        for _ in range(PIECES):
            assert body.has_room(PIECE)
            body.add(PIECE)
        assert not body.has_room(b"y")
        return body.whole()


def test_a_large_body_is_whole_each_time() -> None:
    assert gather() == PIECE * PIECES
    assert gather() == PIECE * PIECES


def test_a_body_without_memory_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> mmap.mmap:
        raise OSError("Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(mmap, "mmap", refuse)
        with pytest.raises(OSError, match="allocate"):
            gather()
    assert gather() == PIECE * PIECES
