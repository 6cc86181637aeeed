"""Pages, cursors and Link headers (facts §1)."""

from __future__ import annotations

import re

import pytest

LINK = re.compile(
    r'^<https://acme\.sentry\.example/api/0/[^>]+>; rel="previous"; results="(true|false)"; cursor="[^"]+", '
    r'<https://acme\.sentry\.example/api/0/[^>]+>; rel="next"; results="(true|false)"; cursor="[^"]+"$'
)


def test_both_entries_always_in_order_and_of_another_host(modern):
    for page in (modern.org("projects/"), modern.org("issues/", query=""), modern.get("/organizations/")):
        assert LINK.match(page.headers["link"])


def test_without_query_the_link_reads_question_mark_ampersand(modern):
    assert "/projects/?&cursor=100:1:0>" in modern.org("projects/").headers["link"]


def test_the_query_is_repeated_without_the_cursor(modern):
    link = modern.org("projects/", per_page=2, cursor="2:1:0").headers["link"]
    assert "/?per_page=2&cursor=2:2:0>" in link
    assert 'rel="previous"; results="true"; cursor="2:0:1"' in link


def test_page_number_cursor_slices(modern):
    slugs = [row["slug"] for row in modern.rows("/organizations/acme/projects/", per_page=2)]
    assert slugs == sorted(row["slug"] for row in modern.sandbox.truth("projects"))


def test_other_page_size_half_way_slices_wrongly(modern):
    whole = [row["id"] for row in modern.org("members/").json()]
    page = modern.org("members/", per_page=2, cursor="3:1:0")
    assert [row["id"] for row in page.json()] == whole[4:6]
    assert page.links["next"]["cursor"] == "2:2:0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("101", "Invalid per_page value. Cannot exceed 100."),
        ("x", "Invalid per_page parameter."),
    ],
)
def test_per_page_out_of_range_is_refused(modern, value, text):
    page = modern.org("members/", per_page=value)
    assert (page.status_code, page.json()) == (400, {"detail": text})


@pytest.mark.parametrize("value", ["0", "-1"])
def test_per_page_below_one_breaks_the_server(modern, value):
    slug = modern.open_projects()[0]["slug"]
    page = modern.project(slug, "events/", per_page=value)
    assert page.status_code == 500
    assert set(page.json()) == {"detail", "errorId"}


@pytest.mark.parametrize("cursor", ["garbage", "1:2", "abc:0:0"])
def test_bad_cursor(modern, cursor):
    slug = modern.open_projects()[0]["slug"]
    for page in (
        modern.org("issues/", query="", cursor=cursor),
        modern.project(slug, "events/", cursor=cursor),
    ):
        assert (page.status_code, page.json()) == (400, {"detail": "Invalid cursor parameter."})


def test_empty_cursor_is_none(modern):
    assert modern.org("projects/", cursor="").json() == modern.org("projects/").json()


def test_negative_offset(modern):
    assert modern.org("members/", cursor="100:-1:0").json() == {
        "detail": "Pagination offset cannot be negative"
    }
    slug = modern.open_projects()[0]["slug"]
    assert modern.project(slug, "events/", cursor="0:-1:1").status_code == 500


def test_event_pages_are_by_row(modern):
    slug = modern.open_projects()[0]["slug"]
    first = modern.project(slug, "events/")
    assert len(first.json()) == 100
    assert first.links["next"]["cursor"] == "0:100:0"
    assert first.links["previous"]["cursor"] == "0:0:1"
    second = modern.project(slug, "events/", cursor="0:100:0")
    assert second.links["previous"] | {"url": ""} == {
        "url": "", "rel": "previous", "results": "true", "cursor": "0:0:1",
    }  # fmt: skip


def test_lists_without_link(modern):
    issue = modern.sandbox.truth("issues")[0]["issue_id"]
    for page in (
        modern.org("environments/"),
        modern.org("issues/", group=issue),
        modern.get(f"/issues/{issue}/activities/"),
        modern.org("stats_v2/", field="sum(quantity)", groupBy="category", interval="1d"),
    ):
        assert page.status_code == 200
        assert "link" not in page.headers


def test_short_and_empty_pages_with_more_to_come(modern):
    pages = modern.crawl("/organizations/acme/issues/", query="", project=-1, limit=100)
    sizes = [len(page.json()) for page in pages]
    assert 0 in sizes[:-1]
    assert any(0 < size < 100 for size in sizes[:-1])
    listed = {row["issue_id"] for row in modern.sandbox.truth("issues") if row["listed"]}
    assert {row["id"] for page in pages for row in page.json()} == listed


def test_every_page_size_gives_every_issue_once(modern):
    listed = sorted(row["issue_id"] for row in modern.sandbox.truth("issues") if row["listed"])
    for limit in (1, 7, 100):
        rows = modern.rows("/organizations/acme/issues/", query="", project=-1, limit=limit)
        assert sorted(row["id"] for row in rows) == listed


def test_hits_are_told_on_issue_lists_only(modern):
    page = modern.org("issues/", query="", project=-1)
    assert page.headers["x-max-hits"] == "1000"
    assert int(page.headers["x-hits"]) >= len(page.json())
    assert "x-hits" not in modern.org("projects/").headers
