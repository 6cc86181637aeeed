"""Error events, one row each, with their tags."""

from datetime import timedelta

from extractors.stream import Request, Stream, Window
from warehouse.schema import Column, Parent, Table, Tag, Type

EVENTS = Table(
    "events",
    "One row per error, default or security event.",
    ("event_id",),
    (
        Column("event_id", Type.VARCHAR, "32 hex digits, given by the SDK.", ("eventID", "id")),
        Column("issue_id", Type.VARCHAR, "The issue it belongs to; follows merges.", "groupID"),
        Column("project_id", Type.VARCHAR, "The project.", "projectID"),
        Column("event_type", Type.VARCHAR, "error, default, csp, …", ("event.type", "type")),
        Column("title", Type.VARCHAR, "Title as shown.", "title"),
        Column("message", Type.VARCHAR, "Message; often empty for exceptions.", "message"),
        Column("location", Type.VARCHAR, "File it happened in.", "location"),
        Column("culprit", Type.VARCHAR, "Function or transaction it happened in.", "culprit"),
        Column("platform", Type.VARCHAR, "Platform of the SDK.", "platform"),
        Column("level", Type.VARCHAR, "Severity, from the tag.", Tag("level")),
        Column("environment", Type.VARCHAR, "Environment, from the tag.", Tag("environment")),
        Column("release", Type.VARCHAR, "Version of the release, from the tag.", Tag("release")),
        Column("transaction", Type.VARCHAR, "Transaction, from the tag.", Tag("transaction")),
        Column("user_id", Type.VARCHAR, "User as the application names them.", "user/id"),
        Column("user_email", Type.VARCHAR, "User's e-mail address (hashed by default).", "user/email"),
        Column("user_username", Type.VARCHAR, "User's login name (hashed by default).", "user/username"),
        Column("user_ip_address", Type.VARCHAR, "User's IP address (hashed by default).", "user/ip_address"),
        Column("user_name", Type.VARCHAR, "User's name (hashed by default).", "user/name"),
        Column("user_geo_country_code", Type.VARCHAR, "User's country.", "user/geo/country_code"),
        Column("user_geo_region", Type.VARCHAR, "User's region (left out by default).", "user/geo/region"),
        Column("user_geo_city", Type.VARCHAR, "User's city (left out by default).", "user/geo/city"),
        Column("user_data", Type.JSON, "What the application added about the user.", "user/data"),
        Column("date_created", Type.TIMESTAMP, "When it happened (UTC), as the SDK says.", "dateCreated"),
        Column(
            "date_received",
            Type.TIMESTAMP,
            "When Sentry got it (UTC); null where only the summary was read.",
            "dateReceived",
        ),
        Column("crash_file", Type.JSON, "Crash report attached, if any.", "crashFile"),
        Column("metadata", Type.JSON, "Type and value of the error, on newer servers.", "metadata"),
    ),
)

EVENT_TAGS = Table(
    "event_tags",
    "One row per event and tag key.",
    ("event_id", "key"),
    (
        Column("event_id", Type.VARCHAR, "The event.", Parent("eventID")),
        Column("project_id", Type.VARCHAR, "The project.", Parent("projectID")),
        Column("date_created", Type.TIMESTAMP, "When the event happened (UTC).", Parent("dateCreated")),
        Column("key", Type.VARCHAR, "Tag key; empty where Sentry scrubbed it.", "key", default=""),
        Column("value", Type.VARCHAR, "Tag value.", "value"),
    ),
    each="tags",
    parent="events",
)

STREAM = Stream(
    name="events",
    about="Summaries of all error events with their tags.",
    source="GET /api/0/projects/{org}/{project}/events/ (facts §4.2)",
    scope="project",
    scopes=("project:read",),
    personal=(
        ("user/id", "user_id"),
        ("user/email", "email"),
        ("user/ip_address", "ip"),
        ("user/username", "username"),
        ("user/name", "name"),
        ("user/geo", "geo"),
        ("user/data", "data"),
        ("tags", "tags"),
    ),
    requests=(
        Request(
            path="/projects/{organization}/{project}/events/",
            parameters=(("start", "{start}"), ("end", "{end}")),
            window=Window(overlap=timedelta(days=3)),
            newest_first="dateCreated",
            tables=(EVENTS, EVENT_TAGS),
            ignored=("tags/query", "user/geo/subdivision", "user/geo/country_name"),
        ),
    ),
)
