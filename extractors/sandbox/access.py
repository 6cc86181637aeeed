"""Who may see which project, by the rules of Sentry's organization endpoints."""

from __future__ import annotations

from .answers import NO_PERMISSION, ApiError, Query, Response, encode, error, not_found
from .model import Project
from .world import World


class MovedError(ApiError):
    """The 302 a renamed project answers with."""

    def __init__(self, location: str, slug: str) -> None:
        body = {
            "slug": slug,
            "detail": {
                "code": "resource-moved",
                "message": "Resource has been moved",
                "extra": {"url": location, "slug": slug},
            },
        }
        Exception.__init__(self, slug)
        self.response = Response(
            302, encode(body), [(b"content-type", b"application/json"), (b"location", location.encode())]
        )


def one_project(world: World, slug_or_id: str, path: str, query: Query) -> Project:
    """The project of a path; renamed ones redirect, refused ones are refused, deleted ones are gone."""
    project = world.project_by(slug_or_id)
    if project is None:
        moved = world.renamed_from(slug_or_id)
        if moved is None or not moved.accessible:
            raise not_found()
        location = path.replace(f"/{slug_or_id}/", f"/{moved.slug}/", 1) + (
            f"?{query.raw}" if query.raw else ""
        )
        raise MovedError(location, moved.slug)
    if project.gone:
        raise not_found()
    if project.refused:
        raise error(403, NO_PERMISSION)
    return project


def chosen_projects(world: World, query: Query) -> list[Project]:
    """`project=`: omitted means the projects of the caller's teams, -1 all that may be seen; one that may
    not be seen refuses the whole request."""
    wanted = query.all("project")
    if not wanted:
        return [project for project in world.reachable if project.is_member]
    if "-1" in wanted:
        return world.reachable
    chosen: list[Project] = []
    for text in wanted:
        if world.options.modern and not text.lstrip("-").isdigit():
            found = next((p for p in world.projects if p.slug == text), None)
        else:
            try:
                number = int(text)
            except ValueError:
                raise error(400, "Invalid project parameter. Values must be numbers.") from None
            found = next((p for p in world.projects if p.project_id == number), None)
        if found is None or not found.accessible:
            raise error(403, NO_PERMISSION)
        if found not in chosen:
            chosen.append(found)
    return chosen


def chosen_environments(world: World, query: Query, *, strict: bool = True) -> set[str | None] | None:
    """`environment=`: an unknown name is a 404 on most endpoints; the empty one means events without."""
    names = query.all("environment")
    if not names:
        return None
    known = {"production", "staging", ""}
    if strict and any(name not in known for name in names):
        raise not_found()
    return {name or None for name in names}
