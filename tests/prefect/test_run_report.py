"""What the run report says, without Prefect."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from flows.answers import counted, visible
from flows.ending import Result
from flows.replay import Replayed
from flows.report import not_complete, verdict
from flows.run_report import Report, as_markdown, replay_as_markdown

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


def test_one_is_said_in_the_singular() -> None:
    one = result(slices={"complete": 1}, audited_days={"complete": 1})
    assert verdict(one) == (
        "The slice is complete, up to 2026-11-22 02:30 UTC. 1 day of projects was audited."
    )
    assert (not_complete(1, 1), not_complete(2, 3)) == (
        "1 of 1 slice is not complete",
        "2 of 3 slices are not complete",
    )
    assert [counted(n, "row") for n in (0, 1, 2, 1234)] == ["0 rows", "1 row", "2 rows", "1,234 rows"]


def test_days_that_were_counted_again_are_no_slices() -> None:
    days = {"complete": 700, "partial": 16}
    short = [{"request": "audit", "status": "partial"}]
    assert verdict(result(slices={"complete": 3}, audited_days={"complete": 7})) == (
        "All 3 slices are complete, up to 2026-11-22 02:30 UTC. 7 days of projects were audited."
    )
    assert verdict(result(slices={"complete": 3}, audited_days=days, incomplete=short)) == (
        "All 3 slices are complete, up to 2026-11-22 02:30 UTC. "
        "16 of 716 audited days of projects are short of events."
    )
    both = result(slices={"complete": 3, "failed": 1}, audited_days=days, incomplete=short)
    assert verdict(both) == (
        "1 of 4 slices is not complete (1 failed). 16 of 716 audited days of projects are short of events."
    )


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
    assert "1 of 2 slices is not complete (1 failed)." in text
    assert "<script>" not in text
    assert "- Fewer rows than usual." in text
    assert "| issues | 1 of 2 | 1,200 | 3 | 1.5 |" in text
    assert "| issues | a\\|b | new, object | 2026-11-22 |" in text
    assert "| `/old/` |  | /new/ |" in text


def test_a_replay_says_what_it_read_and_what_it_could_not() -> None:
    replayed = Replayed(
        files=1200, pages=3400, seconds=2, unreadable=["raw/issues/a.parquet"], rows={"issues": 5}
    )
    text = replay_as_markdown(replayed, Path("/data/published"))
    assert text.startswith("# 1,200 files, 3,400 pages read in 2 s")
    assert "- `raw/issues/a.parquet`" in text
    assert "| `issues` | 5 |" in text


HOSTILE = (
    "a | b |\n| --- | --- |",
    "# A heading",
    "> said",
    "- one\n- two",
    "1. first",
    "![seen](https://tracker.test/x.png)",
    "[click](javascript:alert(1))",
    "[ref]: https://evil.test",
    "<img src=x onerror=alert(1)>",
    "<https://evil.test> www.evil.test a@evil.test",
    "`code` ``` more",
    "**bold** _it_ ~~gone~~ &lt; &#60;",
    "ends in a backslash\\",
    "\\| \\` \\[",
    "--- \x1b[2J \u202e",
)


def words(tokens: list[Token]) -> str:
    """All text that a page shows."""
    return " ".join(words(t.children) if t.children else t.content for t in tokens)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_strangers_are_shown_as_they_are(name: str) -> None:
    slice_ = {
        **{"stream": "issues", "request": "", "organization_id": "1", "project_id": name},
        **{"status": "failed", "expected": None, "loaded": None, "reason": name},
    }
    drift = {"stream": "issues", "path": name, "kind": "new", "found": name, "since": "2026-11-22"}
    report = Report(
        result(slices={"failed": 1}, incomplete=[slice_], warnings=[name], published=Path("/data/published")),
        drift=[drift, drift],
        deprecations=[{"path": name, "date": name, "replacement": name}],
    )
    lost = Replayed(files=1, pages=1, seconds=2, unreadable=[name], rows={name: 5})
    for text in (as_markdown(report), replay_as_markdown(lost, Path("/data/published"))):
        reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        reader.validateLink = lambda url: True  # type: ignore[method-assign]  # it makes no links to files
        tokens = reader.parse(text)
        kinds = [t.type for token in tokens for t in (token, *(token.children or []))]
        assert kinds.count("link_open") == 2  # where it is published
        assert not {k for k in kinds if k in ("image", "html_inline", "html_block", "hr", "blockquote_open")}
        assert not {k for k in kinds if k in ("strong_open", "em_open", "s_open", "ordered_list_open")}
        assert kinds.count("heading_open") == text.count("\n## ") + 1
        assert kinds.count("tr_open") == sum(
            line.startswith("| ") for line in text.splitlines()
        ) - kinds.count("thead_open")
        assert kinds.count("td_open") + kinds.count("th_open") == cells(kinds)
        assert not re.search(r"(?<!\\)(://|@|www\.)", re.sub(r"\(file:[^)]*\)|`[^`|\\]*`", "", text))
        shown = " ".join(words(tokens).split())
        assert visible(" ".join(name.split())) in shown


def cells(kinds: list[str]) -> int:
    """Cells of all tables if every row is as long as its head."""
    count, width = 0, 0
    for kind in kinds:
        if kind == "thead_open":
            width = 0
        width += kind == "th_open"
        count += width if kind == "tr_close" else 0
    return count
