"""Issue lists and details (facts §4.1)."""

from __future__ import annotations

import pytest

from .conftest import start


def by_id(caller):
    return {row["issue_id"]: row for row in caller.sandbox.truth("issues")}


def test_default_query_hides_resolved_ignored_and_low(modern):
    truth = by_id(modern)
    shown = modern.rows("/organizations/acme/issues/", project=-1)
    everything = modern.rows("/organizations/acme/issues/", project=-1, query="")
    assert len(shown) < len(everything)
    assert {row["status"] for row in shown} == {"unresolved"}
    assert {row["priority"] for row in shown} == {"high", "medium"}
    hidden = {row["id"] for row in everything} - {row["id"] for row in shown}
    for issue_id in hidden:
        assert truth[issue_id]["status"] != "unresolved" or truth[issue_id]["priority"] == "low"


def test_default_query_of_2023_knows_no_priority(old):
    shown = old.rows("/organizations/acme/issues/", project=-1)
    assert {row["status"] for row in shown} == {"unresolved"}
    assert "priority" not in shown[0]


def test_feedback_is_outside_the_default_search(modern):
    feedback = modern.rows("/organizations/acme/issues/", project=-1, query="issue.category:feedback")
    assert {row["issueCategory"] for row in feedback} == {"feedback"}
    everything = modern.rows("/organizations/acme/issues/", project=-1, query="")
    assert "feedback" not in {row["issueCategory"] for row in everything}


def test_lifetime_is_what_truth_tells(modern):
    truth = by_id(modern)
    for row in modern.rows("/organizations/acme/issues/", project=-1, query="", collapse="filtered"):
        held = truth[row["id"]]
        assert row["lifetime"]["count"] == str(held["event_count"])
        assert row["lifetime"]["userCount"] == held["user_count"]
        assert row["lifetime"]["lastSeen"] == held["last_seen"].isoformat() + "Z"
        assert row["lifetime"]["firstSeen"].startswith(held["first_seen"].isoformat()[:19])
        assert (row["status"], row["substatus"], row["priority"]) == (
            held["status"],
            held["substatus"],
            held["priority"],
        )
        assert row["shortId"] == held["short_id"]
        assert (row["assignedTo"] or {}).get("id") == held["assigned_to_id"]
        assert "filtered" not in row


def test_top_level_figures_are_of_the_window(modern):
    events = modern.sandbox.truth("events")
    start_, end = "2026-01-01", max(e["date_created"] for e in events)
    from datetime import timedelta

    low, high = (end - timedelta(days=10)).replace(microsecond=0), end.replace(microsecond=0)
    rows = modern.rows(
        "/organizations/acme/issues/",
        project=-1,
        query="",
        start=f"{low.isoformat()}Z",
        end=f"{high.isoformat()}Z",
    )
    assert start_ < low.isoformat()
    for row in rows:
        inside = [
            e["date_created"].replace(microsecond=0)
            for e in events
            if e["issue_id"] == row["id"] and low <= e["date_created"].replace(microsecond=0) < high
        ]
        assert row["count"] == str(len(inside))
        assert row["firstSeen"] == min(inside).isoformat() + "Z"
        assert row["lastSeen"] == max(inside).isoformat() + "Z"


def test_environment_narrows_the_figures(modern):
    held = [e for e in modern.sandbox.truth("events") if e["listed"] and e["environment"] == "staging"]
    rows = modern.rows("/organizations/acme/issues/", project=-1, query="", environment="staging")
    assert {row["id"] for row in rows} == {e["issue_id"] for e in held}
    for row in rows:
        assert row["count"] == str(sum(e["issue_id"] == row["id"] for e in held))


def test_last_seen_filter(modern):
    everything = modern.rows("/organizations/acme/issues/", project=-1, query="")
    middle = sorted(row["lastSeen"] for row in everything)[len(everything) // 2]
    newer = modern.rows("/organizations/acme/issues/", project=-1, query=f"lastSeen:>={middle[:-1]}")
    assert {row["id"] for row in newer} == {row["id"] for row in everything if row["lastSeen"] >= middle}


def test_filters_and_bad_queries(modern):
    resolved = modern.rows("/organizations/acme/issues/", project=-1, query="is:resolved")
    assert {row["status"] for row in resolved} == {"resolved"}
    assert {row["level"] for row in modern.org("issues/", project=-1, query="level:fatal").json()} <= {
        "fatal"
    }
    assert modern.org("issues/", query="is:unresolved OR is:resolved").status_code == 400
    assert modern.org("issues/", query="is:nonsense").status_code == 400
    assert modern.org("issues/", query="no.such.tag:x").json() == []


def test_limit_is_clamped_and_per_page_ignored(modern):
    assert len(modern.org("issues/", query="", project=-1, limit=3).json()) == 3
    assert modern.org("issues/", query="", project=-1, limit=1000).links["next"]["results"] == "true"
    assert len(modern.org("issues/", query="", project=-1, per_page=3, limit="").json()) > 3
    assert modern.org("issues/", limit="abc").json() == {"detail": "invalid limit"}
    slug = modern.open_projects()[0]["slug"]
    assert modern.project(slug, "issues/", limit=-1, query="").json() == []


def test_cursor_is_score_in_milliseconds(modern):
    cursor = modern.org("issues/", query="", project=-1, limit=1).links["next"]["cursor"]
    value, offset, previous = cursor.split(":")
    assert int(value) % 1000 == 0
    assert int(value) > 10**12
    assert (int(offset), previous) >= (0, "0")


def test_group_look_up_has_no_window(modern):
    ids = [row["issue_id"] for row in modern.sandbox.truth("issues") if row["listed"]][:3]
    rows = modern.org("issues/", group=ids, project=-1).json()
    assert {row["id"] for row in rows} == set(ids)


def test_direct_hit(modern):
    event = next(e for e in modern.sandbox.truth("events") if e["listed"])
    answer = modern.org("issues/", query=event["event_id"])
    assert answer.headers["x-sentry-direct-hit"] == "1"
    assert "link" not in answer.headers
    assert [row["id"] for row in answer.json()] == [event["issue_id"]]


def test_collapse_and_sparklines(modern):
    row = modern.org("issues/", query="", limit=1, groupStatsPeriod="14d").json()[0]
    assert len(row["stats"]["14d"]) == 14
    assert "stats" not in modern.org("issues/", query="", limit=1, groupStatsPeriod="").json()[0]
    row = modern.org("issues/", query="", limit=1, collapse="stats").json()[0]
    assert not {"count", "userCount", "firstSeen", "lastSeen", "stats"} & set(row)
    assert set(
        modern.org("issues/", query="", limit=1, collapse=["base", "lifetime", "filtered"]).json()[0]
    ) == {"id"}
    assert modern.org("issues/", groupStatsPeriod="30d").status_code == 400


@pytest.mark.parametrize("caller", ["modern", "old"])
def test_project_form(caller, request):
    caller = request.getfixturevalue(caller)
    project = caller.open_projects()[0]
    rows = caller.rows(f"/projects/acme/{project['slug']}/issues/", query="", statsPeriod="")
    truth = by_id(caller)
    for row in rows:
        assert row["count"] == str(truth[row["id"]]["event_count"])
        assert "lifetime" not in row
        assert "stats" not in row
    expected = {i for i, t in truth.items() if t["listed"] and t["project_id"] == project["project_id"]}
    assert {row["id"] for row in rows} == expected
    for period in ("", "24h", "14d"):
        assert caller.project(project["slug"], "issues/", statsPeriod=period).status_code == 200
    assert caller.project(project["slug"], "issues/", statsPeriod="30d").json() == {
        "detail": "Invalid stats_period. Valid choices are '', '24h', and '14d'"
    }


def test_project_form_of_2023_breaks_on_cursor_zero(old):
    slug = old.open_projects()[0]["slug"]
    assert old.project(slug, "issues/", query="", cursor="0:0:0").status_code == 500


def test_detail_and_activity(modern):
    truth = [row for row in modern.sandbox.truth("issue_activity") if row["listed"]]
    issue_id = truth[0]["issue_id"]
    detail = modern.org(f"issues/{issue_id}/").json()
    assert detail["id"] == issue_id
    assert modern.get(f"/issues/{issue_id}/").json()["id"] == issue_id
    expected = {row["activity_id"] for row in truth if row["issue_id"] == issue_id}
    assert {row["id"] for row in detail["activity"]} == expected | {"0"}
    assert detail["activity"][-1]["type"] == "first_seen"
    assert modern.get(f"/issues/{issue_id}/activities/").json()["activity"] == detail["activity"]
    assert {"firstRelease", "lastRelease", "tags", "participants", "userReportCount"} <= set(detail)


def test_shapes_of_the_two_ages(modern, old):
    new_row = modern.org("issues/", query="", limit=1).json()[0]
    old_row = old.org("issues/", query="", limit=1).json()[0]
    assert set(new_row) - set(old_row) == {
        "priority", "priorityLockedAt", "seerFixabilityScore", "seerAutofixLastTriggered",
    }  # fmt: skip
    assert isinstance(new_row["count"], str)
    assert isinstance(new_row["userCount"], int)


def test_auto_resolved_by_age():
    # enough issues that some are old enough at any hour of the day
    with start(projects=5, issues=900, events=4000, refused_projects=0, days=80, seed=3) as caller:
        rows = caller.rows("/organizations/acme/issues/", query="", project=-1)
        auto = [row for row in rows if row["statusDetails"].get("autoResolved")]
        assert auto
        assert {row["status"] for row in auto} == {"resolved"}
        shown = caller.rows("/organizations/acme/issues/", query="is:unresolved", project=-1)
        assert not {row["id"] for row in auto} & {row["id"] for row in shown}
