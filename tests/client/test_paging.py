"""Pages: only the cursor of a Link header counts, and a listing always ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extractors import client as client_module
from extractors.answer import next_cursor
from extractors.client import Client
from extractors.errors import PagingError
from tests.client.servers import Asked, Reply, serving

Make = Callable[..., Client]
PATH = "/organizations/acme/issues/"


def page(body: bytes, cursor: str, results: str = "true", host: str = "http://evil.example") -> Reply:
    link = f'<{host}/?&cursor={cursor}>; rel="next"; results="{results}"; cursor="{cursor}"'
    return Reply(
        body=body, headers={"Link": f'<{host}/>; rel="previous"; results="true"; cursor="9:9:1", {link}'}
    )


def test_pages_end_where_the_server_says_so_and_nowhere_else(client_for: Make) -> None:
    script = [
        page(b"[1,2]", "0:2:0"),
        page(b"[]", "0:4:0"),
        page(b"[3]", "0:6:0"),
        page(b"[4,5]", "0:8:0", "false"),
    ]
    with serving(script) as server:
        bodies = [
            a.body for a in client_for(server.url).pages(PATH, [("query", "")], paging="limit", page_size=2)
        ]
        assert bodies == [b"[1,2]", b"[]", b"[3]", b"[4,5]"]
        first = f"/api/0{PATH}?query=&limit=2"
        assert server.paths == [first, *(f"{first}&cursor=0%3A{n}%3A0" for n in (2, 4, 6))]


def test_no_link_is_the_only_page(client_for: Make) -> None:
    with serving(Reply(body=b"[1]")) as server:
        assert len(list(client_for(server.url).pages(PATH, (), paging=None))) == 1
        assert server.paths == [f"/api/0{PATH}"]


def test_starting_at_a_cursor(client_for: Make) -> None:
    with serving(Reply()) as server:
        list(
            client_for(server.url).pages(
                PATH, [("cursor", "old"), ("per_page", "7")], paging="per_page", cursor="5:0:0"
            )
        )
        assert server.paths == [f"/api/0{PATH}?per_page=100&cursor=5%3A0%3A0"]


def test_a_link_to_another_host_is_not_followed(client_for: Make) -> None:
    with serving(Reply()) as other, serving([page(b"[1]", "a", host=other.url), Reply()]) as server:
        list(client_for(server.url).pages(PATH, (), paging="per_page"))
        assert (len(server.asked), len(other.asked)) == (2, 0)


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
def test_a_repeated_cursor(client_for: Make, cursors: list[str]) -> None:
    script = [page(b"[%d]" % number, cursor) for number, cursor in enumerate(cursors)]
    with serving(script) as server, pytest.raises(PagingError, match="same cursor"):
        list(client_for(server.url).pages(PATH, (), paging="per_page"))


def test_the_cursor_it_started_with_is_a_repeated_one_too(client_for: Make) -> None:
    with serving(page(b"[1]", "a")) as server, pytest.raises(PagingError):
        list(client_for(server.url).pages(PATH, (), paging="per_page", cursor="a"))


def endless(body: Callable[[int], bytes]) -> Callable[[Asked], Reply]:
    count = 0

    def answer(_: Asked) -> Reply:
        nonlocal count
        count += 1
        return page(body(count), f"{count}:0:0")

    return answer


def test_the_same_page_under_new_cursors(client_for: Make) -> None:
    with serving(endless(lambda _: b"[1]")) as server, pytest.raises(PagingError, match="again and again"):
        list(client_for(server.url).pages(PATH, (), paging="per_page"))


def test_empty_pages_without_end(client_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "EMPTY_PAGES", 10)
    with serving(endless(lambda _: b"[]")) as server, pytest.raises(PagingError):
        list(client_for(server.url).pages(PATH, (), paging="per_page"))
    assert len(server.asked) == 10


def test_pages_without_end(client_for: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MOST_PAGES", 20)
    with serving(endless(lambda n: b"[%d]" % n)) as server, pytest.raises(PagingError, match="no end"):
        list(client_for(server.url).pages(PATH, (), paging="per_page"))
    assert len(server.asked) == 20


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("", None),
        ("nonsense", None),
        ('<x>; rel="next"; results="false"; cursor="0:1:0"', None),
        ('<x>; rel="next"; results="true"; cursor="0:1:0"', "0:1:0"),
        ('<x>; rel="next"; cursor="0:1:0"', "0:1:0"),
        (
            '<x?a=1,2>; rel="previous"; results="true"; cursor="p", '
            '<y>; rel="next"; results="true"; cursor="n"',
            "n",
        ),
        ('<x>; REL="NEXT"; Results="TRUE"; CURSOR="0:1:0"', "0:1:0"),
        ('<x>; rel="next"; results="FALSE"; cursor="0:1:0"', None),
        ("<x>;rel=next;results=true;cursor=0:1:0", "0:1:0"),
        ("<x>; rel='next'; results='true'; cursor='0:1:0'", "0:1:0"),
        ('<x>; rel = "next" ; results = "true" ; cursor = "0:1:0"', "0:1:0"),
        ('<x>; rel="next nofollow"; results="true"; cursor="0:1:0"', "0:1:0"),
        ('<x>; title="a, <b>; rel=prev"; cursor="0:1:0"; results="true"; rel="next"', "0:1:0"),
    ],
)
def test_link_headers(link: str, cursor: str | None) -> None:
    assert next_cursor(link) == cursor


@pytest.mark.parametrize(
    ("link", "linked"),
    [
        ({}, False),
        ({"Link": '<x>; rel="previous"; results="false"; cursor="0:0:1"'}, False),
        ({"Link": '<x>; rel="previous"; results="false"; cursor="0:0:1", <y>; rel="ne'}, False),
        ({"Link": '<x>; rel="next"; results="false"; cursor="0:1:0"'}, True),
    ],
)
def test_only_an_entry_for_the_next_page_says_that_there_is_none(
    client_for: Make, link: dict[str, str], linked: bool
) -> None:
    with serving(Reply(headers=link)) as server:
        assert client_for(server.url).get(PATH).linked is linked


TOO_LONG = "9" * 5000


@pytest.mark.parametrize(
    "link", ['<x>; rel="next"; results="true"', f'<x>; rel="next"; cursor="{TOO_LONG}"'], ids=len
)
def test_a_next_page_that_cannot_be_named(client_for: Make, link: str) -> None:
    with serving(Reply(headers={"Link": link})) as server, pytest.raises(PagingError):
        client_for(server.url).get(PATH)
