"""The token, and query values that may name a person, show up in no error, traceback, log or repr."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from extractors.client import Client
from extractors.errors import SentryError
from extractors.governor import Governor
from tests.client.conftest import TOKEN
from tests.client.servers import Reply, Server, serving
from tests.client.test_faults import ENDURED, FINAL
from tests.client.test_network import GOOD, OK, PATH, free_port, slam

Make = Callable[..., Client]
PERSON = "jane.doe@example.com"
ECHO = f'{{"detail":"Bearer {TOKEN}"}}'.encode()


def all_about(error: BaseException) -> str:
    """All that a reporter could print: message, chain, attributes, the locals of our frames."""
    assert error.__traceback__
    ours = error.__traceback__.tb_next
    shown = traceback.TracebackException(type(error), error, ours, capture_locals=True)
    assert len(shown.stack) > 0
    return "".join(shown.format()) + repr((error, error.__context__, error.__cause__, vars(error)))


REPLIES = [
    *(row[0] for row in ENDURED),
    *(row[0] for row in FINAL),
    Reply(raw=b"", then=slam),
    Reply(raw=OK + b"Content-Length: 100\r\n\r\n[1,"),
    Reply(400, ECHO),
    Reply(401, ECHO, {"X-Sentry-Deprecation-Date": TOKEN}),
    Reply(500, f"<html>{TOKEN}</html>".encode()),
    Reply(302, headers={"Location": f"http://{TOKEN}.evil.example/{TOKEN}"}),
]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda r: f"{r.status} {(r.raw or r.body)[:20]!r}")
def test_no_error_shows_the_token(client_for: Make, caplog: pytest.LogCaptureFixture, reply: Reply) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(reply) as server:
        client = client_for(server.url)
        with pytest.raises(SentryError) as caught:
            client.get(PATH, [("query", f"user.email:{PERSON}")], retries=1)
    shown = all_about(caught.value)
    assert caught.value.__context__ is None
    assert TOKEN not in shown
    assert PERSON not in str(caught.value)
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert TOKEN not in logged
    assert PERSON not in logged
    assert "jane.doe" not in logged
    assert TOKEN not in repr(client) + str(vars(client)) + repr(client.deprecations()) + repr(client.usage())


def test_nor_does_one_without_a_connection(client_for: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SentryError) as caught:
        client_for(f"http://127.0.0.1:{free_port()}").get(PATH)
    assert caught.value.__context__ is None
    assert TOKEN not in all_about(caught.value) + caplog.text


def test_retries_are_logged_without_the_query(client_for: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving([Reply(503), GOOD]) as server:
        client_for(server.url).get(PATH, [("query", PERSON)])
    lines = [record.getMessage() for record in caplog.records if record.name == "extractors.client"]
    assert len(lines) == 1
    assert lines[0].startswith(f"retry GET {PATH}: 503, again in ")
    assert not [r for r in caplog.records if r.name == "httpx"]


def test_what_the_governor_remembers_holds_no_token(client_for: Make) -> None:
    headers = {"X-Sentry-Rate-Limit-Limit": "40", "X-Sentry-Rate-Limit-Remaining": "39"}
    governor = Governor()
    with serving(Reply(headers=headers)) as server:
        client_for(server.url, governor=governor).get(PATH)
    assert governor.snapshot()
    assert TOKEN not in str(governor.snapshot())


# TLS


def secure(server: Server, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    return server.url.replace("http://", "https://")


def test_tls_is_verified_and_an_own_authority_is_possible(
    client_for: Make, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, certificate = certificates
    with serving(GOOD) as server:
        url = secure(server, certificate)
        monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
        with pytest.raises(SentryError, match="ca_bundle") as caught:
            client_for(url).get(PATH)
        assert (caught.value.reason, caught.value.requests) == ("TLS", 1)
        assert not server.asked
        assert client_for(url, ca_bundle=str(authority)).get(PATH).body == GOOD.body
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert client_for(url).get(PATH).body == GOOD.body


def test_proxy_variables_are_heeded(client_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(GOOD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        assert client_for("http://sentry.example").get(PATH).body == GOOD.body
        assert proxy.paths == [f"http://sentry.example/api/0{PATH}"]
