"""Full event bodies, put together from fragments made beforehand, because a benchmark asks for gigabytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from .answers import encode, iso, iso_seconds
from .fragments import CRUMBS, HUGE, POOL, Fragments
from .model import Event, Project
from .people import People
from .world import World

if TYPE_CHECKING:
    from .events import Events


class Bodies:
    """Makes the body of an event from its id: the same one each time, nothing kept."""

    def __init__(self, world: World, events: Events) -> None:
        self.world = world
        self.events = events
        self._people = People(world, "")
        self._fragments: dict[str, Fragments] = {}
        self._releases: dict[tuple[int, int], bytes] = {}

    def _pool(self, project: Project) -> Fragments:
        name = project.platform.name
        pool = self._fragments.get(name)
        if pool is None:
            pool = self._fragments[name] = Fragments(self.world.options.seed, project.platform)
        return pool

    def listed(self, event: Event) -> bytes:
        """The body as the lists with `full` show it."""
        head, entries, tail = self._parts(event, iso(self.events.date_created(event)))
        size = len(entries) + len(tail)
        return b"".join((head, b',"size":', str(size).encode(), b',"entries":[', entries, b"],", tail, b"}"))

    def single(self, event: Event) -> bytes:
        """The body as the event's own address shows it: finer time, and what surrounds it."""
        exact = f"{iso_seconds(event.ts_ms // 1000)}.{event.ts_ms % 1000:03d}{event.nonce % 1000:03d}Z"
        head, entries, tail = self._parts(event, exact)
        issue = event.issue
        index = issue.events.index(event) if issue is not None else 0
        extra: dict[str, Any] = {
            "userReport": None,
            "sdkUpdates": [],
            "resolvedWith": [],
            "nextEventID": issue.events[index + 1].event_id
            if issue and index + 1 < len(issue.events)
            else None,
            "previousEventID": issue.events[index - 1].event_id if issue and index else None,
        }
        size = len(entries) + len(tail)
        parts = (
            head, b',"size":', str(size).encode(), b',"entries":[', entries, b"],", tail,
            b',"release":', self._release(event), b",", encode(extra)[1:],
        )  # fmt: skip
        return b"".join(parts)

    def _release(self, event: Event) -> bytes:
        release = event.release
        if release is None:
            return b"null"
        if event.nonce % 9 == 0:
            return encode({"version": release.version})
        key = (release.release_id, self.world.version)
        made = self._releases.get(key)
        if made is None:
            made = self._releases[key] = encode(self._people.release(release))
        return made

    def _parts(self, event: Event, date_created: str) -> tuple[bytes, bytes, bytes]:
        pool = self._pool(event.project)
        issue = event.issue
        odd = self.world.options.odd_payloads
        nonce = event.nonce
        head = encode(
            {
                "id": event.event_id,
                "groupID": str(issue.issue_id) if issue is not None else None,
                "eventID": event.event_id,
                "projectID": str(event.project.project_id),
            }
        )[:-1]
        row: dict[str, Any] = {
            "dist": str(nonce % 4) if nonce % 5 == 0 else None,
            "message": self.events.message(event),
            "title": self.events.title(event),
            "location": self.events.location(event),
            "user": self.events.user(event),
            "contexts": msgspec.Raw(pool.contexts[nonce % 12 if odd else nonce % 3]),
            "sdk": msgspec.Raw(pool.sdk) if nonce % 61 else None,
            "context": self._extra(nonce) if odd else {"attempt": nonce % 9},
            "packages": msgspec.Raw(pool.packages),
            "type": event.kind,
            "metadata": self.events.metadata(event),
            "tags": self.events.tag_rows(event),
            "platform": event.project.platform.family,
            "dateReceived": iso(event.received_ms),
            "errors": self._errors(event),
            "occurrence": None,
        }
        meta: dict[str, Any] = dict.fromkeys(("message", "user", "contexts", "sdk", "context", "packages"))
        meta = {"entries": {}, **meta, "tags": {}}
        if odd and nonce % 53 == 11 and row["tags"]:
            row["tags"][0]["value"] = None
            meta["tags"] = {"0": {"value": {"": {"err": ["invalid_data"]}}}}
        row["_meta"] = meta
        if event.kind == "transaction":
            seconds = event.ts_ms / 1000
            row |= {
                "startTimestamp": seconds - (event.duration or 0.0) / 1000,
                "endTimestamp": seconds,
                "measurements": {"lcp": {"value": nonce % 4000 / 1.5, "unit": "millisecond"}}
                if nonce % 2
                else None,
                "breakdowns": None,
            }
        else:
            row |= {
                "crashFile": None,
                "culprit": (issue.culprit or "") if issue is not None else "",
                "dateCreated": date_created,
                "fingerprints": [f"{(issue.issue_id if issue else nonce) * 2654435761 % 2**128:032x}"],
                "groupingConfig": {"enhancements": "", "id": "newstyle:2023-01-11"},
            }
        return head, self._entries(event, pool), encode(row)[1:-1]

    @staticmethod
    def _extra(nonce: int) -> dict[str, Any]:
        return (
            {"payload": {"a": 1, "b": [1, "two", None, {"c": 3.5}], "big": -(2**63)}},
            {"payload": "a string this time", "count": 3},
            {"payload": [nonce % 100, None], "huge": HUGE},
            {},
        )[nonce % 4]

    @staticmethod
    def _errors(event: Event) -> list[dict[str, Any]]:
        if event.received_ms - event.ts_ms > 3_600_000:
            return [
                {
                    "type": "clock_drift",
                    "message": "Clock drift detected in SDK",
                    "data": {"name": "timestamp"},
                }
            ]
        if event.nonce % 29 == 0:
            return [
                {"type": "js_no_source", "message": "Source code was not found", "data": {"url": "app.js"}}
            ]
        return []

    def _entries(self, event: Event, pool: Fragments) -> bytes:
        nonce = event.nonce
        parts: list[bytes] = []
        family = event.project.platform.family
        if event.kind == "transaction":
            count = 4 + nonce % 20
            parts.append(b'{"data":[%s],"type":"spans"}' % b",".join(_turn(pool.spans, nonce, count)))
        elif event.kind == "error" and event.issue is not None:
            parts.append(self._exception(event, pool))
        else:
            text = encode(self.events.message(event) or self.events.title(event))
            parts.append(
                b'{"data":{"message":%s,"formatted":%s,"params":[]},"type":"message"}' % (text, text)
            )
        if nonce % 6:
            crumbs = []
            base = event.ts_ms // 1000
            stamps = [iso_seconds(base - ago) for ago in (0, 2, 5, 9, 14, 31, 60)]
            for index in range(CRUMBS):
                head, tail = pool.crumbs[(nonce + index) % POOL]
                crumbs.append(b"%s%s.%03dZ%s" % (head, stamps[6 - index * 7 // CRUMBS].encode(), index, tail))
            parts.append(b'{"data":{"values":[%s]},"type":"breadcrumbs"}' % b",".join(crumbs))
        if family in ("python", "javascript", "node") and nonce % 4:
            parts.append(pool.requests[nonce % 16])
        if family in ("java", "cocoa"):
            thread = b'"main"' if nonce % 3 == 0 else b"%d" % (nonce % 40)
            parts.append(
                b'{"data":{"values":[{"id":%s,"current":true,"crashed":true,"name":"main","stacktrace":null,'
                b'"rawStacktrace":null,"state":"RUNNABLE","heldLocks":null}]},"type":"threads"}' % thread
            )
        return b",".join(parts)

    def _exception(self, event: Event, pool: Fragments) -> bytes:
        issue = event.issue
        if issue is None:
            raise ValueError("a transaction has no exception")
        nonce = event.nonce
        frames = b",".join(_turn(pool.frames, issue.issue_id + nonce % 5, self.world.options.full_frames))
        mechanism = b'{"type":"generic","handled":%s}' % (b"false" if issue.unhandled else b"true")
        values = [
            b'{"type":%s,"value":%s,"mechanism":%s,"threadId":%s,"module":null,"stacktrace":{"frames":[%s],'
            b'"framesOmitted":%s,"registers":null,"hasSystemFrames":true},"rawStacktrace":null}'
            % (
                encode(issue.error_type),
                encode(issue.value) if nonce % 71 else b"null",
                mechanism if nonce % 23 else b"null",
                b"1" if nonce % 3 else b"null",
                frames,
                b"[1,3]" if nonce % 37 == 0 else b"null",
            )
        ]
        if nonce % 7 == 0:
            values.insert(
                0,
                b'{"type":"CauseError","value":"the first of two","mechanism":null,"threadId":null,'
                b'"module":null,'
                b'"stacktrace":null,"rawStacktrace":null}',
            )
        return (
            b'{"data":{"values":[%s],"hasSystemFrames":true,"excOmitted":null},"type":"exception"}'
            % b",".join(values)
        )


def _turn(pool: list[bytes], start: int, count: int) -> list[bytes]:
    start %= len(pool)
    return (pool * (2 + count // len(pool)))[start : start + count]


def generate_full_events(seed: int, n: int) -> Iterator[bytes]:
    """`n` full events, one JSON document each, as fast as they can be put together."""
    from .build import build_world
    from .events import Events
    from .makers import new_event
    from .options import SandboxOptions

    world = build_world(SandboxOptions(seed=seed, issues=300, events=600))
    events = Events(world, "https://acme.sentry.example")
    rng = random.Random(f"{seed}:full")
    issues = [issue for issue in world.issues.values() if issue.category == "error"]
    dates = {p.project_id: [r.created_ms for r in p.releases] for p in world.projects}
    low, span = world.cutoff_ms, world.data_until_ms - world.cutoff_ms
    for _ in range(n):
        issue = issues[int(len(issues) * rng.random() ** 2)]
        at = low + int(span * rng.random())
        yield events.bodies.listed(new_event(world, issue, at, rng, created=dates[issue.project.project_id]))
