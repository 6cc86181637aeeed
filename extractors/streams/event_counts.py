"""How many error events Sentry counts per project and day: what the loaded events are audited against."""

from datetime import timedelta

from extractors.stream import Parameters, Request, Stream, Window
from warehouse.schema import Column, Table, Type

EVENT_COUNTS = Table(
    "event_counts",
    "One row per project and UTC day with any error event within Sentry's retention.",
    ("project_id", "day"),
    (
        Column("project_id", Type.VARCHAR, "The project.", "project.id"),
        Column("day", Type.TIMESTAMP, "Start of the day (UTC).", "timestamp.to_day"),
        Column(
            "event_count",
            Type.BIGINT,
            "Error events that Sentry counted when it last told of the day.",
            "count()",
        ),
    ),
)


def _parameters(dataset: str, query: str) -> Parameters:
    return (
        ("field", "project.id"),
        ("field", "timestamp.to_day"),
        ("field", "count()"),
        ("dataset", dataset),
        ("query", query),
        ("project", "-1"),
        ("sort", "-timestamp.to_day"),
        ("sort", "project.id"),
        ("start", "{start}"),
        ("end", "{end}"),
    )


STREAM = Stream(
    name="event_counts",
    about="Counts of error events per project and day.",
    source="GET /api/0/organizations/{org}/events/ (facts §4.5)",
    scope="organization",
    requests=(
        Request(
            path="/organizations/{organization}/events/",
            parameters=_parameters("errors", ""),
            # servers before 2024 know no dataset of errors
            alternatives=(_parameters("discover", "!event.type:transaction"),),
            shape="discover",
            window=Window(overlap=timedelta(days=90), align=timedelta(days=1)),
            tables=(EVENT_COUNTS,),
            adds_up="count()",
            totals_column="event_count",
        ),
    ),
)
