"""What can be asked of a sandbox, so that a test, a demo and a benchmark each get the Sentry they need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

FAULT_KINDS = (
    "429",
    "500",
    "502-html",
    "503",
    "504",
    "408",
    "reset",
    "truncated",
    "html-200",
    "stall",
    "400-timeout",
)

RARE_FAULT_KINDS = ("410", "302-elsewhere", "401-sso")
"""A brown-out of an endpoint that will go, a redirect to a login host, single sign-on demanded for once."""

SANDBOX_TOKEN = "sntryu_sandbox0000000000000000000000000000000000000000000000000000"  # noqa: S105 - of the simulated server


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """The same options and the same clock give the same organization, byte for byte."""

    seed: int = 1
    organization: str = "acme"
    projects: int = 6
    issues: int = 120
    """Over all projects, at start; user-feedback issues come on top."""
    events: int = 3000
    """Error events over all projects and the retained days, at start (never fewer than issues)."""
    members: int = 14
    days: int = 90
    """History at start; what lies before `retention_days` was true once but is listed no more."""
    retention_days: int = 90
    latency: float = 0.0
    """Seconds added to every answer."""
    rate_limit: int | None = None
    """Requests a second of the default bucket. None = as SaaS (40); 0 = self-hosted: no limits and no
    headers. Any other figure scales the limits of the views that have their own in the same proportion."""
    event_rate_limit: int | None = None
    """Project events bucket per 60 s. None = headers without limiting; 60 = as SaaS, one at a time."""
    faults: float = 0.0
    """Share of answers that are bad; the kinds take turns."""
    fault_kinds: tuple[str, ...] = FAULT_KINDS
    stall_seconds: float = 3.0
    """How long a `stall` keeps the connection open without a word before it is dropped."""
    age: str = "2026"
    """"2026" or "2023": which behaviour holds where the facts give two."""
    odd_payloads: bool = True
    short_pages: bool = True
    """Candidates that vanish between search and look-up: issue pages that are short, or empty, with more
    to come."""
    organization_renamed_every: int = 0
    """Nights after which the organization gets another slug, again and again; 0 = never."""
    refused_projects: int = 1
    """Projects that are listed but answer 403 (there is always at least one open one)."""
    deleted_projects: int = 0
    """Projects that are listed but are gone (404) when asked."""
    full_frames: int = 20
    """Stack frames in a full event: sets its size (20 is about 33 kB)."""
    clock_offset: timedelta = timedelta(0)
    """The simulated clock is the real UTC clock plus this."""
    token: str = SANDBOX_TOKEN

    def __post_init__(self) -> None:
        if self.age not in ("2026", "2023"):
            raise ValueError(f'age must be "2026" or "2023", not {self.age!r}')
        if unknown := set(self.fault_kinds) - {*FAULT_KINDS, *RARE_FAULT_KINDS}:
            known = ", ".join((*FAULT_KINDS, *RARE_FAULT_KINDS))
            raise ValueError(f"unknown fault kinds {sorted(unknown)}; known: {known}")
        if not 0.0 <= self.faults <= 1.0:
            raise ValueError("faults is a share between 0 and 1")

    @property
    def modern(self) -> bool:
        return self.age == "2026"
