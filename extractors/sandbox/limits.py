"""Rate limits as Sentry counts them: fixed windows per view, one shared by all views without their own."""

from __future__ import annotations

from dataclasses import dataclass

from .answers import HTML, Response, encode
from .options import SandboxOptions

SAAS_DEFAULT = 40
UNLIMITED = 999_999


@dataclass(frozen=True, slots=True)
class Rule:
    limit: int
    window: int
    concurrent: int
    counted: bool = True


class Bucket:
    __slots__ = ("flying", "rule", "used", "window_start")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.used = 0
        self.window_start = 0
        self.flying = 0


class Limits:
    """One caller's buckets; `take` before the work, `done` when the answer has left."""

    def __init__(self, options: SandboxOptions) -> None:
        self.modern = options.modern
        self.on = options.rate_limit != 0
        default = options.rate_limit or SAAS_DEFAULT
        scale = default / SAAS_DEFAULT

        def own(limit: int, window: int = 1, concurrent: int = 999) -> Rule:
            return Rule(max(1, round(limit * scale)), window, concurrent)

        if options.event_rate_limit is None:
            events = Rule(UNLIMITED, 60, 999, counted=False)
        else:
            events = Rule(options.event_rate_limit, 60, 1 if self.modern else 999)
        self._rules = {
            "default": Rule(default, 1, 999),
            "project-events": events,
            "project-issues": own(5 if self.modern else 3),
            "issue": own(5),
            "issue-event": own(15),
            "discover": own(30 if self.modern else 50, concurrent=15 if self.modern else 50),
            "stats_v2": own(20),
        }
        if not self.modern:
            self._rules["organization-issues"] = own(10)
        self._buckets: dict[str, Bucket] = {}

    def take(self, view: str, now: float) -> tuple[Bucket | None, Response | None]:
        """The bucket that was taken from, or the refusal."""
        if not self.on:
            return None, None
        name = view if view in self._rules else "default"
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._rules[name])
        rule = bucket.rule
        start = int(now) // rule.window * rule.window
        if start != bucket.window_start:
            bucket.window_start, bucket.used = start, 0
        if rule.counted:
            bucket.used += 1
        if bucket.used > rule.limit:
            text = (
                "You are attempting to use this endpoint too frequently. "
                f"Limit is {rule.limit} requests in {rule.window} seconds"
            )
            return bucket, self._refuse(text, self.headers(bucket, concurrent_known=False))
        if bucket.flying >= rule.concurrent:
            text = (
                "You are attempting to go above the allowed concurrency for this endpoint. "
                f"Concurrency limit is {rule.concurrent}"
            )
            return bucket, self._refuse(text, self.headers(bucket))
        bucket.flying += 1
        return bucket, None

    def _refuse(self, text: str, headers: list[tuple[bytes, bytes]]) -> Response:
        """No Retry-After, HTML by its type and JSON by its body; a bare string until 2024."""
        return Response(429, encode({"detail": text} if self.modern else text), [HTML, *headers])

    @staticmethod
    def done(bucket: Bucket) -> None:
        bucket.flying -= 1

    @staticmethod
    def headers(bucket: Bucket, *, concurrent_known: bool = True) -> list[tuple[bytes, bytes]]:
        rule = bucket.rule
        left = max(0, rule.concurrent - bucket.flying) if concurrent_known else "None"
        return [
            (b"x-sentry-rate-limit-remaining", b"%d" % max(0, rule.limit - bucket.used)),
            (b"x-sentry-rate-limit-limit", b"%d" % rule.limit),
            (b"x-sentry-rate-limit-reset", b"%d" % (bucket.window_start + rule.window)),
            (b"x-sentry-rate-limit-concurrentremaining", str(left).encode()),
            (b"x-sentry-rate-limit-concurrentlimit", b"%d" % rule.concurrent),
        ]
