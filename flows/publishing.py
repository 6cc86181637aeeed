"""Publishing as the settings want it: the one place that export, replay, flows and commands publish from."""

from __future__ import annotations

from pathlib import Path

from flows.settings import Settings
from warehouse.publish import publish


def publish_home(settings: Settings, *, compact: bool = False) -> Path:
    """Publishes the home folder; returns the path of `published`. Raises as `warehouse.publish` does."""
    chosen = settings.publish
    return publish(
        settings.home_path,
        keep=chosen.keep,
        group_readable=chosen.group_readable,
        compact=compact,
        compact_days=chosen.compact_days,
        memory_limit=settings.memory,
    )
