"""Configured Discover/Explore queries, one table `discover_<name>` each."""

import re
from collections.abc import Sequence
from datetime import timedelta

from extractors.stream import DiscoverQuery, Parameters, Request, Stream, Window
from transforms.privacy.names import kind_of_tag
from warehouse.schema import Column, Context, Table, Type, snake_case

DEFAULT_QUERIES = (
    DiscoverQuery(
        name="errors",
        fields=("project.id", "environment", "release", "level", "count()", "count_unique(user)"),
        interval="1d",
    ),
    DiscoverQuery(
        name="transactions",
        fields=(
            "project.id",
            "transaction",
            "count()",
            "p50(transaction.duration)",
            "p95(transaction.duration)",
            "failure_rate()",
        ),
        dataset="transactions",
        interval="1d",
    ),
)
"""Asked where the configuration names no queries: errors by release, and how fast transactions are."""

OLDER_DATASETS = {"errors": "!event.type:transaction", "transactions": "event.type:transaction"}
"""Servers before 2024 answer 400 to these datasets and want `discover` with a condition."""

WRAPPED = re.compile(r"(?:tags\[|(?:any|min|max|last|first)\()(.*)[\])]")
"""Forms of a field that show its values: a tag by its key, one value of a group."""


def personal_kind(field: str) -> str | None:
    """The kind of personal value (transforms.privacy) that a field shows; None where it shows none.

    `user` is the best identifier Sentry has of one, `user.display` the best to show; all other names say
    what they hold as names of tags do.
    """
    wrapped = WRAPPED.fullmatch(field)
    name = wrapped[1] if wrapped else field
    if "(" in name:
        return None
    if name in ("user", "user.display", "sentry:user"):
        return "user"
    known = {"user.email": "email", "user.ip": "ip", "user.username": "username"}.get(name)
    return known or kind_of_tag(f"user.{name}" if name.startswith("geo.") else name)


ADDITIVE = re.compile(r"count\([^()]*\)|count_if\(.*\)")
"""Fields whose sum over all groups is the figure without groups."""

NOT_ADDITIVE = "; of this row alone, does not add up over days or projects"

EMPTY = "; empty or null where there is none"

INTERVALS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}


def guess_type(field: str) -> Type:
    """A type for a field until an answer's meta.fields names it."""
    if re.match(r"count(_unique|_if)?\(", field):
        return Type.BIGINT
    if re.match(r"(p\d+|avg|percentile|failure_rate|apdex|epm|eps|tpm|tps|sum)\(", field):
        return Type.DOUBLE
    return Type.TIMESTAMP if field.startswith("timestamp") else Type.VARCHAR


def make_table(query: DiscoverQuery) -> Table:
    """The table of a query: its fields, and `interval_start` when it is sliced by time."""
    names = [snake_case(field) for field in query.fields]
    defaults = [
        None if is_aggregate(field) or guess_type(field) is not Type.VARCHAR else "" for field in query.fields
    ]
    columns = [
        Column(
            name if names.count(name) == 1 else f"{name}_{i}",
            guess_type(field),
            f"Field {field}{'' if is_additive(field) else NOT_ADDITIVE}{'' if default is None else EMPTY}.",
            field,
            default,
        )
        for i, (name, field, default) in enumerate(zip(names, query.fields, defaults, strict=True))
    ]
    key = tuple(c.name for c in columns if not is_aggregate(str(c.at)))
    if query.interval:
        columns.append(
            Column(
                "interval_start",
                Type.TIMESTAMP,
                f"Start of the {'hour' if query.interval == '1h' else 'day'} (UTC).",
                Context("interval_start"),
            )
        )
        key = (*key, "interval_start")
    return Table(
        f"discover_{query.name}",
        f"One row per {', '.join(key) or 'organization'} of the Discover query {query.name!r}.",
        key,
        tuple(columns),
        nullable_key=True,
    )


def is_aggregate(field: str) -> bool:
    """Whether a field is computed over the rows of a group."""
    return "(" in field or field.startswith("equation|")


def is_additive(field: str) -> bool:
    """False for figures whose sum over rows means nothing, or may: percentiles, rates, averages, extremes,
    distinct counts, equations."""
    return not is_aggregate(field) or bool(re.match(r"(count|count_if|sum|failure_count)\(", field))


def configure(queries: Sequence[DiscoverQuery]) -> tuple[Request, ...]:
    """One request for each query."""
    return tuple(_request(query) for query in queries)


def _request(query: DiscoverQuery) -> Request:
    # pages come in no order unless one is asked for, and only by fields that are selected
    sort = query.sort or tuple(f for f in query.fields if not is_aggregate(f)) or query.fields[:1]
    length = INTERVALS[query.interval] if query.interval else None

    def parameters(dataset: str, condition: str) -> Parameters:
        return (
            *(("field", field) for field in query.fields),
            ("query", condition),
            ("dataset", dataset),
            ("project", "-1"),
            *(("sort", by) for by in sort),
            ("start", "{start}"),
            ("end", "{end}"),
        )

    older = OLDER_DATASETS.get(query.dataset)
    table = make_table(query)
    grouped = any(is_aggregate(field) for field in query.fields)
    additive = next((field for field in query.fields if ADDITIVE.fullmatch(field)), "")
    return Request(
        name=query.name,
        path="/organizations/{organization}/events/",
        parameters=parameters(query.dataset, query.query),
        alternatives=((parameters("discover", f"{older} {query.query}".strip()),) if older else ()),
        shape="discover",
        load="replace",
        window=Window(
            first=timedelta(days=query.days),
            overlap=timedelta(days=3) if length else timedelta(days=query.days),
            longest=length,
            # days are read whole: a query that had figures by the day would keep them beside hours
            align=timedelta(days=1) if length else None,
        ),
        tables=(table,),
        # without figures a row is an event
        adds_up=additive if grouped else "count()",
        totals_column=next((c.name for c in table.columns if additive and c.at == additive), ""),
        personal=tuple(
            (field.replace("~", "~0").replace("/", "~1"), kind)
            for field in query.fields
            if (kind := personal_kind(field))
        ),
    )


STREAM = Stream(
    name="discover",
    about="The Discover/Explore queries of the configuration.",
    source="GET /api/0/organizations/{org}/events/ (facts §4.5)",
    scope="organization",
    scopes=("org:read",),
    configure=configure,
)
