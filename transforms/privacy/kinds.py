"""The kinds of personal values a stream can declare."""

from __future__ import annotations

from typing import NamedTuple

from transforms.privacy.policy import Group


class KindError(ValueError):
    """A stream declares a kind that does not exist."""


class Kind(NamedTuple):
    """A kind.

    groups  whose data it is
    method  the method of Values that treats it
    always  whether it may hold credentials, which go even where all data is kept
    inside  whether overrides may name places below it
    """

    groups: tuple[Group, ...]
    method: str
    always: bool = False
    inside: bool = False


KINDS = {
    "email": Kind(("users",), "whole"),
    "ip": Kind(("users",), "whole"),
    "username": Kind(("users",), "whole"),
    "name": Kind(("users",), "whole"),
    "user_id": Kind(("users",), "user_id"),
    "user": Kind(("users",), "user", inside=True),
    "geo": Kind(("users",), "geo"),
    "data": Kind(("users",), "data"),
    "tags": Kind(("users", "requests"), "tags", inside=True),
    "member": Kind(("members",), "member"),
    "assignee": Kind(("members",), "member"),
    "url": Kind(("requests",), "url", always=True),
    "query_string": Kind(("requests",), "query_string", always=True),
    "body": Kind(("requests",), "body", always=True),
    "headers": Kind(("users", "requests"), "headers", always=True, inside=True),
    "cookies": Kind((), "secret", always=True),
    "secret": Kind((), "secret", always=True),
    "breadcrumb": Kind(("users", "requests"), "loose", always=True, inside=True),
    "extra": Kind(("users", "requests"), "loose", always=True, inside=True),
    "contexts": Kind(("users", "requests"), "contexts", always=True, inside=True),
    "entries": Kind(("users", "requests"), "entries", always=True, inside=True),
}
"""All kinds.

email ip username name  the whole value
user_id       see OPAQUE_ID: opaque ones stay
user          a user object, also with fields Sentry does not have yet; or a label such as `email:a@b`
geo           the country stays, all else becomes null
data          under hash each string and number; keys stay where they are names; true, false, null stay
tags          tags about users and their `query`; any tag that is an e-mail address; queries of URLs
member assignee  the whole value (a team's name too); in objects each string and number, opaque ids stay
url           the query and the fragment; passwords in it always
query_string  under hash each value, keys stay
body          under hash each string and number
headers       credentials always; addresses are dropped; queries of URLs
cookies secret  dropped always
breadcrumb extra  free data, treated by the names in it (`names.kind_of`); e-mail addresses in it
contexts      as free data; names and identifiers of devices, what users say of themselves
entries       bodies of events: request, breadcrumbs, variables of frames and all else, by names
"""

USER_FIELDS = {
    "id": "user_id",
    "email": "whole",
    "username": "whole",
    "ip_address": "whole",
    "name": "whole",
    "geo": "geo",
}
"""Fields of a user object and the methods that treat them; any other is data."""

CONTEXT_FIELDS = (
    ("device/name", "name"),
    ("device/id", "data"),
    ("device/unique_identifier", "data"),
    ("device/device_unique_identifier", "data"),
    ("app/device_app_hash", "data"),
    ("feedback/name", "name"),
    ("response/data", "body"),
)
"""Fields of contexts that names alone would not give away."""

REQUEST_FIELDS = (
    ("headers", "headers"),
    ("cookies", "cookies"),
    ("query", "query_string"),
    ("query_string", "query_string"),
    ("fragment", "query_string"),
    ("data", "body"),
    ("url", "url"),
)
"""Fields of a request entry and their kinds."""
