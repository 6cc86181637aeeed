"""Where a command finds its settings: options, variables, the configuration file, sentry-cli's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extractors.sandbox import Sandbox
from flows.settings import load_settings, unknown_variables
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
NO_TOKEN = "sntryu_" + "0" * 64


def test_home_before_and_after_the_command(run: Run) -> None:
    run("--home", "first", "query", "select 1").says(2, "There is no warehouse in", "/first yet")
    run("query", "--home", "second", "select 1").says(2, "There is no warehouse in", "/second yet")
    run("--home", "first", "query", "--home", "second", "select 1").says(2, "/second yet")


def test_home_of_a_variable_and_of_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sentry-warehouse.toml").write_text('home = "from-file"\n')
    run("query", "select 1").says(2, "/from-file yet")
    run("query", "select 1", SENTRY_WAREHOUSE_HOME="from-variable").says(2, "/from-variable yet")
    run("--config", "sentry-warehouse.toml", "--home", "given", "query", "select 1").says(2, "/given yet")


def test_sentryclirc_names_server_and_token(run: Run, sentry: Sandbox, tmp_path: Path) -> None:
    """A wrong token, so that the answer shows that both were used."""
    (tmp_path / ".sentryclirc").write_text(
        f"[auth]\ntoken={NO_TOKEN}\n[defaults]\nurl={sentry.url}\norg=acme\n"
    )
    run("export", SENTRY_URL="", SENTRY_AUTH_TOKEN="").says_only(2, "does not know this token")


@pytest.mark.slow
def test_variables_win_over_sentryclirc(run: Run, sentry: Sandbox, tmp_path: Path) -> None:
    (tmp_path / ".sentryclirc").write_text(
        "[auth]\ntoken=nonsense\n[defaults]\nurl=http://127.0.0.1:9\norg=x\n"
    )
    run("export", SENTRY_ORG="acem").says_only(2, "no organization 'acem'", "It sees: acme")


@pytest.mark.slow
def test_the_nearest_sentryclirc_wins_over_that_of_the_home(
    run: Run, sentry: Sandbox, tmp_path: Path
) -> None:
    """The working directory is below HOME here, as it mostly is."""
    (tmp_path / ".sentryclirc").write_text("[defaults]\nurl=http://127.0.0.1:9\n")
    below = tmp_path / "project"
    below.mkdir()
    (below / ".sentryclirc").write_text(f"[defaults]\nurl={sentry.url}\norg=acem\n")
    run("export", SENTRY_URL="", below="project").says_only(2, "no organization 'acem'", "It sees: acme")


def test_variables_that_are_like_no_setting_are_left_alone() -> None:
    """Kubernetes makes some for a service of that name."""
    others = {"SENTRY_WAREHOUSE_SERVICE_HOST": "10.0.0.7", "SENTRY_WAREHOUSE_PORT_8765_TCP": "tcp://10.0.0.7"}
    load_settings(None, {}, others)
    assert unknown_variables({**others, "SENTRY_WAREHOUSE_HOME": "x"}) == sorted(others)


def test_every_variable_of_the_page_is_known() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert unknown_variables(dict.fromkeys(re.findall(r"SENTRY_WAREHOUSE_[A-Z_]+", page), "")) == []
