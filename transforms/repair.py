"""Bodies that strict decoders refuse, made such that they take them, with all else left byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw

DEEPEST = 400
"""Deeper nesting is kept as the text it is: no decoder follows it for ever."""

SURROGATE = re.compile(
    rb"\\u[dD](?:([89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|[c-fC-F][0-9a-fA-F]{2})"
)
TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]|-?\bInfinity\b|\bNaN\b', re.DOTALL)
CONTROL = re.compile(rb"[\x00-\x1f]")
REPLACEMENT = rb"\ufffd"
MISFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise when a value is not as declared."""

_whole = msgspec.json.Decoder(Raw)
T = TypeVar("T")


class Unreadable(ValueError):
    """A body that is no JSON at all, or not of the shape its endpoint answers with."""


def read_json(decode: Callable[[bytes], T], body: bytes) -> T:
    """What a decoder makes of a body, or of the repaired one where it refuses that.

    Raises Unreadable when it is no JSON, or not of the decoder's shape.
    """
    try:
        try:
            return decode(body)
        except MISFIT:
            return decode(repair(body))
    except MISFIT as error:
        problem = str(error)
    raise Unreadable(problem)


def repair(body: bytes) -> bytes:
    """The same JSON without what strict decoders refuse: lone surrogates and bytes that are no UTF-8 become
    U+FFFD, NaN and infinities null, raw control characters escapes, and what is nested deeper than DEEPEST
    a string of its text.

    Raises Unreadable when it is no JSON.
    """
    body = replace_surrogates(as_utf8(body))
    if is_json(body):
        return body
    body = b"".join(_mended(body))
    if is_json(body):
        return body
    raise Unreadable("not JSON")


def is_json(body: bytes) -> bool:
    """Whether the strict decoder takes it."""
    try:
        _whole.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def as_utf8(body: bytes) -> bytes:
    """The body with bytes that are no UTF-8 replaced."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body


def replace_surrogates(body: bytes) -> bytes:
    """The body with escapes of lone surrogates replaced."""

    def mend(match: re.Match[bytes]) -> bytes:
        start = match.start()
        before = body[max(0, start - 64) : start]
        slashes = len(before) - len(before.rstrip(b"\\"))
        if slashes == len(before) and start > 64:  # rare: a long run of them
            slashes = start - len(body[:start].rstrip(b"\\"))
        return match[0] if match[2] or slashes % 2 else REPLACEMENT

    return SURROGATE.sub(mend, body)


def _mended(body: bytes) -> Iterator[bytes]:
    """Pieces of the body, mended; strings are passed over, so that nothing in them is taken for JSON."""
    depth = done = 0
    deep_from: int | None = None
    for match in TOKEN.finditer(body):
        first = body[match.start()]
        if first in b"[{":
            depth += 1
            if depth == DEEPEST and deep_from is None:
                yield body[done : match.start()]
                deep_from = match.start()
        elif first in b"]}":
            depth -= 1
            if deep_from is not None and depth < DEEPEST:
                text = body[deep_from : match.end()]
                yield json.dumps(text.decode(), ensure_ascii=False).encode()
                done, deep_from = match.end(), None
        elif deep_from is not None:
            continue
        elif first != ord('"'):
            yield body[done : match.start()] + b"null"
            done = match.end()
        elif CONTROL.search(match[0]):
            escaped = CONTROL.sub(lambda c: b"\\u%04x" % c[0][0], match[0])
            yield body[done : match.start()] + escaped
            done = match.end()
    yield body[done:] if deep_from is None else body[deep_from:]
