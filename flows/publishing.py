"""Publishing as the settings want it: for the pipeline, the command and the flow."""

from __future__ import annotations

from pathlib import Path

from flows.settings import Settings
from warehouse.publish import publish


def publish_home(settings: Settings) -> Path:
    """Publishes the warehouse of the settings; returns the link to it. Raises WarehouseError."""
    kept = settings.publish
    return publish(settings.home_path, keep=kept.keep, group_readable=kept.group_readable)
