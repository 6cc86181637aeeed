"""One answer in ten is bad, in every way there is: the export ends with 0 and the tables are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import flows.clients
from extractors.client import Client
from extractors.sandbox import Sandbox
from extractors.sandbox.faults import Faults
from extractors.sandbox.options import FAULT_KINDS, RARE_FAULT_KINDS
from flows.ending import Result
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import load_settings
from tests.resume.contents import contents, differences, disorder
from tests.resume.kills import Scene
from warehouse.inspect import status

KINDS = (*FAULT_KINDS, *RARE_FAULT_KINDS)

SHARE = 0.2
"""Of all answers: in a hundred requests every kind has its turn. `python -m bench faults` takes a tenth
of many more."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait a fiftieth of what they do in earnest."""
    monkeypatch.setattr(flows.clients, "Client", partial(Client, first_wait=0.02, longest_wait=0.5))


def run_export(scene: Scene, home: Path, **more: Any) -> Result:
    return export(load_settings(None, {**scene.values(home), **more}, environment={}), Progress())


@contextmanager
def stormy(sandbox: Sandbox, share: float) -> Iterator[None]:
    """Lets a share of the answers be bad."""
    calm = sandbox.app.faults
    sandbox.app.faults = Faults(replace(sandbox.app.options, faults=share, fault_kinds=KINDS))
    try:
        yield
    finally:
        sandbox.app.faults = calm


@pytest.mark.usefixtures("impatient")
def test_a_storm_costs_requests_and_nothing_else(scene: Scene, tmp_path: Path) -> None:
    scene.sandbox.app.log.clear()
    with stormy(scene.sandbox, SHARE):
        result = run_export(scene, tmp_path)
    assert result.exit_code == 0, result.incomplete
    assert result.retried >= len(KINDS)
    statuses = {status for *_, status in scene.sandbox.app.log}
    assert {302, 401, 408, 410, 429, 500, 502, 503, 504} <= statuses
    assert differences(contents(tmp_path), scene.references[0].tables) == []
    assert disorder(tmp_path) == []
    announced = status(tmp_path)["deprecations"]
    assert {(str(row["date"])[:10], row["replacement"]) for row in announced} == {
        ("2027-03-01", "/api/0/organizations/{org}/newer/")
    }


@contextmanager
def poisoned(sandbox: Sandbox, words: tuple[str, ...]) -> Iterator[str]:
    """The sandbox, but paths with one of these words are answered 500, always."""
    import httpx

    with httpx.Client() as behind:

        class Between(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if any(word in self.path for word in words):
                    status, headers, body = 500, [], b'{"detail": "Internal Error"}'
                else:
                    token = {"authorization": self.headers["authorization"]}
                    answer = behind.get(sandbox.url + self.path, headers=token)
                    status, body = answer.status_code, answer.content
                    headers = [(k, v) for k, v in answer.headers.items() if k in ("link", "date")]
                self.send_response_only(status)
                for name, value in [*headers, ("Content-Length", str(len(body)))]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.mark.usefixtures("impatient")
def test_what_always_fails_costs_only_itself(scene: Scene, tmp_path: Path) -> None:
    """An issue whose page never comes, and an endpoint that is down."""
    tables = scene.references[0].tables
    issue = dict(next(iter(tables["issue_details"])))["issue_id"]
    with poisoned(scene.sandbox, (f"/issues/{issue}/", "/sessions/")) as url:
        result = run_export(scene, tmp_path, url=url)
    assert result.exit_code == 3
    assert {(s["stream"], s["request"], s["status"]) for s in result.incomplete} == {
        ("sessions", "", "failed"),
        ("sessions", "health", "failed"),
        ("issues", "detail", "partial"),
        ("events", "latest", "partial"),
    }
    assert all("500" in s["reason"] for s in result.incomplete)
    found = contents(tmp_path)
    assert found["issues"] == tables["issues"]
    assert found["issue_details"].total() == tables["issue_details"].total() - 1
    assert run_export(scene, tmp_path).exit_code == 0
    assert differences(contents(tmp_path), tables) == []
