"""Servers of one's own: a path prefix, an authority of one's own, proxies, and two servers for one home."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.client import Client
from extractors.sandbox import Sandbox
from flows.clients import Clients
from flows.discovery import check_server, find_organizations
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import UsageError, load_settings
from tests.cli.command import run_command
from tests.client.servers import Asked, Reply, Server, serving
from tests.export.conftest import query
from tests.servers.conftest import FEW, forward, relay, small
from warehouse.store import Store

ONLY = {"SENTRY_WAREHOUSE_STREAMS_ONLY": "teams,members", "SENTRY_WAREHOUSE_PRIVACY_KEY": "0" * 32}


@contextmanager
def secured(sandbox: Sandbox, certificate: Path, prefix: str) -> Iterator[tuple[str, Server]]:
    """The sandbox below a prefix, over TLS."""

    def answering(asked: Asked) -> Reply:
        if not asked.path.startswith(f"{prefix}/api/0/"):
            return Reply(404, b"<html>nginx</html>")
        return forward(asked, sandbox.url, prefix=prefix)

    with serving(answering) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        yield server.url.replace("http://", "https://") + prefix, server


def test_an_authority_of_ones_own_and_a_prefix(
    acme: Sandbox, certificates: tuple[Path, Path], tmp_path: Path
) -> None:
    authority, certificate = certificates
    with secured(acme, certificate, "/tools/sentry") as (url, server):
        variables = {"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": acme.token, **ONLY}
        run_command("export", folder=tmp_path, variables=variables).says_only(1, "certificate", "ca_bundle")
        assert not server.asked
        trusted = {**variables, "SENTRY_WAREHOUSE_CA_BUNDLE": str(authority)}
        for command in ("check", "plan", "export"):
            done = run_command(command, folder=tmp_path, variables=trusted)
            assert done.code == 0, done
        assert all(path.startswith("/tools/sentry/api/0/") for path in server.paths)
        wrong = {**variables, "SENTRY_WAREHOUSE_CA_BUNDLE": "nowhere.pem"}
        run_command("export", folder=tmp_path, variables=wrong).says_only(2, "nowhere.pem", "ca_bundle")


def test_a_forgotten_prefix(acme: Sandbox, certificates: tuple[Path, Path], tmp_path: Path) -> None:
    with secured(acme, certificates[1], "/sentry") as (url, _):
        variables = {
            "SENTRY_URL": url.removesuffix("/sentry"),
            "SENTRY_AUTH_TOKEN": acme.token,
            "SENTRY_WAREHOUSE_CA_BUNDLE": str(certificates[0]),
        }
        run_command("export", folder=tmp_path, variables=variables).says_only(1, "Check SENTRY_URL")


# proxies


@contextmanager
def tunnels() -> Iterator[tuple[str, list[str]]]:
    """A proxy that knows CONNECT only; its URL and the targets it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    targets: list[str] = []

    def serve(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        target = head.split(b" ")[1].decode()
        targets.append(head.decode("latin-1"))
        host, _, port = target.rpartition(":")
        with connection, socket.create_connection((host, int(port))) as other:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=relay, args=(other, connection), daemon=True)
            back.start()
            relay(connection, other)
            back.join(5)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", targets
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture
def client_for() -> Iterator[Any]:
    made: list[Client] = []

    def make(url: str, **options: Any) -> Client:
        made.append(Client(url, "sntryu_acme", first_wait=0.001, longest_wait=0.01, timeout=5.0, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_token(
    client_for: Any, acme: Sandbox, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with secured(acme, certificates[1], "") as (url, server), tunnels() as (proxy, targets):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        client_for(url, ca_bundle=str(certificates[0])).get("/organizations/")
        assert len(targets) == 1
        assert targets[0].startswith(f"CONNECT 127.0.0.1:{server.port} ")
        assert "sntryu" not in targets[0]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client_for(url, ca_bundle=str(certificates[0])).get("/organizations/")
        assert len(targets) == 1
        assert len(server.asked) == 2


def test_a_proxy_that_is_down_is_named(acme: Sandbox, tmp_path: Path) -> None:
    variables = {"SENTRY_URL": "https://sentry.test", "SENTRY_AUTH_TOKEN": acme.token}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = run_command(
        "plan", folder=tmp_path, variables={**variables, "HTTPS_PROXY": f"http://127.0.0.1:{port}"}
    )
    done.says_only(1, "HTTPS_PROXY")


# two servers for one home


def noted(store: Store, sandbox: Sandbox, url: str, **change: str) -> None:
    made = load_settings(None, {"url": sandbox.url, "token": sandbox.token}, environment={})
    with Clients(made) as clients:
        found = find_organizations(clients, ())
    if change:
        found = [replace(f, **change) for f in found]  # type: ignore[arg-type]
    check_server(store, url, found)


def test_two_servers_whose_ids_collide_are_refused(acme: Sandbox, globex: Sandbox, tmp_path: Path) -> None:
    with Store(tmp_path / "warehouse.duckdb") as store:
        noted(store, acme, "https://one.example.org")
        noted(store, globex, "https://two.example.org")  # another id: both fit into one home
        noted(store, acme, "https://one.example.org:8443/prefix")  # the same host
        noted(store, acme, "https://moved.example.org")  # the same organization: its server moved
        with pytest.raises(UsageError, match=r"--home") as caught:
            noted(store, acme, "https://other.example.org", created="2020-01-01T00:00:00Z")
    assert "other.example.org" in str(caught.value)
    assert "moved.example.org" in str(caught.value)


@pytest.mark.parametrize("url", ["https://one.example.org", "https://one.example.org:9001/staging"])
def test_a_server_set_up_anew_is_another_one(acme: Sandbox, tmp_path: Path, url: str) -> None:
    """Its ids begin at 1 again, as do those of a second server on the same machine."""
    with Store(tmp_path / "warehouse.duckdb") as store:
        noted(store, acme, "https://one.example.org")
        with pytest.raises(UsageError, match=r"--home"):
            noted(store, acme, url, created="2020-01-01T00:00:00")
        noted(store, acme, "https://one.example.org")


def test_a_home_for_two_servers(acme: Sandbox, globex: Sandbox, tmp_path: Path) -> None:
    """Each is exported by itself, and both stay; one whose ids are taken is refused, and harms neither."""

    def run(sandbox: Sandbox, url: str) -> int:
        values = {"url": url, "token": sandbox.token, "home": str(tmp_path), "privacy_key": "0" * 32, **FEW}
        return export(load_settings(None, values, environment={}), Progress()).exit_code

    def members() -> list[tuple[str, int]]:
        sql = "select slug, count(*) from members join organizations using (organization_id) group by all"
        return sorted(query(tmp_path, sql))

    assert (run(acme, acme.url), run(globex, globex.url)) == (0, 0)
    assert [slug for slug, _ in members()] == ["acme", "globex"]
    before = members()
    options = replace(small("initech", "2026", "sntryu_initech"), clock_offset=timedelta(days=-400))
    with Sandbox(options, "127.0.0.2") as other, pytest.raises(UsageError, match=r"'acme' of 127\.0\.0\.1"):
        run(other, other.url)
    assert members() == before
