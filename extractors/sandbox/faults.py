"""What goes wrong between a client and a busy server, dealt out from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import cycle

from .answers import HTML, JSON, TEXT, Response, encode
from .options import SandboxOptions

QUERY_VIEWS = ("discover", "stats_v2", "sessions", "organization-issues", "project-events", "issue-events")
_HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)
_HTML_200 = (
    b"<!doctype html><html><head><title>Sign in</title></head>"
    b"<body><form>Sign in to go on</form></body></html>"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A bad answer; `manner` is how it leaves: whole, cut off, reset, or only after a long silence."""

    manner: str
    response: Response | None = None


class Faults:
    def __init__(self, options: SandboxOptions) -> None:
        self._share = options.faults
        self._kinds = cycle(options.fault_kinds or ("",))
        self._modern = options.modern
        self._rng = random.Random(f"{options.seed}:faults")

    def next(self, view: str) -> Fault | None:
        if not self._share or self._rng.random() >= self._share:
            return None
        kind = next(self._kinds)
        return self._make(kind, view) if kind else None

    def _make(self, kind: str, view: str) -> Fault:
        if kind in ("reset", "truncated", "stall"):
            return Fault(kind)
        if kind == "400-timeout" and (self._modern or view not in QUERY_VIEWS):
            kind = "504"  # what became of it
        return Fault("whole", self._response(kind))

    def _response(self, kind: str) -> Response:
        if kind == "429":
            text = "Rate limit exceeded. Please try your query with a smaller date range or fewer projects."
            headers = [JSON] if self._modern else [JSON, (b"retry-after", b"1")]
            nothing = [
                (f"x-sentry-rate-limit-{name}".encode(), b"None")
                for name in ("remaining", "limit", "reset", "concurrentremaining", "concurrentlimit")
            ]
            return Response(429, encode({"detail": text}), [*headers, *nothing])
        if kind == "500":
            return Response(500, encode({"detail": "Internal Error", "errorId": None}))
        if kind == "502-html":
            return Response(502, _HTML_502, [HTML])
        if kind == "503":
            return Response(503, b"upstream connect error or disconnect/reset before headers", [TEXT])
        if kind == "504":
            return Response(504, b"upstream request timeout", [TEXT])
        if kind == "408":
            detail = {"code": "request-timeout", "message": "Proxied request timed out", "extra": {}}
            return Response(408, encode({"detail": detail}))
        if kind == "410":
            ending = [(b"x-sentry-deprecation-date", b"2027-03-01T00:00:00+00:00")]
            ending += [(b"x-sentry-replacement-endpoint", b"/api/0/organizations/{org}/newer/")]
            return Response(410, encode({"message": "This API no longer exists."}), [JSON, *ending])
        if kind == "302-elsewhere":
            return Response(302, b"", [HTML, (b"location", b"https://login.sentry.example/sso/")])
        if kind == "401-sso":
            return Response(
                401, encode({"detail": {"code": "sso-required", "message": "Must login via SSO"}})
            )
        if kind == "html-200":
            return Response(200, _HTML_200, [HTML])
        detail_text = "\nQuery timeout. Please try again. If the problem persists try a smaller date range."
        return Response(400, encode({"detail": detail_text}))
