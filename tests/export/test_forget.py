"""A forgotten person is nowhere on disk any more, in no form, and stays away when tables are rebuilt."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extractors.archive import Archive
from extractors.sandbox import Sandbox, SandboxOptions
from flows import forget as forgetting
from flows.forget import forget
from flows.policy import policy_of
from flows.replay import replay
from flows.settings import FORGETTING, Settings, UsageError
from tests.export.conftest import query, run_export, settings_for
from tests.export.test_privacy import texts_on_disk
from tests.export.test_replay import differing
from tests.locks import held_by_another
from transforms.privacy import Privacy, load_key
from warehouse.store import Store, WarehouseBusy, WarehouseError

SMALL = {"projects": 1, "issues": 8, "events": 90, "rate_limit": 0, "refused_projects": 0}
STREAMS = {"streams": {"only": ["events", "issues", "members"]}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(**SMALL)) as running:
        yield running


@pytest.fixture(scope="module")
def exported(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A home for each policy, of two exports."""
    homes = {}
    for policy in ("hash", "keep"):
        homes[policy] = tmp_path_factory.mktemp(policy)
        for _ in range(2 if policy == "hash" else 1):
            run_export(sandbox, homes[policy], privacy=policy, **STREAMS)
    return homes


@pytest.fixture
def home(exported: dict[str, Path], policy: str, tmp_path: Path) -> Path:
    """A copy of one, for one test."""
    return Path(shutil.copytree(exported[policy], tmp_path / "home", symlinks=True))


@pytest.fixture
def person(sandbox: Sandbox) -> dict[str, Any]:
    """The application's user with most events who is no colleague."""
    colleagues = {m["email"] for m in sandbox.truth("members")}
    counts: dict[str, int] = {}
    for event in sandbox.truth("events"):
        email = event["user_email"]
        if email and email not in colleagues and event["listed"]:
            counts[email] = counts.get(email, 0) + 1
    email = max(counts, key=lambda e: counts[e])
    return {"email": email, "events": counts[email]}


def forms(settings: Settings, value: str) -> list[bytes]:
    """What would give the person away: the value and its hash, whichever policy was in force."""
    privacy = Privacy(policy_of(settings), load_key(settings.home_path, settings.privacy_key))
    return [value.encode(), privacy.hash(value).encode()]


def leaks(settings: Settings, value: str) -> set[str]:
    wanted = forms(settings, value)
    return {n for n, text in texts_on_disk(settings.home_path) if any(w in text for w in wanted)}


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("policy", ["hash", pytest.param("keep", marks=pytest.mark.slow)])
def test_nothing_is_left_and_nothing_comes_back(
    sandbox: Sandbox, home: Path, policy: str, person: dict[str, Any]
) -> None:
    settings = settings_for(sandbox, home, privacy=policy, **STREAMS)
    (home / "warehouse.damaged-20260101T000000.duckdb").write_bytes((home / "warehouse.duckdb").read_bytes())
    (home / "notes.txt").write_text("mine")
    before = shutil.copyfile(home / "warehouse.duckdb", home.parent / "before.duckdb")
    assert len(leaks(settings, person["email"])) >= 5
    counts = rows(home, "select count(*), count(distinct event_id), count(distinct user_email) from events")

    looked = forget(settings, person["email"], dry_run=True)
    assert looked.files_changed > 0
    assert leaks(settings, person["email"])

    done = forget(settings, person["email"])
    assert leaks(settings, person["email"]) == set()
    assert done.files_changed == looked.files_changed
    assert done.records["events"] >= person["events"]
    assert done.rows["events"] == person["events"]
    assert done.removed == ["warehouse.damaged-20260101T000000.duckdb"]
    assert done.not_ours == ["notes.txt"]
    assert done.generations_removed == (2 if policy == "hash" else 1)
    assert len(list((home / "generations").glob("[!.]*"))) == 1
    assert not (home / FORGETTING).exists()

    # events stay, all other rows stay as they were
    after = rows(home, "select count(*), count(distinct event_id), count(distinct user_email) from events")
    assert after == [(counts[0][0], counts[0][1], counts[0][2] - 1)]
    changed = differing(before, home / "warehouse.duckdb")
    for follows in ("archive", "drift"):  # sizes of files, types of values that are null now
        changed.pop(follows, None)
    assert {name: pair[0] for name, pair in changed.items()} == done.rows
    assert all(left == right for left, right in changed.values())
    assert query(home, "select count(*) from events") == [(counts[0][0],)]

    again = shutil.copyfile(home / "warehouse.duckdb", home.parent / "again.duckdb")
    replay(settings)
    assert differing(again, home / "warehouse.duckdb") == {}
    assert leaks(settings, person["email"]) == set()
    twice = forget(settings, person["email"])
    assert (twice.found, twice.published) == (False, None)


def test_no_free_block_of_the_file_holds_a_value(tmp_path: Path) -> None:
    """Where retention let archived pages go, tables are rebuilt from a copy of the old file."""
    home = tmp_path / "home"
    with Sandbox(SandboxOptions(**SMALL)) as sandbox:
        run_export(sandbox, home, privacy="keep", **STREAMS)
        known = {event["user_email"] for event in sandbox.truth("events")} | {None}
        new: set[str] = set()
        for night in range(40):  # the world depends on the hour: until somebody new turns up
            sandbox.pass_night()
            new = {e["user_email"] for e in sandbox.truth("events") if e["listed"]} - known
            if new and night >= 4:
                break
        run_export(sandbox, home, privacy="keep", archive={"keep_days": 1}, **STREAMS)
        settings = settings_for(sandbox, home, privacy="keep", **STREAMS)
    email = min(new)
    file = home / "warehouse.duckdb"
    assert email.encode() in file.read_bytes()
    assert rows(home, "select count(*) from meta.settings where name = 'archive begins after'") == [(1,)]
    before = rows(home, "select count(*), count(user_email) from events")
    done = forget(settings, email)
    assert email.encode() not in file.read_bytes()
    assert leaks(settings, email) == set()
    after = rows(home, "select count(*), count(user_email) from events")
    assert after == [(before[0][0], before[0][1] - done.rows["events"])]


@pytest.mark.parametrize("policy", [pytest.param("keep", marks=pytest.mark.slow), "hash"])
def test_rows_whose_pages_are_gone_are_blanked(tmp_path: Path, policy: str) -> None:
    """They can not be made anew: what is personal in all rows about the person's events goes, no more."""
    home = tmp_path / "home"
    chosen = {**STREAMS, "events": {"detail": "full"}}
    with Sandbox(SandboxOptions(**SMALL)) as sandbox:
        run_export(sandbox, home, privacy=policy, **chosen)
        settings = settings_for(sandbox, home, privacy=policy, **chosen)
        told = [e for e in sandbox.truth("events") if e["listed"] and e["user_email"]]
        email = told[0]["user_email"]
        for _ in range(5):
            sandbox.pass_night()
        run_export(sandbox, home, privacy=policy, archive={"keep_days": 1}, **chosen)
        theirs = sorted(e["event_id"] for e in sandbox.truth("events") if e["user_email"] == email)
    shutil.copytree(home, tmp_path / "before", symlinks=True)
    assert rows(home, "select count(*) from meta.settings where name = 'archive begins after'") == [(1,)]
    held = leaks(settings, email)
    assert held
    looked = forget(settings, email, dry_run=True)
    assert leaks(settings, email) == held
    assert rows(home, "select * from events order by all") == rows(
        tmp_path / "before", "select * from events order by all"
    )
    done = forget(settings, email)
    assert leaks(settings, email) == set()
    assert done.rows["events"] >= 1
    assert looked.found
    assert looked.rows == done.rows
    listed = ", ".join(f"'{e}'" for e in theirs)
    personal = "user_id, user_email, user_username, user_ip_address"
    assert set(rows(home, f"select {personal} from events where event_id in ({listed})")) == {(None,) * 4}
    everything = f"select * from events where event_id not in ({listed}) order by event_id"
    assert rows(home, everything) == rows(tmp_path / "before", everything)
    for table in ("events", "event_tags", "event_frames", "event_contexts", "event_requests"):
        count = f"select count(*) from {table}"
        assert rows(home, count) == rows(tmp_path / "before", count)
    tags = f"select count(*) from event_tags where event_id in ({listed}) and value is null"
    assert rows(home, tags)[0][0] > 0
    assert rows(home, f"select url from event_requests where event_id in ({listed}) and url like '%?%'") == []


@pytest.mark.parametrize("policy", ["hash"])
def test_cut_off_again_and_again(
    sandbox: Sandbox, home: Path, policy: str, person: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    def kill_late(self: Archive, file: str, pages: Any, rewrite: Any = Archive.rewrite) -> None:
        rewrite(self, file, pages)
        raise Killed

    settings = settings_for(sandbox, home, privacy=policy, **STREAMS)
    value = person["email"]
    for where, name, how in (
        (Archive, "rewrite", kill_late),
        (forgetting, "replay", kill),
        (forgetting, "publish", kill),
        (forgetting._Work, "_remove_copies", kill),
    ):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(where, name, how)
            forget(settings, value)
        assert (home / FORGETTING).exists()
        assert value not in (home / FORGETTING).read_text()
    told = run_export(sandbox, home, privacy=policy, streams={"only": ["teams"]}).warnings
    assert [warning for warning in told if "was cut off" in warning]
    other = forget(settings, "nobody@example.com")  # finishes nothing of this one
    assert (other.finished_earlier, other.others_cut_off) == (False, True)
    done = forget(settings, value)
    assert done.finished_earlier
    assert leaks(settings, value) == set()
    assert not (home / FORGETTING).exists()
    assert rows(home, "select count(*) from events") == query(home, "select count(*) from events")


@pytest.mark.parametrize("policy", ["hash"])
def test_not_while_something_else_writes(sandbox: Sandbox, home: Path, policy: str) -> None:
    settings = settings_for(sandbox, home, privacy=policy, **STREAMS)
    with held_by_another(home), pytest.raises(WarehouseBusy, match="in use"):
        forget(settings, "x@y.zz")


@pytest.mark.parametrize("policy", ["hash"])
def test_an_archive_that_can_not_be_read_is_no_ground_to_build_on(
    sandbox: Sandbox, home: Path, policy: str, person: dict[str, Any]
) -> None:
    settings = settings_for(sandbox, home, privacy=policy, **STREAMS)
    file = next(iter(Archive(home / "raw").files()))
    (home / "raw" / file).write_bytes(b"PAR1 no more")
    was = shutil.copyfile(home / "warehouse.duckdb", home.parent / "was.duckdb")
    with pytest.raises(WarehouseError, match=f"Nothing was changed.*{file}"):
        forget(settings, person["email"])
    (home / "raw" / file).unlink()
    with pytest.raises(WarehouseError, match="missing"):
        forget(settings, person["email"])
    assert differing(was, home / "warehouse.duckdb") == {}


@pytest.mark.parametrize("policy", ["hash"])
def test_without_key_or_warehouse(sandbox: Sandbox, home: Path, policy: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="key"):
        forget(settings_for(sandbox, home, privacy_key=""), "x@y.zz")
    with pytest.raises(WarehouseError, match="no warehouse"):
        forget(settings_for(sandbox, tmp_path / "nowhere"), "x@y.zz")
    assert not (tmp_path / "nowhere").exists()
    found = forget(settings_for(sandbox, home), "x@y.zz")
    assert (found.found, found.published, found.other_keys) == (False, None, False)
    other = {"privacy_key": "another key than the first"}
    assert forget(settings_for(sandbox, home, **other), "x@y.zz", dry_run=True).other_keys
    with Store(home / "warehouse.duckdb") as store:
        assert store.rows("select count(*) from meta.runs") == [(2,)]
    told = run_export(sandbox, home, **other, **STREAMS).warnings
    assert any("privacy key is not the one" in text for text in told)
    assert forget(settings_for(sandbox, home), "x@y.zz", dry_run=True).other_keys
