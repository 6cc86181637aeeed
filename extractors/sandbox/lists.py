"""The small lists: organizations, projects, teams, members, releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .access import chosen_projects, one_project
from .answers import (
    JSON,
    Query,
    Response,
    array,
    encode,
    error,
    link_header,
    not_found,
    ok,
    page_by_number,
    page_by_score,
    read_per_page,
)
from .people import People
from .windows import read_window

Row = TypeVar("Row")


class Lists(People):
    """Serves the lists that are small enough to be made whole and cut into pages."""

    def _pages(self, path: str, query: Query, rows: list[Row], shape: Callable[[Row], object]) -> Response:
        part, previous, following = page_by_number(len(rows), query, read_per_page(query))
        body = array(encode(shape(row)) for row in rows[part])
        return Response(
            200, body, [JSON, link_header(self.base, path, query, previous, following)], cacheable=True
        )

    def organizations(self, path: str, query: Query) -> Response:
        scores = [self.world.created_ms + 321]
        part, previous, following = page_by_score(scores, query, read_per_page(query))
        rows = [self.organization(detailed=False)][part]
        return ok(rows, [link_header(self.base, path, query, previous, following)], cacheable=True)

    def one_organization(self, path: str, query: Query) -> Response:
        return ok(self.organization(detailed=query.get("detailed") != "0"), cacheable=True)

    def projects(self, path: str, query: Query) -> Response:
        rows = sorted(self.world.projects, key=lambda project: project.slug)
        return self._pages(path, query, rows, self.project)

    def one(self, path: str, query: Query, slug: str) -> Response:
        project = one_project(self.world, slug, path, query)
        row = self.team_project(project) | {
            "team": self.team_stub(project.teams[0]),
            "teams": [self.team_stub(team) for team in project.teams],
            "resolveAge": project.resolve_age_hours,
            "options": {},
            "organization": self.organization(detailed=False),
        }
        return ok(row, cacheable=True)

    def teams(self, path: str, query: Query) -> Response:
        embed = query.get("detailed") != "0"
        rows = sorted(self.world.teams, key=lambda team: team.slug)
        return self._pages(path, query, rows, lambda team: self.team(team, embed=embed))

    def members(self, path: str, query: Query) -> Response:
        return self._pages(path, query, self.world.members, self.member)

    def environments(self, path: str, query: Query) -> Response:
        rows = [{"id": "1", "name": "production"}, {"id": "2", "name": "staging"}]
        return ok(rows if self.world.projects else [], cacheable=True)

    def releases(self, path: str, query: Query) -> Response:
        projects = chosen_projects(self.world, query)
        if not projects:
            return ok([], cacheable=True)
        status = query.get("status", "open")
        if status not in (None, "", "open", "archived"):
            raise error(400, f"Invalid status: {status!r}")
        rows = [
            release
            for release in self.world.releases
            if any(project in projects for project in release.projects)
            and (not status or release.status == status)
            and (not (text := query.get("query")) or text in release.version)
        ]
        if any(name in query for name in ("start", "end", "statsPeriod")):
            window = read_window(self.world, query)
            rows = [r for r in rows if window.start <= r.created_ms / 1000 <= window.end]
        rows.sort(key=lambda release: (-release.created_ms, -release.release_id))
        return self._pages(path, query, rows, self.release)

    def one_release(self, path: str, query: Query, version: str) -> Response:
        for release in self.world.releases:
            if release.version == version and any(project.accessible for project in release.projects):
                return ok(self.release(release), cacheable=True)
        raise not_found()
