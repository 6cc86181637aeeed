"""One Prefect server for the whole session; a sandbox and a home for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from tests.prefect.servers import ROOT, PrefectServer, call

SMALL = SandboxOptions(projects=3, issues=24, events=240, members=4, rate_limit=0, refused_projects=1)
POOL = "sentry-warehouse"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A real server with an empty database."""
    started = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        started.start()
        yield started
    finally:
        started.stop()
        started.client.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small organization that answers at once."""
    with Sandbox(SMALL) as started:
        yield started


@pytest.fixture
def slow_sandbox() -> Iterator[Sandbox]:
    """The same organization, slow enough that a run can be caught at work."""
    with Sandbox(replace(SMALL, latency=0.4)) as started:
        yield started


@pytest.fixture(scope="session")
def deployed(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> PrefectServer:
    """The server with the work pool and the deployments of prefect.yaml, made as its first lines say."""
    folder = tmp_path_factory.mktemp("deploy")
    shutil.copy(ROOT / "prefect.yaml", folder)
    for command in (
        ["prefect", "work-pool", "create", POOL, "--type", "process"],
        ["prefect", "work-pool", "set-concurrency-limit", POOL, "1"],
        ["prefect", "--no-prompt", "deploy", "--all"],
    ):
        done = call(command, server.environment(), folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for the warehouse."""
    return tmp_path / "home"
