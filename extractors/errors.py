"""Says what went wrong with a request and what to do: one table decides, for the client and for people.

SentryError
├── RetriesSpent    transient failures outlasted the retries: the slice is "failed", the run goes on
├── Unauthorized    401: `reason` tells a bad token from SSO, 2FA, a seat: the run ends
├── Forbidden       403: a scope, the plan, an allow-list: the slice is "forbidden"
├── Gone            404, 410: deleted, renamed, other region, plan: the slice is "gone"
├── BadQuery        400 and its like: the caller may ask in another way
├── TooLarge        the server cannot answer this much in time: ask in smaller windows
├── NotSentry       what answers is no Sentry API: a wrong URL, a proxy's page, another host
├── Unreachable     no connection: refused, no such name, TLS
├── PagingError     the pages do not end
└── Stopped         nobody's fault: the run was asked to stop (Ctrl-C), the slice stays open
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

DETAIL_CHARACTERS = 300
"""How much of a server's own words goes into a message; HTML pages and stack traces are longer."""

DEPRECATION_HEADERS = ("deprecation", "sunset", "x-sentry-deprecation-date", "x-sentry-replacement-endpoint")
"""By which a server says that an endpoint will go: RFC 9745, RFC 8594, and Sentry's own two."""


class SentryError(Exception):
    """A request that brought no answer.

    message   for people: what happened, where, what to do; holds no token and no query; `str(error)`
    path      below /api/0, without the query
    status    of the last answer, None where none came
    reason    the row of FAULTS that decided, e.g. "bad token"
    detail    the server's own words, shortened
    requests  how many were sent for it
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        status: int | None = None,
        reason: str = "",
        detail: str = "",
        requests: int = 0,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.status = status
        self.reason = reason
        self.detail = detail
        self.requests = requests


class RetriesSpent(SentryError):
    """Transient failures outlasted the retries."""


class Unauthorized(SentryError):
    """The token is refused, or its owner must do something first (`reason`)."""


class Forbidden(SentryError):
    """The token may not read this."""


class Gone(SentryError):
    """It is not there, not any more, or not for this plan."""


class BadQuery(SentryError):
    """The server refuses the question; another way of asking may do."""


class TooLarge(SentryError):
    """The question asks for more than the server answers in time, or than we take in one body."""


class NotSentry(SentryError):
    """What answers is not a Sentry API."""


class Unreachable(SentryError):
    """No connection to the server."""


class PagingError(SentryError):
    """The pages repeat or never end."""


class Stopped(SentryError):
    """The run was asked to stop while this request was under way."""

    def __init__(self) -> None:
        super().__init__("Asked to stop. Run again to go on from here.")


class Trouble(StrEnum):
    """What went wrong below HTTP, or with an answer that HTTP calls good."""

    REFUSED = "connection refused"
    NO_NAME = "host name not found"
    NO_ROUTE = "no connection"
    TLS = "TLS certificate refused"
    PROXY = "proxy failed"
    RESET = "connection lost"
    SILENT = "no answer in time"
    STALLED = "answer stalled"
    TRUNCATED = "answer cut off"
    TOO_BIG = "answer too big"
    NOT_JSON = "answer is not JSON"
    ELSEWHERE = "redirect to another host"
    CIRCLE = "redirects in a circle"
    UNSENDABLE = "request cannot be sent"


@dataclass(frozen=True, slots=True)
class Failure:
    """What came back instead of an answer.

    status   None where no answer came
    headers  names in lower case
    body     its beginning is enough
    trouble  set where the status does not tell
    first    nothing good has come from this server yet: suspect the URL
    reused   the connection had served before: servers close idle ones
    note     what people should see beside it: the host redirected to, the limit passed
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: Trouble | None = None
    first: bool = False
    reused: bool = False
    note: str = ""

    @property
    def text(self) -> str:
        """The body as text, shortened, in lower case: what the table looks for words in."""
        return self.body[:4000].decode("utf-8", "replace").strip().lower()

    @property
    def html(self) -> bool:
        """A page for people: of a proxy, a login, an allow-list."""
        return self.text.startswith(("<!doctype", "<html", "<head", "<body", "<?xml"))

    @property
    def code(self) -> str:
        """`detail.code` of Sentry's own exceptions (facts §3.1), else empty."""
        detail = self._loaded().get("detail")
        return str(detail.get("code") or "") if isinstance(detail, dict) else ""

    @property
    def detail(self) -> str:
        """The server's own words in one line, shortened; empty for pages of HTML."""
        if self.html or not self.body:
            return ""
        loaded = self._loaded()
        words = loaded.get("detail", loaded.get("message", loaded.get("error", loaded or self.text)))
        if isinstance(words, dict):
            words = words.get("message") or json.dumps(words)
        printable = "".join(c if c.isprintable() else " " for c in str(words))
        line = re.sub(r"\s+", " ", printable).strip().strip('"')
        return line if len(line) <= DETAIL_CHARACTERS else line[:DETAIL_CHARACTERS] + "…"

    def _loaded(self) -> dict[str, object]:
        try:
            loaded = json.loads(self.body[:64_000])
        except (ValueError, RecursionError):
            return {}
        return loaded if isinstance(loaded, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row of the table.

    reason   its name
    when     whether it is this
    error    what the caller gets when it is not retried, or no longer
    advice   what people should do
    retries  how often at most; None = as often as the caller allows
    later    retries where this server had answered well before: then the refusal may pass
    cost     what one retry takes from the caller's and the run's budget
    wait     "asked": as the answer's headers say, else growing · "growing" · "none" · "long": a brown-out
    """

    reason: str
    when: Callable[[Failure], bool]
    error: type[SentryError]
    advice: str
    retries: int | None = 0
    later: int = 0
    cost: float = 1
    wait: Literal["asked", "growing", "none", "long"] = "growing"


def _status(*statuses: int) -> Callable[[Failure], bool]:
    return lambda f: f.trouble is None and f.status in statuses


def _said(status: int, *words: str) -> Callable[[Failure], bool]:
    return lambda f: f.trouble is None and f.status == status and any(w in f.text for w in words)


def _code(*codes: str) -> Callable[[Failure], bool]:
    return lambda f: f.status == 401 and f.code in codes


def _met(*troubles: Trouble) -> Callable[[Failure], bool]:
    return lambda f: f.trouble in troubles


SMALLER = "Ask in smaller windows."
LATER = "The server is in trouble; what is missing is asked again by the next run."
NETWORK = "Check SENTRY_URL, the network, and HTTPS_PROXY if a proxy is needed."
URL = (
    "Check SENTRY_URL: it must be the address of Sentry itself, as in the browser up to its path prefix, if "
    "it has one."
)
RENEW = "Make a new token in Sentry and set SENTRY_AUTH_TOKEN."

# First row that fits decides. The statuses and words are those of facts §2.1, §3.1-3.3.
FAULTS: tuple[Fault, ...] = (
    # below HTTP
    Fault(
        reason="reused connection lost",  # servers close idle connections just as we send: facts §10
        when=lambda f: f.trouble is Trouble.RESET and f.reused,
        error=RetriesSpent,
        advice=LATER,
        retries=1,
        cost=0,
        wait="none",
    ),
    Fault(
        reason="connection refused at first",  # a wrong URL far more often than a server that restarts
        when=lambda f: f.trouble is Trouble.REFUSED and f.first,
        error=Unreachable,
        advice=NETWORK,
        retries=3,
    ),
    Fault(
        reason="connection refused",
        when=_met(Trouble.REFUSED),
        error=Unreachable,
        advice=NETWORK,
        retries=None,
    ),
    Fault(reason="unknown host", when=_met(Trouble.NO_NAME), error=Unreachable, advice=NETWORK, retries=2),
    Fault(
        reason="no route at first",
        when=lambda f: f.trouble is Trouble.NO_ROUTE and f.first,
        error=Unreachable,
        advice=NETWORK,
        retries=1,
    ),
    Fault(reason="no route", when=_met(Trouble.NO_ROUTE), error=Unreachable, advice=NETWORK, retries=None),
    Fault(
        reason="TLS",
        when=_met(Trouble.TLS),
        error=Unreachable,
        advice="A server with a certificate of its own authority needs ca_bundle (or SSL_CERT_FILE), one "
        "that speaks plain HTTP needs http:// in SENTRY_URL. Verification is never switched off.",
    ),
    Fault(
        reason="proxy",
        when=_met(Trouble.PROXY),
        error=Unreachable,
        advice="Check HTTPS_PROXY and NO_PROXY.",
        retries=2,
    ),
    Fault(
        reason="connection lost at first",
        when=lambda f: f.trouble is Trouble.RESET and f.first,
        error=Unreachable,
        advice="Check SENTRY_URL: http or https, and the port.",
        retries=3,
    ),
    Fault(reason="connection lost", when=_met(Trouble.RESET), error=RetriesSpent, advice=LATER, retries=None),
    Fault(reason="no answer in time", when=_met(Trouble.SILENT), error=TooLarge, advice=SMALLER, retries=2),
    Fault(reason="answer stalled", when=_met(Trouble.STALLED), error=RetriesSpent, advice=LATER, retries=2),
    Fault(
        reason="answer cut off", when=_met(Trouble.TRUNCATED), error=RetriesSpent, advice=LATER, retries=None
    ),
    Fault(reason="answer too big", when=_met(Trouble.TOO_BIG), error=TooLarge, advice=SMALLER),
    Fault(reason="cannot be sent", when=_met(Trouble.UNSENDABLE), error=NotSentry, advice=URL),
    # redirects
    Fault(
        reason="redirect to another host",
        when=_met(Trouble.ELSEWHERE),
        error=NotSentry,
        advice="The token is not sent there. If that is your Sentry, set SENTRY_URL to it.",
        later=2,
    ),
    Fault(reason="redirects in a circle", when=_met(Trouble.CIRCLE), error=NotSentry, advice=URL),
    Fault(
        reason="not JSON",  # an answer cut off by a proxy looks the same, hence the retries
        when=_met(Trouble.NOT_JSON),
        error=NotSentry,
        advice=f"A proxy or login page may stand in front of Sentry. {URL}",
        retries=2,
    ),
    # limits
    Fault(
        reason="rate limit",
        when=_status(429),
        error=RetriesSpent,
        advice="Others use the same limit; run when it is quieter, or with an internal integration's token.",
        retries=None,
        cost=0.5,
        wait="asked",
    ),
    # time-outs of the server's own queries
    Fault(
        reason="server overloaded",
        when=_said(
            400, "server overloaded", "server unavailable", "too many simultaneous", "rate limit exceeded"
        ),
        error=TooLarge,
        advice=SMALLER,
        retries=None,
        wait="asked",
    ),
    Fault(
        reason="query time-out",
        when=_said(400, "query timeout", "query limits exceeded", "timed out", "memory limit"),
        error=TooLarge,
        advice=SMALLER,
        retries=1,
    ),
    Fault(
        reason="gateway time-out",
        when=_status(408, 504, 524),
        error=TooLarge,
        advice=SMALLER,
        retries=2,
        wait="asked",
    ),
    Fault(reason="asked too much", when=_status(413, 414, 431), error=TooLarge, advice=SMALLER),
    # 401: facts §3.1, §7
    Fault(
        reason="sso",
        when=_code("sso-required"),
        error=Unauthorized,
        later=2,
        advice="The organization demands single sign-on: sign in with it in the browser, then run again, "
        "or use the token of an internal integration.",
    ),
    Fault(
        reason="2fa",
        when=_code("2fa-required"),
        error=Unauthorized,
        later=2,
        advice="The organization demands two-factor authentication: the token's owner must switch it on.",
    ),
    Fault(
        reason="seat",
        when=_code("member-disabled-over-limit"),
        error=Unauthorized,
        later=2,
        advice="The token's owner has no seat in the plan; use the token of an internal integration.",
    ),
    Fault(
        reason="email",
        when=_code("email-verification-required"),
        error=Unauthorized,
        later=2,
        advice="The token's owner must confirm their e-mail address in Sentry.",
    ),
    Fault(
        reason="sudo",
        when=_code("sudo-required", "superuser-required", "staff-required", "data-secrecy"),
        error=Unauthorized,
        later=2,
        advice="Sentry wants more than a token here; leave this stream out.",
    ),
    Fault(
        reason="token expired",
        when=_said(401, "expired"),
        error=Unauthorized,
        later=2,
        advice=RENEW,
    ),
    Fault(
        reason="no token",
        when=_said(401, "credentials were not provided"),
        error=Unauthorized,
        later=2,
        advice="The token did not arrive: set SENTRY_AUTH_TOKEN; a proxy may drop the Authorization header.",
    ),
    Fault(
        reason="token owner inactive",
        when=_said(401, "inactive or deleted"),
        error=Unauthorized,
        later=2,
        advice=f"The token's owner left Sentry. {RENEW}",
    ),
    Fault(
        reason="login in front",
        when=lambda f: f.status == 401 and f.html,
        error=Unauthorized,
        advice="A page instead of an answer: something in front of Sentry wants a login of its own. "
        "Let this machine's requests to /api/0/ through.",
    ),
    Fault(
        reason="bad token",
        when=_status(401),
        error=Unauthorized,
        later=2,
        advice="Sentry does not know this token; SENTRY_URL may name another server than the token's. "
        + RENEW,
    ),
    # 403
    Fault(
        reason="allow-list",
        when=lambda f: f.status == 403 and f.html,
        error=Forbidden,
        advice="A page instead of an answer: an IP allow-list, a firewall, or a wrong SENTRY_URL.",
    ),
    Fault(
        reason="plan",
        when=_said(403, "feature", "your plan", "upgrade", "not enabled"),
        error=Forbidden,
        advice="The plan or the server's settings do not have this; leave the stream out.",
    ),
    Fault(
        reason="scope",
        when=_status(403),
        error=Forbidden,
        advice="The token lacks a scope, or its owner has no access to this project; "
        "`sentry-warehouse check` names the scopes.",
    ),
    Fault(
        reason="no projects",  # what stats_v2 and sessions say where others answer an empty list (facts §4.0)
        when=_said(400, "no projects available"),
        error=Forbidden,
        advice="The token's owner has no access to the projects asked for.",
    ),
    # 404, 410
    Fault(
        reason="wrong URL",
        when=lambda f: f.status == 404 and f.first and f.html,
        error=NotSentry,
        advice=URL,
    ),
    Fault(
        reason="not found",
        when=lambda f: f.status == 404 and bool(f.body),
        error=Gone,
        advice="It was deleted or renamed, lies in another region, or the token cannot see it.",
    ),
    Fault(
        reason="not in the plan",  # an empty body: plan, feature switch, unresolved region (facts §3.1)
        when=_status(404),
        error=Gone,
        advice="An empty 404: the plan or the server does not have this, or its region was not found.",
    ),
    Fault(
        # 410 for a minute a day before the endpoint goes: sentry's api/helpers/deprecation.py
        reason="brown-out",
        when=lambda f: f.status == 410 and any(h in f.headers for h in DEPRECATION_HEADERS),
        error=Gone,
        advice="Sentry is retiring this endpoint; `sentry-warehouse status` shows what replaces it.",
        retries=3,
        wait="long",
    ),
    Fault(
        reason="retired",
        when=_status(410),
        error=Gone,
        advice="Sentry has retired this endpoint; a newer sentry-warehouse may know what replaces it.",
    ),
    # the rest
    Fault(
        reason="server error",  # may be lasting for one cursor or one window, hence few
        when=_status(500),
        error=RetriesSpent,
        advice=LATER,
        retries=3,
        wait="asked",
    ),
    Fault(
        reason="server unavailable",
        when=lambda f: f.trouble is None and f.status is not None and f.status >= 500,
        error=RetriesSpent,
        advice=LATER,
        retries=None,
        wait="asked",
    ),
    Fault(
        reason="bad query",
        when=lambda f: f.trouble is None and f.status is not None and 400 <= f.status < 500,
        error=BadQuery,
        advice="The server does not understand the question; it may be older or newer than expected.",
    ),
    Fault(reason="unexpected", when=lambda _: True, error=NotSentry, advice=URL),
)


def judge(failure: Failure) -> Fault:
    """The row of the table that fits; the last one always does."""
    return next(fault for fault in FAULTS if fault.when(failure))


def explain(fault: Fault, failure: Failure, path: str, requests: int, spent: str = "") -> SentryError:
    """The exception for the caller. `spent` says which budget of retries is used up, if one is."""
    happened = str(failure.trouble) if failure.trouble else f"answered {failure.status}"
    if failure.trouble and failure.status not in (None, 200):
        happened += f" (status {failure.status})"
    detail = (failure.note or failure.detail or "").rstrip(".")
    parts = [f"GET {path}: {happened}" + (f", {detail}" if detail else "")]
    if requests > 1:
        parts.append(f"{requests} requests sent")
    if spent:
        parts.append(spent)
    return fault.error(
        "; ".join(parts) + f". {fault.advice}",
        path=path,
        status=failure.status,
        reason=fault.reason,
        detail=detail,
        requests=requests,
    )
