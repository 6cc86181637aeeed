"""Event lists and single events."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from . import content
from .access import chosen_environments, one_project
from .answers import (
    JSON,
    Query,
    Response,
    array,
    encode,
    error,
    iso,
    link_header,
    not_found,
    page_by_offset,
    read_per_page,
)
from .bodies import Bodies
from .losses import active, use
from .model import Event, Issue
from .windows import Window, read_window, stored
from .world import World

FULL_PAGE = 10


class Events:
    """Every event's row is made once, when it is first asked for; pages are joins of such bytes."""

    def __init__(self, world: World, base: str) -> None:
        self.world = world
        self.base = base
        self.bodies = Bodies(world, self)

    # --- shapes

    def date_created(self, event: Event) -> int:
        """The list's idea of when: whole seconds, and milliseconds in rows of the newer kind."""
        if self.world.options.modern and event.nonce & 1:
            return event.ts_ms
        return event.ts_ms // 1000 * 1000

    def message(self, event: Event) -> str:
        issue = event.issue
        if issue is None or issue.kind == "error":
            return ""
        return issue.value + (f" (attempt {event.nonce % 7})" if event.nonce & 2 else "")

    def user(self, event: Event) -> dict[str, Any] | None:
        if event.user is None:
            return None
        person = self.world.user(event.user)
        row: dict[str, Any] = {
            "id": person.user_id,
            "email": person.email,
            "username": person.username,
            "ip_address": person.ip_address,
            "name": person.name,
        }
        if self.world.options.modern:
            row["geo"] = person.geo
        row["data"] = None
        if self.world.options.odd_payloads and event.nonce % 97 == 3:
            row["data"] = {"plan": "gold", "seats": 12.0, "since": None, "größe": ["S", 1, True]}
        if self.world.options.odd_payloads and event.nonce % 211 == 5 and person.user_id:
            row["id"] = int(person.user_id)
        return row

    def tags(self, event: Event) -> list[tuple[str, str | None]]:
        platform = event.project.platform
        nonce = event.nonce
        tags: list[tuple[str, str | None]] = []
        if platform.family == "javascript":
            browser = content.BROWSERS[nonce % len(content.BROWSERS)]
            tags.append(("browser", browser))
            tags.append(("browser.name", browser.rsplit(" ", 1)[0]))
        if platform.family in ("java", "cocoa"):
            tags.append(("device", ("Pixel 8", "Galaxy S24", "iPhone16,2", "iPad14,3")[nonce % 4]))
            tags.append(("device.class", ("low", "medium", "high")[nonce % 3]))
        if event.environment is not None:
            tags.append(("environment", event.environment))
        if event.kind == "error" and event.issue is not None:
            tags.append(("handled", "no" if event.unhandled else "yes"))
        tags.append(("level", event.level))
        if event.logger:
            tags.append(("logger", event.logger))
        tags.append(("os", platform.os[nonce % len(platform.os)]))
        if event.release is not None:
            tags.append(("release", event.release.version))
        if platform.family in ("python", "node", "go"):
            named = (*event.project.old_slugs, event.project.slug)[0]  # machines keep their names
            tags.append(("server_name", f"{named}-{nonce % 5}.internal.test"))
        if platform.tracing and event.kind == "transaction":
            tags.append(("transaction", self.transaction(event)))
        if platform.family in ("javascript", "python") and nonce % 3:
            tags.append(
                ("url", f"https://shop.acme.test/{content.WORDS[nonce % len(content.WORDS)]}/{nonce % 500}")
            )
        if event.user is not None:
            person = self.world.user(event.user)
            tags.append(("user", self.user_tag(person.user_id, person.email, person.ip_address)))
        if self.world.options.odd_payloads and nonce % 41 == 7:
            tags.extend(content.ODD_TAGS[nonce % 4 : nonce % 4 + 4])
        return tags

    @staticmethod
    def user_tag(user_id: str | None, email: str | None, ip_address: str | None) -> str:
        if user_id is not None:
            return f"id:{user_id}"
        return f"email:{email}" if email is not None else f"ip:{ip_address}"

    def transaction(self, event: Event) -> str:
        names = event.project.platform.transactions
        return names[event.nonce % len(names)]

    def title(self, event: Event) -> str:
        if event.issue is None:
            return self.transaction(event)
        return event.issue.title

    def tag_rows(self, event: Event) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for key, value in self.tags(event):
            row: dict[str, Any] = {"key": key, "value": value}
            if key == "user" and value is not None:
                kind, _, rest = value.partition(":")
                row["query"] = f'user.{kind}:"{rest}"'
            rows.append(row)
        return rows

    def summary(self, event: Event) -> bytes:
        made = event.summary
        if made is None:
            made = event.summary = encode(self._summary(event))
        return made

    def _summary(self, event: Event) -> dict[str, Any]:
        issue = event.issue
        row: dict[str, Any] = {
            "id": event.event_id,
            "event.type": event.kind,
            "groupID": str(issue.issue_id) if issue is not None else None,
            "eventID": event.event_id,
            "projectID": str(event.project.project_id),
            "message": self.message(event),
            "title": self.title(event),
            "location": self.location(event),
            "culprit": (issue.culprit or "") if issue is not None else None,
            "user": self.user(event),
            "tags": self.tag_rows(event),
            "platform": event.project.platform.family,
            "dateCreated": iso(self.date_created(event)),
            "crashFile": None,
        }
        if self.world.options.modern:
            row["metadata"] = self.metadata(event)
        if self.world.options.odd_payloads and event.nonce % 131 == 9:
            row["unheardOf"] = {"since": "tomorrow", "count": 3}
        return row

    def location(self, event: Event) -> str | None:
        if event.issue is None or event.issue.kind != "error":
            return None
        platform = event.project.platform
        return f"{platform.folder}/handlers.{platform.extension}"

    def metadata(self, event: Event) -> dict[str, Any]:
        issue = event.issue
        if issue is None or issue.kind != "error":
            return {"title": self.title(event)}
        return {
            "type": issue.error_type,
            "value": issue.value,
            "filename": self.location(event),
            "function": (issue.culprit or "").rsplit(" ", 1)[-1],
        }

    # --- lists

    def _window(self, query: Query) -> Window | None:
        """Servers of 2023 know no window here and say nothing about it."""
        if not self.world.options.modern:
            return None
        if any(query.get(name) for name in ("start", "end", "statsPeriod", "statsPeriodStart")):
            return read_window(self.world, query, optional=True)
        return None

    def _full(self, query: Query) -> bool:
        value = query.get("full")
        if not self.world.options.modern:
            return bool(value)
        return value in ("1", "true")

    def _bounds(self, window: Window | None) -> tuple[int, int]:
        if window is None:
            return self.world.cutoff_ms // 1000, self.world.data_until_ms // 1000 + 1
        return stored(self.world, window)

    def _answer(
        self, path: str, query: Query, rows: Sequence[Event], pages: Any, *, full: bool, cacheable: bool
    ) -> Response:
        _, previous, following = pages
        if full:
            body = array(self.bodies.listed(event) for event in rows)
        else:
            body = array(self.summary(event) for event in rows)
        return Response(
            200,
            body,
            [JSON, link_header(self.base, path, query, previous, following)],
            cacheable=cacheable and len(body) < 4_000_000,
        )

    def of_project(self, path: str, query: Query, slug: str) -> Response:
        world = self.world
        project = one_project(world, slug, path, query)
        full = self._full(query)
        per_page = self._per_page(query, full)
        window = self._window(query)
        low, high = self._bounds(window)
        first = bisect_left(project.error_order, (low, ""))
        after = bisect_left(project.error_order, (high, ""))
        needle = query.get("query")
        steady = window is None or not window.relative
        if needle or world.losses:
            events: Sequence[Event] = [
                event for event in reversed(project.errors[first:after]) if not event.lost
            ]
            if needle:
                events = [event for event in events if needle.lower() in self.message(event).lower()]
        else:
            events = Backwards(project.errors, first, after)
        pages = page_by_offset(len(events), query, per_page)
        loss = active(world, "page", "events", query.raw)
        if loss is not None and pages[0].start > 0 and len(events) > pages[0].start:
            # One page's worth of rows is skipped: the crawl goes on as if nothing had been there.
            use(loss)
            world.version += 1
            moved = slice(pages[0].start + per_page, pages[0].stop + per_page)
            following = (f"0:{moved.stop}:0", len(events) > moved.stop)
            pages = (moved, pages[1], following)
            return self._answer(path, query, events[moved], pages, full=full, cacheable=False)
        return self._answer(path, query, events[pages[0]], pages, full=full, cacheable=steady)

    def _per_page(self, query: Query, full: bool) -> int:
        per_page = read_per_page(query)
        return min(per_page, FULL_PAGE) if full and self.world.options.modern else per_page

    def of_issue(self, path: str, query: Query, issue: Issue) -> Response:
        """Ordered by time alone: equals come in any order, here by the middle of the id."""
        world = self.world
        full = self._full(query)
        per_page = self._per_page(query, full)
        low, high = stored(world, read_window(world, query))
        environments = chosen_environments(world, query, strict=False)
        text = query.get("query")
        if text and len(text.strip()) == 32 and text.strip() in world.events:
            event = world.events[text.strip()]
            rows = [self.bodies.single(event)] if event.issue is issue else []
            return Response(200, array(rows), [JSON, (b"x-sentry-direct-hit", b"1")])
        events = [
            event
            for event in issue.events
            if low <= event.ts_ms // 1000 < high
            and not event.lost
            and (environments is None or event.environment in environments)
        ]
        events.sort(key=lambda event: (-(event.ts_ms // 1000), event.event_id[16:]))
        pages = page_by_offset(len(events), query, per_page)
        return self._answer(path, query, events[pages[0]], pages, full=full, cacheable=False)

    # --- one event

    def of_id(self, path: str, query: Query, slug: str, event_id: str) -> Response:
        project = one_project(self.world, slug, path, query)
        event = self._find(event_id)
        if event is None or event.project is not project:
            raise error(404, "Event not found")
        return Response(200, self.bodies.single(event), cacheable=True)

    def _find(self, event_id: str) -> Event | None:
        event = self.world.events.get(event_id.replace("-", "").lower())
        if event is None or event.ts_ms < self.world.cutoff_ms:
            return None
        if event.issue is not None and event.issue.deleted_at is not None:
            return None
        return event

    def one_of_issue(self, issue: Issue, which: str) -> Response:
        shown = [event for event in issue.events if event.ts_ms >= self.world.cutoff_ms]
        if which in ("latest", "recommended", "helpful"):
            event = shown[-1] if shown else None
        elif which == "oldest":
            event = shown[0] if shown else None
        else:
            event = self._find(which)
            if event is not None and event.issue is not issue:
                event = None
        if event is None:
            raise error(404, "Event not found") if which not in ("latest", "oldest") else not_found()
        return Response(200, self.bodies.single(event), cacheable=True)


class Backwards(Sequence[Event]):
    """A stretch of an ascending list seen from its end, without copying it."""

    def __init__(self, rows: list[Event], first: int, after: int) -> None:
        self._rows, self._first, self._after = rows, first, after

    def __len__(self) -> int:
        return self._after - self._first

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self._rows[self._after - 1 - index]
        start, stop, _ = index.indices(len(self))
        return self._rows[self._after - stop : self._after - start][::-1] if stop > start else []

    def __iter__(self) -> Iterator[Event]:
        return (self._rows[i] for i in range(self._after - 1, self._first - 1, -1))
