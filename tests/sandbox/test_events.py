"""Event lists and single events (facts §4.2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from extractors.sandbox import SandboxOptions, generate_full_events

from .conftest import start


def test_a_project_lists_exactly_its_retained_errors(modern):
    held = modern.sandbox.truth("events")
    for project in modern.open_projects():
        rows = modern.rows(f"/projects/acme/{project['slug']}/events/")
        expected = {e["event_id"] for e in held if e["listed"] and e["project_id"] == project["project_id"]}
        assert {row["eventID"] for row in rows} == expected
        assert len(rows) == len(expected)
    assert sum(e["listed"] for e in held) > 2000
    assert {e["event_type"] for e in held if e["listed"]} <= {"error", "default"}


def test_rows_are_what_truth_tells(modern):
    held = {e["event_id"]: e for e in modern.sandbox.truth("events")}
    tags: dict[str, list] = {}
    for row in modern.sandbox.truth("event_tags"):
        tags.setdefault(row["event_id"], []).append((row["key"], row["value"]))
    project = modern.open_projects()[0]
    for row in modern.rows(f"/projects/acme/{project['slug']}/events/"):
        event = held[row["id"]]
        assert row["groupID"] == event["issue_id"]
        assert row["projectID"] == event["project_id"]
        assert row["event.type"] == event["event_type"]
        assert row["platform"] == event["platform"]
        assert datetime.fromisoformat(row["dateCreated"]) == event["date_created"].replace(tzinfo=UTC)
        assert [(tag["key"], tag["value"]) for tag in row["tags"]] == tags[row["id"]]


def test_newest_first_with_the_id_as_tie_breaker(modern):
    rows = modern.rows(f"/projects/acme/{modern.open_projects()[0]['slug']}/events/")
    order = [(row["dateCreated"][:19], row["id"]) for row in rows]
    assert order == sorted(order, reverse=True)


def test_window_has_an_inclusive_start_and_exclusive_end(modern):
    slug = modern.open_projects()[0]["slug"]
    rows = modern.rows(f"/projects/acme/{slug}/events/")
    low, high = rows[-1]["dateCreated"][:19], rows[10]["dateCreated"][:19]
    window = modern.rows(f"/projects/acme/{slug}/events/", start=low + "Z", end=high + "Z")
    assert {row["id"] for row in window} == {r["id"] for r in rows if low <= r["dateCreated"][:19] < high}
    inside = modern.rows(f"/projects/acme/{slug}/events/", statsPeriod="7d")
    assert 0 < len(inside) < len(rows)


def test_a_server_of_2023_ignores_the_window(old):
    slug = old.open_projects()[0]["slug"]
    params = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    assert old.project(slug, "events/", **params).json() == old.project(slug, "events/").json()


def test_query_is_a_substring_of_the_message(modern):
    slug = modern.open_projects()[0]["slug"]
    rows = modern.rows(f"/projects/acme/{slug}/events/")
    message = next(row["message"] for row in rows if row["message"])
    found = modern.rows(f"/projects/acme/{slug}/events/", query=message[1:9].upper())
    assert found
    assert all(message[1:9].lower() in row["message"].lower() for row in found)


def test_full_is_clamped_to_ten_rows(modern, old):
    slug = modern.open_projects()[0]["slug"]
    page = modern.project(slug, "events/", full="1", per_page=100)
    assert len(page.json()) == 10
    assert page.links["next"]["cursor"] == "0:10:0"
    assert "event.type" in modern.project(slug, "events/", full="false").json()[0]
    slug = old.open_projects()[0]["slug"]
    page = old.project(slug, "events/", full="false")
    assert len(page.json()) == 100
    assert "entries" in page.json()[0]


def test_full_rows(modern):
    slug = modern.open_projects()[0]["slug"]
    rows = modern.rows(f"/projects/acme/{slug}/events/", full="true")
    light = {row["id"]: row for row in modern.rows(f"/projects/acme/{slug}/events/")}
    assert {row["id"] for row in rows} == set(light)
    kinds = {entry["type"] for row in rows for entry in row["entries"]}
    assert {"exception", "message", "breadcrumbs", "request"} <= kinds
    for row in rows:
        assert "event.type" not in row
        assert row["type"] in ("error", "default")
        assert row["dateCreated"] == light[row["id"]]["dateCreated"]
        assert {"size", "contexts", "sdk", "context", "packages", "dateReceived", "errors", "_meta"} <= set(
            row
        )
        assert "release" not in row
    sizes = [len(json.dumps(row)) for row in rows]
    assert 20_000 < sum(sizes) / len(sizes) < 60_000


def test_single_event_tells_finer_time_and_neighbours(modern):
    slug = modern.open_projects()[0]["slug"]
    row = modern.project(slug, "events/").json()[5]
    single = modern.project(slug, f"events/{row['id']}/").json()
    dashed = f"{row['id'][:8]}-{row['id'][8:12]}-{row['id'][12:16]}-{row['id'][16:20]}-{row['id'][20:]}"
    assert modern.project(slug, f"events/{dashed}/").json() == single
    assert single["dateCreated"] != row["dateCreated"]
    assert single["dateCreated"][:19] == row["dateCreated"][:19]
    assert {"release", "userReport", "sdkUpdates", "nextEventID", "previousEventID"} <= set(single)


def test_transactions_have_no_date_created(modern):
    event = next(e for e in modern.sandbox.truth("events") if e["event_type"] == "transaction")
    slug = next(p["slug"] for p in modern.open_projects() if p["project_id"] == event["project_id"])
    single = modern.project(slug, f"events/{event['event_id']}/").json()
    assert "dateCreated" not in single
    assert single["endTimestamp"] > single["startTimestamp"]
    assert single["groupID"] is None
    assert isinstance(single["entries"][0]["data"], list)


def test_issue_events(modern):
    held = [e for e in modern.sandbox.truth("events") if e["listed"]]
    issue_id = held[0]["issue_id"]
    rows = modern.rows(f"/organizations/acme/issues/{issue_id}/events/", per_page=20)
    assert {row["id"] for row in rows} == {e["event_id"] for e in held if e["issue_id"] == issue_id}
    assert modern.get(f"/issues/{issue_id}/events/", environment="nowhere").json() == []
    latest = modern.get(f"/issues/{issue_id}/events/latest/").json()
    oldest = modern.get(f"/issues/{issue_id}/events/oldest/").json()
    assert latest["dateCreated"] >= oldest["dateCreated"]
    assert oldest["previousEventID"] is None


def test_odd_payloads_are_odd_and_can_be_switched_off():
    with start(seed=11, projects=3, events=2500, issues=60) as caller:
        pages = [
            page
            for p in caller.open_projects()
            for page in caller.crawl(f"/projects/acme/{p['slug']}/events/")
        ]
        text = b"".join(page.content for page in pages)
        assert b"\\ud83d" in text
        assert b"\\u0000" in text
        assert b'"unheardOf"' in text
        full = b"".join(
            caller.project(p["slug"], "events/", full=1, cursor=f"0:{o}:0").content
            for p in caller.open_projects()
            for o in (0, 10, 20)
        )
        assert b"170141183460469231731687303715884105728" in full
        assert b'"KEY":' in full
        for page in pages:
            page.json()
    with start(seed=11, projects=3, events=1000, odd_payloads=False) as caller:
        for project in caller.open_projects():
            for page in caller.crawl(f"/projects/acme/{project['slug']}/events/"):
                assert b"\\u" not in page.content


def test_older_than_retention_is_held_but_not_listed():
    with start(days=60, retention_days=30, events=600) as caller:
        held = caller.sandbox.truth("events")
        old = [e for e in held if not e["retained"]]
        assert old
        assert not any(e["listed"] for e in old)
        oldest = min(e["date_created"] for e in held if e["listed"])
        assert oldest > datetime.now(UTC).replace(tzinfo=None) - timedelta(days=30)
        kept = next(e for e in old if e["event_type"] != "transaction")
        slug = next(
            p["slug"] for p in caller.sandbox.truth("projects") if p["project_id"] == kept["project_id"]
        )
        assert caller.project(slug, f"events/{kept['event_id']}/").status_code in (403, 404)


def test_generated_events_are_the_same_for_a_seed():
    first, again = list(generate_full_events(3, 20)), list(generate_full_events(3, 20))
    assert [json.loads(body)["id"] for body in first] == [json.loads(body)["id"] for body in again]
    assert len({json.loads(body)["id"] for body in first}) == 20
    assert SandboxOptions().full_frames > 0
