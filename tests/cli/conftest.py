"""One small Sentry and one warehouse made from it, for all tests of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from extractors.stream import all_streams
from tests.cli.command import KEY, Outcome, run_command
from warehouse.publish import publish
from warehouse.store import Store

Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def sentry() -> Iterator[Sandbox]:
    """A small Sentry without limits, in which nothing is refused."""
    options = SandboxOptions(
        projects=2, issues=8, events=40, members=3, days=10, rate_limit=0, refused_projects=0
    )
    with Sandbox(options) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose published tables are all there, and empty; for reading only."""
    home = tmp_path_factory.mktemp("published") / "data"
    with Store(home / "warehouse.duckdb") as store:
        for stream in all_streams():
            for request in stream.requests:
                for table in request.tables:
                    store.fit(table)
    publish(home)
    return home


def variables_of(sandbox: Sandbox) -> dict[str, str]:
    """What a user sets to export the sandbox up to its present."""
    return {
        "SENTRY_URL": sandbox.url,
        "SENTRY_AUTH_TOKEN": sandbox.token,
        "SENTRY_WAREHOUSE_LAG_MINUTES": "0",
        "SENTRY_WAREHOUSE_PRIVACY_KEY": KEY,
    }


@pytest.fixture
def run(tmp_path: Path, sentry: Sandbox) -> Run:
    """Runs the command against the sandbox; a variable given as "" is not set at all."""

    def run_it(*arguments: str, below: str = "", read_only: Path | None = None, **variables: str) -> Outcome:
        given = {k: v for k, v in {**variables_of(sentry), **variables}.items() if v}
        return run_command(*arguments, folder=tmp_path, variables=given, below=below, read_only=read_only)

    return run_it
