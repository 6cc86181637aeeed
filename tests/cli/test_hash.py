"""`hash` says what the tables hold for a person, under every policy, and the query it prints finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import KEY, Outcome, run_command
from transforms.privacy import Policy, Privacy

EMAIL = "ana@example.test"


def ask(folder: Path, *arguments: str, **variables: str) -> Outcome:
    return run_command(
        "hash", *arguments, folder=folder, variables={"SENTRY_WAREHOUSE_PRIVACY_KEY": KEY, **variables}
    )


def test_an_e_mail_address(tmp_path: Path) -> None:
    found = json.loads(ask(tmp_path, EMAIL, "--json").out)
    hashed = Privacy(Policy(), KEY.encode()).hash(EMAIL)
    assert found["held"] == dict.fromkeys(("id", "email", "ip", "username", "name"), hashed)
    assert found["tags"]["email"] == f"email:{hashed}"
    assert found["member"] == EMAIL
    shown = ask(tmp_path, EMAIL)
    assert f"events.user_email                  {hashed}" in shown.out.splitlines()
    assert f"['{hashed}']" in shown.out
    assert not list(tmp_path.rglob("privacy.key"))


def test_events_are_counted_where_some_are_published(tmp_path: Path, published: Path) -> None:
    assert json.loads(ask(tmp_path, EMAIL, "--json").out)["events"] is None
    there = ("--home", str(published))
    assert json.loads(ask(tmp_path, EMAIL, "--json", *there).out)["events"] == 0
    shown = ask(tmp_path, EMAIL, *there).out.splitlines()
    assert "Their events, 0 are published:" in shown
    assert shown[-1].endswith('order by date_created desc"')


def test_an_opaque_id_stays(tmp_path: Path) -> None:
    found = json.loads(ask(tmp_path, "42", "--json").out)
    assert (found["held"]["id"], found["tags"]["id"]) == ("42", "id:42")
    assert found["held"]["email"].startswith("hash-")


def test_other_policies_and_overrides(tmp_path: Path) -> None:
    dropped = json.loads(ask(tmp_path, EMAIL, "--json", SENTRY_WAREHOUSE_PRIVACY="drop").out)
    assert set(dropped["held"].values()) == {None}
    assert dropped["sql"] is None
    assert "(dropped)" in ask(tmp_path, EMAIL, SENTRY_WAREHOUSE_PRIVACY="drop").out
    kept = json.loads(ask(tmp_path, EMAIL, "--json", SENTRY_WAREHOUSE_PRIVACY="keep").out)
    assert set(kept["held"].values()) == {EMAIL}
    (tmp_path / "sentry-warehouse.toml").write_text('[privacy_overrides]\n"events/user/email" = "keep"\n')
    mixed = json.loads(ask(tmp_path, EMAIL, "--json").out)
    assert mixed["held"]["email"] == EMAIL
    assert mixed["held"]["username"].startswith("hash-")


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ('{"event/user/email": "keep"}', "event/user/email"),
        ('{"email": "keep"}', "'email'"),
        ('{"events/user/email": "hide"}', "hide"),
        ("events/user/email", "privacy_overrides"),
    ],
)
def test_wrong_overrides_are_named(tmp_path: Path, overrides: str, word: str) -> None:
    ask(tmp_path, EMAIL, SENTRY_WAREHOUSE_PRIVACY_OVERRIDES=overrides).says_only(2, word)


def test_without_a_key_nothing_is_made_up(tmp_path: Path) -> None:
    run_command("hash", EMAIL, folder=tmp_path).says_only(2, "privacy.key", "--home")
    assert not list(tmp_path.rglob("privacy.key"))


@pytest.mark.parametrize("value", ["", "two\nlines", "esc\x1b[31m"])
def test_values_that_are_none(tmp_path: Path, value: str) -> None:
    ask(tmp_path, value).says(2, "one line")
