"""The organization's events endpoint (facts §4.5)."""

from __future__ import annotations

from collections import Counter

import pytest


def table(caller, **params):
    return caller.org("events/", **{"project": -1, **params})


def test_counts_per_project_and_day(modern):
    rows, cursor = [], None
    while True:
        page = table(
            modern, dataset="errors", field=["project.id", "timestamp.to_day", "count()"],
            sort=["timestamp.to_day", "project.id"], **({"cursor": cursor} if cursor else {}),
        )  # fmt: skip
        rows += page.json()["data"]
        if page.links["next"]["results"] == "false":
            break
        cursor = page.links["next"]["cursor"]
    told = {(row["project.id"], row["timestamp.to_day"][:10]): row["count()"] for row in rows}
    held = Counter(
        (int(e["project_id"]), e["date_created"].date().isoformat())
        for e in modern.sandbox.truth("events")
        if e["listed"]
    )
    assert told == dict(held)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "No columns selected"),
        ({"field": [f"tags[t{i}]" for i in range(21)]}, "You can view up to 20 fields"),
        ({"field": "title", "sort": "-timestamp"}, "Cannot sort by a field that is not selected"),
        ({"field": "title", "per_page": 101}, "Cannot exceed 100"),
        ({"field": "nonsense(title)"}, "nonsense is not a valid function"),
        ({"field": "a b"}, "Invalid characters in field a b"),
        ({"field": "title", "query": "(level:error"}, "Parse error at"),
        ({"field": "title", "query": "no.such.key:1"}, "Invalid key for this search"),
        ({"field": "title", "dataset": "nonsense"}, "dataset must be one of: "),
    ],
)
def test_refusals(modern, params, text):
    answer = table(modern, **params)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(text) or text in answer.json()["detail"]


def test_errors_dataset_is_unknown_in_2023(old):
    answer = table(old, field="id", dataset="errors")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("dataset must be one of: discover, metricsEnhanced")
    assert table(old, field="id", dataset="discover").status_code == 200


def test_uninvited_columns(modern):
    row = table(modern, field="title").json()["data"][0]
    assert set(row) == {"title", "id", "project.name"}
    assert set(table(modern, field=["level", "count()"]).json()["data"][0]) == {"level", "count()"}


def test_no_default_order(modern):
    ids = [row["id"] for row in table(modern, field="timestamp", dataset="errors").json()["data"]]
    times = [row["timestamp"] for row in table(modern, field="timestamp", dataset="errors").json()["data"]]
    assert ids == [row["id"] for row in table(modern, field="timestamp", dataset="errors").json()["data"]]
    assert times not in (sorted(times), sorted(times, reverse=True))
    times = [r["timestamp"] for r in table(modern, field="timestamp", sort="-timestamp").json()["data"]]
    assert times == sorted(times, reverse=True)


def test_figures_and_meta(modern):
    fields = ["transaction", "count()", "p95(transaction.duration)", "failure_rate()", "count_unique(user)"]
    body = table(modern, dataset="transactions", field=fields).json()
    assert body["meta"]["fields"] == {
        "transaction": "string",
        "count()": "integer",
        "p95(transaction.duration)": "duration",
        "failure_rate()": "percentage",
        "count_unique(user)": "integer",
    }
    assert body["meta"]["units"]["p95(transaction.duration)"] == "millisecond"
    assert body["meta"]["dataScanned"] == "full"
    for row in body["data"]:
        assert row["p95(transaction.duration)"] > 0
    nothing = table(modern, dataset="errors", field=["level", "p95(transaction.duration)"]).json()["data"]
    assert {row["p95(transaction.duration)"] for row in nothing} == {0}


def test_values(modern):
    fields = [
        "id",
        "timestamp",
        "issue",
        "issue.id",
        "project.id",
        "error.type",
        "tags[release]",
        "environment",
    ]
    rows = table(modern, dataset="errors", field=fields, query="event.type:error level:[error,fatal]").json()[
        "data"
    ]
    for row in rows:
        assert row["timestamp"].endswith("+00:00")
        assert isinstance(row["issue.id"], int)
        assert isinstance(row["project.id"], int)
        assert isinstance(row["error.type"], list)
    assert None in {row["tags[release]"] for row in rows} | {row["environment"] for row in rows}
    unknown = table(modern, dataset="transactions", field=["issue", "count()"]).json()["data"]
    assert [row["issue"] for row in unknown] == ["unknown"]


def test_no_pagination(modern):
    assert "link" not in table(modern, field="id", noPagination="1").headers
    page = table(modern, field="id", per_page=10)
    assert page.links["next"]["cursor"] == "0:10:0"


def test_min_max_and_count_if(modern):
    fields = ["min(timestamp)", "max(timestamp)", "count()", "count_if(level,equals,error)"]
    row = table(modern, dataset="errors", field=fields).json()["data"][0]
    assert row["min(timestamp)"] < row["max(timestamp)"]
    assert 0 < row["count_if(level,equals,error)"] < row["count()"]
