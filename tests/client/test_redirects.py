"""Redirects: followed within the same scheme, host and port; the token goes nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extractors.client import Client
from extractors.errors import NotSentry
from tests.client.conftest import TOKEN
from tests.client.servers import Asked, Reply, serving

Make = Callable[..., Client]
OLD = "/projects/acme/old/events/"
NEW = "/projects/acme/new/events/"


def renamed(asked: Asked) -> Reply:
    """As Sentry answers for a renamed project (facts §3.3)."""
    if "/old/" in asked.path:
        return Reply(302, b'{"slug":"new"}', {"Location": asked.path.replace("/old/", "/new/")})
    return Reply(body=b'["new"]')


def test_a_renamed_slug_is_followed_and_remembered(client_for: Make) -> None:
    with serving(renamed) as server:
        client = client_for(server.url)
        answer = client.get(OLD, [("query", ""), ("cursor", "0:1:0")])
        assert (answer.body, answer.requests) == (b'["new"]', 2)
        query = "?query=&cursor=0%3A1%3A0"
        assert server.paths == [f"/api/0{OLD}{query}", f"/api/0{NEW}{query}"]
        assert all(asked.headers["authorization"] == f"Bearer {TOKEN}" for asked in server.asked)
        assert client.get(OLD).requests == 1
        assert server.paths[-1] == f"/api/0{NEW}"


@pytest.mark.parametrize("end", ["", "#top", "?moved=1", "?query=is%3Aunresolved"])
def test_the_query_is_ours_whatever_the_location_says(client_for: Make, end: str) -> None:
    def answering(asked: Asked) -> Reply:
        return Reply(301, headers={"Location": f"/api/0{NEW}{end}"}) if "/old/" in asked.path else Reply()

    with serving(answering) as server:
        client_for(server.url).get(OLD, [("query", "")])
        assert server.paths[-1] == f"/api/0{NEW}?query="


def test_a_move_that_led_nowhere_is_not_remembered(client_for: Make) -> None:
    """A gateway that sends all requests to a page of its own for a while."""
    gateway = Reply(302, headers={"Location": "/api/0/maintenance/"})
    with serving([gateway, Reply(503), Reply(body=b"[1]")]) as server:
        assert client_for(server.url).get(OLD).body == b"[1]"
        assert server.paths == [f"/api/0{OLD}", "/api/0/maintenance/", f"/api/0{OLD}"]


def test_another_host_sees_nothing(client_for: Make) -> None:
    with (
        serving(Reply()) as other,
        serving(Reply(302, headers={"Location": other.url + "/api/0/x/"})) as server,
    ):
        with pytest.raises(NotSentry) as caught:
            client_for(server.url).get(OLD)
        assert caught.value.reason == "redirect to another host"
        assert other.url in str(caught.value)
        assert (len(server.asked), len(other.asked), other.connections) == (1, 0, 0)


@pytest.mark.parametrize(
    "location",
    [
        "//evil.example/api/0/",
        "http://localhost:{port}/api/0/",
        "https://127.0.0.1:{port}/api/0/",
        "http://127.0.0.1:{port}@evil.example/",
        "http://127.0.0.1.evil.example:{port}/",
        "file:///etc/passwd",
        "http://[broken/",
        "http://127.0.0.1:99999/",
    ],
)
def test_other_origins_in_disguise(client_for: Make, location: str) -> None:
    with serving(Reply()) as server:
        server.answering = lambda _: Reply(302, headers={"Location": location.format(port=server.port)})
        with pytest.raises(NotSentry):
            client_for(server.url).get(OLD)
        assert len(server.asked) == 1


def test_a_circle(client_for: Make) -> None:
    with serving(lambda asked: Reply(302, headers={"Location": asked.path + "x/"})) as server:
        with pytest.raises(NotSentry) as caught:
            client_for(server.url).get(OLD)
        assert caught.value.reason == "redirects in a circle"
        assert len(server.asked) == 4


def test_a_login_page_is_no_answer(client_for: Make) -> None:
    def answering(asked: Asked) -> Reply:
        if asked.path.startswith("/auth/"):
            return Reply(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"})
        return Reply(302, headers={"Location": "/auth/login/"})

    with serving(answering) as server:
        with pytest.raises(NotSentry) as caught:
            client_for(server.url).get(OLD)
        assert caught.value.reason == "not JSON"
