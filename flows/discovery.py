"""Finds what a run covers: the organizations of the token or those named, and their projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from extractors.client import Answer, Client
from extractors.errors import Forbidden, Gone
from extractors.plan import Organization, Project
from flows.settings import UsageError
from warehouse.store import Store


class _Links(msgspec.Struct):
    region: str | None = msgspec.field(default=None, name="regionUrl")


class _Record(msgspec.Struct):
    id: str | int
    slug: str
    links: _Links | None = None


_records = msgspec.json.Decoder(list[msgspec.Raw])
_record = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True)
class Found:
    """An organization with the answer that names it: a page of one record."""

    organization: Organization
    answer: Answer


def find_organizations(client: Client, wanted: Sequence[str]) -> list[Found]:
    """The organizations to export, each once, in the order wanted (all that the token sees if none is).

    Integration tokens list none (facts §5): those named are then asked for one by one.
    Raises UsageError when one named is unknown or none can be found.
    """
    listed: list[Found] = []
    try:
        for answer in client.pages("/organizations/", (), paging="per_page"):
            listed += [_found(raw, answer) for raw in _records.decode(answer.body)]
    except (Forbidden, Gone):
        listed = []
    if not wanted:
        if not listed:
            raise UsageError(
                "This token lists no organizations (integration tokens never do): "
                "set SENTRY_ORG to the slug of yours."
            )
        return listed
    chosen: dict[str, Found] = {}
    for name in wanted:
        found = next(
            (f for f in listed if name in (f.organization.slug, f.organization.organization_id)), None
        )
        found = found or _ask(client, name)
        if found is None:
            seen = ", ".join(f.organization.slug for f in listed)
            raise UsageError(
                f"Sentry knows no organization {name!r} for this token."
                + (f" It sees: {seen}." if seen else " Check SENTRY_ORG and the token.")
            )
        chosen[found.organization.organization_id] = found
    return list(chosen.values())


def _found(raw: msgspec.Raw, answer: Answer) -> Found:
    record = _record.decode(raw)
    region = record.links.region if record.links else None
    organization = Organization(organization_id=str(record.id), slug=record.slug, region=region or "")
    return Found(organization, replace(answer, body=b"[" + bytes(raw) + b"]", cursor=None))


def _ask(client: Client, name: str) -> Found | None:
    try:
        answer = client.get(f"/organizations/{name}/")
    except (Forbidden, Gone):
        return None
    return _found(msgspec.Raw(answer.body), answer)


def listed_projects(store: Store, run_id: str, organization_id: str, wanted: Sequence[str]) -> list[Project]:
    """The projects that this run listed, or those of them that are wanted (slugs or ids)."""
    rows = store.rows(
        "select project_id, slug from projects where organization_id = ? and _run_id = ? order by slug",
        [organization_id, run_id],
    )
    projects = [Project(project_id=r[0], slug=r[1]) for r in rows]
    return [p for p in projects if not wanted or p.slug in wanted or p.project_id in wanted]


def ask_projects(client: Client, organization: Organization, wanted: Sequence[str] = ()) -> list[Project]:
    """The projects that Sentry lists now, or those of them that are wanted (slugs or ids)."""
    path = f"/organizations/{organization.slug}/projects/"
    listed = [
        Project(project_id=str(record.id), slug=record.slug)
        for answer in client.pages(path, (), paging="per_page", region=organization.region or None)
        for record in map(_record.decode, _records.decode(answer.body))
    ]
    return [p for p in listed if not wanted or p.slug in wanted or p.project_id in wanted]
