"""What a stream is: one kind of thing Sentry lists, as plain data. The engine knows no stream by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Literal

from warehouse.schema import Table

Parameters = tuple[tuple[str, str], ...]
"""Query parameters in order, repeatable. Values may hold {start} {end} {interval} {project_id}; one that
mentions {start} or {end} is left out where the slice has no window."""

EVERY_PROJECT = ("project", "-1")
"""Asks for all projects that the token may see (facts §4.0); a run of chosen ones names them instead."""

PROJECT_FIELDS = ("project.id", "project", "project.name")
"""Discover's fields that tell whose a row is, so that rows of one project do not replace those of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How a stream is cut by time.

    overlap   re-read before the watermark, because things arrive or change late
    first     how far back the first run reads; None = all that Sentry still has, asked without a window
    longest   a longer window is cut into pieces of this length; None = one piece
    align     the start moves back to a multiple of this (UTC)
    interval  step of a series answer
    coarse    (age, interval, longest): older than `age`, the step is `interval` in pieces of `longest`
    """

    overlap: timedelta = timedelta(0)
    first: timedelta | None = timedelta(days=90)
    longest: timedelta | None = None
    align: timedelta | None = None
    interval: timedelta | None = None
    coarse: tuple[timedelta, timedelta, timedelta] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One kind of question a stream asks, and the tables its answers fill.

    name          tells a stream's requests apart; "" for its list
    path          below `/api/0`, with {organization} and {project} as slugs
    alternatives  parameter lists to try in turn when the server answers 400 to the first (older servers)
    paging        name of the page-size parameter; None where the endpoint has no pages
    shape         "records" list of objects · "series" groups × intervals · "discover" rows with meta.fields
    load          "upsert" by key · "replace" rows of the same scope and intervals make way for the new ones
    ignored       payload fields left out on purpose, by path
    newest_first  field that only falls from page to page, so that a page ending before the window's
                  start is the last wanted (older servers ignore start and end of project events)
    personal      (path, kind) of personal fields of this request alone, besides the stream's
    worklist      name of a file in warehouse/worklists: ids for {item} in the path, one request each, or the
                  pages of one list each
    after         streams whose listings the worklist waits for; what comes of others' is asked for at the
                  end. () = at the end only
    control       worklist items that answer 404 are deleted, ones that answer with another id are merged:
                  this names the table whose rows are marked so; "" = a 404 says nothing
    detail        value of the setting `<stream>.detail` under which it is asked; "" = always
    scopes        token scopes of which any one suffices, where they are not the stream's
    measure       aggregate of Explore over a project's error events that comes to the number of its rows
    items_of      stream whose records' ids its items are: a first run asks for each of them
    may_be_gone   worklist items that answer 404 are no matter: what is asked for ends by itself
    totals        parameters of a second question, whose sum `totals_column` must reach (silent caps: §4.4)
    adds_up       field of a Discover answer that adds up over its rows: asked for without groups, it is what
                  `totals_column` must come to, or the number of rows where that is ""; "" = there is none
    points        groups × intervals that one answer holds at most: pages, or pieces of the window, are
                  planned by it
    apart         a group that pages do not mix with (facts §4.4): where the answer lacks rows, each of its
                  values is asked for by itself, page by page
    search        a search that may end early without a word (facts §1.4): an empty page after a full one
                  makes its window be asked again in halves
    """

    name: str = ""
    path: str
    parameters: Parameters = ()
    alternatives: tuple[Parameters, ...] = ()
    paging: Literal["per_page", "limit"] | None = "per_page"
    page_size: int = 100
    shape: Literal["records", "series", "discover"] = "records"
    load: Literal["upsert", "replace"] = "upsert"
    window: Window | None = None
    tables: tuple[Table, ...]
    ignored: tuple[str, ...] = ()
    personal: tuple[tuple[str, str], ...] = ()
    newest_first: str = ""
    totals: Parameters | None = None
    totals_column: str = ""
    adds_up: str = ""
    points: int = 0
    apart: str = ""
    search: bool = False
    worklist: str = ""
    after: tuple[str, ...] = ()
    control: str = ""
    detail: str = ""
    may_be_gone: bool = False
    scopes: tuple[str, ...] = ()
    measure: str = ""
    items_of: str = ""

    @property
    def is_snapshot(self) -> bool:
        """Whether each answer takes the place of all earlier rows, whatever time it was asked for."""
        pieces = self.window is not None and self.window.longest is not None
        return self.shape == "discover" and self.load == "replace" and not pieces

    @property
    def names_project(self) -> bool:
        """Whether rows of Discover tell whose they are."""
        return any(("field", name) in self.parameters for name in PROJECT_FIELDS)

    @property
    def catches_up(self) -> bool:
        """Whether what is asked of all projects is read by project where one was out of sight: windows that
        are not read again else, whose rows tell whose they are."""
        sliced = self.shape == "discover" and self.load == "replace" and not self.is_snapshot
        return sliced and EVERY_PROJECT in self.parameters and self.names_project


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverQuery:
    """One query of the configuration for Sentry's Discover/Explore endpoint.

    Its rows fill `discover_<name>`. With an `interval` it is asked once per such window and rows carry
    `interval_start`; without, it is a snapshot of the last `days` days that is replaced each run.
    """

    name: str
    fields: tuple[str, ...]
    query: str = ""
    dataset: str = "errors"
    sort: tuple[str, ...] = ()
    interval: Literal["1h", "1d"] | None = None
    days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream.

    scope      what a slice of it is asked for: the organization or one project
    scopes     token scopes of which any one suffices (facts §7)
    personal   (path, kind) of fields that hold personal data; kinds are those of transforms.privacy
    configure  makes the requests from the configured queries, where they are not fixed
    """

    name: str
    about: str
    source: str
    scope: Literal["organization", "project"]
    requests: tuple[Request, ...] = ()
    scopes: tuple[str, ...] = ("org:read",)
    personal: tuple[tuple[str, str], ...] = ()
    configure: Callable[[Sequence[DiscoverQuery]], tuple[Request, ...]] | None = None


@cache
def all_streams() -> tuple[Stream, ...]:
    """Every stream found in `extractors/streams/`: each module there holds one, named STREAM."""
    package = importlib.import_module("extractors.streams")
    modules = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    return tuple(importlib.import_module(f"extractors.streams.{name}").STREAM for name in modules)
