"""Organizations in different regions in one run, over real HTTP: names that resolve to loopback addresses."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from extractors.sandbox import Sandbox
from flows.forecast import forecast
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import Settings, load_settings
from tests.client.servers import Asked, Reply, serving
from tests.export.conftest import query
from tests.servers.conftest import FEW, organization_of, small

TOKEN = "sntryu_everywhere"


def settings(url: str, home: Path) -> Settings:
    values = {"url": url, "token": TOKEN, "home": str(home), "privacy_key": "0" * 32, **FEW}
    return load_settings(None, values, environment={})


def test_each_organization_is_asked_in_its_region(names: dict[str, str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        control = stack.enter_context(serving(Reply(404, b'{"detail":"another region"}')))
        regions = {
            "us.sentry.test": Sandbox(small("acme", "2026", TOKEN), "127.0.0.2", control.port),
            "de.sentry.test": Sandbox(small("globex", "2023", TOKEN), "127.0.0.3", control.port),
        }
        names |= {"sentry.test": "127.0.0.1", "us.sentry.test": "127.0.0.2", "de.sentry.test": "127.0.0.3"}
        rows = []
        for name, sandbox in regions.items():
            stack.enter_context(sandbox)
            rows.append(organization_of(sandbox, f"http://{name}:{control.port}"))

        def listing(asked: Asked) -> Reply:
            known = urlsplit(asked.path).path == "/api/0/organizations/"
            return Reply(body=json.dumps(rows).encode()) if known else Reply(404)

        control.answering = listing
        for sandbox in regions.values():
            sandbox.app.log.clear()
        planned = forecast(settings(f"http://sentry.test:{control.port}", tmp_path / "data"))
        result = export(settings(f"http://sentry.test:{control.port}", tmp_path / "data"), Progress())

        assert result.exit_code == planned.exit_code == 0
        assert set(planned.organizations) == {"acme", "globex"}
        assert {urlsplit(a.path).path for a in control.asked} == {"/api/0/organizations/"}
        for sandbox in regions.values():
            paths = {r["path"] for r in sandbox.requests()}
            assert paths
            assert all(f"/organizations/{sandbox.organization}/" in path for path in paths)
    members = query(
        tmp_path / "data",
        "select slug, count(*) from members join organizations using "
        "(organization_id) group by all order by all",
    )
    assert [slug for slug, _ in members] == ["acme", "globex"]


def test_a_region_of_somebody_else_never_sees_the_token(
    names: dict[str, str], acme: Sandbox, tmp_path: Path
) -> None:
    """The organization is then asked at the configured address, which hands it on, as sentry.io does."""
    with serving(Reply()) as home, serving(Reply()) as evil:
        names |= {"sentry.test": "127.0.0.1", "us.sentry.test.evil.test": "127.0.0.1"}
        row = organization_of(acme, f"http://us.sentry.test.evil.test:{evil.port}")
        home.answering = lambda asked: (
            Reply(body=json.dumps([row]).encode())
            if urlsplit(asked.path).path == "/api/0/organizations/"
            else Reply()
        )
        result = export(settings(f"http://sentry.test:{home.port}", tmp_path / "data"), Progress())
        assert result.exit_code == 0
        assert evil.connections == 0
        assert any("/acme/members/" in path for path in home.paths)
