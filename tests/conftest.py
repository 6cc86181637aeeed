"""Property tests take the time a busy machine needs; builds try the same examples each time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("build", deadline=None, derandomize=True)
settings.load_profile("build" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """A writer narrows it for its whole process; each test begins with the usual one."""
    before = os.umask(0o022)
    yield
    os.umask(before)
