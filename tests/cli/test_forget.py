"""`forget` as a user meets it: exit codes, what it says, and that it waits for nobody."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, KEY, Outcome, clean_environment, run_command
from tests.locks import held_by_another


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A folder with a copy of an empty warehouse."""
    shutil.copytree(published, tmp_path / "sentry-data", symlinks=True)
    (tmp_path / "sentry-data" / "raw").mkdir()
    return tmp_path


def ask(folder: Path, *arguments: str) -> Outcome:
    return run_command("forget", *arguments, folder=folder, variables={"SENTRY_WAREHOUSE_PRIVACY_KEY": KEY})


def test_nobody_there(folder: Path) -> None:
    outcome = ask(folder, "--user", "ana@shop.test")
    assert outcome.out == "Nothing found in 0 archive files and the tables.\n"
    told = json.loads(ask(folder, "--user", "ana@shop.test", "--dry-run", "--json").out)
    assert (told["found"], told["dry_run"], told["telling"]) == (False, True, True)


def test_while_an_export_runs(folder: Path) -> None:
    with held_by_another(folder / "sentry-data"):
        ask(folder, "--user", "ana@shop.test").says_only(2, "in use", "wait")


def test_one_that_was_cut_off_is_told_by_every_command(folder: Path) -> None:
    (folder / "sentry-data" / ".forgetting").write_text("0123456789abcdef0123456789abcdef\n")
    for command in ("status", "publish"):
        outcome = run_command(command, folder=folder)
        assert outcome.code == 0
        assert "run `sentry-warehouse forget` again" in outcome.err
    assert "of another value was cut off" in ask(folder, "--user", "ana@shop.test").out


def test_mistakes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    ask(folder).says(2, "--user")
    ask(folder, "--user", "").says(2, "one line")
    ask(tmp_path_factory.mktemp("empty"), "--user", "x@y.zz").says_only(2, "no warehouse")
    run_command("forget", "--user", "x@y.zz", folder=folder).says_only(2, "key", "--home")


def test_the_value_may_come_from_standard_input(folder: Path) -> None:
    """So that it stands in no list of processes."""
    found = subprocess.run(
        [str(COMMAND), "hash", "-", "--json"],
        cwd=folder,
        env=clean_environment(folder, SENTRY_WAREHOUSE_PRIVACY_KEY=KEY),
        input="ana@shop.test\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(found.stdout)["value"] == "ana@shop.test"
