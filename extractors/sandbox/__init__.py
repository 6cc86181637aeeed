"""A simulated Sentry organization over real HTTP, so that demo, tests and benchmarks need no real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .options import SandboxOptions

if TYPE_CHECKING:
    from .bodies import generate_full_events
    from .server import Sandbox, serve

__all__ = ["Sandbox", "SandboxOptions", "generate_full_events", "serve"]


def __getattr__(name: str) -> Any:
    # The web server is slow to import, and most who name the options do not start one.
    if name in ("Sandbox", "serve"):
        from . import server

        return getattr(server, name)
    if name == "generate_full_events":
        from .bodies import generate_full_events

        return generate_full_events
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
