"""What scripts read of commands that change the files of a home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_publish_and_replay_answer_as_json(run: Run, tmp_path: Path) -> None:
    assert run("export", SENTRY_WAREHOUSE_STREAMS_ONLY="teams").code == 0
    published = run("publish", "--json")
    assert published.code == 0, published.err
    answer = json.loads(published.out)
    assert answer["published"] == "sentry-data/published"
    assert (tmp_path / answer["database"]).is_file()
    replayed = run("replay", "--json")
    assert replayed.code == 0, replayed.err
    answer = json.loads(replayed.out)
    assert answer["exit_code"] == 0
    assert answer["unreadable"] == []
    assert answer["files"] > 0
    assert answer["rows"]["teams"] > 0


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ("query", "--json", "select 1")),
        (2, ("query", "--format", "json", "select 1")),
        (2, ("query", "--format=json", "select 1")),
        (2, ("status", "--json")),
        (2, ("export", "--json")),
        (2, ("backfill", "--json")),
        (2, ("publish", "--json", "--nonsense")),
    ],
)
def test_what_fails_answers_as_json_too(run: Run, code: int, arguments: tuple[str, ...]) -> None:
    failed = run(*arguments, SENTRY_AUTH_TOKEN="")
    assert failed.code == code
    answer = json.loads(failed.out)
    assert answer["exit_code"] == code
    assert answer["error"] in failed.err
