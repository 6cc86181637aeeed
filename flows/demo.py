"""The demo: everything the program does, against a simulated Sentry, with nothing to set up."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import click

QUESTIONS = (
    (
        "Which issues make the most noise, and who owns them?",
        """
        select i.short_id, left(i.title, 44) as title, i.status, count(*) as events_14_days,
               coalesce(i.assigned_to_name, 'nobody') as assigned_to
        from events e join issues i using (organization_id, issue_id)
        where e.date_created >= (select max(as_of) from meta.runs) - interval 14 day
        group by all order by events_14_days desc limit 5
        """,
    ),
    (
        "How healthy are the newest releases?",
        """
        select h.release, sum(h.session_count) as sessions,
               round(100 * sum(h.session_count * h.crash_free_session_rate) / sum(h.session_count), 2)
                   as crash_free_percent
        from session_health h
        join releases r on r.organization_id = h.organization_id and r.version = h.release
        where h.session_count > 0
        group by h.release, r.date_created order by r.date_created desc limit 5
        """,
    ),
    (
        "What changed its status last night?",
        """
        with changes as (
            select issue_id, organization_id, status, substatus, valid_from,
                   lag(status) over (partition by organization_id, issue_id order by valid_from) as before
            from issue_history
        )
        select i.short_id, c.before, c.status as now, c.substatus, c.valid_from as since
        from changes c join issues i using (organization_id, issue_id)
        where c.before is not null and c.before <> c.status order by c.valid_from desc limit 5
        """,
    ),
)


MARKER = ".demo"
"""File in a demo's folder: the runs that made it; until it has ended the organization that it simulates."""


def demo(home: str | None) -> int:
    """Runs the demo into `home` (default ./sentry-demo); returns the exit code."""
    from extractors.sandbox import Sandbox, SandboxOptions
    from flows.answers import grid
    from flows.pipeline import export
    from flows.progress import make_progress
    from flows.report import print_summary
    from flows.settings import load_settings
    from warehouse.inspect import run_query
    from warehouse.lock import hold
    from warehouse.store import WarehouseError

    where = _place(Path(home or "sentry-demo"))
    # the simulated clock starts a day back, so that the night that passes ends now
    options = SandboxOptions(clock_offset=timedelta(days=-1), rate_limit=0)
    with Sandbox(options) as sandbox, hold(where):
        settings = load_settings(
            None,
            {"home": str(where), "url": sandbox.url, "token": sandbox.token, "organizations": []},
            environment={},
        )
        organizations = [row["organization_id"] for row in sandbox.truth("organizations")]
        (where / MARKER).write_text("\n".join(organizations))
        _step("A simulated Sentry is up; the first export reads everything it has.")
        click.echo("One of its projects refuses the token on purpose, to show how a gap is told.")
        try:
            with make_progress() as progress:
                export(settings, progress)
            _step("A night passes:")
            for line in sandbox.pass_night():
                click.echo(f"  {line}")
            _step("The second export asks for what is new or may have changed.")
            with make_progress() as progress:
                result = export(settings, progress)
        finally:  # one that was stopped is made anew as well
            with suppress(WarehouseError):
                (where / MARKER).write_text("\n".join(_runs(where)[0]))
        print_summary(result, settings)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for question, sql in QUESTIONS:
        _step(question)
        click.echo(grid(run_query(where, sql), width))
    _next(where)
    return 0


def _place(where: Path) -> Path:
    """The folder, empty; another one beside it when it holds anything but what a demo made."""
    from warehouse.lock import hold
    from warehouse.store import WarehouseError

    if not (where / "warehouse.duckdb").exists():
        return where
    try:
        with hold(where):
            if _is_a_demo(where):
                shutil.rmtree(where)
                click.echo(f"{where} was an earlier demo's and is made anew.")
                return where
    except WarehouseError:  # somebody is at work there, or it can not be read
        pass
    other = Path(tempfile.mkdtemp(prefix=f"{where.name}-", dir=where.parent))
    click.echo(f"{where} is already there, and holds more than a demo; this one goes to {other}.")
    return other


def _is_a_demo(where: Path) -> bool:
    """Whether no run but those of a demo wrote into it, and nobody put a file there."""
    from flows.forget import OURS

    if where.is_symlink() or not (where / MARKER).is_file():
        return False
    if {path.name for path in where.iterdir()} - {*OURS, "warehouse.duckdb.wal", MARKER}:
        return False
    noted = set((where / MARKER).read_text().split())
    runs, organizations = map(set, _runs(where))
    # one that was killed noted no runs
    return not runs or runs == noted or (bool(organizations) and organizations <= noted)


def _runs(where: Path) -> tuple[list[str], list[str]]:
    """Runs that wrote into a folder, and of which organizations. Raises WarehouseError where that can not be
    told."""
    from flows.discovery import SERVERS
    from warehouse.inspect import connect_for_status
    from warehouse.store import WarehouseBusy

    connection, busy = connect_for_status(where)
    try:
        if busy:
            raise WarehouseBusy(f"{where} is in use.")
        runs = connection.execute("select run_id from meta.runs").fetchall()
        organizations = connection.execute(
            "select unnest(json_keys(value)) from meta.settings where name = ?", [SERVERS]
        ).fetchall()
        return [run_id for (run_id,) in runs], [id_ for (id_,) in organizations]
    finally:
        connection.close()


def _step(text: str) -> None:
    click.echo("\n" + click.style(text, bold=True))


def _next(where: Path) -> None:
    from flows.report import called

    _step("Look at it")
    click.echo(f"  {called(where)} dashboard\n  {called(where)} status")
    _step("Your own Sentry")
    click.echo(
        "  export SENTRY_AUTH_TOKEN=…   # org:read, project:read, team:read, member:read, event:read\n"
        "  export SENTRY_ORG=acme\n"
        f"  {called()} export"
    )
