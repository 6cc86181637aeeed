"""Property tests take the time a busy machine needs; builds try the same examples each time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("build", deadline=None, derandomize=True)
settings.load_profile("build" if os.environ.get("CI") else "here")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stops where groups are not kept together (pytest-xdist 3.8.0 under pytest 9.2): each worker would then
    make the exports that a group shares anew."""
    grouped = [item.nodeid for item in items if item.get_closest_marker("xdist_group")]
    if getattr(config.option, "loadgroup", False) and not all("@" in nodeid for nodeid in grouped):
        raise pytest.UsageError("pytest-xdist takes no notice of xdist_group under this pytest.")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """A writer narrows it for its whole process; each test begins with the usual one."""
    before = os.umask(0o022)
    yield
    os.umask(before)
