"""From the settings to what happens to personal data; and what the tables hold for a value."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from extractors.stream import all_streams
from flows.settings import Settings, UsageError
from transforms.privacy import KEY_FILE, Policy, Privacy, load_key
from warehouse import state
from warehouse.store import Store

HELD_BY = {"email": "email", "ip": "ip_address", "username": "username", "name": "name", "id": "id"}
"""Kind → field of an event's user; with `user_` before it, its column in `events`."""

TAGGED = ("id", "email", "ip", "username")
"""Kinds that Sentry's tag `user` names, as `email:ana@example.com`."""

KEYS = "privacy keys"
"""Name in meta.settings: a hash made with each key that runs had, the last one's at the end."""

ANOTHER_KEY = (
    "The privacy key is not the one of earlier runs: new hashes do not join old ones, and `hash` and "
    "`forget` find nobody by the old ones. If it was lost, put privacy.key back from a copy."
)


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings ask for. Raises UsageError for an override of no stream."""
    names = [stream.name for stream in all_streams()]
    for path in settings.privacy_overrides:
        stream, slash, field = path.partition("/")
        if not slash or not field or not any(fnmatchcase(name, stream) for name in names):
            raise UsageError(
                f"privacy_overrides names {path!r}: write the stream and the field's place in Sentry's "
                f'answer, as "events/user/email". There are the streams {", ".join(names)}.'
            )
    return Policy(
        users=settings.privacy,
        members=settings.privacy_members,
        requests=settings.privacy_requests or None,
        texts=settings.privacy_texts,
        overrides=settings.privacy_overrides,
    )


def had_other_keys(store: Store, privacy: Privacy) -> bool:
    """Whether a run had another key than the present one."""
    return any(mark != privacy.hash(KEYS) for mark in state.recall(store, KEYS) or [])


def note_key(store: Store, privacy: Privacy) -> list[str]:
    """Notes the key of a run; returns a warning where the run before had another."""
    mark, known = privacy.hash(KEYS), state.recall(store, KEYS) or []
    if known[-1:] == [mark]:
        return []
    state.remember(store, KEYS, [*(other for other in known if other != mark), mark])
    return [ANOTHER_KEY] if known else []


def privacy_of(settings: Settings, *, make_key: bool = True) -> Privacy:
    """Treats pages as the settings ask for, under the warehouse's key.

    Without `make_key` raises UsageError where there is no key yet. Raises UsageError for wrong overrides,
    KeyFileError for a key that is not safe to use.
    """
    policy = policy_of(settings)
    home = settings.home_path
    if not make_key and not settings.privacy_key and not (home / KEY_FILE).exists():
        raise UsageError(
            f"There is no {home / KEY_FILE}, so no value was hashed there yet: run an export first, or name "
            "the folder with --home (the key with SENTRY_WAREHOUSE_PRIVACY_KEY)."
        )
    return Privacy(policy, load_key(home, settings.privacy_key or None))


def look_up(settings: Settings, value: str) -> dict[str, Any]:
    """What the tables hold for a person's value: by kind, as a colleague, in tags; a query to find it, and
    how many events that finds (None where nothing can be asked yet).

    Each is what a page with the value comes out as, so overrides count; None where it is dropped.
    Raises what `privacy_of` raises.
    """
    privacy = privacy_of(settings, make_key=False)
    event = _treated(
        privacy,
        "events",
        {
            "user": dict.fromkeys(HELD_BY.values(), value),
            "tags": [{"key": "user", "value": f"{kind}:{value}"} for kind in TAGGED],
        },
    )
    member = _treated(privacy, "members", {"email": value})
    held = {kind: event["user"][field] for kind, field in HELD_BY.items()}
    tags = {kind: tag["value"] for kind, tag in zip(TAGGED, event["tags"], strict=True)}
    sql = _find(held)
    return {
        "value": value,
        "policy": settings.privacy,
        "held": held,
        "tags": tags,
        "member": member["email"],
        "sql": sql,
        "events": _count(settings.home_path, sql) if sql else None,
    }


def _count(home: Path, sql: str) -> int | None:
    from warehouse.inspect import run_query
    from warehouse.store import WarehouseError

    try:
        return int(run_query(home, f"select count(*) from ({sql})").rows[0][0])
    except WarehouseError:
        return None


def _treated(privacy: Privacy, stream: str, record: dict[str, Any]) -> Any:
    personal = next(s.personal for s in all_streams() if s.name == stream)
    return msgspec.json.decode(privacy.redact(stream, msgspec.json.encode([record]), personal))[0]


def _find(held: dict[str, str | None]) -> str | None:
    from warehouse.schema import literal

    values = dict.fromkeys(found for found in held.values() if found is not None)
    if not values:
        return None
    columns = ", ".join(f"user_{field}" for field in HELD_BY.values())
    return (
        "select event_id, issue_id, project_id, date_created from events "
        f"where list_has_any([{columns}], [{', '.join(map(literal, values))}]) order by date_created desc"
    )
