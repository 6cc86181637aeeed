"""One answer of the server, and what its headers say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from extractors.errors import DEPRECATION_HEADERS, PagingError, Trouble
from extractors.governor import LONGEST_WINDOW

CURSOR_CHARACTERS = 2000
MOST_DIGITS = 12
"""Of a number in a header: counts and seconds of this millennium; Python refuses thousands of digits."""

LINK_ENTRY = re.compile(r'<[^>]*>((?:"[^"]*"|[^",])*)')
LINK_ATTRIBUTE = re.compile(r""";\s*([^\s=;,"]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;,"']*))""")
"""Proxies may rewrite it: RFC 8288 allows names in any case, values without quotes, and blanks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer.

    status    200 … 299
    body      decompressed; JSON, though perhaps with lone surrogates or NaN (transforms.repair)
    cursor    of the next page; None when the server says there is none
    date      the server's clock, aware, UTC; ours where the server sent none
    hits      X-Hits: an estimate, never a row count (facts §1.1)
    linked    whether a Link header told of a next page or that there is none; else more may follow
    requests  how many it took, retries and redirects included
    """

    status: int
    body: bytes
    cursor: str | None
    date: datetime
    hits: int | None = None
    linked: bool = True
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Received:
    """A whole HTTP answer, headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    trouble: Trouble | None = None
    note: str = ""


def is_json(body: bytes) -> bool:
    """Whether it is JSON that can be read, lone surrogates, NaN and bytes that are no UTF-8 included.

    msgspec only scans (1 GB/s); what it refuses gets a second chance with Python's own, laxer reader, as
    transforms.repair does.
    """
    import msgspec

    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (ValueError, RecursionError):
        pass
    else:
        return True
    try:
        json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def next_page(link: str) -> dict[str, str] | None:
    """The attributes of the entry for the next page in a Link header (facts §1.1), names in lower case; None
    where there is no such entry."""
    for entry in LINK_ENTRY.finditer(link):
        found = LINK_ATTRIBUTE.findall(entry[1])
        attributes = {name.lower(): quoted or single or bare for name, quoted, single, bare in found}
        if "next" in attributes.get("rel", "").lower().split():
            return attributes
    return None


def next_cursor(link: str, path: str = "") -> str | None:
    """The cursor of the next page in a Link header; None without one or with results="false".

    Raises PagingError when there is a next page but no way to name it.
    """
    attributes = next_page(link)
    if attributes is None or attributes.get("results", "").lower() == "false":
        return None
    cursor = attributes.get("cursor", "")
    if not cursor or len(cursor) > CURSOR_CHARACTERS:
        raise PagingError(f"GET {path}: a next page is announced without a usable cursor.", path=path)
    return cursor


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The Date header, aware, in UTC; None when it is missing or unreadable."""
    return _http_date(headers.get("date", ""))


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks us to wait: Retry-After, else its reset; None when it does not say, or names a
    reset that is further away than any window.

    The reset is an absolute time of the server's clock, so it is read against the answer's own Date.
    """
    asked = headers.get("retry-after", "").strip()
    now = server_date(headers) or datetime.now(UTC)
    if asked.isdecimal():
        return float(asked)
    until = _http_date(asked)
    if until is not None:
        return max(0.0, (until - now).total_seconds())
    reset = headers.get("x-sentry-rate-limit-reset", "").strip()
    if reset.isdecimal():
        wait = max(0.0, float(reset) - now.timestamp())
        return wait if wait <= LONGEST_WINDOW else None
    return None


def answer_of(received: Received, path: str) -> Answer:
    hits = received.headers.get("x-hits", "")
    link = received.headers.get("link", "")
    return Answer(
        status=received.status,
        body=received.body,
        cursor=next_cursor(link, path),
        date=server_date(received.headers) or datetime.now(UTC),
        hits=int(hits) if hits.isdecimal() and len(hits) <= MOST_DIGITS else None,
        linked=next_page(link) is not None,
    )


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def deprecation_of(headers: Mapping[str, str]) -> dict[str, str] | None:
    return {name: headers[name] for name in DEPRECATION_HEADERS if name in headers} or None
