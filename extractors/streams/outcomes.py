"""What became of everything that was sent: accepted, filtered, rate limited, …"""

from datetime import timedelta

from extractors.stream import Request, Stream, Window
from warehouse.schema import Column, Context, Table, Type

OUTCOMES = Table(
    "outcomes",
    "One row per project, category, outcome, reason and interval in which anything was counted.",
    ("project_id", "category", "outcome", "reason", "interval_start"),
    (
        Column("project_id", Type.VARCHAR, "The project.", Context("project_id")),
        Column("category", Type.VARCHAR, "Kind of data: error, transaction, session, …", "by/category"),
        Column("outcome", Type.VARCHAR, "accepted, filtered, rate_limited, invalid, …", "by/outcome"),
        Column(
            "reason",
            Type.VARCHAR,
            "Why, such as the name of a filter; `none`, Sentry's own word, or empty where there is no "
            "reason.",
            "by/reason",
            default="",
        ),
        Column("interval_start", Type.TIMESTAMP, "Start of the interval (UTC).", "interval"),
        Column(
            "interval_seconds",
            Type.BIGINT,
            "Its length: 3600 for the 30 days before a run's end, 86400 for what was read of earlier ones.",
            Context("interval_seconds"),
        ),
        Column(
            "quantity",
            Type.BIGINT,
            "Amount in the category's unit (bytes for attachment and categories that end in _byte, "
            "milliseconds for profile_duration and profile_duration_ui, otherwise a count); "
            "never add up over categories.",
            "series/sum(quantity)",
        ),
        Column(
            "times_seen",
            Type.BIGINT,
            "How many times such an outcome was recorded.",
            "series/sum(times_seen)",
        ),
    ),
)

STREAM = Stream(
    name="outcomes",
    about="Accepted and dropped data per project, hourly for the recent part, daily for the old.",
    source="GET /api/0/organizations/{org}/stats_v2/ (facts §4.3)",
    scope="project",
    requests=(
        Request(
            path="/organizations/{organization}/stats_v2/",
            parameters=(
                ("field", "sum(quantity)"),
                ("field", "sum(times_seen)"),
                ("groupBy", "category"),
                ("groupBy", "outcome"),
                ("groupBy", "reason"),
                ("project", "{project_id}"),
                ("start", "{start}"),
                ("end", "{end}"),
                ("interval", "{interval}"),
            ),
            paging=None,
            shape="series",
            load="replace",
            window=Window(
                overlap=timedelta(hours=48),  # outcomes are restated for a day or two
                align=timedelta(days=1),
                interval=timedelta(hours=1),
                longest=timedelta(days=30),
                coarse=(timedelta(days=30), timedelta(days=1), timedelta(days=365)),
            ),
            tables=(OUTCOMES,),
            points=10_000,
            # a sum over categories means nothing, but it must be the same either way
            totals=(
                ("field", "sum(quantity)"),
                ("groupBy", "category"),
                ("groupBy", "outcome"),
                ("groupBy", "reason"),
                ("project", "{project_id}"),
                ("start", "{start}"),
                ("end", "{end}"),
                ("interval", "{interval}"),
            ),
            totals_column="quantity",
        ),
    ),
)
