"""A published warehouse of made-up data, and an empty one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from demo_data import make_demo

from dashboards.server import make_app


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a published file behind a link, as publishing leaves it."""
    return _publish(tmp_path_factory.mktemp("home"), "g1", scale=0.25)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same before anything was loaded."""
    return _publish(tmp_path_factory.mktemp("empty-home"), "g1", empty=True)


def _publish(home: Path, generation: str, *, scale: float = 1.0, empty: bool = False) -> Path:
    make_demo(home / "generations" / generation / "sentry.duckdb", scale=scale, empty=empty)
    (home / "published").symlink_to(Path("generations") / generation)
    return home


class Client:
    """Asks the application itself, without a socket."""

    def __init__(self, home: Path, base_url: str = "http://127.0.0.1:8765") -> None:
        self.app = make_app(home)
        self.base_url = base_url

    def get(
        self, path: str, params: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.base_url) as client:
                return await client.get(path, params=params, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(home: Path) -> Client:
    """The dashboard of the made-up data."""
    return Client(home)


@pytest.fixture
def client_of() -> type[Client]:
    """The dashboard of any home folder."""
    return Client
