"""The words Sentry answers with: bodies, errors, times and Link headers, in its own shapes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

import msgspec

from .content import LONE_SURROGATE_BYTES, LONE_SURROGATE_ESCAPE

_encoder = msgspec.json.Encoder()

JSON = (b"content-type", b"application/json")
HTML = (b"content-type", b"text/html; charset=utf-8")
TEXT = (b"content-type", b"text/plain")

NOT_FOUND = "The requested resource does not exist"
NO_PERMISSION = "You do not have permission to perform this action."


class Response:
    """A whole answer; `cacheable` when the same question has the same answer until the next night."""

    __slots__ = ("body", "cacheable", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes,
        headers: Iterable[tuple[bytes, bytes]] = (JSON,),
        *,
        cacheable: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = list(headers)
        self.cacheable = cacheable


class ApiError(Exception):
    """Something Sentry refuses, with the status and body it refuses it with."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.response = Response(status, encode(body))


def encode(value: object) -> bytes:
    data = _encoder.encode(value)
    if LONE_SURROGATE_BYTES in data:
        data = data.replace(LONE_SURROGATE_BYTES, LONE_SURROGATE_ESCAPE)
    return data


def error(status: int, detail: object) -> ApiError:
    return ApiError(status, {"detail": detail})


def not_found() -> ApiError:
    return error(404, NOT_FOUND)


def internal_error(seed: int = 0) -> ApiError:
    return ApiError(
        500, {"detail": "Internal Error", "errorId": f"{seed * 0x9E3779B97F4A7C15 % 2**128:032x}"}
    )


def ok(value: object, headers: Iterable[tuple[bytes, bytes]] = (), *, cacheable: bool = False) -> Response:
    return Response(200, encode(value), [JSON, *headers], cacheable=cacheable)


def array(rows: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(days * 86400))


def iso_seconds(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{_day(days)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


def iso(ms: int) -> str:
    """Django REST's form: six digits of fraction, or none at all."""
    fraction = ms % 1000
    return iso_seconds(ms // 1000) + (f".{fraction:03d}000Z" if fraction else "Z")


class Query:
    """The query string, with what Django would make of it."""

    __slots__ = ("pairs", "raw")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.pairs = parse_qsl(raw, keep_blank_values=True)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value, as Django's QueryDict gives it."""
        for key, value in reversed(self.pairs):
            if key == name:
                return value
        return default

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)


class Cursor:
    __slots__ = ("is_prev", "offset", "value")

    def __init__(self, value: float, offset: int, is_prev: bool) -> None:
        self.value = value
        self.offset = offset
        self.is_prev = is_prev


def read_cursor(query: Query) -> Cursor | None:
    text = query.get("cursor")
    if not text:
        return None
    parts = text.split(":")
    try:
        value, offset, is_prev = parts
        return Cursor(
            float(value) if "." in value else int(value),
            int(offset),
            bool(int(is_prev)),
        )
    except ValueError:
        raise error(400, "Invalid cursor parameter.") from None


def read_per_page(query: Query, default: int = 100, most: int = 100) -> int:
    text = query.get("per_page")
    if text is None or text == "":
        return default
    try:
        value = int(text)
    except ValueError:
        raise error(400, "Invalid per_page parameter.") from None
    if value > max(default, most):
        raise error(400, f"Invalid per_page value. Cannot exceed {max(default, most)}.")
    if value <= 0:
        raise internal_error(7)
    return value


def link_header(
    base: str, path: str, query: Query, previous: tuple[str, bool], following: tuple[str, bool]
) -> tuple[bytes, bytes]:
    """Both entries, always; the stop signal is `results`, and the host is the one in the settings."""
    rest = urlencode([pair for pair in query.pairs if pair[0] != "cursor"])
    url = f"{base}{path}?{rest}&cursor="
    entries = [
        f'<{url}{cursor}>; rel="{name}"; results="{str(results).lower()}"; cursor="{cursor}"'
        for name, (cursor, results) in (("previous", previous), ("next", following))
    ]
    return (b"link", ", ".join(entries).encode("ascii", "xmlcharrefreplace"))


def page_by_number(
    total: int, query: Query, per_page: int
) -> tuple[slice, tuple[str, bool], tuple[str, bool]]:
    """Sentry's OffsetPaginator: the cursor is `size:page:0`, and another size half-way slices wrongly."""
    cursor = read_cursor(query) or Cursor(per_page, 0, False)
    if cursor.offset < 0 or cursor.value < 0:
        raise error(400, "Pagination offset cannot be negative")
    low = int(cursor.value) * cursor.offset
    high = min(total, low + int(cursor.value) + 1)
    if int(cursor.value) != per_page:
        low = max(low, high - per_page - 1)
    found = max(0, high - low)
    return (
        slice(low, low + min(found, per_page)),
        (f"{per_page}:{cursor.offset - 1}:1", cursor.offset > 0),
        (f"{per_page}:{cursor.offset + 1}:0", found > per_page),
    )


def page_by_offset(
    total: int, query: Query, per_page: int
) -> tuple[slice, tuple[str, bool], tuple[str, bool]]:
    """Sentry's GenericOffsetPaginator: the cursor is `0:row:0`; rows that arrive on top shift the pages."""
    cursor = read_cursor(query) or Cursor(0, 0, False)
    offset = cursor.offset
    if offset < 0:
        raise internal_error(11)
    return (
        slice(offset, offset + per_page),
        (f"0:{max(0, offset - per_page)}:1", offset > 0),
        (f"0:{offset + per_page}:0", total > offset + per_page),
    )


def page_by_score(
    scores: Sequence[int], query: Query, per_page: int
) -> tuple[slice, tuple[str, bool], tuple[str, bool]]:
    """Sentry's SequencePaginator over descending scores: `score:rows with that score already seen:0`."""
    cursor = read_cursor(query)
    total = len(scores)
    if cursor is not None and cursor.offset < 0:
        raise internal_error(13)
    if cursor is None or cursor.value == 0:
        position = total if cursor is not None and cursor.is_prev else 0
    else:
        position = _first_at_or_below(scores, cursor.value)
    position += cursor.offset if cursor is not None else 0
    if cursor is not None and cursor.is_prev:
        high = min(position, total)
        low = max(high - per_page, 0)
    else:
        low = max(position, 0)
        high = max(low, min(low + per_page, total))
    if not total:
        return slice(0, 0), ("0:0:1", False), ("0:0:0", False)
    before = scores[min(low, total - 1)]
    after = scores[min(high, total - 1)]
    return (
        slice(low, high),
        (f"{before}:{low - _first_at_or_below(scores, before)}:1", low > 0),
        (f"{after}:{high - _first_at_or_below(scores, after)}:0", high < total),
    )


def _first_at_or_below(scores: Sequence[int], value: float) -> int:
    low, high = 0, len(scores)
    while low < high:
        middle = (low + high) // 2
        if scores[middle] > value:
            low = middle + 1
        else:
            high = middle
    return low
