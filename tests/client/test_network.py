"""Faults below HTTP: connections refused, lost, stalled, cut off; bodies that never end; stopping."""

from __future__ import annotations

import codecs
import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from extractors import network
from extractors.client import Client
from extractors.errors import NotSentry, RetriesSpent, SentryError, Stopped, TooLarge, Unreachable
from tests.client.servers import Asked, Reply, serving

Make = Callable[..., Client]
PATH = "/organizations/acme/issues/"
GOOD = Reply(body=b'[{"id":"1"}]')
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def slam(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def hold(connection: socket.socket) -> None:
    """Stay silent until the other side gives up."""
    connection.settimeout(20)
    while connection.recv(1000):
        pass


def test_a_refused_connection_is_given_up_soon(client_for: Make) -> None:
    client = client_for(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable) as caught:
        client.get(PATH)
    assert caught.value.requests == 4  # waits of 1, 2 and 4 s and some jitter: under 15 s in earnest
    assert caught.value.status is None
    assert "SENTRY_URL" in str(caught.value)


def test_a_server_that_answered_before_gets_all_retries(client_for: Make) -> None:
    with serving(Reply(headers={"Connection": "close"})) as server:
        client = client_for(server.url)
        client.get(PATH)
    with pytest.raises(Unreachable) as caught:
        client.get(PATH)
    assert caught.value.requests >= 6


def test_an_unknown_host(client_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable) as caught:
        client_for("http://sentry.invalid").get(PATH)
    assert caught.value.reason == "unknown host"


def test_an_idle_connection_closed_by_the_server_is_replaced_at_once(client_for: Make) -> None:
    """The close races with our next request, as with servers in the field."""
    closing = threading.Event()

    def answering(asked: Asked) -> Reply:
        if closing.is_set():
            closing.clear()
            return Reply(raw=b"", then=slam)
        return GOOD

    with serving(answering) as server:
        client = client_for(server.url, first_wait=30.0, longest_wait=30.0)
        client.get(PATH)
        closing.set()
        began = time.monotonic()
        answer = client.get(PATH, retries=0)
        assert answer.requests == 2
        assert time.monotonic() - began < 15  # that is, without a wait
        assert server.connections == 2
        assert client.usage().retried == 1


def test_a_reset_on_a_new_connection_is_retried_with_a_wait(client_for: Make) -> None:
    with serving([Reply(raw=b"", then=slam), Reply(raw=b"", then=slam), GOOD]) as server:
        assert client_for(server.url).get(PATH).requests == 3


def test_resets_without_end(client_for: Make) -> None:
    with serving(Reply(raw=b"", then=slam)) as server:
        client = client_for(server.url)
        with pytest.raises(Unreachable):
            client.get(PATH)
        assert len(server.asked) == 4
        server.answering = lambda _: GOOD
        client.get(PATH)
        server.answering = lambda _: Reply(raw=b"", then=slam)
        with pytest.raises(RetriesSpent) as caught:
            client.get(PATH)
        assert caught.value.requests == 7  # one at once, five with waits


@pytest.mark.parametrize(
    "raw",
    [
        OK + b'Content-Length: 100\r\n\r\n[{"id":1',
        OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\n[{"id\r\n',
        OK + b'\r\n[{"id":1',  # no length: only the JSON shows that it is cut off
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[1,2,3]", mtime=0)[:-9],
        OK + b"Content-Encoding: gzip\r\n\r\nno gzip at all",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_cut_off_and_broken_answers_are_asked_again(client_for: Make, raw: bytes) -> None:
    with serving([Reply(raw=raw), GOOD]) as server:
        answer = client_for(server.url).get(PATH)
        assert (answer.body, answer.requests) == (GOOD.body, 2)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b'[{"id":"1"}]', mtime=0)),
        ("deflate", zlib.compress(b'[{"id":"1"}]')),
        ("identity", b'[{"id":"1"}]'),
    ],
)
def test_compressed_answers(client_for: Make, encoding: str, packed: bytes) -> None:
    with serving(Reply(body=packed, headers={"Content-Encoding": encoding})) as server:
        assert client_for(server.url).get(PATH).body == b'[{"id":"1"}]'


def test_large_compressed_answers(client_for: Make) -> None:
    body = b"[" + b'{"id":"1","text":"abcdefgh"},' * 200_000 + b"1]"
    with serving(Reply(body=gzip.compress(body, 1), headers={"Content-Encoding": "gzip"})) as server:
        assert client_for(server.url).get(PATH).body == body


def test_encodings_we_did_not_ask_for(client_for: Make) -> None:
    reply = Reply(body=gzip.compress(b"[]"), headers={"Content-Encoding": "gzip, gzip"})
    with serving(reply) as server, pytest.raises(NotSentry, match="compressed as 'gzip, gzip'"):
        client_for(server.url).get(PATH)


def test_a_mark_of_byte_order_is_no_part_of_the_answer(client_for: Make) -> None:
    with serving(Reply(body=codecs.BOM_UTF8 + b"[]")) as server:
        assert client_for(server.url).get(PATH).body == b"[]"


def test_a_bomb_of_gzip_costs_no_more_than_the_limit(client_for: Make) -> None:
    bomb = gzip.compress(b" " * (64 << 20), 9)
    assert len(bomb) < 100_000
    with serving(Reply(body=bomb, headers={"Content-Encoding": "gzip"})) as server:
        client = client_for(server.url, max_body_bytes=4 << 20)
        tracemalloc.start()
        with pytest.raises(TooLarge, match="more than 4 MB") as caught:
            client.get(PATH)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert caught.value.requests == 1
    assert peak < 16 << 20


def test_an_enormous_body(client_for: Make) -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(b" " * 65536)

    reply = Reply(raw=OK + b"\r\n", then=lambda c: _quietly(lambda: flood(c)))
    with serving(reply) as server, pytest.raises(TooLarge):
        client_for(server.url, max_body_bytes=1 << 20).get(PATH)


def _quietly(work: Callable[[], None]) -> None:
    with suppress(OSError):
        work()


def test_silence(client_for: Make) -> None:
    with serving(Reply(raw=b"", then=hold)) as server:
        with pytest.raises(TooLarge) as caught:
            client_for(server.url, timeout=0.1).get(PATH)
        assert (caught.value.reason, caught.value.requests) == ("no answer in time", 3)


def test_a_body_that_stalls(client_for: Make) -> None:
    with serving([Reply(raw=OK + b"Content-Length: 100\r\n\r\n[1,", then=hold), GOOD]) as server:
        assert client_for(server.url, timeout=0.1).get(PATH).requests == 2


def drip(connection: socket.socket) -> None:
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.02)


@pytest.mark.parametrize("raw", [OK + b"\r\n[", b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["body", "headers"])
def test_slow_drips_are_given_up(client_for: Make, raw: bytes) -> None:
    """No single read is slow, the whole is."""
    with serving(Reply(raw=raw, then=lambda c: _quietly(lambda: drip(c)))) as server:
        began = time.monotonic()
        with pytest.raises(SentryError) as caught:
            client_for(server.url, timeout=0.2).get(PATH, retries=0)
        assert caught.value.reason in ("answer stalled", "no answer in time")
        assert time.monotonic() - began < 10


@contextmanager
def stopped_after(seconds: float) -> Iterator[threading.Event]:
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    yield stop
    timer.cancel()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503),
        Reply(429, headers={"Retry-After": "3600"}),
        Reply(raw=b"", then=hold),
        Reply(raw=OK + b"Content-Length: 100\r\n\r\n[1,", then=hold),
    ],
    ids=["retry", "retry-after", "silence", "stalled body"],
)
def test_a_stop_ends_every_wait(client_for: Make, reply: Reply) -> None:
    with serving(reply) as server, stopped_after(0.2) as stop:
        client = client_for(server.url, stop=stop, first_wait=30.0, longest_wait=30.0, timeout=60.0)
        began = time.monotonic()
        with pytest.raises(Stopped):
            client.get(PATH)
        assert time.monotonic() - began < 2
        with pytest.raises(Stopped):
            client.get(PATH)
        assert len(server.asked) == 1


def test_a_stop_ends_a_connection_attempt(client_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: never.wait(20))
    with stopped_after(0.2) as stop:
        began = time.monotonic()
        with pytest.raises(Stopped):
            client_for("http://127.0.0.1:9", stop=stop).get(PATH)
        assert time.monotonic() - began < 2


def test_many_threads_share_a_client(client_for: Make) -> None:
    with serving(lambda asked: Reply(body=asked.path.encode().join([b'"', b'"']))) as server:
        client = client_for(server.url)
        wrong: list[str] = []

        def work(number: int) -> None:
            for turn in range(10):
                path = f"/organizations/acme/x{number}-{turn}/"
                if client.get(path).body != f'"/api/0{path}"'.encode():
                    wrong.append(path)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert client.usage().requests == len(server.asked) == 80
        assert server.connections <= 8


def test_a_closed_client_can_be_used_again(client_for: Make) -> None:
    with serving(GOOD) as server:
        with client_for(server.url) as client:
            client.get(PATH)
        client.close()
        assert client.get(PATH).body == GOOD.body


def test_a_broken_ca_bundle_is_named(client_for: Make) -> None:
    with pytest.raises(Unreachable, match=r"/nonexistent.pem: No such file or directory.*ca_bundle"):
        client_for("https://127.0.0.1:9", ca_bundle="/nonexistent.pem").get(PATH)


def test_the_backend_is_in_place(client_for: Make) -> None:
    """It is handed to httpcore through a private attribute: a new httpx must not lose it unnoticed."""
    client = client_for("https://sentry.example")
    transport = client._open()._transport
    assert isinstance(transport._pool._network_backend, network._Backend)  # type: ignore[attr-defined]
