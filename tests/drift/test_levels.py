"""What a run does about drift: notes it, warns, or fails, stream by stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox, SandboxOptions
from flows.report import drift_in_words, to_json
from flows.settings import UsageError
from tests.export.conftest import query, run_export
from warehouse.checks import CheckFailed
from warehouse.inspect import status

ONLY = {"streams": {"only": ["projects", "teams"]}}
FIELD = "futureSetting"
"""A field that the sandbox sends and nothing declares, as a newer server would."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(projects=2, issues=2, events=10, days=7, rate_limit=0)) as one:
        yield one


def test_drift_is_noted_warned_of_or_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    result = run_export(sandbox, tmp_path, **ONLY)
    assert result.warnings == []
    found = status(tmp_path)
    (drift,) = found["drift"]
    assert (drift["stream"], drift["path"], drift["kind"]) == ("projects", FIELD, "new")
    assert drift["first_run_id"] == drift["last_run_id"] == result.run_id
    assert drift_in_words(drift).startswith("is new (object) since 20")
    assert drift_in_words(drift).endswith("as in /organizations/acme/projects/")
    assert json.loads(to_json(found))["drift"][0]["example"] == "/organizations/acme/projects/"

    warned = run_export(sandbox, tmp_path, **ONLY, drift={"streams": {"projects": "warn"}})
    (warning,) = warned.warnings
    assert "Fields of projects" in warning
    assert FIELD in warning

    with pytest.raises(CheckFailed, match=rf"drift is set to fail.*{FIELD}.*drift\.accepted"):
        run_export(sandbox, tmp_path, **ONLY, drift={"default": "fail"})
    ((last,),) = query(tmp_path, "select run_id from meta.runs order by started_at desc limit 1")
    assert last == warned.run_id  # the failed one is not published

    accepted = {"default": "fail", "accepted": ["projects:future*"]}
    assert run_export(sandbox, tmp_path, **ONLY, drift=accepted).warnings == []


def test_a_level_for_no_stream_is_a_mistake(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stream 'project'"):
        run_export(sandbox, tmp_path, drift={"streams": {"project": "warn"}})
