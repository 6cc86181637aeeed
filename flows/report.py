"""What a person reads at the end of a run, and what a script reads instead."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answers import counted, visible
from flows.progress import WHOLE

if TYPE_CHECKING:
    from flows.ending import Result
    from flows.forget import Forgotten
    from flows.replay import Replayed
    from flows.settings import Settings

WIDE = 10_000
MOST_TROUBLES = 8
"""Incomplete slices shown on the closing screen; `status` lists all."""

MOST_REASONS = 3
"""Why one project is not complete, in as many sentences at most."""


def to_json(value: Any) -> str:
    """Indented JSON; times in ISO 8601."""
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return value.isoformat() + "Z" if isinstance(value, datetime) and value.tzinfo is None else str(value)


def result_as_json(result: Result) -> str:
    """A run's result for scripts."""
    return to_json(
        {
            "run_id": result.run_id,
            "as_of": result.as_of,
            "status": result.status,
            "exit_code": result.exit_code,
            "resumed": result.resumed,
            "requests": result.requests,
            "retried": result.retried,
            "throttled": result.throttled,
            "bytes": result.bytes,
            "seconds": round(result.seconds, 2),
            "rows": result.rows,
            "slices": result.slices,
            "audited_days": result.audited_days,
            "incomplete": result.incomplete,
            "warnings": result.warnings,
            "published": str(result.published) if result.published else None,
        }
    )


def replay_as_json(replayed: Replayed) -> str:
    """What a replay came to, for scripts."""
    return to_json({**asdict(replayed), "exit_code": 3 if replayed.unreadable else 0})


def verdict(result: Result) -> str:
    """How complete a run is: its slices, and apart from them the days whose events were counted again."""
    slices, days = sum(result.slices.values()), sum(result.audited_days.values())
    up_to = f"up to {result.as_of:%Y-%m-%d %H:%M} UTC"
    audited = f" {counted(days, 'day')} of projects {_were(days)} audited." if days else ""
    whole = f"{'The slice is' if slices == 1 else f'All {slices:,} slices are'} complete, {up_to}."
    if not result.incomplete:
        return whole + audited
    open_slices, open_days = _not_whole(result.slices), _not_whole(result.audited_days)
    if open_slices:
        short = sum(open_slices.values())
        whole = f"{not_complete(short, slices)} ({_listed(open_slices)})."
    if open_days:
        short = sum(open_days.values())
        audited = f" {short:,} of {counted(days, 'audited day')} of projects {_are(short)} short of events."
    return whole + audited


def not_complete(short: int, slices: int) -> str:
    """How many slices are not complete, as it is said."""
    return f"{short:,} of {counted(slices, 'slice')} {_are(short)} not complete"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _not_whole(counts: dict[str, int]) -> dict[str, int]:
    return {status: count for status, count in counts.items() if status not in WHOLE}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))


def make_console() -> Any:
    """Where people read: as wide as the terminal."""
    from rich.console import Console

    # files and pipes have no width, so nothing is cut there
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def print_summary(result: Result, settings: Settings) -> None:
    """The closing screen of a run: rows, requests, time, completeness, where the files are, what next."""
    from rich.table import Table as Grid

    console = make_console()
    grid = Grid(box=None, pad_edge=False, show_header=False)
    names = sorted(result.rows)
    half = (len(names) + 1) // 2
    for left, right in zip(names[:half], [*names[half:], ""][:half], strict=True):
        grid.add_row(
            left, f"{result.rows[left]:>10,}", "   ", right, f"{result.rows[right]:>10,}" if right else ""
        )
    console.print("\nRows in the warehouse", style="bold")
    console.print(grid)
    again = f" ({result.retried:,} of them again, after a fault)" if result.retried else ""
    taken_up = ", taken up where an earlier one stopped" if result.resumed else ""
    console.print(
        f"\n{counted(result.requests, 'request')}{again}, {result.bytes / 1e6:,.1f} MB "
        f"in {result.seconds:,.1f} s{taken_up}."
    )
    console.print(verdict(result), style="yellow" if result.incomplete else "green", soft_wrap=True)
    for line in troubles(result.incomplete):
        console.print("  " + line, markup=False, soft_wrap=True)
    for warning in result.warnings:
        console.print(f"Worth a look: {visible(warning)}", style="yellow", markup=False, soft_wrap=True)
    home = settings.home_path
    console.print(f"\nFor BI tools:  {home / 'published' / 'sentry.duckdb'}", markup=False, soft_wrap=True)
    console.print(f"As Parquet:    {home / 'published' / 'parquet'}", markup=False, soft_wrap=True)
    there = "deleted_at is null and merged_into_issue_id is null"
    question = f"select status, count(*) from issues where {there} group by 1"
    if not result.rows.get("issues"):  # they were not asked for, or there are none
        question = f"from {max(result.rows, key=lambda name: result.rows[name])} limit 10"
    console.print(f'Next:          {called(home)} query "{question}"', markup=False, soft_wrap=True)


def called(home: Path | None = None) -> str:
    """How this command is called from here, so that it can be copied: by its path where the shell does not
    find it by name, and with the folder where that is not the default one."""
    name = "sentry-warehouse"
    if Path(sys.argv[0]).name == name and shutil.which(name) is None:
        name = sys.argv[0]
    default = home is None or home == Path("sentry-data")
    return name if default else f"{name} --home {shlex.quote(str(home))}"


def print_replay(replayed: Replayed) -> None:
    """The closing lines of a replay."""
    console = make_console()
    speed = replayed.bytes / 1e6 / max(replayed.seconds, 1e-9)
    console.print(
        f"Rebuilt from {counted(replayed.files, 'file')}, {counted(replayed.pages, 'page')}, "
        f"{replayed.bytes / 1e6:,.1f} MB in {replayed.seconds:,.1f} s ({speed:,.1f} MB/s); "
        f"{counted(sum(replayed.rows.values()), 'row')}."
    )
    for line in replayed.unreadable:
        console.print(f"Not readable: {visible(line)}", style="yellow", markup=False)


def print_forgotten(done: Forgotten, *, dry_run: bool) -> None:
    """What was found of a person, what was done, and what is left to do."""

    def say(text: str, style: str | None = None) -> None:
        console.print(visible(text), style=style, markup=False, soft_wrap=True)

    console = make_console()
    if done.finished_earlier:
        say("An earlier forget was cut off" + ("." if dry_run else ": it is finished now."))
    cut_off = (
        "An earlier forget of another value was cut off: run it again for that one, as not all of it is gone."
    )
    another_key = (
        "Some runs had another privacy key. What they hashed is found with that one only: set "
        "SENTRY_WAREHOUSE_PRIVACY_KEY to it and run this again."
    )
    for text in [cut_off] * done.others_cut_off + [another_key] * done.other_keys:
        say(text, "yellow")
    if not done.found:
        say(
            f"Nothing found in {counted(done.files, 'archive file')}"
            + (" and the tables." if not dry_run else ".")
        )
    else:
        records = ", ".join(f"{count:,} of {stream}" for stream, count in sorted(done.records.items()))
        held = f"{done.files_changed:,} of {counted(done.files, 'file')} held the person"
        say(f"Archive: {held}; records: {records or 'none'}.")
    if done.rows:
        rows = ", ".join(f"{table} {count:,}" for table, count in sorted(done.rows.items()))
        say(f"Tables:  rows that {'would change' if dry_run else 'changed'}: {rows}.")
    if done.published:
        removed = counted(done.generations_removed, "older generation")
        say(f"Published anew: {done.published}; {removed} removed.")
    if done.removed:
        say(f"Removed: {', '.join(done.removed)}.")
    if not done.telling:
        say(
            "The value is too short or too common to be looked for in free text: fields that hold users only."
        )
    if done.beside:
        say(
            f"The same records also named: {', '.join(done.beside)}. Forget these, too, if nobody else's.",
            "yellow",
        )
    if done.not_ours:
        say(f"Not looked at, as not ours: {', '.join(done.not_ours)}.", "yellow")
    if dry_run:
        say("Nothing was changed.")
    elif done.found:
        say("Sentry was not asked: delete the person there, too, or the next export may read them again.")


def print_lookup(found: dict[str, Any], home: Path) -> None:
    """What the tables hold for a value, by kind, and how to find it."""
    from flows.policy import HELD_BY

    console = make_console()
    lines = [(f"events.user_{HELD_BY[kind]}", held) for kind, held in found["held"].items()]
    lines += [(f"event_tags, key user, as {kind}", held) for kind, held in found["tags"].items()]
    lines.append(("members.email", found["member"]))
    for where, held in lines:
        console.print(f"{where:<35}{'(dropped)' if held is None else held}", markup=False, soft_wrap=True)
    if found["sql"]:
        events = found["events"]
        count = "" if events is None else f", {events:,} {'is' if events == 1 else 'are'} published"
        console.print(
            f"\nTheir events{count}:\n{called(home)} query {_in_quotes(found['sql'])}",
            markup=False,
            soft_wrap=True,
        )


def _in_quotes(sql: str) -> str:
    """SQL for a shell: in double quotes, as it has single ones, where nothing in it means more to a shell."""
    return shlex.quote(sql) if set(sql) & set('"$`\\!') else f'"{sql}"'


def troubles(incomplete: Sequence[dict[str, Any]]) -> list[str]:
    """Incomplete slices as lines: one for each scope and status, with its streams and the reasons."""
    scopes: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for slice_ in incomplete:
        key = (slice_["organization_id"], slice_["project_id"] or "", slice_["status"])
        scopes.setdefault(key, []).append(slice_)
    lines = []
    for (_, _, status), slices in scopes.items():
        streams = ", ".join(dict.fromkeys(f"{s['stream']} {s['request'] or ''}".strip() for s in slices))
        lines.append(visible(f"{_scope(slices[0])}: {status} ({streams}). {_reasons(slices)}".strip()))
    if len(lines) > MOST_TROUBLES:
        lines[MOST_TROUBLES:] = [f"… and {len(lines) - MOST_TROUBLES} more: sentry-warehouse status --json"]
    return lines


def _scope(slice_: dict[str, Any]) -> str:
    """A slice's project or organization by its slug, by its id where no slug is known."""
    organization, project = slice_.get("organization_slug"), slice_.get("project_slug")
    if not slice_["project_id"]:
        return f"organization {organization or slice_['organization_id']}"
    return (
        f"project {organization}/{project}" if organization and project else f"project {slice_['project_id']}"
    )


ENDPOINT = re.compile(r"^GET \S+: ")
"""How an error of the client begins: the same refusal of several endpoints is one reason."""


def _reasons(slices: Sequence[dict[str, Any]]) -> str:
    """Why slices are not complete; where that differs, the most frequent ones and how often each was so."""
    found: Counter[str] = Counter()
    spelt: dict[str, set[str]] = {}
    for slice_ in slices:
        reason = slice_["reason"] or ""
        kind = ENDPOINT.sub("", reason, count=1)
        found[kind] += slice_.get("days", 1)
        spelt.setdefault(kind, set()).add(reason)
    texts = {
        kind: next(iter(reasons)) if len(reasons) == 1 else kind[:1].upper() + kind[1:]
        for kind, reasons in spelt.items()
    }
    if len(found) == 1:
        return next(iter(texts.values()))
    said = [
        f"{'Once' if times == 1 else f'{times:,} times'}: {texts[kind] or 'no reason is known.'}"
        for kind, times in found.most_common(MOST_REASONS)
    ]
    more = len(found) - MOST_REASONS
    if more > 0:
        said.append(f"And {counted(more, 'more kind')}; see `sentry-warehouse status --json`.")
    return " ".join(said)


def print_status(found: dict[str, Any]) -> None:
    """The status screen; green only where it is proven."""
    from rich.markup import escape
    from rich.table import Table as Grid

    console = make_console()
    if found["export_running"]:
        console.print("An export is running; this is the state published last.", style="yellow")
    _print_runs(console, found["runs"])
    tables = Grid(title="\nTables", title_justify="left", box=None, pad_edge=False)
    for name in ("table", "complete", "up to (UTC)", "", "Sentry counts", "loaded"):
        tables.add_column(name)
    for row in found["tables"]:
        color = "green" if row["is_proven"] else "yellow"
        tables.add_row(
            escape(visible(row["table"])),
            f"[{color}]{row['whole_days'] or 0:,}/{counted(row['days'] or 0, 'day')}[/]",
            _minute(row["up_to"]),
            f"[{color}]{row['freshness']}[/]",
            "" if row["expected"] is None else f"{row['expected']:,}",
            "" if row["loaded"] is None else f"{row['loaded']:,}",
        )
    console.print(tables)
    console.print(
        "\nA day counts once for each project; green is what is proven to be complete, and fresh.",
        style="dim",
    )
    if found["is_proven"]:
        console.print("Everything is complete and fresh.", style="green")
    if found["incomplete"]:
        console.print("\nNot complete", style="yellow")
        for line in troubles(found["incomplete"]):
            console.print("  " + line, markup=False, soft_wrap=True)
    for title, rows, line in (
        (
            "Complete, but not proven",
            [
                row | {"how_many": counted(row["unproven_days"], "day")}
                for row in found["tables"]
                if row["unproven_days"]
            ],
            "{table}: {how_many}. {unproven_reason}",
        ),
        (
            "Left out by all exports of the last week (what was read of it stays)",
            [row | {"scope": _scope(row)} for row in found["left_out"]],
            "{scope}: {streams}, last asked for on {last_asked:%Y-%m-%d}",
        ),
        (
            "Fields that are not as declared",
            [row | {"what": drift_in_words(row)} for row in found["drift"]],
            "{stream}: {path} {what}",
        ),
        ("Values that fit no column", found["rejects"], "{table_name}: {values} at {path}: {reason}"),
        ("Endpoints Sentry will withdraw", found["deprecations"], "{path}: {date}, use {replacement}"),
    ):
        if rows:
            console.print(f"\n{title}", style="bold")
            for row in rows[:MOST_TROUBLES]:
                console.print("  " + visible(line.format(**row)), markup=False)
            if len(rows) > MOST_TROUBLES:
                console.print(f"  … and {len(rows) - MOST_TROUBLES} more (--json lists all)")


def _print_runs(console: Any, runs: Sequence[dict[str, Any]]) -> None:
    from rich.table import Table as Grid

    grid = Grid(title="Last runs", title_justify="left", box=None, pad_edge=False)
    for name in ("command", "up to (UTC)", "status", "requests", "rows"):
        grid.add_column(name)
    for run in runs:
        style = {"complete": "green", "incomplete": "yellow", "running": "cyan", "interrupted": "yellow"}.get(
            run["status"], "red"
        )
        grid.add_row(
            run["command"],
            _minute(run["as_of"]),
            f"[{style}]{run['status']}[/]",
            "" if run["requests"] is None else f"{run['requests']:,}",
            "" if run["rows"] is None else f"{run['rows']:,}",
        )
    console.print(grid)
    if runs and runs[0]["note"]:
        console.print(
            f"The last one: {visible(runs[0]['note'])}", style="yellow", markup=False, soft_wrap=True
        )
    if any(run["status"] == "interrupted" for run in runs):
        console.print("A run was interrupted: the next one of its command reads the rest.")


def drift_in_words(row: dict[str, Any]) -> str:
    """What is so of a field, since when, and where it can be seen."""
    kinds = {
        "new": "is new ({found})",
        "gone": "is gone",
        "type": "is of another type ({found})",
        "repaired": "was no valid JSON and was repaired",
    }
    said = kinds.get(row["kind"], "{kind}").format(**row)
    # a file that an older version published has no examples
    example = f", as in {row['example']}" if row.get("example") else ""
    return f"{said} since {_minute(row['first_seen'])}, last {_minute(row['last_seen'])}{example}"


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else ""
