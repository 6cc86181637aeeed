"""What the run report says, without Prefect."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from flows.pipeline import Result
from flows.replay import Replayed
from flows.run_report import Report, as_markdown, replay_as_markdown, verdict

COVERAGE = {
    "stream": "issues",
    "request": "",
    "slices": 2,
    "complete": 1,
    "refused": 1,
    "requests": 1200,
    "records": 3,
    "seconds": 1.5,
}


def result(**values: Any) -> Result:
    return Result("r1", datetime(2026, 11, 22, 2, 30), rows={"issues": 1234}, requests=1200, **values)


def test_a_complete_run_says_up_to_when() -> None:
    whole = result(slices={"complete": 2, "sampled": 1}, published=Path("/data/published"))
    assert verdict(whole) == "All 3 slices are complete, up to 2026-11-22 02:30 UTC."
    text = as_markdown(Report(whole))
    assert text.startswith("# All 3 slices are complete")
    assert "[/data/published/sentry.duckdb](file:///data/published/sentry.duckdb)" in text
    assert "| `issues` | 1,234 |" in text
    assert "Not complete" not in text


def test_what_is_missing_drifts_or_ends_has_its_section() -> None:
    slice_ = {
        "stream": "issues",
        "request": "",
        "organization_id": "1",
        "project_id": "2",
        "status": "failed",
        "expected": None,
        "loaded": None,
        "reason": "a | b\n<script>",
    }
    report = Report(
        result(
            slices={"complete": 1, "failed": 1}, incomplete=[slice_], warnings=["Fewer rows\nthan usual."]
        ),
        coverage=[COVERAGE, {**COVERAGE, "request": "audit", "seconds": None}],
        drift=[{"stream": "issues", "path": "a|b", "kind": "new", "found": "object", "since": "2026-11-22"}],
        deprecations=[{"path": "/old/", "date": None, "replacement": "/new/"}],
    )
    text = as_markdown(report)
    assert "1 of 2 slices are not complete (1 failed)." in text
    assert "<script>" not in text
    assert "- Fewer rows than usual." in text
    assert "| issues | 1 of 2 | 1,200 | 3 | 1.5 |" in text
    assert "| issues | `a\\|b` | new, object | 2026-11-22 |" in text
    assert "| `/old/` |  | /new/ |" in text


def test_a_replay_says_what_it_read_and_what_it_could_not() -> None:
    replayed = Replayed(
        files=1200, pages=3400, seconds=2, unreadable=["raw/issues/a.parquet"], rows={"issues": 5}
    )
    text = replay_as_markdown(replayed, Path("/data/published"))
    assert text.startswith("# 1,200 files, 3,400 pages read in 2 s")
    assert "- `raw/issues/a.parquet`" in text
    assert "| `issues` | 5 |" in text
