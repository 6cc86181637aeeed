"""Keeps in flight what Sentry's rate limits allow: one governor for a run, shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple


class Route(NamedTuple):
    """Which limit a request falls under: whose token, which host, which family of endpoints."""

    caller: str
    host: str
    family: str


class Permit:
    """The right to send one request, given back with `Governor.release`."""


class Governor:
    """A first version: a fixed number of requests in flight."""

    def __init__(self, *, most: int = 4) -> None:
        self._room = threading.Semaphore(most)

    def acquire(self, route: Route, stop: threading.Event | None = None) -> Permit:
        self._room.acquire()
        return Permit()

    def release(
        self,
        permit: Permit,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        text: str = "",
    ) -> None:
        self._room.release()

    def snapshot(self) -> dict[str, Any]:
        return {}

    def restore(self, learnt: Mapping[str, Any]) -> None:
        return


def family_of(path: str) -> str:
    return path
