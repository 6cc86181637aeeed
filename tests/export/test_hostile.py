"""A hostile server and hostile names, through a whole export: nothing leaves, nothing breaks, all is said."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from extractors import client as client_module
from extractors.client import Client
from flows import run as run_module
from flows.answers import grid, markdown, safe_text
from flows.ending import Result
from flows.pipeline import export
from flows.progress import Progress
from flows.replay import replay
from flows.report import print_status, print_summary
from flows.settings import Settings, UsageError, load_settings
from tests.client.servers import Asked, Reply, Server, serving
from tests.export.conftest import query
from tests.export.test_privacy import texts_on_disk
from warehouse.inspect import run_query, status

TOKEN = "sntryu_canary0123456789abcdefabcdef"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
NAME = f"x'; drop table issues; --\"{ESCAPES}"
"""Ends a string and an identifier of SQL, and commands a terminal."""

NOW = "2026-08-01T12:00:00Z"
ORGANIZATION = {"id": "1", "slug": "acme", "name": NAME, "status": {"id": "active"}, "links": {}}
PROJECT = {"id": "7", "slug": "shop", "name": NAME, "teams": [], "environments": [NAME, "../../../etc"]}
SERIES = {"groups": [], "intervals": [], "start": NOW, "end": NOW}
ROWS: dict[str, Any] = {"data": [], "meta": {"fields": {}}}
ISSUE = {
    **{"id": "1", "shortId": NAME, "title": f"Title {NAME}", "status": "unresolved", "count": "3"},
    **{"project": {"id": "7"}, "firstSeen": NOW, "lastSeen": NOW, "level": NAME, NAME: {NAME: NAME}},
}
EVENT = {
    **{"eventID": "a" * 32, "groupID": "1", "projectID": "7", "title": NAME, "dateCreated": NOW},
    **{"tags": [{"key": NAME, "value": NAME}], "event.type": "error", NAME: NAME, "user": None},
}
RELEASE = {
    **{"id": 3, "version": f"../../{NAME}", "shortVersion": NAME, "dateCreated": NOW},
    **{"projects": [{"id": 7, "slug": NAME}], "authors": []},
}


def peaceful(path: str) -> Any:
    """What a server without ill will answers, with hostile names."""
    lists = {"/projects/": [PROJECT], "/issues/": [ISSUE], "/releases/": [RELEASE]}
    if path.endswith("/organizations/"):
        return [ORGANIZATION]
    if path.endswith("/organizations/acme/"):
        return ORGANIZATION
    if path.endswith("/projects/acme/shop/events/"):
        return [EVENT]
    if path.endswith(("/stats_v2/", "/sessions/")):
        return SERIES
    if path.endswith("/acme/events/"):
        return {"data": [{"project.id": 7, NAME: NAME}], "meta": {"fields": {}}}
    if path.endswith("/issues/1/"):
        return {**ISSUE, "activity": []}
    if path.endswith("/latest/"):
        return {**EVENT, "contexts": {NAME: {NAME: NAME}}, "entries": []}
    return next((answer for end, answer in lists.items() if path.endswith("/acme" + end)), [])


def settings_of(server: Server, home: Path, **more: Any) -> Settings:
    values = {"url": server.url, "token": TOKEN, "home": str(home), "privacy_key": "k" * 32, "retries": 0}
    return load_settings(None, {**values, **more}, environment={})


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """A host that must never be asked anything."""
    with serving(Reply()) as server:
        yield server


def drip(connection: Any) -> None:
    for _ in range(40):
        connection.send(b" ")
        time.sleep(0.05)


def test_attacks_of_every_kind_in_one_run(
    elsewhere: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_PAGES", 30)
    monkeypatch.setattr(run_module, "FRUITLESS_CUTS", 3)
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "max_body_bytes", 1 << 20)
    bomb = gzip.compress(b"[" + b" " * (64 << 20) + b"]")
    pages = iter(range(10**9))

    def answering(asked: Asked) -> Reply:
        assert asked.headers["authorization"] == f"Bearer {TOKEN}"
        path = asked.path.partition("?")[0]
        number = next(pages)
        link = '<{}/api/0/x/?cursor={}>; rel="next"; results="true"; cursor="{}"'
        if path.endswith("/teams/"):
            return Reply(302, headers={"Location": f"{elsewhere.url}{asked.path}"})
        if path.endswith("/members/") and "cursor=" not in asked.path:
            members = [{"id": "1", "email": "m@x.test", "name": "M", "user": None}]
            return Reply(
                body=json.dumps(members).encode(),
                headers={"Link": link.format(elsewhere.url, "0:1:0", "0:1:0")},
            )
        if path.endswith("/releases/"):
            body = json.dumps([{**RELEASE, "id": number}]).encode()
            return Reply(body=body, headers={"Link": link.format("http://h", number, f"0:{number}:0")})
        if path.endswith("/stats_v2/"):
            return Reply(body=bomb, headers={"Content-Encoding": "gzip"})
        if path.endswith("/issues/"):
            return Reply(body=b'["' + b"x" * (2 << 20) + b'"]')
        if path.endswith("/sessions/"):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
            return Reply(raw=head, then=drip)
        return Reply(body=json.dumps(peaceful(path)).encode())

    with serving(answering) as server:
        result = export(settings_of(server, tmp_path, timeout=0.4), Progress())
    assert elsewhere.asked == []
    assert elsewhere.connections == 0
    assert result.exit_code == 3
    reasons = {slice_["stream"]: slice_["reason"] for slice_ in result.incomplete}
    assert set(reasons) == {"teams", "releases", "outcomes", "issues", "sessions"}
    assert "redirect" in reasons["teams"] or "another host" in reasons["teams"], reasons["teams"]
    assert "no end after 30 pages" in reasons["releases"]
    assert "more than 1 MB" in reasons["outcomes"]
    assert "more than 1 MB" in reasons["issues"]
    assert reasons["sessions"]
    assert query(tmp_path, "select email from members") == [("m@x.test",)]
    # windows that are too large are not cut for ever
    assert len([path for path in server.paths if "/acme/issues/" in path]) < 20
    assert "Smaller windows" in reasons["issues"]
    for reason in reasons.values():
        assert TOKEN not in reason
    assert TOKEN.encode() not in b"".join(text for _, text in texts_on_disk(tmp_path))


@pytest.mark.parametrize("odd", [{"slug": None}, {"slug": ""}, {}], ids=["null", "empty", "missing"])
def test_a_project_without_a_slug_is_asked_by_its_id(tmp_path: Path, odd: dict[str, Any]) -> None:
    project = {name: value for name, value in PROJECT.items() if name != "slug"} | odd

    def answering(asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        answer = [project] if path.endswith("/acme/projects/") else peaceful(path.replace("/7/", "/shop/"))
        return Reply(body=json.dumps(answer).encode())

    with serving(answering) as server:
        export(settings_of(server, tmp_path, streams={"only": ["events"]}), Progress())
    assert query(tmp_path, "select event_id, project_id from events") == [("a" * 32, "7")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings, Result]:
    """A home with everything that the names of a hostile organization came to, twice exported."""
    home = tmp_path_factory.mktemp("hostile") / "home"

    def answering(asked: Asked) -> Reply:
        return Reply(body=json.dumps(peaceful(asked.path.partition("?")[0])).encode())

    queries = [{"name": "owned", "fields": ["project.id", NAME, f"tags[{NAME}]", "count()"]}]
    with serving(answering) as server:
        settings = settings_of(server, home, discover=queries)
        for _ in range(2):
            result = export(settings, Progress())
    return home, settings, result


def test_names_are_data_in_every_table(hostile: tuple[Path, Settings, Result]) -> None:
    home, settings, _ = hostile
    replay(settings)
    kept = NAME.replace("\x00", "")
    for sql, wanted in (
        ("select title from issues", f"Title {kept}"),
        ("select key from event_tags", kept),
        ("select value from event_tags", kept),
        ("select version from releases", f"../../{kept}"),
        ("select name from projects", kept),
        ("select environment from project_environments where environment like 'x%'", kept),
        ("select key from event_contexts", kept),
    ):
        assert query(home, sql) == [(wanted,)], sql
    fields = {path for (path,) in query(home, "select path from meta.drift")}
    assert any(kept.partition("/")[0] in path for path in fields)


def test_no_file_has_a_name_of_theirs(hostile: tuple[Path, Settings, Result]) -> None:
    home, *_ = hostile
    names = [str(path.relative_to(home)) for path in home.rglob("*")]
    theirs = [n for n in names if "drop" in n or "etc" in n or "\x1b" in n]
    assert not theirs
    assert sorted(p.name for p in home.parent.iterdir()) == ["home"]
    manifest = json.loads((home / "published" / "manifest.json").read_text())
    tables = {t["name"]: t.get("file") for t in manifest["tables"]}
    assert tables["issues"] == "parquet/issues.parquet"
    assert tables["discover_owned"] == "parquet/discover_owned.parquet"


@pytest.mark.parametrize("name", ['x"; drop table issues; --', "../../../tmp/owned", "a\x1b[2J", ""])
def test_a_discover_query_may_not_be_called_so(tmp_path: Path, name: str) -> None:
    queries = [{"name": name, "fields": ["count()"]}]
    with pytest.raises(UsageError, match="name"):
        load_settings(None, {"discover": queries}, environment={})


def test_no_terminal_obeys_them(
    hostile: tuple[Path, Settings, Result], capsys: pytest.CaptureFixture[str]
) -> None:
    home, settings, result = hostile
    print_status(status(home))
    print_summary(result, settings)
    answer = run_query(home, 'select title, level as "a\x1b[31m" from issues')
    for text in (grid(answer), markdown(answer)):
        assert "Title x'" in text
        click.echo(text)
    shown = capsys.readouterr().out
    assert safe_text(shown) == shown
