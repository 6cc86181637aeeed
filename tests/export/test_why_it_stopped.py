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
