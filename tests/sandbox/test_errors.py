"""Who may ask, and what refusals look like (facts §3, §7)."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (None, "Authentication credentials were not provided."),
        ("Bearer wrong", "Invalid token"),
        ("Bearer sntrys_wrong", "Invalid org token"),
        ("Basic d3Jvbmc6", "API key is not valid"),
    ],
)
def test_unauthorized(modern, header, text):
    headers = {"Authorization": header} if header else {}
    answer = httpx.get(f"{modern.sandbox.url}/api/0/organizations/", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": text})


def test_the_scheme_may_be_written_in_any_case(modern):
    headers = {"Authorization": f"bearer {modern.sandbox.token}"}
    assert httpx.get(f"{modern.sandbox.url}/api/0/organizations/", headers=headers).status_code == 200


def test_missing_slash_is_told_in_plain_text(modern):
    answer = modern.org("projects")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/plain"
    assert "did you forget a trailing slash?" in answer.text


def test_unknown_routes_are_empty_html(modern):
    answer = modern.get("/does-not-exist/")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["content-type"].startswith("text/html")


def test_unknown_things_are_404(modern):
    slug = modern.open_projects()[0]["slug"]
    for answer in (
        modern.get("/organizations/nobody/"),
        modern.get("/organizations/nobody/issues/"),
        modern.project("nothing", "events/"),
        modern.get("/issues/999999/"),
        modern.get("/issues/abc/"),
        modern.org("issues/", environment="nowhere"),
    ):
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "The requested resource does not exist"},
        )
    assert modern.project(slug, f"events/{'0' * 32}/").json() == {"detail": "Event not found"}
    nothex = modern.project(slug, "events/nothex/")
    assert (nothex.status_code, nothex.content) == (404, b"")


def test_only_get(modern):
    answer = modern.http.delete("/api/0/organizations/acme/projects/")
    assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})


def test_refused_project(modern):
    refused = modern.refused()
    for answer in (
        modern.project(refused["slug"], "events/"),
        modern.project(refused["slug"], "issues/"),
        modern.org("issues/", project=refused["project_id"]),
        modern.org("events/", project=refused["project_id"], field="id"),
        modern.org("issues/", project=[modern.open_projects()[0]["project_id"], refused["project_id"]]),
        modern.org("issues/", project="123"),
    ):
        assert answer.status_code == 403
        assert answer.json() == {"detail": "You do not have permission to perform this action."}
    hidden = next(row for row in modern.sandbox.truth("issues") if row["project_id"] == refused["project_id"])
    assert modern.get(f"/issues/{hidden['issue_id']}/").status_code == 403
    assert refused["project_id"] in {row["id"] for row in modern.org("projects/").json()}
    rows = modern.rows("/organizations/acme/issues/", query="", project=-1)
    assert refused["project_id"] not in {row["project"]["id"] for row in rows}


def test_omitted_project_means_those_of_the_callers_teams(modern):
    ours = {row["project_id"] for row in modern.open_projects() if row["is_member"]}
    all_ = {row["project_id"] for row in modern.open_projects()}
    assert ours < all_
    seen = {row["project"]["id"] for row in modern.rows("/organizations/acme/issues/", query="")}
    assert seen == ours
    seen = {row["project"]["id"] for row in modern.rows("/organizations/acme/issues/", query="", project=-1)}
    assert seen == all_


def test_renamed_project_redirects_with_a_body(modern):
    answer = modern.project("storefront-classic", "events/", full=0)
    new = next(row["slug"] for row in modern.sandbox.truth("projects") if row["old_slugs"])
    assert answer.status_code == 302
    assert answer.headers["location"] == f"/api/0/projects/acme/{new}/events/?full=0"
    assert answer.json()["slug"] == new
    assert answer.json()["detail"]["code"] == "resource-moved"


def test_ids_in_paths_are_of_the_newer_age(modern, old):
    project = modern.open_projects()[0]
    assert modern.project(project["project_id"], "events/").status_code == 200
    organization = modern.sandbox.truth("organizations")[0]["organization_id"]
    assert modern.get(f"/organizations/{organization}/").status_code == 200
    project = old.open_projects()[0]
    assert old.project(project["project_id"], "events/").status_code == 404
    organization = old.sandbox.truth("organizations")[0]["organization_id"]
    assert old.get(f"/organizations/{organization}/").status_code == 404


def test_ids_exceed_32_bits_on_saas(modern):
    assert int(modern.open_projects()[0]["project_id"]) > 2**31
    assert int(modern.sandbox.truth("issues")[0]["issue_id"]) > 2**31


@pytest.mark.parametrize(
    "params",
    [
        {"start": "2026-01-01T00:00:00Z"},
        {"start": "yesterday", "end": "today"},
        {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"},
        {"statsPeriod": "a fortnight"},
        {"statsPeriod": ""},
    ],
)
def test_bad_windows(modern, params):
    answer = modern.org("issues/", query="", **params)
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]


def test_empty_organization():
    from .conftest import start

    with start(projects=0, issues=0, events=0, members=1) as caller:
        for name in ("projects", "teams", "releases", "issues"):
            assert caller.org(f"{name}/").json() == []
        assert len(caller.org("members/").json()) == 1
        assert caller.org("sessions/", field="sum(session)").json() == {"detail": "No projects available"}
        assert caller.org("events/", field="id").json()["data"] == []
        assert caller.sandbox.pass_night()


def test_deleted_between_listing_and_asking():
    from .conftest import start

    with start(deleted_projects=1, projects=4) as caller:
        gone = next(row for row in caller.sandbox.truth("projects") if row["gone"])
        assert gone["slug"] in {row["slug"] for row in caller.org("projects/").json()}
        assert caller.project(gone["slug"], "events/").status_code == 404
        assert caller.org("issues/", project=gone["project_id"]).status_code == 403


def test_a_window_that_ends_within_retention_is_answered(modern):
    now = parsedate_to_datetime(modern.org("projects/").headers["date"])

    def day(ago):
        start_ = now - timedelta(days=ago)
        window = {"start": start_.isoformat(), "end": (start_ + timedelta(days=1)).isoformat()}
        return modern.org("events/", field="id", project=-1, **window).status_code

    assert day(90.5) == 200
    assert day(91.5) == 400
