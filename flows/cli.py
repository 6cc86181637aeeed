"""The command line. It imports nothing heavy before a command needs it, so that every one starts at once."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from flows import stopping
from flows.mistakes import answer, explain, fail, say

HOME = click.option("--home", metavar="DIR", help="Folder for everything on disk (default ./sentry-data).")
CONFIG = click.option("--config", metavar="FILE", help="Configuration file (default sentry-warehouse.toml).")
JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for scripts.")
PREFECT = click.option(
    "--prefect/--no-prefect",
    default=True,
    help="Whether to run as a flow when a Prefect server is configured (default: yes).",
)

PORT = click.IntRange(0, 65535)
COUNT = click.IntRange(min=0)
REMARK = re.compile(r"--(?![a-z-]*(=|\Z))")
"""A comment of SQL, not an option."""
OLDEST_YEAR = 2008
NO_ADDRESS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM)


class Ordered(click.Group):
    """Lists commands in the order a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Ordered, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@HOME
@CONFIG
@click.version_option(package_name="sentry-warehouse", prog_name="sentry-warehouse")
@click.pass_context
def cli(context: click.Context, home: str | None, config: str | None) -> None:
    """Sentry's data in SQL: complete, with history, readable by BI tools while it is written.

    \b
    Try it without a token:   sentry-warehouse demo
    Export your own Sentry:   SENTRY_AUTH_TOKEN=… SENTRY_ORG=acme sentry-warehouse export
    """
    os.umask(0o077)  # what is written outside of the home is private, too, until its owner shares it
    context.obj = {"home": home, "config": config}


def settings_of(context: click.Context, home: str | None, config: str | None, **overrides: Any) -> Any:
    """The settings of a command: its own options before those of the group."""
    from flows.settings import FORGETTING, load_settings

    shared = context.obj or {}
    chosen = {"home": home or shared.get("home"), **overrides}
    settings = load_settings(config or shared.get("config"), chosen)
    if context.info_name != "forget" and os.path.lexists(settings.home_path / FORGETTING):
        say(
            f"A person is being forgotten in {settings.home_path}, or that was cut off. Unless it is at "
            "work, run `sentry-warehouse forget` again for the same value, as not all of it is gone."
        )
    return settings


class Sql(click.Command):
    """A command whose argument may begin with a comment of SQL, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {arg}" if REMARK.match(arg) else arg for arg in args])


def command(
    name: str, cls: type[click.Command] = click.Command
) -> Callable[[Callable[..., None]], click.Command]:
    """A command with --home and --config."""

    def decorate(function: Callable[..., None]) -> click.Command:
        wrapped = click.pass_context(function)
        update_wrapper(wrapped, function)
        return cli.command(name, cls=cls)(HOME(CONFIG(wrapped)))

    return decorate


@command("export")
@click.option(
    "--full-audit",
    is_flag=True,
    help="Read all events that Sentry keeps, and all issues' own pages, again. Meant for once a week.",
)
@PREFECT
@JSON
def export_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    full_audit: bool,
    prefect: bool,
    as_json: bool,
) -> None:
    """Bring the warehouse up to date and publish it.

    This is the nightly job. The first run reads everything Sentry keeps; later ones ask for what is new or
    may have changed. If a run was interrupted, run the command again: within 12 hours it goes on where that
    stopped, later it asks again for what is not complete.

    \b
    Example:  SENTRY_AUTH_TOKEN=… SENTRY_ORG=acme sentry-warehouse export
    """
    settings = settings_of(context, home, config, full_audit=full_audit or None)
    _export(settings, as_json=as_json, prefect=prefect)


@command("backfill")
@click.option("--since", required=True, metavar="DATE", help="First day or time (UTC), such as 2026-01-31.")
@click.option(
    "--until",
    metavar="DATE",
    help="End (UTC), exclusive; a day it falls into is read whole. Default now.",
)
@PREFECT
@JSON
def backfill_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    since: str,
    until: str | None,
    prefect: bool,
    as_json: bool,
) -> None:
    """Read a past time again, as far as Sentry still has it.

    \b
    Example:  sentry-warehouse backfill --since 2026-10-01 --until 2026-11-01
    """
    start, end = _window(since, until)
    settings = settings_of(context, home, config)
    _export(settings, as_json=as_json, prefect=prefect, since=start, until=end)


def _window(since: str | None, until: str | None) -> Any:
    start, end = _time(since), _time(until)
    if start is not None and end is not None and end <= start:
        raise click.UsageError("--until must be later than --since.")
    return start, end


def _time(text: str | None) -> Any:
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.year < OLDEST_YEAR:
            raise click.UsageError(f"{text!r} is before there was any Sentry.")
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        raise click.UsageError(f"{text!r} is no date: write 2026-01-31 or 2026-01-31T12:00Z.") from None


def _export(settings: Any, *, as_json: bool, **how: Any) -> None:
    from flows.orchestration import export
    from flows.progress import make_progress
    from flows.report import print_summary, result_as_json

    with make_progress() as progress:
        result = export(settings, progress, **how)
    if as_json:
        click.echo(result_as_json(result))
    else:
        print_summary(result, settings)
    raise SystemExit(result.exit_code)


@command("plan")
@click.option("--since", metavar="DATE", help="Plan a backfill from this day or time (UTC) on.")
@click.option(
    "--until",
    metavar="DATE",
    help="Its end (UTC), exclusive; a day it falls into is read whole. Default now.",
)
@JSON
def plan_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Tell what an export would take, before it is run.

    Shows requests, rows, megabytes, and the time under Sentry's rate limits. To find out, it sends a few
    requests, some forty before the first export, and writes nothing. With --since it plans a backfill.
    Ends with 3 when Sentry refuses something, as the export would.

    \b
    Example:  SENTRY_AUTH_TOKEN=… SENTRY_ORG=acme sentry-warehouse plan
              sentry-warehouse plan --since 2026-10-01 --until 2026-11-01
    """
    from flows.forecast import forecast
    from flows.forecast_report import forecast_as_json, print_forecast

    start, end = _window(since, until)
    if end is not None and start is None:
        raise click.UsageError("--until needs --since: both name the time of a backfill.")
    planned = forecast(settings_of(context, home, config), since=start, until=end)
    if as_json:
        click.echo(forecast_as_json(planned))
    else:
        print_forecast(planned)
    raise SystemExit(planned.exit_code)


@command("check")
@JSON
def check_command(context: click.Context, home: str | None, config: str | None, as_json: bool) -> None:
    """Check server, token, access and disk, and say what to do.

    One line for each. Ends with 0 when an export would be complete, 3 when rows would be missing, 2 when
    token or organization are wrong, 1 when the server can not be reached.

    \b
    Example:  SENTRY_AUTH_TOKEN=… SENTRY_ORG=acme sentry-warehouse check
    """
    from flows.answers import visible
    from flows.check import check
    from flows.findings import Finding

    colors = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}

    def show(finding: Finding) -> None:
        mark, color = colors[finding.state]
        fix = f" → {finding.fix}" if finding.fix else ""
        click.echo(f"{click.style(mark, fg=color)} " + visible(f"{finding.subject}: {finding.says}{fix}"))

    settings = settings_of(context, home, config)
    found = check(settings) if as_json else check(settings, show)
    if as_json:
        from dataclasses import asdict

        from flows.report import to_json

        click.echo(to_json({"exit_code": found.exit_code, "checks": [asdict(f) for f in found.all]}))
    raise SystemExit(found.exit_code)


@command("status")
@click.option("--exit-code", is_flag=True, help="End with 3 unless everything is complete and fresh.")
@JSON
def status_command(
    context: click.Context, home: str | None, config: str | None, exit_code: bool, as_json: bool
) -> None:
    """Show the last runs, and how fresh and complete each table is.

    For monitors: `is_proven` in --json is true when the last run was complete, every day of every table is
    complete, and nothing is older than 36 hours. What all exports of a week left out is listed apart and does
    not count. With --exit-code the command ends with 3 otherwise.

    \b
    Example:  sentry-warehouse status
    """
    from flows.report import print_status, to_json
    from warehouse.inspect import status

    found = status(settings_of(context, home, config).home_path)
    if as_json:
        click.echo(to_json(found))
    else:
        print_status(found)
    if exit_code and not found["is_proven"]:
        raise SystemExit(3)


@command("query", Sql)
@click.argument("sql")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "markdown", "parquet"]),
    default="table",
    show_default=True,
    help="How the answer is written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", metavar="FILE", help="Write to a file instead (needed for parquet).")
def query_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    sql: str,
    format_: str,
    as_json: bool,
    output: str | None,
) -> None:
    """Run one SQL statement on the published file.

    The SQL is DuckDB's; "-" reads it from standard input. The table `raw.pages` holds the archived answers,
    one row per page. On a terminal the result is cut to its width and to a hundred rows; files and pipes get
    everything.

    \b
    Example:  sentry-warehouse query "select status, count(*) from issues group by 1"
              sentry-warehouse query --format csv --output flow.csv "from marts.issue_flow"
    """
    import shutil

    from flows.answers import grid, markdown, safe_text
    from warehouse.inspect import query_as_text, run_query, write_query

    where = settings_of(context, home, config).home_path
    if sql == "-":
        sql = sys.stdin.read()
    if as_json and format_ not in ("table", "json"):
        raise click.UsageError(f"--json and --format {format_} can not both be had: choose one.")
    if as_json:
        format_ = "json"
    if format_ == "parquet" and not output:
        raise click.UsageError("--format parquet needs --output FILE.")
    on_terminal = sys.stdout.isatty() and not output
    if format_ in ("csv", "json", "parquet") and output:
        with stopping.ending_soon():
            write_query(where, sql, Path(output), format_)
    elif format_ in ("csv", "json"):
        with stopping.ending_soon():
            text = query_as_text(where, sql, format_)
        click.echo(safe_text(text) if on_terminal else text, nl=False)
    else:
        with stopping.ending_soon():
            answer = run_query(where, sql)
        width = shutil.get_terminal_size().columns if on_terminal else None
        text = markdown(answer) if format_ == "markdown" else grid(answer, width)
        if output:
            Path(output).write_text(text + "\n", "utf-8")
        else:
            click.echo(text)
    if output:
        click.echo(f"Written to {output}.", err=True)


def _person(value: str) -> str:
    """The value itself; "-" is read from standard input, so that it stands in no list of processes."""
    text = sys.stdin.readline().strip() if value == "-" else value
    if not text or not text.isprintable():
        raise click.UsageError("The value must be a text on one line.")
    return text


@command("hash")
@click.argument("value")
@JSON
def hash_command(
    context: click.Context, home: str | None, config: str | None, value: str, as_json: bool
) -> None:
    """Show what the tables hold in place of a person's data.

    VALUE is the person's e-mail address, IP address, user name, name or id. Shows the number of their events,
    too. Upper and lower case are different values, as they are for Sentry. With "-" the value is read from
    standard input, so that it stands in no shell history and no list of processes.

    \b
    Example:  sentry-warehouse hash ana@example.com
              sentry-warehouse query "select * from events where user_email = 'hash-…'"
    """
    from flows.policy import look_up
    from flows.report import print_lookup, to_json

    settings = settings_of(context, home, config)
    found = look_up(settings, _person(value))
    if as_json:
        click.echo(to_json(found))
    else:
        print_lookup(found, settings.home_path)


@command("forget")
@click.option(
    "--user", required=True, metavar="VALUE", help='The person: see above; "-" reads standard input.'
)
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@JSON
def forget_command(
    context: click.Context, home: str | None, config: str | None, user: str, dry_run: bool, as_json: bool
) -> None:
    """Remove a person's data for good.

    From the raw archive, the tables, the published files and all copies; it can not be undone. VALUE is the
    person's e-mail address, IP address, user name, name or id, or the hash of one. Events of this user stay,
    without anything personal; other rows lose the value and what stands beside it. Delete the person in
    Sentry first: the next export may read again what Sentry still has.

    \b
    Example:  sentry-warehouse forget --user ana@example.com --dry-run
              sentry-warehouse forget --user ana@example.com
    """
    from dataclasses import asdict

    from flows.forget import forget
    from flows.report import print_forgotten, to_json

    done = forget(settings_of(context, home, config), _person(user), dry_run=dry_run)
    if as_json:
        click.echo(to_json({**asdict(done), "found": done.found, "dry_run": dry_run}))
    else:
        print_forgotten(done, dry_run=dry_run)


@command("publish")
@click.option(
    "--compact",
    is_flag=True,
    help="Rewrite the warehouse first, which frees the space of replaced rows (30 s per GB).",
)
@PREFECT
@JSON
def publish_command(
    context: click.Context, home: str | None, config: str | None, compact: bool, prefect: bool, as_json: bool
) -> None:
    """Publish the warehouse again, without an export.

    Makes a checked copy for BI tools, with marts and Parquet files.

    \b
    Example:  sentry-warehouse publish
    """
    from flows.orchestration import publish

    link = publish(settings_of(context, home, config), prefect=prefect, compact=compact)
    if as_json:
        from flows.report import to_json

        click.echo(to_json({"published": str(link), "database": str(link / "sentry.duckdb")}))
    else:
        click.echo(f"Published {link / 'sentry.duckdb'}")


@command("dashboard")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=PORT, default=8765, show_default=True, help="Port to listen at.")
@click.option("--export", "export_file", metavar="FILE", help="Write one self-contained HTML file instead.")
@click.option(
    "--png",
    "png_folder",
    metavar="DIR",
    help="Write every chart as a PNG file instead (needs one more package, vl-convert-python).",
)
def dashboard_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    host: str,
    port: int,
    export_file: str | None,
    png_folder: str | None,
) -> None:
    """Serve the dashboard of the published file on this machine.

    --export and --png write files instead, and serve nothing.

    \b
    Example:  sentry-warehouse dashboard
              sentry-warehouse dashboard --export report.html
    """
    from dashboards.export import export_html, export_png
    from dashboards.server import serve
    from warehouse.inspect import connect_published

    where = settings_of(context, home, config).home_path
    connect_published(where).close()
    published = where / "published" / "sentry.duckdb"
    if export_file:
        export_html(published, Path(export_file))
        click.echo(f"Written to {export_file}.")
    if png_folder:
        for file in export_png(published, Path(png_folder)):
            click.echo(str(file))
    if not export_file and not png_folder:
        with _listening(host, port):
            serve(where, host, port)


@contextmanager
def _listening(host: str, port: int) -> Iterator[None]:
    """Inside, an address that can not be had is the user's mistake."""
    from flows.settings import UsageError

    try:
        yield
    except OSError as error:
        if error.errno not in NO_ADDRESS and not isinstance(error, socket.gaierror):
            raise
        problem = (error.strerror or "").partition(" (while")[0]
        raise UsageError(
            f"Nothing can be served on {host}:{port} ({problem}): choose another --port or --host."
        ) from None


@command("replay")
@click.option(
    "--stream", "streams", multiple=True, metavar="NAME", help="Only this stream's tables; repeatable."
)
@click.option("--since", metavar="DATE", help="Only what was loaded since then (UTC); the rest stays.")
@click.option("--force", is_flag=True, help="Replace the old file even if checks of the new one fail.")
@PREFECT
@JSON
def replay_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    streams: tuple[str, ...],
    since: str | None,
    force: bool,
    prefect: bool,
    as_json: bool,
) -> None:
    """Rebuild tables from the raw archive, without network.

    Then publishes. The new file replaces the old one if it passes the checks of an export. Rows whose
    archived pages the settings [archive] removed stay as they are. Ends with 3 when archived files could
    not be read.

    \b
    Example:  sentry-warehouse replay --stream events
    """
    from flows.orchestration import replay
    from flows.report import print_replay, replay_as_json

    start = _time(since)
    replayed = replay(
        settings_of(context, home, config), prefect=prefect, streams=streams, since=start, force=force
    )
    if as_json:
        click.echo(replay_as_json(replayed))
    else:
        print_replay(replayed)
    raise SystemExit(3 if replayed.unreadable else 0)


@command("schedule")
@click.option("--cron", default="30 2 * * *", show_default=True, help="When, as five fields of cron.")
@click.option("--timezone", metavar="ZONE", help="Such as Europe/Vienna; default this machine's.")
@click.option("--token-block", default="", metavar="NAME", help="Block of type Secret that holds the token.")
def schedule_command(
    context: click.Context,
    home: str | None,
    config: str | None,
    cron: str,
    timezone: str | None,
    token_block: str,
) -> None:
    """Run the export every night under Prefect.

    Runs until it is stopped: make it a service. Needs a Prefect server: set PREFECT_API_URL. Backfill, replay
    and publish can be started in Prefect's UI.

    \b
    Example:  sentry-warehouse schedule --cron "30 2 * * *" --timezone Europe/Vienna
    """
    from flows.schedule import local_timezone, serve_nightly

    settings = settings_of(context, home, config)
    if not settings.token and not token_block:
        say("There is no token yet: runs fail until SENTRY_AUTH_TOKEN is set, or --token-block names one.")
    named = config or (context.obj or {}).get("config")
    serve_nightly(
        cron=cron,
        timezone=timezone or local_timezone(),
        home=str(settings.home_path.absolute()),
        config=str(Path(named).absolute()) if named else None,
        token_block=token_block,
    )


@cli.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=PORT, default=9911, show_default=True, help="Port to listen at.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same organization.")
@click.option("--projects", type=COUNT, default=6, show_default=True, help="Projects to make.")
@click.option("--issues", type=COUNT, default=120, show_default=True, help="Issues to make.")
@click.option("--events", type=COUNT, default=3000, show_default=True, help="Error events to make.")
@click.option("--days", type=click.IntRange(1), default=90, show_default=True, help="Days of history.")
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds before each answer.",
)
@click.option("--rate-limit", type=COUNT, help="Requests a second; default 40, 0 = no limit.")
@click.option(
    "--faults",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of answers that fail.",
)
@click.option(
    "--age",
    type=click.Choice(["2023", "2026"]),
    default="2026",
    show_default=True,
    help="Year of the simulated server: older ones know fewer parameters.",
)
def sandbox_command(host: str, port: int, **options: Any) -> None:
    """Serve a simulated Sentry, to try things without a token.

    \b
    Example:  sentry-warehouse sandbox --projects 20 --latency 0.1
    """
    from extractors.sandbox import SandboxOptions, serve

    with _listening(host, port):
        serve(SandboxOptions(**options), host, port)


@cli.command("demo")
@click.option("--home", metavar="DIR", help="Folder for everything on disk (default ./sentry-demo).")
@click.pass_context
def demo_command(context: click.Context, home: str | None) -> None:
    """Show an export of a simulated Sentry, two nights of it.

    Simulates a Sentry, exports it, lets a night pass, exports again, and answers three questions in SQL.
    Needs no token; nothing leaves this machine. An earlier demo in the folder is replaced.

    \b
    Example:  sentry-warehouse demo
    """
    from flows.demo import demo

    shared = context.obj or {}
    raise SystemExit(demo(home or shared.get("home")))


def _open_closed_streams() -> None:
    """Gives a process that was started without standard streams (`2>&-`) such that lead nowhere."""
    nowhere = Path(os.devnull)
    sys.stdin = sys.stdin or nowhere.open(encoding="utf-8")
    sys.stdout = sys.stdout or nowhere.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or nowhere.open("w", encoding="utf-8")


def _write_any_letter() -> None:
    """What a stream of an older encoding (Latin-1) has no letter for is written as `\\u2713`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Runs the command line; mistakes become one sentence and an exit code (0, 1, 2 or 3)."""
    _open_closed_streams()
    _write_any_letter()
    for number in stopping.SIGNALS:
        signal.signal(number, stopping.interrupt)
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = answer(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        code = fail(stopping.TOLD, 1)
    except SystemExit as error:
        code = error.code
    except Exception as error:  # noqa: BLE001  # the last one to see it: says it and ends
        code = explain(error)
    sys.stdout.flush()
    sys.stderr.flush()
    # a thread may still wait for an answer: nothing it holds needs to be saved
    os._exit(code if isinstance(code, int) else 0)
