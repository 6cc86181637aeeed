"""What is sent, and what is read from an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from extractors.client import Client
from extractors.errors import BadQuery, NotSentry, Unauthorized
from tests.client.conftest import TOKEN
from tests.client.servers import Reply, serving

Make = Callable[..., Client]


def test_a_request_as_the_server_sees_it(client_for: Make) -> None:
    with serving(Reply()) as server:
        client = client_for(server.url + "/prefix/")
        client.get(
            "organizations/acme/issues", [("query", ""), ("field", "a b"), ("field", "c+d"), ("end", "x:1Z")]
        )
        asked = server.asked[0]
    assert asked.path == "/prefix/api/0/organizations/acme/issues/?query=&field=a+b&field=c%2Bd&end=x%3A1Z"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["user-agent"] == "sentry-warehouse"
    assert asked.headers["accept-encoding"] == "gzip"
    assert "cookie" not in asked.headers


def test_paths_with_odd_names(client_for: Make) -> None:
    with serving(Reply()) as server:
        client = client_for(server.url)
        client.get("/organizations/acme/releases/web%2Fapp%401.0 beta?/")
        assert server.paths == ["/api/0/organizations/acme/releases/web%2Fapp%401.0%20beta%3F/"]
        for path in ("/projects/../acme/", "/projects/./x/", "/projects//x/"):
            with pytest.raises(BadQuery):
                client.get(path)
        assert len(server.asked) == 1


def test_what_an_answer_holds(client_for: Make) -> None:
    link = (
        '<http://elsewhere.example/api/0/?&cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", '
        '<http://elsewhere.example/api/0/?&cursor=0:100:0>; rel="next"; results="true"; cursor="0:100:0"'
    )
    headers = {"Date": "Mon, 02 Nov 2026 03:04:05 GMT", "X-Hits": "17", "Link": link}
    with serving(Reply(body=b'[{"id":1}]', headers=headers)) as server:
        client = client_for(server.url)
        answer = client.get("/organizations/")
    assert answer.status == 200
    assert answer.body == b'[{"id":1}]'
    assert answer.cursor == "0:100:0"
    assert answer.date == datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    assert answer.hits == 17
    assert answer.requests == 1
    assert client.usage().bytes == 10


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 03:04:05 GMT"])
def test_without_a_readable_date_ours_is_taken(client_for: Make, date: str) -> None:
    with serving(Reply(headers={"Date": date, "X-Hits": "many"})) as server:
        answer = client_for(server.url).get("/organizations/")
    assert abs((answer.date - datetime.now(UTC)).total_seconds()) < 60
    assert answer.hits is None


def test_cookies_are_not_kept(client_for: Make) -> None:
    with serving(Reply(headers={"Set-Cookie": "sid=1; Path=/"})) as server:
        client = client_for(server.url)
        client.get("/organizations/")
        client.get("/organizations/")
        assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sentry.io",
        "ftp://sentry.io",
        "https://",
        "https://a:b@sentry.io",
        "https://sentry.io/?x=1",
        "http://[::1",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(NotSentry):
        Client(url, TOKEN)


def test_api_in_the_url_is_not_repeated(client_for: Make) -> None:
    with serving(Reply()) as server:
        client_for(server.url + "/api/0/").get("/organizations/")
        assert server.paths == ["/api/0/organizations/"]


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "naïve"])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        Client("https://sentry.io", token)
    assert not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize(
    ("configured", "region", "base"),
    [
        ("https://sentry.io", "https://us.sentry.io", "https://us.sentry.io/api/0"),
        ("https://sentry.io", "https://sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "http://us.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://de.sentry.io", "https://de.sentry.io/api/0"),
        ("https://sentry.io", "https://DE.Sentry.IO/", "https://de.sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io:443", "https://us.sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io:8443", "https://sentry.io/api/0"),
        ("https://sentry.io", "http://us.sentry.io:443", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io.", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://@us.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "//us.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io\n.evil.example", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io%2eevil.example", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://evil.example/#.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://evil.example?.sentry.io", "https://sentry.io/api/0"),
        ("https://us.sentry.io", "https://de.sentry.io", "https://de.sentry.io/api/0"),
        ("https://acme.sentry.io", "https://sentry.io", "https://sentry.io/api/0"),
        ("https://us.sentry.io", "https://de.evilsentry.io", "https://us.sentry.io/api/0"),
        ("https://us.example.org", "https://de.example.org", "https://us.example.org/api/0"),
        ("https://us.example.org", "https://example.org", "https://us.example.org/api/0"),
        ("https://sentry.io", "https://evil-sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://evilsentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://sentry.io.evil.com", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://sentry.io.evil.example", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://us.sentry.io@evil.example", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://x@us.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "https://evil.example\\.sentry.io", "https://sentry.io/api/0"),
        ("https://sentry.io", "javascript:1", "https://sentry.io/api/0"),
        (
            "http://sentry.example:9000/in",
            "http://eu.sentry.example:9000",
            "http://eu.sentry.example:9000/api/0",
        ),
        (
            "http://sentry.example:9000/in",
            "http://sentry.example:9000/in",
            "http://sentry.example:9000/in/api/0",
        ),
        ("http://sentry.example:9000/in", "http://sentry.example:81", "http://sentry.example:9000/in/api/0"),
        ("http://sentry.example:9000", "https://eu.sentry.example", "https://eu.sentry.example/api/0"),
        ("http://sentry.example:9000", "http://eu.sentry.example", "http://sentry.example:9000/api/0"),
        ("http://sentry.example:9000", "http://eu.sentry.example:9001", "http://sentry.example:9000/api/0"),
        ("http://127.0.0.1:9000", "http://9.127.0.0.1:9000", "http://127.0.0.1:9000/api/0"),
    ],
)
def test_regions_are_the_servers_own(configured: str, region: str, base: str) -> None:
    client = Client(configured, TOKEN)
    assert client._base_for(region) == base


def test_a_foreign_region_is_ignored_and_said_once(
    client_for: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with serving(Reply()) as home, serving(Reply()) as foreign:
        client = client_for(home.url)
        for _ in range(2):
            client.get("/organizations/acme/", region=foreign.url.replace("127.0.0.1", "localhost"))
        assert (len(home.asked), len(foreign.asked)) == (2, 0)
    assert len([r for r in caplog.records if "region" in r.message]) == 1
