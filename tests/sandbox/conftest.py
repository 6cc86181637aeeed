"""A sandbox to ask and a client to ask it with; one shared by the tests that only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from extractors.sandbox import Sandbox, SandboxOptions


class Caller:
    """Asks a sandbox over real HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(
            base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.token}"}, timeout=30
        )

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/api/0{path}", params=params)

    def org(self, path: str = "", **params: Any) -> httpx.Response:
        return self.get(f"/organizations/{self.sandbox.organization}/{path}", **params)

    def project(self, slug: str, path: str = "", **params: Any) -> httpx.Response:
        return self.get(f"/projects/{self.sandbox.organization}/{slug}/{path}", **params)

    def crawl(self, path: str, **params: Any) -> list[httpx.Response]:
        """All pages, by the cursor alone, until `results` says there is no more."""
        pages: list[httpx.Response] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **params, **({"cursor": cursor} if cursor else {}))
            assert page.status_code == 200, page.text
            pages.append(page)
            following = page.links.get("next")
            if following is None or following["results"] != "true":
                return pages
            assert following["cursor"] != cursor, "a repeated cursor"
            cursor = following["cursor"]

    def rows(self, path: str, **params: Any) -> list[Any]:
        return [row for page in self.crawl(path, **params) for row in page.json()]

    def open_projects(self) -> list[dict[str, Any]]:
        return [row for row in self.sandbox.truth("projects") if row["accessible"]]

    def refused(self) -> dict[str, Any]:
        return next(row for row in self.sandbox.truth("projects") if row["refused"])


@contextmanager
def start(**options: Any) -> Iterator[Caller]:
    """A sandbox of one's own; without rate limits unless asked for."""
    with Sandbox(SandboxOptions(**{"rate_limit": 0, **options})) as sandbox:
        caller = Caller(sandbox)
        with caller.http:
            yield caller
        assert not sandbox.app.problems


@pytest.fixture(scope="session")
def modern() -> Iterator[Caller]:
    with start() as caller:
        yield caller


@pytest.fixture(scope="session")
def old() -> Iterator[Caller]:
    with start(age="2023", seed=2) as caller:
        yield caller


@pytest.fixture
def fresh() -> Iterator[Caller]:
    """One that a test may change."""
    with start(seed=5, projects=4, issues=40, events=600, days=30, retention_days=30) as caller:
        yield caller
