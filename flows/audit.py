"""Holds the loaded events against what Sentry counts, day by day, and reads days that are short again; notes
projects that are listed no more."""

from __future__ import annotations

from datetime import datetime, timedelta

from extractors.plan import Project, Slice
from flows.run import Run
from warehouse.worklist import sql_of, worklist

DAY = timedelta(days=1)


def short_slices(run: Run) -> list[Slice]:
    """Slices that read again the days of which Sentry counts more error events than are stored; days that
    follow each other make one slice. Projects whose events were refused in this run are left alone.
    """
    projects = {
        (row[0], row[1]): Project(project_id=row[1], slug=row[2])
        for row in run.store.rows(
            "select distinct organization_id, project_id, project_slug from meta.slices s "
            "join meta.coverage c using (run_id, slice_id, organization_id, project_id) "
            "where run_id = ? and s.stream = 'events' and s.request = '' and c.status = 'complete'",
            [run.run_id],
        )
    }
    slices: list[Slice] = []
    for organization_id, project_id, text in worklist(run.store, "events_short", run.run_id):
        project = projects.get((organization_id, project_id))
        if project is None:
            continue
        start = datetime.fromisoformat(text)
        end = min(start + DAY, run.as_of)
        last = slices[-1] if slices else None
        scope = (organization_id, project_id, start)
        if last and (last.organization_id, last.project_id, last.window_end) == scope:
            start = last.window_start or start
            slices.pop()
        slices.append(
            Slice(
                stream="events",
                request="",
                organization_id=organization_id,
                organization_slug=run.organizations[organization_id].slug,
                project_id=project_id,
                project_slug=project.slug,
                window_start=start,
                window_end=end,
            )
        )
    return slices


def record(run: Run) -> None:
    """Writes what the audit found into meta.coverage: a row for each project and day whose figures are new
    or still short (request `audit`, expected = Sentry's count, loaded = what there is of it).
    """
    with run.store.transaction() as connection:
        connection.execute("delete from meta.coverage where run_id = ? and request = 'audit'", [run.run_id])
        connection.execute(
            f"insert into meta.coverage by name {sql_of('events_audited')}",
            {"run_id": run.run_id, "now": run.clock.now()},
        )


def record_vanished(run: Run) -> None:
    """Writes into meta.coverage which projects Sentry no longer lists, once: nobody would miss them else."""
    with run.store.transaction() as connection:
        connection.execute(
            "delete from meta.coverage where run_id = ? and slice_id like 'vanished-%'", [run.run_id]
        )
        connection.execute(
            f"insert into meta.coverage by name {sql_of('projects_vanished')}",
            {"run_id": run.run_id, "now": run.clock.now()},
        )
