"""A run that ends early says why, also to who looks in the morning; taken up, it counts all its requests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from extractors.errors import Unauthorized
from extractors.plan import Slice
from flows.pipeline import export
from flows.progress import Progress
from flows.report import print_status
from tests.export.conftest import Start, run_export, settings_for
from warehouse.inspect import status
from warehouse.store import Store


def test_a_token_that_is_withdrawn_meanwhile(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = start(projects=2, issues=5, events=20, days=5, rate_limit=0, refused_projects=0)
    right = sandbox.app.options

    class Withdrawn(Progress):
        def finished(self, slice_: Slice, status: str, reason: str) -> None:
            if slice_.stream == "events":
                sandbox.app.options = replace(right, token="another")

    only = {"only": ["issues", "events"]}
    with pytest.raises(Unauthorized):
        export(settings_for(sandbox, tmp_path, streams=only, threads=1), Withdrawn())
    seen = status(tmp_path)
    assert seen["runs"][0]["status"] == "interrupted"
    assert "answered 401" in seen["runs"][0]["note"]
    print_status(seen)
    assert "The last one: GET /" in capsys.readouterr().out
    before = len(sandbox.requests())

    sandbox.app.options = right
    result = run_export(sandbox, tmp_path, streams=only, threads=1)
    assert result.resumed
    with Store(tmp_path / "warehouse.duckdb") as store:
        ((note, requests),) = store.rows("select note, requests from meta.runs")
    assert note is None
    assert requests > result.requests
    assert requests <= before + result.requests


def test_counts_of_a_table_say_of_which_days_they_are(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = start(projects=1, issues=5, events=20, days=5, rate_limit=0, refused_projects=0)
    run_export(sandbox, tmp_path, streams={"only": ["sessions", "events", "event_counts", "discover"]})
    seen = status(tmp_path)
    tables = {table["table"]: table for table in seen["tables"]}
    assert 0 < tables["events"]["counted_days"] < tables["events"]["whole_days"]
    # most days of sessions were asked for together, so there is no count of each
    assert 0 < tables["sessions"]["counted_days"] < tables["sessions"]["whole_days"]
    print_status(seen)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "in 1 day" in lines["sessions"]
    assert " in " not in lines["discover_errors"]
