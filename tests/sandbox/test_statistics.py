"""stats_v2 and sessions (facts §4.3, §4.4)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from .conftest import start


def stats(caller, **params):
    return caller.org("stats_v2/", **params)


def test_what_is_required(modern):
    assert stats(modern).json() == {"detail": 'At least one "field" is required.'}
    answer = stats(modern, field="sum(quantity)", interval="1d")
    assert answer.json() == {"detail": "Query must have category as groupby or filter"}
    assert stats(modern, field="sum(nothing)", groupBy="category").status_code == 400
    assert stats(modern, field="sum(quantity)", groupBy="nothing").status_code == 400
    assert stats(modern, field="sum(quantity)", category="nothing").status_code == 400
    assert stats(modern, field="sum(quantity)", category=["attachment", "error"]).status_code == 400
    assert modern.org("sessions/").json() == {"detail": 'Request is missing a "field"'}


@pytest.mark.parametrize("path", ["stats_v2/", "sessions/"])
@pytest.mark.parametrize(
    ("interval", "period", "status"),
    [
        ("1h", "", 400),
        ("1h", "30d", 200),
        ("1d", "", 200),
        ("7h", "7d", 400),
        ("2d", "7d", 400),
        ("30s", "1h", 400),
    ],
)
def test_intervals(modern, path, interval, period, status):
    params = {"statsPeriod": period} if period else {}
    field = (
        {"field": "sum(quantity)", "groupBy": "category"}
        if path == "stats_v2/"
        else {"field": "sum(session)"}
    )
    assert modern.org(path, interval=interval, project=-1, **field, **params).status_code == status


def test_hourly_outcomes_are_what_truth_tells(modern):
    project = modern.open_projects()[1]
    held = [
        r
        for r in modern.sandbox.truth("outcomes")
        if r["project_id"] == project["project_id"] and r["retained"] and r["listed"]
    ]
    newest = max(r["interval_start"] for r in held)
    low = (newest - timedelta(days=20)).replace(hour=0)
    seen = {}
    for category in {r["category"] for r in held}:
        body = stats(
            modern, project=project["project_id"], category=category,
            field=["sum(quantity)", "sum(times_seen)"],
            groupBy=["outcome", "reason"], interval="1h", start=f"{low.isoformat()}Z",
            end=f"{(newest + timedelta(hours=1)).isoformat()}Z",
        ).json()  # fmt: skip
        for group in body["groups"]:
            for at, quantity, times in zip(
                body["intervals"],
                group["series"]["sum(quantity)"],
                group["series"]["sum(times_seen)"],
                strict=True,
            ):
                if quantity:
                    seen[(category, group["by"]["outcome"], group["by"]["reason"], at)] = (quantity, times)
    expected = {
        (r["category"], r["outcome"], r["reason"], r["interval_start"].isoformat() + "Z"): (
            r["quantity"],
            r["times_seen"],
        )
        for r in held
        if r["interval_start"] >= low
    }
    assert seen == expected


def test_stored_errors_are_the_accepted_ones(modern):
    accepted = Counter()
    for row in modern.sandbox.truth("outcomes"):
        if (row["category"], row["outcome"]) == ("error", "accepted"):
            accepted[row["project_id"]] += row["quantity"]
    stored = Counter(
        e["project_id"] for e in modern.sandbox.truth("events") if e["event_type"] != "transaction"
    )
    assert accepted == stored


def test_grouped_by_project_there_is_no_series(modern):
    body = stats(
        modern, field="sum(quantity)", groupBy=["category", "project"], interval="1d", project=-1
    ).json()
    assert "intervals" not in body
    assert all(set(group) == {"by", "totals"} for group in body["groups"])
    assert all(isinstance(group["by"]["project"], int) for group in body["groups"])


def test_without_project_the_whole_organization_counts(modern):
    refused = int(modern.refused()["project_id"])
    whole = stats(
        modern, field="sum(quantity)", groupBy=["project", "category"], interval="1d", project=-1
    ).json()
    assert refused in {group["by"]["project"] for group in whole["groups"]}
    mine = stats(
        modern, field="sum(quantity)", groupBy=["category", "project"], interval="1d", project=-1
    ).json()
    assert refused not in {group["by"]["project"] for group in mine["groups"]}


def test_alignment_of_the_two_ages(modern, old):
    params = {"field": "sum(quantity)", "groupBy": "category", "interval": "1d", "statsPeriod": "7d"}
    new_body, old_body = stats(modern, **params).json(), stats(old, **params).json()
    assert new_body["end"].endswith("T00:00:00Z")
    assert len(new_body["intervals"]) == 8
    assert not old_body["end"].endswith("T00:00:00Z") or old_body["end"] < new_body["end"]
    assert len(old_body["intervals"]) == 7


def test_ten_thousand_rows_and_no_word_about_the_others():
    with start(projects=8, refused_projects=0, events=24000, days=42, retention_days=42) as caller:
        params = {"field": "sum(quantity)", "interval": "1h", "statsPeriod": "41d", "project": -1}
        body = stats(caller, **params, groupBy=["category", "outcome", "reason"]).json()
        series = sum(sum(group["series"]["sum(quantity)"]) for group in body["groups"])
        totals = sum(group["totals"]["sum(quantity)"] for group in body["groups"])
        assert series < totals
        assert sum(1 for g in body["groups"] for value in g["series"]["sum(quantity)"] if value) == 10_000
        small = stats(
            caller, **{**params, "interval": "1d"}, groupBy=["category", "outcome", "reason"]
        ).json()
        for group in small["groups"]:
            assert sum(group["series"]["sum(quantity)"]) == group["totals"]["sum(quantity)"]


def sessions(caller, **params):
    return caller.org("sessions/", **{"project": -1, "interval": "1d", **params})


def test_hourly_sessions_are_what_truth_tells(modern):
    held = [r for r in modern.sandbox.truth("sessions") if r["listed"] and r["retained"]]
    newest = max(r["interval_start"] for r in held)
    low = newest - timedelta(days=2)
    seen = {}
    for project in {r["project_id"] for r in held}:
        body = sessions(
            modern, project=project, interval="1h", field=["sum(session)", "count_unique(user)"],
            groupBy=["project", "release", "environment", "session.status"],
            start=f"{low.isoformat()}Z", end=f"{(newest + timedelta(hours=1)).isoformat()}Z",
        ).json()  # fmt: skip
        for group in body["groups"]:
            by = group["by"]
            for at, count, users in zip(
                body["intervals"],
                group["series"]["sum(session)"],
                group["series"]["count_unique(user)"],
                strict=True,
            ):
                if count or users:
                    key = (str(by["project"]), by["release"], by["environment"], by["session.status"], at)
                    seen[key] = (count, users)
    expected = {
        (
            r["project_id"], r["release"], r["environment"], r["session_status"],
            r["interval_start"].isoformat() + "Z",
        ): (r["session_count"], r["user_count"])
        for r in held
        if r["interval_start"] >= low
    }  # fmt: skip
    assert seen == expected


def test_all_statuses_are_told_and_one_more_since_2026(modern, old):
    body = sessions(modern, field="sum(session)", groupBy="session.status").json()
    assert {g["by"]["session.status"] for g in body["groups"]} == {
        "healthy", "errored", "crashed", "abnormal", "unhandled",
    }  # fmt: skip
    body = sessions(old, field="sum(session)", groupBy="session.status").json()
    assert {g["by"]["session.status"] for g in body["groups"]} == {
        "healthy",
        "errored",
        "crashed",
        "abnormal",
    }


def test_rates_and_durations(modern):
    body = sessions(
        modern, field=["crash_free_rate(session)", "p50(session.duration)"], groupBy="project"
    ).json()
    for group in body["groups"]:
        assert 0.9 < group["totals"]["crash_free_rate(session)"] <= 1
        assert group["totals"]["p50(session.duration)"] is None
    answer = sessions(modern, field="crash_rate(session)", groupBy="session.status")
    assert answer.status_code == 400


def test_users_are_not_additive(modern):
    body = sessions(modern, field="count_unique(user)", groupBy="project").json()
    for group in body["groups"]:
        assert group["totals"]["count_unique(user)"] < sum(group["series"]["count_unique(user)"])


def test_top_groups_only_and_next_says_false():
    with start(projects=5, refused_projects=0, days=41, retention_days=41, seed=9) as caller:
        params = {"field": "sum(session)", "interval": "1h", "statsPeriod": "40d"}
        whole = sessions(caller, **params).json()["groups"][0]["totals"]["sum(session)"]
        answer = sessions(caller, **params, groupBy=["project", "release", "environment"])
        groups = answer.json()["groups"]
        assert len(groups) == 10_000 // len(answer.json()["intervals"])
        assert answer.links["next"]["results"] == "false"
        totals = [group["totals"]["sum(session)"] for group in groups]
        assert totals == sorted(totals, reverse=True)
        assert sum(totals) < whole
        answer = sessions(caller, **params, groupBy=["project", "release", "environment"], per_page=100)
        assert answer.status_code == 400
        assert "too granular for a per_page of 100" in answer.json()["detail"]
        rows, cursor = [], None
        while True:
            page = sessions(
                caller, **params, groupBy=["project", "release", "environment"], per_page=5,
                **({"cursor": cursor} if cursor else {}),
            )  # fmt: skip
            rows += page.json()["groups"]
            if page.links["next"]["results"] == "false":
                break
            cursor = page.links["next"]["cursor"]
        assert sum(group["totals"]["sum(session)"] for group in rows) == whole


def test_paging_exploded_statuses_is_broken(modern):
    params = {
        "field": "sum(session)",
        "groupBy": ["release", "session.status"],
        "per_page": 2,
        "statsPeriod": "30d",
    }
    answer = sessions(modern, **params)
    assert len(answer.json()["groups"]) == 10
    assert answer.links["next"]["results"] == "false"
