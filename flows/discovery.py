"""Finds what a run covers: the organizations of the token or those named, and their projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from extractors.answer import Answer
from extractors.client import Client
from extractors.errors import Forbidden, Gone, NotSentry
from extractors.plan import Organization, Project
from flows.clients import Clients
from flows.settings import UsageError
from transforms.repair import Unreadable, read_json
from warehouse import state
from warehouse.store import Store


class _Record(msgspec.Struct):
    id: str | int
    slug: str
    links: Any = None
    created: Any = msgspec.field(default="", name="dateCreated")
    has_access: Any = msgspec.field(default=None, name="hasAccess")


SECONDS = len("2026-01-31T00:00:00")
"""Of a time as Sentry writes it; fractions come and go between its versions (facts §4.0)."""

ALLOW_LIST = "allow-list"
"""Reason of a refusal that is not Sentry's own (extractors.errors): it says nothing of organizations."""

MOST_NAMED = 40
"""Projects named in a message; large organizations have thousands."""

T = TypeVar("T")

_records = msgspec.json.Decoder(list[msgspec.Raw])
_record = msgspec.json.Decoder(_Record)


SERVERS = "servers"
"""Name in meta.settings of what tells servers apart: organization_id → host, slug, time it was made."""

LISTED = "listed"
"""Name in meta.settings of what runs that named no organization found: URL → organization_id → slug."""


@dataclass(frozen=True, slots=True)
class Found:
    """An organization with the answer that names it: a page of one record.

    created   when it was made, to the second, as its server writes it; "" where it does not say
    """

    organization: Organization
    answer: Answer
    created: str = ""


def find_organizations(clients: Clients, wanted: Sequence[str]) -> list[Found]:
    """The organizations to export, each once, in the order wanted (all that the tokens see if none is), and
    from now on each is asked with its own client.

    Integration tokens list none (facts §5): those named are then asked for one by one, and so are those
    that have a token of their own.
    Raises UsageError when one named is unknown or none can be found.
    """
    listed, absent = _list(clients.general) if clients.general else ([], False)
    others = [f for f in listed if not _own_name(f, clients)]
    if not wanted and not others and not clients.named and absent:
        raise UsageError(
            "The server answers 404 where Sentry lists organizations: check SENTRY_URL, with its path prefix "
            "if it has one; or name yours in SENTRY_ORG."
        )
    if not wanted and not others and not clients.named:
        raise UsageError(
            "This token lists no organizations (integration tokens never do): "
            "set SENTRY_ORG to the slug of yours."
        )
    chosen: dict[str, Found] = {}
    for name in wanted or (*(f.organization.slug for f in others), *clients.named):
        found = next(
            (f for f in listed if name in (f.organization.slug, f.organization.organization_id)), None
        )
        client = clients.for_name((_own_name(found, clients) if found else "") or name)
        if found is None or found not in others:
            found = _ask(client, found.organization.slug if found else name)
        if found is not None and client is clients.general and _own_name(found, clients):
            client = clients.for_name(_own_name(found, clients))
            found = _ask(client, name)
        if found is None:
            seen = ", ".join(f.organization.slug for f in others)
            raise UsageError(
                f"Sentry knows no organization {name!r} for {_whose(name, clients)}."
                + (f" It sees: {seen}." if seen else " Check SENTRY_ORG and the token.")
            )
        if found.organization.organization_id not in chosen:
            clients.assign(found.organization, client)
        chosen[found.organization.organization_id] = found
    return list(chosen.values())


def _own_name(found: Found, clients: Clients) -> str:
    """The name under which the settings have a token for this organization alone; "" where they have none."""
    names = (found.organization.slug, found.organization.organization_id)
    return next((name for name in names if name in clients.named), "")


def _whose(name: str, clients: Clients) -> str:
    return "its token in [tokens]" if name in clients.named else "this token"


def _list(client: Client) -> tuple[list[Found], bool]:
    """The organizations that the token lists; whether there is no such list at all."""
    listed: list[Found] = []
    try:
        for answer in client.pages("/organizations/", (), paging="per_page"):
            listed += [_found(raw, answer) for raw in _read(_records, answer.body, "/organizations/")]
    except (Forbidden, Gone) as error:
        if error.reason == ALLOW_LIST:
            raise
        return [], isinstance(error, Gone)
    return listed, False


def _read(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw, path: str) -> T:
    """Raises NotSentry for JSON that is not what Sentry sends there."""
    try:
        return read_json(decoder.decode, bytes(body))
    except Unreadable as error:
        problem = str(error)
    raise NotSentry(
        f"GET {path}: the answer is JSON, but not what Sentry sends ({problem}). Check SENTRY_URL.",
        path=path,
        reason="not Sentry's",
    )


def is_listing(body: bytes) -> bool:
    """Whether an answer is a list, as Sentry's listings are."""
    try:
        _read(_records, body, "")
    except NotSentry:
        return False
    return True


def _found(raw: msgspec.Raw, answer: Answer) -> Found:
    record = _read(_record, raw, "/organizations/")
    region = record.links.get("regionUrl") if isinstance(record.links, dict) else None
    organization = Organization(
        organization_id=str(record.id), slug=record.slug, region=region if isinstance(region, str) else ""
    )
    return Found(
        organization,
        replace(answer, body=b"[" + bytes(raw) + b"]", cursor=None),
        str(record.created)[:SECONDS],
    )


def _ask(client: Client, name: str) -> Found | None:
    try:
        answer = client.get(f"/organizations/{name}/")
    except (Forbidden, Gone) as error:
        if error.reason == ALLOW_LIST:
            raise
        return None
    return _found(msgspec.Raw(answer.body), answer)


def check_server(store: Store, url: str, found: Sequence[Found]) -> None:
    """Notes which server each organization is of; ids are a server's own, so two servers may give the same.

    Raises UsageError when an id is known of an organization made at another time: of another server, or of
    one that was set up anew.
    """
    host = urlsplit(url).hostname or ""
    known = state.recall(store, SERVERS) or {}
    for one in found:
        organization = one.organization
        was = known.get(organization.organization_id, {})
        if was.get("created", one.created) != one.created:
            raise UsageError(
                f"The organization {organization.slug!r} of {host} has the id "
                f"{organization.organization_id}, by which this warehouse knows {was.get('slug')!r} of "
                f"{was.get('host')}, made at another time. Two servers whose ids collide, or one before and "
                "after it was set up anew, can not share a home: choose another with --home."
            )
        known[organization.organization_id] = {
            "host": host,
            "slug": organization.slug,
            "created": one.created,
        }
    state.remember(store, SERVERS, known)


def listed_no_more(store: Store, url: str, found: Sequence[Found]) -> list[str]:
    """Notes what was found without naming any, and says which that were found so before are missing."""
    known = state.recall(store, LISTED) or {}
    now = {f.organization.organization_id: f.organization.slug for f in found}
    known[url] = {**known.get(url, {}), **now}
    state.remember(store, LISTED, known)
    return sorted(slug for organization_id, slug in known[url].items() if organization_id not in now)


def listed_projects(store: Store, run_id: str, organization_id: str, wanted: Sequence[str]) -> list[Project]:
    """The projects that this run listed, or those of them that are wanted (slugs or ids). One whose slug is
    missing is asked by its id, which newer servers take as well."""
    rows = store.rows(
        "select project_id, coalesce(nullif(slug, ''), project_id), date_created, has_access from projects "
        "where organization_id = ? and _run_id = ? order by slug",
        [organization_id, run_id],
    )
    projects = [Project(project_id=r[0], slug=r[1], created=r[2], has_access=r[3] is not False) for r in rows]
    return [p for p in projects if p.is_wanted(wanted)]


def ask_projects(client: Client, organization: Organization) -> list[Project]:
    """The projects that Sentry lists now."""
    path = f"/organizations/{organization.slug}/projects/"
    return [
        Project(
            project_id=str(record.id),
            slug=record.slug,
            created=_time(record.created),
            has_access=record.has_access is not False,
        )
        for answer in client.pages(path, (), paging="per_page", region=organization.region or None)
        for record in (_read(_record, raw, path) for raw in _read(_records, answer.body, path))
    ]


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def refuse_unknown(projects: Sequence[Project], wanted: Sequence[str]) -> None:
    """Raises UsageError for a wanted project that none of the organizations has: most likely mistyped."""
    known = {name for p in projects for name in (p.slug, p.project_id)}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        slugs = sorted(p.slug for p in projects)
        more = f" and {len(slugs) - MOST_NAMED} more" if len(slugs) > MOST_NAMED else ""
        raise UsageError(
            f"Sentry lists no project {' or '.join(map(repr, unknown))} for this token (SENTRY_PROJECT). "
            f"It sees: {', '.join(slugs[:MOST_NAMED])}{more}."
        )
