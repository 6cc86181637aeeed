"""What a night does, and that the record of it is what the API tells (issue 3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from .conftest import start


def listed_issues(caller):
    return {row["id"]: row for row in caller.rows("/organizations/acme/issues/", query="", project=-1)}


def listed_events(caller):
    return {
        row["id"]: row
        for project in caller.open_projects()
        for row in caller.rows(f"/projects/acme/{project['slug']}/events/")
    }


def test_the_first_night_shows_everything(fresh):
    before = parsedate_to_datetime(fresh.org("projects/").headers["date"])
    lines = fresh.sandbox.pass_night()
    after = parsedate_to_datetime(fresh.org("projects/").headers["date"])
    assert timedelta(hours=23, minutes=59) < after - before < timedelta(hours=24, minutes=1)
    text = "\n".join(lines)
    for word in (
        "was resolved",
        "came back",
        "was merged into",
        "was deleted",
        "released",
        "came late",
        "new issue",
    ):
        assert word in text, text


def equals_the_record(caller, nights):
    """Ask for everything after each night; what was seen is then what the record says was ever true."""
    known_issues: dict[str, dict] = {}
    known_events: dict[str, dict] = {}
    states: dict[str, list] = {}
    truth: dict[str, dict] = {}
    for night in range(nights + 1):
        if night:
            caller.sandbox.pass_night()
        issues, events = listed_issues(caller), listed_events(caller)
        known_issues |= issues
        known_events |= events
        for issue_id, row in issues.items():
            owner = (row["assignedTo"] or {}).get("id")
            state = (row["status"], row["substatus"], row.get("priority"), row["level"], owner)
            trail = states.setdefault(issue_id, [])
            if not trail or trail[-1][1] != state:
                trail.append((night, state))
        truth = {row["issue_id"]: row for row in caller.sandbox.truth("issues")}
        assert set(issues) == {i for i, row in truth.items() if row["in_search"]}
    assert set(known_issues) == {i for i, row in truth.items() if row["listed"]}
    for issue_id, row in known_issues.items():
        assert row["lifetime"]["count"] == str(truth[issue_id]["event_count"])
        assert row["lifetime"]["userCount"] == truth[issue_id]["user_count"]
        assert row["lifetime"]["lastSeen"] == truth[issue_id]["last_seen"].isoformat() + "Z"
        assert row["shortId"] == truth[issue_id]["short_id"]
    held = {row["event_id"]: row for row in caller.sandbox.truth("events")}
    assert set(known_events) == {e for e, row in held.items() if row["listed"]}
    history: dict[str, list] = {}
    for row in caller.sandbox.truth("issue_history"):
        state = (row["status"], row["substatus"], row["priority"], row["level"], row["assigned_to_id"])
        history.setdefault(row["issue_id"], []).append((row["night_from"], state))
    assert history == states


def test_seven_nights_equal_the_record(fresh):
    equals_the_record(fresh, 7)


@pytest.mark.slow
@pytest.mark.parametrize("age", ["2026", "2023"])
def test_sixty_nights_equal_the_record(age):
    with start(seed=6, projects=5, issues=60, events=700, days=60, retention_days=30, age=age) as caller:
        equals_the_record(caller, 60)


def test_merged_and_deleted(fresh):
    before = listed_events(fresh)
    fresh.sandbox.pass_night()
    truth = fresh.sandbox.truth("issues")
    merged = next(row for row in truth if row["merged_into_issue_id"])
    answer = fresh.get(f"/issues/{merged['issue_id']}/")
    assert answer.status_code == 200
    assert answer.json()["id"] == merged["merged_into_issue_id"]
    assert "merge" in {activity["type"] for activity in answer.json()["activity"]}
    deleted = next(row for row in truth if row["deleted_at"])
    assert fresh.get(f"/issues/{deleted['issue_id']}/").status_code == 404
    after = listed_events(fresh)
    moved = {e for e, row in before.items() if row["groupID"] == merged["issue_id"]}
    assert moved
    assert {after[e]["groupID"] for e in moved if e in after} == {merged["merged_into_issue_id"]}
    assert not {e for e, row in before.items() if row["groupID"] == deleted["issue_id"]} & set(after)
    held = {row["event_id"]: row for row in fresh.sandbox.truth("events")}
    assert all(held[e]["deleted"] for e, row in before.items() if row["groupID"] == deleted["issue_id"])


def test_late_events_lie_in_the_past_and_arrive_tonight(fresh):
    before = set(listed_events(fresh))
    fresh.sandbox.pass_night()
    new = [row for row in fresh.sandbox.truth("events") if row["listed"] and row["event_id"] not in before]
    late = [row for row in new if row["date_received"] - row["date_created"] > timedelta(hours=6)]
    assert late


def test_yesterdays_figures_grow_a_bit(fresh):
    def table(name, *keys):
        return {tuple(r[k] for k in keys): r for r in fresh.sandbox.truth(name)}

    outcome_keys = ("project_id", "category", "outcome", "reason", "interval_start")
    session_keys = ("project_id", "release", "environment", "session_status", "interval_start")
    before = table("outcomes", *outcome_keys), table("sessions", *session_keys)
    newest = max(row["interval_start"] for row in before[0].values())
    fresh.sandbox.pass_night()
    after = table("outcomes", *outcome_keys), table("sessions", *session_keys)
    for old, new, name in ((before[0], after[0], "quantity"), (before[1], after[1], "session_count")):
        assert set(old) <= set(new)
        changed = [key for key in old if new[key][name] != old[key][name]]
        assert changed
        assert all(new[key][name] > old[key][name] for key in changed)
        assert all(key[-1] >= newest - timedelta(hours=31) for key in changed)


def test_retention_takes_the_oldest_day(fresh):
    before = listed_events(fresh)
    fresh.sandbox.pass_night(2)
    after = listed_events(fresh)
    held = {row["event_id"]: row for row in fresh.sandbox.truth("events")}
    gone = set(before) - set(after)
    assert gone
    assert all(not held[e]["retained"] or held[e]["deleted"] for e in gone)


def test_a_project_is_renamed_now_and_then(fresh):
    fresh.sandbox.pass_night(4)
    renamed = [row for row in fresh.sandbox.truth("projects") if row["slug"].endswith("-next4")]
    assert len(renamed) == 1
    assert fresh.project(renamed[0]["old_slugs"][-1], "events/").status_code == 302
    assert fresh.project(renamed[0]["slug"], "events/").status_code == 200


def test_a_quiet_night_changes_nothing_but_the_time(fresh):
    before = listed_issues(fresh)
    fresh.sandbox.pass_night(quiet=True)
    after = listed_issues(fresh)
    assert set(after) <= set(before)
    assert all(after[i]["lastSeen"] == before[i]["lastSeen"] for i in after)


def test_nights_do_not_depend_on_what_was_asked():
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)

    def outcome(asks):
        # from the same moment: a minute later some of what happened falls into another hour
        offset = noon - datetime.now(UTC)
        with start(seed=8, projects=3, issues=20, events=200, days=20, clock_offset=offset) as caller:
            for _ in range(3):
                if asks:
                    listed_events(caller)
                    caller.sandbox.truth("outcomes")
                    caller.sandbox.truth("sessions")
                lines = caller.sandbox.pass_night()
            return [line.split("UTC")[-1] for line in lines], len(caller.sandbox.truth("sessions"))

    assert outcome(True) == outcome(False)


def test_over_http(fresh):
    answer = fresh.http.post("/_sandbox/night?nights=2")
    assert sum(line.startswith("night ") for line in answer.json()["happened"]) == 2
    rows = fresh.http.get("/_sandbox/truth/issues").json()
    assert len(rows) == len(fresh.sandbox.truth("issues"))
    assert fresh.http.get("/_sandbox/truth/nothing").status_code == 400
    assert fresh.http.get("/_sandbox/requests").status_code == 200


def test_losses(fresh):
    project = fresh.open_projects()[0]
    path = f"/projects/acme/{project['slug']}/events/"
    whole = {row["id"] for row in fresh.rows(path, per_page=20)}
    fresh.sandbox.lose("page")
    assert len({row["id"] for row in fresh.rows(path, per_page=20)}) == len(whole) - 20
    assert {row["id"] for row in fresh.rows(path, per_page=20)} == whole
    event_id = next(iter(whole))
    fresh.sandbox.lose("event", event_id=event_id)
    assert {row["id"] for row in fresh.rows(path)} == whole - {event_id}
    assert fresh.project(project["slug"], f"events/{event_id}/").status_code == 200
    issues = listed_issues(fresh)
    fresh.sandbox.lose("early-end", after=10)
    assert len(listed_issues(fresh)) <= 10
    fresh.sandbox.lose("empty-search", times=1)
    assert listed_issues(fresh) == {}
    issue_id = next(iter(issues))
    fresh.sandbox.lose("issue", issue_id=issue_id)
    assert fresh.get(f"/issues/{issue_id}/").status_code == 200
    params = {"field": "sum(session)", "groupBy": "release", "project": -1, "interval": "1d"}
    groups = fresh.org("sessions/", **params).json()["groups"]
    fresh.sandbox.lose("group", times=1)
    assert len(fresh.org("sessions/", **params).json()["groups"]) == len(groups) - 1
    fresh.sandbox.lose("page", endpoint="releases")
    fresh.sandbox.lose("link", endpoint="teams", times=1)
    fresh.sandbox.lose("hits", hits=7)
    releases = fresh.rows("/organizations/acme/releases/", per_page=5)
    assert len(fresh.rows("/organizations/acme/releases/", per_page=5)) == len(releases) + 5
    assert "link" not in fresh.org("teams/", per_page=1).headers
    assert "link" in fresh.org("teams/", per_page=1).headers
    assert fresh.org("issues/", query="").headers["x-hits"] == "7"
    with pytest.raises(ValueError, match="unknown loss"):
        fresh.sandbox.lose("nothing")
