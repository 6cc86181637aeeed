"""Release health: sessions and users by status, and the rates that do not add up."""

from datetime import timedelta

from extractors.stream import Request, Stream, Window
from warehouse.schema import Column, Context, Table, Type

PROJECT = Column("project_id", Type.VARCHAR, "The project.", Context("project_id"))
RELEASE = Column(
    "release", Type.VARCHAR, "Version of the release; empty where none was sent.", "by/release", ""
)
ENVIRONMENT = Column(
    "environment", Type.VARCHAR, "Environment; empty where none was sent.", "by/environment", ""
)
INTERVAL = Column("interval_start", Type.TIMESTAMP, "Start of the interval (UTC).", "interval")
SECONDS = Column("interval_seconds", Type.BIGINT, "Its length: 86400, a day.", Context("interval_seconds"))

SESSIONS = Table(
    "sessions",
    "One row per project, release, environment, session status and interval with any session.",
    ("project_id", "release", "environment", "session_status", "interval_start"),
    (
        PROJECT,
        RELEASE,
        ENVIRONMENT,
        Column(
            "session_status",
            Type.VARCHAR,
            "healthy, errored, abnormal, crashed, unhandled; whatever Sentry names.",
            "by/session.status",
            "",
        ),
        INTERVAL,
        SECONDS,
        Column("session_count", Type.BIGINT, "Sessions that ended so.", "series/sum(session)"),
        Column(
            "user_count",
            Type.BIGINT,
            "Distinct users in this row; never add up over rows.",
            "series/count_unique(user)",
        ),
    ),
)


def _measure(name: str, field: str, comment: str, type_: Type = Type.DOUBLE) -> Column:
    return Column(name, type_, comment, f"series/{field}")


SESSION_HEALTH = Table(
    "session_health",
    "One row per project, release, environment and interval with any session: rates and durations.",
    ("project_id", "release", "environment", "interval_start"),
    (
        PROJECT,
        RELEASE,
        ENVIRONMENT,
        INTERVAL,
        SECONDS,
        _measure("session_count", "sum(session)", "Sessions of all statuses.", Type.BIGINT),
        _measure("user_count", "count_unique(user)", "Distinct users; not additive.", Type.BIGINT),
        _measure(
            "crash_free_session_rate",
            "crash_free_rate(session)",
            "Share of sessions without crash, 0 to 1; does not add up over days or projects: a mean of "
            "several rows is weighted by session_count.",
        ),
        _measure(
            "crash_free_user_rate",
            "crash_free_rate(user)",
            "Share of users without crash, 0 to 1; does not add up over days or projects.",
        ),
        _measure(
            "session_duration_p50",
            "p50(session.duration)",
            "Median duration in ms; null since 2023, when Sentry stopped recording it; not additive.",
        ),
        _measure(
            "session_duration_p95",
            "p95(session.duration)",
            "95th percentile of duration in ms; null since 2023; not additive.",
        ),
    ),
)

WINDOW = Window(
    overlap=timedelta(hours=48),
    align=timedelta(days=1),
    interval=timedelta(days=1),
    longest=timedelta(days=30),
)
SCOPE = (("project", "{project_id}"), ("start", "{start}"), ("end", "{end}"), ("interval", "{interval}"))
TOTALS = (("field", "sum(session)"), ("groupBy", "session.status"), ("includeSeries", "0"), *SCOPE)
POINTS = 10_000
"""Groups × intervals of one answer; what is beyond is left out without a word (facts §4.4)."""
MOST_A_PAGE = 100
"""Sentry takes more here, but 100 is what every endpoint of every version takes."""

STREAM = Stream(
    name="sessions",
    about="Sessions and users per release, environment and status; rates and durations.",
    source="GET /api/0/organizations/{org}/sessions/ (facts §4.4)",
    scope="project",
    requests=(
        Request(
            path="/organizations/{organization}/sessions/",
            parameters=(
                ("field", "sum(session)"),
                ("field", "count_unique(user)"),
                ("groupBy", "release"),
                ("groupBy", "environment"),
                ("groupBy", "session.status"),
                *SCOPE,
            ),
            paging=None,
            shape="series",
            load="replace",
            window=WINDOW,
            tables=(SESSIONS,),
            totals=TOTALS,
            totals_column="session_count",
            apart="session.status",
            points=POINTS,
            page_size=MOST_A_PAGE,
        ),
        Request(
            name="health",
            path="/organizations/{organization}/sessions/",
            # rates can not be grouped by status
            parameters=(
                ("field", "sum(session)"),
                ("field", "count_unique(user)"),
                ("field", "crash_free_rate(session)"),
                ("field", "crash_free_rate(user)"),
                ("field", "p50(session.duration)"),
                ("field", "p95(session.duration)"),
                ("groupBy", "release"),
                ("groupBy", "environment"),
                *SCOPE,
            ),
            # newer servers know no durations any more
            alternatives=(
                (
                    ("field", "sum(session)"),
                    ("field", "count_unique(user)"),
                    ("field", "crash_free_rate(session)"),
                    ("field", "crash_free_rate(user)"),
                    ("groupBy", "release"),
                    ("groupBy", "environment"),
                    *SCOPE,
                ),
            ),
            page_size=MOST_A_PAGE,
            points=POINTS,
            shape="series",
            load="replace",
            window=WINDOW,
            tables=(SESSION_HEALTH,),
            totals=TOTALS,
            totals_column="session_count",
        ),
    ),
)
