"""Two organizations, each in a sandbox of its own, and a way to reach them under made-up names."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from tests.client.conftest import certificates, write_certificates
from tests.client.servers import Asked, Reply, serving

__all__ = ["certificates", "write_certificates"]

DROPPED = ("connection", "transfer-encoding", "content-length", "host", "accept-encoding")
FEW: dict[str, Any] = {"streams": {"only": ["teams", "members"]}}
"""Streams enough to see who is asked with what."""


def small(organization: str, age: str, token: str) -> SandboxOptions:
    return SandboxOptions(
        organization=organization,
        age=age,
        token=token,
        projects=1,
        issues=2,
        events=4,
        members=2,
        days=5,
        refused_projects=0,
        rate_limit=0,
    )


@pytest.fixture(scope="session")
def acme() -> Iterator[Sandbox]:
    with Sandbox(small("acme", "2026", "sntryu_acme")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def globex() -> Iterator[Sandbox]:
    """An organization with another id."""
    with Sandbox(small("globex", "2023", "sntryu_globex")) as sandbox:
        yield sandbox


def forward(asked: Asked, url: str, *, prefix: str = "", token: str = "") -> Reply:
    """The answer of the sandbox at `url` to a request below the prefix."""
    path = urlsplit(asked.path)
    target = f"{path.path.removeprefix(prefix)}?{path.query}"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    sent = {k: v for k, v in asked.headers.items() if k not in DROPPED}
    if token:
        sent["authorization"] = f"Bearer {token}"
    try:
        connection.request("GET", target, headers=sent)
        answer = connection.getresponse()
        body = answer.read()
        return Reply(answer.status, body, {k: v for k, v in answer.getheaders() if k.lower() not in DROPPED})
    finally:
        connection.close()


def organization_of(sandbox: Sandbox, region: str | None = None) -> dict[str, Any]:
    """The sandbox's organization as a listing shows it, with another region."""
    answer = forward(
        Asked("/api/0/organizations/", {"authorization": f"Bearer {sandbox.token}"}), sandbox.url
    )
    (row,) = json.loads(answer.body)
    return {**row, "links": {"organizationUrl": row["links"]["organizationUrl"], "regionUrl": region}}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Host names and the loopback addresses they stand for; fill it, and they resolve in this process."""
    known: dict[str, str] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **options: Any) -> Any:
        return real(known.get(host, host), *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def both(acme: Sandbox, globex: Sandbox) -> Iterator[tuple[str, list[Asked]]]:
    """One server with both organizations, which knows the tokens of both and a general one; its URL and what
    it was asked."""

    def answering(asked: Asked) -> Reply:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        for sandbox in (acme, globex):
            if f"/{sandbox.organization}/" in asked.path and token in (sandbox.token, "sntryu_general"):
                return forward(asked, sandbox.url, token=sandbox.token)
        listed = [organization_of(s) for s in (acme, globex) if token in (s.token, "sntryu_general")]
        if urlsplit(asked.path).path == "/api/0/organizations/" and listed:
            return Reply(body=json.dumps(listed).encode())
        return Reply(401, b'{"detail":"Invalid token"}')

    with serving(answering) as server:
        yield server.url, server.asked


Relay = Callable[[socket.socket, socket.socket], None]


def relay(one: socket.socket, other: socket.socket) -> None:
    """Hands bytes on until one side closes."""
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)
