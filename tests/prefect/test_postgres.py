"""The same export with PostgreSQL behind Prefect's server, as for several runs at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from extractors.sandbox import Sandbox
from tests.prefect.contents import expected_rows, rows
from tests.prefect.postgres import is_installed, postgres
from tests.prefect.servers import PrefectServer, call, sentry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not is_installed(), reason="no PostgreSQL server is installed (Debian: postgresql)"),
]


def test_postgresql_behind_the_server(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prefect"
    folder.mkdir()
    with postgres() as database:
        server = PrefectServer(folder, database=database)
        server.start()
        try:
            done = call(["sentry-warehouse", "export"], server.environment(**sentry(sandbox, home)), tmp_path)
            assert done.returncode == 3, done.stderr
            run = server.run_of(home)
            assert run["state"]["name"] == "Incomplete"
            assert len(server.tasks(run["id"], "COMPLETED", "FAILED")) > 20
            assert server.artifacts(run["id"])["progress-issues"]["data"] == 100
            assert rows(home) == expected_rows(server, sandbox, tmp_path)
        finally:
            server.stop()
            server.client.close()
        assert asyncio.run(flow_runs(database)) == 1
    assert not list(folder.glob("prefect.db*"))


async def flow_runs(database: str) -> int:
    """Flow runs that PostgreSQL holds."""
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval("select count(*) from flow_run"))
    finally:
        await connection.close()
