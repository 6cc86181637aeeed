"""The command line explains itself, and starts at once because it imports nothing heavy to do so."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from flows.cli import cli
from tests.cli.command import clean_environment
from tests.cli.conftest import Run

COMMANDS = ["export", "backfill", "status", "query", "publish", "sandbox", "demo"]

HEAVY = (
    "duckdb",
    "fastapi",
    "httpx",
    "msgspec",
    "polars",
    "prefect",
    "rich",
    "starlette",
    "tenacity",
    "uvicorn",
)

SHOW_ALL = """
import contextlib, io, json, sys
from flows.cli import cli
shown = {}
for name in ["", *cli.commands]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        arguments = [name, "--help"] if name else ["--help"]
        cli.main(arguments, prog_name="sentry-warehouse", standalone_mode=False)
    shown[name] = {"text": text.getvalue(), "modules": [m for m in sys.modules if "." not in m]}
print(json.dumps(shown))
"""


@cache
def help_of_all() -> dict[str, dict[str, Any]]:
    """Command → its help, and the modules that were imported when it was shown; "" is the whole."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW_ALL],
        env=clean_environment(Path.home()),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return shown


def test_no_command_is_missing() -> None:
    assert set(COMMANDS) <= set(help_of_all())


def test_every_option_says_what_it_means() -> None:
    options = [(c.name, p) for c in cli.commands.values() for p in c.params if isinstance(p, click.Option)]
    assert [(name, option.opts) for name, option in options if not option.help] == []


def test_every_command_has_an_example() -> None:
    for name, shown in help_of_all().items():
        if name:
            assert "Example:  " in shown["text"], name
            assert f"sentry-warehouse {name}" in shown["text"], name
        else:
            assert all(f"\n  {command} " in shown["text"] for command in COMMANDS)


@pytest.mark.parametrize("module", HEAVY)
def test_help_imports_nothing_heavy(module: str) -> None:
    for name, shown in help_of_all().items():
        assert module not in shown["modules"], name


def test_help_and_version_of_the_real_command(run: Run) -> None:
    assert "Usage: sentry-warehouse" in run("--help").out
    outcome = run("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("sentry-warehouse, version ")


def test_without_a_command_it_shows_its_help(run: Run) -> None:
    outcome = run()
    assert outcome.code == 2
    assert "sentry-warehouse demo" in outcome.out + outcome.err
