"""A token of its own for an organization: sent for that one only, and no other is sent for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extractors.errors import Unauthorized
from extractors.sandbox import Sandbox
from flows.check import check
from flows.ending import Result
from flows.forecast import forecast
from flows.pipeline import export
from flows.progress import Progress
from flows.settings import Settings, UsageError, load_settings
from tests.client.servers import Asked
from tests.servers.conftest import FEW

GENERAL = "sntryu_general"
VARIABLES = {"ACME_TOKEN": "sntryu_acme", "GLOBEX_TOKEN": "sntryu_globex", "NO_TOKEN": " "}


def settings(url: str, home: Path, **more: Any) -> Settings:
    values = {"url": url, "home": str(home), "privacy_key": "0" * 32, **FEW, **more}
    return load_settings(None, values, environment=VARIABLES)


def run(url: str, home: Path, **more: Any) -> Result:
    return export(settings(url, home, **more), Progress())


def sent(asked: list[Asked], slug: str) -> set[str]:
    """The tokens that came with requests about an organization."""
    return {a.headers["authorization"].removeprefix("Bearer ") for a in asked if f"/{slug}/" in a.path}


def test_each_token_goes_with_its_organization_only(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    url, asked = both
    result = run(url, tmp_path, tokens={"acme": "ACME_TOKEN", "globex": "GLOBEX_TOKEN"})
    assert result.exit_code == 0
    assert (sent(asked, "acme"), sent(asked, "globex")) == ({"sntryu_acme"}, {"sntryu_globex"})
    assert not [a for a in asked if a.path.startswith("/api/0/organizations/?")]
    assert result.requests == len(asked)


def test_one_that_the_token_lists_no_more_is_named(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    url, _ = both
    run(url, tmp_path, token=GENERAL)
    for _ in range(2):
        told = [w for w in run(url, tmp_path, token="sntryu_acme").warnings if "SENTRY_ORG" in w]
        assert len(told) == 1
        assert "'globex' no more" in told[0]
    for result in (
        run(url, tmp_path, token="sntryu_acme", organizations=["acme"]),
        run(url, tmp_path, token=GENERAL),
    ):
        assert not [w for w in result.warnings if "no more" in w]


@pytest.mark.parametrize("by", ["slug", "id"])
def test_the_general_token_is_for_the_others(
    both: tuple[str, list[Asked]], acme: Sandbox, tmp_path: Path, by: str
) -> None:
    url, asked = both
    organization_id = str(acme.app.world.organization_id)
    named = "acme" if by == "slug" else organization_id
    forecast(settings(url, tmp_path, token=GENERAL, tokens={"acme": "ACME_TOKEN"}, organizations=[]))
    assert (sent(asked, "acme"), sent(asked, "globex")) == ({"sntryu_acme"}, {GENERAL})
    asked.clear()
    forecast(settings(url, tmp_path, token=GENERAL, tokens={"acme": "ACME_TOKEN"}, organizations=[named]))
    assert (sent(asked, "acme"), sent(asked, "globex")) == ({"sntryu_acme"}, set())
    assert not sent(asked, organization_id)


def test_a_file_may_hold_it(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sntryu_globex\n")
    made = settings(both[0], tmp_path, tokens={"globex": str(tmp_path / "token")})
    assert "sntryu" not in repr(made)
    assert "sntryu" not in repr(made.tokens)
    assert forecast(made).organizations == ("globex",)


def test_a_wrong_one_is_said_and_no_other_is_tried(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    url, asked = both
    with pytest.raises(Unauthorized):
        run(url, tmp_path, token=GENERAL, tokens={"acme": "GLOBEX_TOKEN"})
    assert sent(asked, "acme") == {"sntryu_globex"}


def test_an_organization_without_any(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no token for the organization 'globex'"):
        run(both[0], tmp_path, tokens={"acme": "ACME_TOKEN"}, organizations=["acme", "globex"])


def test_check_looks_at_each(both: tuple[str, list[Asked]], tmp_path: Path) -> None:
    url, asked = both
    found = check(settings(url, tmp_path, token=GENERAL, tokens={"acme": "ACME_TOKEN"}))
    assert found.exit_code == 0, found.all
    assert len([f for f in found.all if f.subject.startswith("token")]) == 2
    assert sent(asked, "acme") == {"sntryu_acme"}
    wrong = check(settings(url, tmp_path, token=GENERAL, tokens={"acme": "GLOBEX_TOKEN"}))
    assert wrong.exit_code == 2
    assert "acme" in next(f for f in wrong.all if f.state == "bad").subject


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("MISSING_TOKEN", "names the variable MISSING_TOKEN, which is not set"),
        ("NO_TOKEN", "which is not set"),
        ("./nowhere", "nowhere can not be read"),
        ("sntryu_0123456789", "holds a token itself"),
        ("0123456789abcdef" * 4, "holds a token itself"),
    ],
)
def test_places_that_hold_none(tmp_path: Path, place: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        settings("https://sentry.io", tmp_path, tokens={"acme": place})
    assert "0123456789" not in str(caught.value)


def test_the_section_of_the_file_and_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "sentry-warehouse.toml"
    file.write_text('[tokens]\nacme = "ACME_TOKEN"\n')
    assert load_settings(str(file), environment=VARIABLES).tokens == {"acme": "sntryu_acme"}
    named = {**VARIABLES, "SENTRY_WAREHOUSE_TOKENS": '{"globex": "GLOBEX_TOKEN"}'}
    assert load_settings(str(file), environment=named).tokens == {"globex": "sntryu_globex"}
