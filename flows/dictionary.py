"""Writes the generated pages of `docs/`, or says which are stale: what they tell stands elsewhere, once.

Tables and columns come from the streams and marts, commands from the command line, settings from their
declaration.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import duckdb
import msgspec

from dashboards import tools
from extractors.plan import requests_of
from extractors.stream import Stream, all_streams
from extractors.streams.discover import DEFAULT_QUERIES
from flows import cli, settings
from flows.examples import examples_of
from warehouse.bookkeeping import BOOKKEEPING
from warehouse.mart_files import all_marts, create_marts
from warehouse.schema import Table, create_statements, history_table, stored_columns

FOLDER = Path(__file__).parents[1] / "docs"
WRITTEN_BY = "<!-- Written by `make docs`; do not edit. -->"
PROVENANCE = ("_run_id", "_loaded_at")

RAW_PAGES = (
    ("file", "Path below raw/ (meta.archive)."),
    ("run_id", "Run that asked (meta.runs)."),
    ("slice_id", "Slice it belongs to (meta.coverage)."),
    ("stream", "The stream."),
    ("request", "Which of the stream's requests; empty for its list."),
    ("organization_id", "The organization."),
    ("project_id", "The project; empty for slices of a whole organization."),
    ("window_start", "Start of the window asked (UTC); null where none was."),
    ("window_end", "End of the window asked, or the time of asking (UTC)."),
    ("interval_seconds", "Step of a series answer."),
    ("path", "Path asked, below /api/0."),
    ("parameters", "Parameters of the request, as JSON pairs."),
    ("item", "Id asked for, where ids are asked one by one; else empty."),
    ("status", "HTTP status."),
    ("fetched_at", "When Sentry answered (UTC)."),
    ("loaded_at", "When its rows were loaded (UTC)."),
    ("body", "The answer as JSON; what is no JSON is a JSON text."),
)
"""Columns of the archive in SQL."""


def pages() -> dict[str, str]:
    """Name → text of every generated page."""
    return {
        "tables.md": tables_page(all_streams()),
        "commands.md": commands_page(),
        "settings.md": settings_page(),
    }


# tables


def declared_tables(streams: Iterable[Stream]) -> list[Table]:
    """Every table of the streams, once, with history tables behind those that keep one."""
    found: dict[str, Table] = {}
    for stream in streams:
        for request in requests_of(stream, DEFAULT_QUERIES):
            for table in request.tables:
                found.setdefault(table.name, table)
                if table.history:
                    found.setdefault(table.history, history_table(table))
    return list(found.values())


def tables_page(streams: Sequence[Stream]) -> str:
    """The data dictionary."""
    parts = [
        "# Tables",
        WRITTEN_BY,
        "Schema `main` holds one table per kind of thing, `marts` what reports read, `meta` the bookkeeping. "
        "Times are UTC without a zone. Ids are text. Key columns are unique together and, except in "
        "`discover_…` tables, never null: DuckDB does not enforce that, but each publish checks it.",
        "Every table of `main` also has `_run_id`, the run that loaded the row (`meta.runs`), and "
        "`_loaded_at`, when that was (UTC). They are not repeated below. What Sentry no longer lists stays, "
        "so a member who left, say, has an older `_run_id` than the others. "
        "Each table of the published file carries these texts as comments: "
        "`select column_name, comment from duckdb_columns() where table_name = 'issues'`.",
        "\n".join(_contents(streams)),
        *(part for stream in streams for part in _stream_section(stream)),
        "## Marts",
        "Views and tables of schema `marts`, made again at each publish.",
        *_mart_sections(),
        "## Bookkeeping",
        "Schema `meta`: what was asked, what came, what is missing.",
        *(part for table in BOOKKEEPING for part in _table_section(table)),
        "## Archive",
        "The command `query` also has `raw.pages`: one row per archived answer, after privacy.",
        _grid(("column", "meaning"), RAW_PAGES),
    ]
    return "\n\n".join(parts) + "\n"


def _contents(streams: Sequence[Stream]) -> Iterator[str]:
    yield "| stream | tables |"
    yield "|---|---|"
    for stream in streams:
        yield f"| {stream.name} | {', '.join(_link(t.name) for t in declared_tables([stream]))} |"
    yield f"| marts | {', '.join(_link(f'marts.{m.name}') for m in _marts())} |"
    yield f"| meta | {', '.join(_link(f'meta.{t.name}') for t in BOOKKEEPING)} |"


def _marts() -> list[Any]:
    return sorted(all_marts(), key=lambda mart: mart.name)


def _link(name: str) -> str:
    return f"[{name}](#{name.replace('.', '')})"


def _stream_section(stream: Stream) -> Iterator[str]:
    yield f"## Stream {stream.name}"
    source = re.sub(r" \(facts [^)]*\)", "", stream.source)
    scopes = " or ".join(f"`{scope}`" for scope in stream.scopes)
    yield f"{stream.about}\n\nSource: `{source}`. Token scope: {scopes}."
    for table in declared_tables([stream]):
        yield from _table_section(table)


def _table_section(table: Table) -> Iterator[str]:
    name = table.name if table.schema == "main" else f"{table.schema}.{table.name}"
    yield f"### {name}"
    facts = [table.comment, f"Key: {', '.join(f'`{k}`' for k in table.key)}."]
    if table.parent:
        facts.append(f"Rows come and go with those of {_link(table.parent)}.")
    if table.history:
        facts.append(f"Earlier states: {_link(table.history)}.")
    yield " ".join(facts)
    rows = [(c.name, c.type.value, c.comment) for c in stored_columns(table) if c.name not in PROVENANCE]
    yield _grid(("column", "type", "meaning"), rows)
    yield from _examples(name)


def _examples(table: str) -> Iterator[str]:
    for example in examples_of(table):
        yield f"{example.question}\n\n```sql\n{example.sql}\n```"


@cache
def mart_types() -> dict[str, dict[str, str]]:
    """Mart → column → DuckDB type, as they are made from empty tables."""
    with duckdb.connect() as connection:
        connection.execute("create schema meta")
        for table in (*declared_tables(all_streams()), *BOOKKEEPING):
            connection.execute(create_statements(table)[0])
        return {
            mart.name: {row[0]: row[1] for row in connection.execute(f"describe {mart.full_name}").fetchall()}
            for mart in create_marts(connection)
        }


def _mart_sections() -> Iterator[str]:
    for mart in _marts():
        yield f"### marts.{mart.name}"
        kind = "A table." if mart.materialised else "A view."
        read = ", ".join(_link(name) for name in mart.needs)
        key = ", ".join(f"`{name}`" for name in mart.key)
        yield (
            f"{mart.grain} {kind} Key: {key}.\n\nDefinition: {_sentence(mart.definition)}\n\nReads: {read}."
        )
        types = mart_types()[mart.name]
        yield _grid(("column", "type", "meaning"), [(n, types[n], m) for n, m in mart.columns])
        yield from _examples(mart.full_name)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(c) for c in row)} |" for row in cells)


def _cell(text: str) -> str:
    """A text as a table's cell; what stands in backticks keeps its `<`."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    return "`".join(p if i % 2 else p.replace("<", "&lt;") for i, p in enumerate(parts))


# commands


def commands_page() -> str:
    """Every command with its help, options and example."""
    group = cli.cli
    parts = [
        "# Commands",
        WRITTEN_BY,
        _prose(group.help or ""),
        "Exit codes: 0 complete · 1 failed · 2 wrong usage or configuration · "
        "3 finished, but something could not be completed.",
    ]
    with click.Context(group, info_name="sentry-warehouse") as context:
        for name in group.list_commands(context):
            command = group.commands[name]
            with click.Context(command, info_name=name, parent=context) as inner:
                usage = inner.get_usage().removeprefix("Usage: ")
            usage = usage.replace("sentry-warehouse [OPTIONS] ", "sentry-warehouse ")
            parts += [f"## {name}", _prose(command.help or ""), f"```\n{' '.join(usage.split())}\n```"]
            options = [o for o in command.params if isinstance(o, click.Option) and not o.hidden]
            if options:
                parts.append(_grid(("option", "default", "meaning"), [_option(o) for o in options]))
    return "\n\n".join(parts) + "\n"


def _prose(text: str) -> str:
    """Paragraphs of a help text; what follows \\b is shown as typed."""
    made: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            made.append(
                "```sh\n" + "\n".join(_example(line) for line in paragraph.splitlines()[1:]) + "\n```"
            )
        else:
            made.append(" ".join(paragraph.split()))
    return "\n\n".join(made)


def _example(line: str) -> str:
    label, colon, code = line.strip().partition(":  ")
    if not colon:
        return line.strip()
    return code.strip() if label == "Example" else f"{code.strip()}  # {label}"


def _option(option: click.Option) -> tuple[str, str, str]:
    names = ", ".join((*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {option.metavar or _metavar(option)}"
    told = isinstance(option.default, str | int | float) and not option.is_flag
    default = str(option.default) if told else ""
    needed = " Required." if option.required else ""
    return f"`{names}{value}`", default, f"{option.help or ''}{needed}".strip()


def _metavar(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "/".join(str(choice) for choice in option.type.choices)
    return option.type.name.upper()


# settings


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    names = {setting: variable for variable, setting in settings.SENTRY_VARIABLES.items()}
    rows, sections = [], []
    for field in msgspec.structs.fields(settings.Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            sections += [
                f"## [{field.name}]",
                _docstring(field.type),
                _grid(HEADER, list(_setting_rows(field.type, field.name))),
            ]
            continue
        variable = f"{settings.PREFIX}{field.name.upper()}"
        shown = f"`{names[field.name]}`" if field.name in names else f"`{variable}`"
        rows.append((f"`{field.name}`", shown, _default(field), setting_meaning(field.name)))
    parts = [
        "# Settings",
        WRITTEN_BY,
        f"Settings stand in `{settings.CONFIG_FILE}` in the working directory, or in the file that "
        f"`--config` or `{settings.PREFIX}CONFIG` names. Variables win over the file, "
        "options of a command over both. What `.sentryclirc` says counts where neither says anything. "
        "In a variable, lists are separated by commas, and `tokens`, `discover`, `drift.streams` and "
        "`privacy_overrides` are JSON.",
        _grid(HEADER, rows),
        *sections,
        OVERRIDES,
        "## [[discover]]",
        f"{_docstring(settings.Query)} Write one such section for each query. Yours take the place of the "
        "two that come along, whose tables get no more rows then: to keep these, copy them from below.",
        _grid(HEADER, list(_setting_rows(settings.Query, "discover", variables=False))),
        EXAMPLE,
        "The queries that come along:",
        _default_queries(),
    ]
    return "\n\n".join(parts) + "\n"


HEADER = ("setting", "variable", "default", "meaning")
OVERRIDES = """## [privacy_overrides]

Exceptions from `privacy`, `privacy_members` and `privacy_requests`, one line per field: `hash`, `drop` or
`keep`. A field is named by the stream and its path in Sentry's answer, keys joined by `/`, lists left out; a
tag as `events/tags/<key>`. `*` and `?` match any characters; where several lines match, the last one counts.
A field that is not personal by itself can be named, too, without `*`. Credentials (cookies, authorization
headers, passwords, tokens, keys) are dropped in any case."""
EXAMPLE = """## Example

```toml
organizations = ["acme"]
home = "/srv/sentry-data"
token_file = "~/.sentry-token"

[tokens]
acme-labs = "LABS_SENTRY_TOKEN"

[events]
overlap_days = 7

[privacy_overrides]
"events/user/email" = "keep"        # stays readable, all else is as `privacy` says
"events/user/ip_address" = "drop"
"events/tags/customer" = "hash"     # a tag of your own that names people
"events/contexts/*/serial" = "hash"

[[discover]]                        # in place of the two that come along
name = "slow_pages"
fields = ["project.id", "transaction", "count()", "p95(transaction.duration)"]
dataset = "transactions"
interval = "1d"
```"""


def _default_queries() -> str:
    """The default Discover queries, as a user would write them."""
    written = []
    for query in DEFAULT_QUERIES:
        lines = ["[[discover]]"]
        for field in msgspec.structs.fields(settings.Query):
            value = getattr(query, field.name)
            value = list(value) if isinstance(value, tuple) else value
            if value != field.default and value not in ([], None):
                lines.append(f"{field.name} = {msgspec.json.encode(value).decode()}".replace('","', '", "'))
        written.append("\n".join(lines))
    return "```toml\n" + "\n\n".join(written) + "\n```"


def _setting_rows(
    section: type[msgspec.Struct], name: str, *, variables: bool = True
) -> Iterator[tuple[str, str, str, str]]:
    for field in msgspec.structs.fields(section):
        variable = f"`{settings.PREFIX}{name}_{field.name}`".upper() if variables else ""
        yield f"`{field.name}`", variable, _default(field), setting_meaning(field.name, section)


def setting_meaning(name: str, section: type[msgspec.Struct] = settings.Settings) -> str:
    """The docstring below a setting, with the values it may have. Raises KeyError where there is none."""
    text = _field_docstrings(section)[name]
    (field,) = (f for f in msgspec.structs.fields(section) if f.name == name)
    choices = settings.choices(field.type)
    return f"{text} One of {', '.join(f'`{c}`' for c in choices)}." if choices else text


def _field_docstrings(section: type) -> dict[str, str]:
    (tree,) = ast.parse(inspect.getsource(section)).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _text(below):
            found[field.target.id] = " ".join(_text(below).split())
    return found


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def _docstring(section: type) -> str:
    return " ".join((section.__doc__ or "").split())


def _default(field: msgspec.structs.FieldInfo) -> str:
    default = field.default
    if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    if default is msgspec.NODEFAULT:
        return "required"
    if default in ("", None) or default in ([], {}):
        return "not set"
    return f"`{msgspec.json.encode(default).decode()}`"


# writing and checking


def stale_pages(folder: Path = FOLDER) -> list[str]:
    """Names of the pages that are missing or not as they would be written now."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text
    ]


def write_pages(folder: Path = FOLDER) -> None:
    """Writes all pages."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a page is stale.")
def main(check: bool) -> None:
    """Writes the generated pages of docs/ and files of dashboards/."""
    if not check:
        write_pages()
        tools.write_files(mart_types())
        return
    stale = [f"docs/{name}" for name in stale_pages()]
    stale += [f"dashboards/{name}" for name in tools.stale_files(mart_types())]
    for name in stale:
        click.echo(f"{name} is stale: run `make docs`.", err=True)
    raise SystemExit(1 if stale else 0)


if __name__ == "__main__":
    main()
