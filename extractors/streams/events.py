"""Error events, one row each, with their tags; full bodies of the latest or of all."""

from dataclasses import replace
from datetime import timedelta

from extractors.event_bodies import BODY_IGNORED, BODY_TABLES, EVENT_ID, HAPPENED
from extractors.stream import Request, Stream, Window
from warehouse.schema import Column, Parent, Table, Tag, Type

OTHERS = (("event.type", "type"), ("transaction", "generic"))
"""The latest event of a performance issue is no error: it has a body, but no row among the errors."""

EVENTS = Table(
    "events",
    "One row per error, default or security event.",
    ("event_id",),
    (
        Column("event_id", Type.VARCHAR, "32 hex digits, given by the SDK.", EVENT_ID),
        Column("issue_id", Type.VARCHAR, "The issue it belongs to; follows merges.", "groupID"),
        Column("project_id", Type.VARCHAR, "The project.", "projectID"),
        Column("event_type", Type.VARCHAR, "error, default, csp, …", ("event.type", "type")),
        Column("title", Type.VARCHAR, "Title as shown.", "title"),
        Column("message", Type.VARCHAR, "Message; often empty for exceptions.", "message"),
        Column("location", Type.VARCHAR, "File it happened in.", "location"),
        Column("culprit", Type.VARCHAR, "Function or transaction it happened in.", "culprit"),
        Column("platform", Type.VARCHAR, "Platform of the SDK.", "platform"),
        Column("level", Type.VARCHAR, "Severity, from the tag.", Tag("level"), keep=True),
        Column("environment", Type.VARCHAR, "Environment, from the tag.", Tag("environment"), keep=True),
        Column("release", Type.VARCHAR, "Version of the release, from the tag.", Tag("release"), keep=True),
        Column("transaction", Type.VARCHAR, "Transaction, from the tag.", Tag("transaction"), keep=True),
        Column("user_id", Type.VARCHAR, "User as the application names them.", "user/id"),
        Column("user_email", Type.VARCHAR, "User's e-mail address (hashed by default).", "user/email"),
        Column("user_username", Type.VARCHAR, "User's login name (hashed by default).", "user/username"),
        Column("user_ip_address", Type.VARCHAR, "User's IP address (hashed by default).", "user/ip_address"),
        Column("user_name", Type.VARCHAR, "User's name (hashed by default).", "user/name"),
        Column("user_geo_country_code", Type.VARCHAR, "User's country.", "user/geo/country_code"),
        Column("user_geo_region", Type.VARCHAR, "User's region (left out by default).", "user/geo/region"),
        Column("user_geo_city", Type.VARCHAR, "User's city (left out by default).", "user/geo/city"),
        Column("user_data", Type.JSON, "What the application added about the user.", "user/data"),
        Column("date_created", Type.TIMESTAMP, "When it happened (UTC), as the SDK says.", HAPPENED),
        Column(
            "date_received",
            Type.TIMESTAMP,
            "When Sentry got it (UTC); null where only the summary was read.",
            "dateReceived",
            keep=True,
        ),
        Column("crash_file", Type.JSON, "Crash report attached, if any.", "crashFile"),
        Column(
            "metadata",
            Type.JSON,
            "Type and value of the error; older servers tell them with full bodies only.",
            "metadata",
            keep=True,
        ),
    ),
    without=OTHERS,
)

EVENT_TAGS = Table(
    "event_tags",
    "One row per event and tag key.",
    ("event_id", "key"),
    (
        Column("event_id", Type.VARCHAR, "The event.", Parent(EVENT_ID)),
        Column("project_id", Type.VARCHAR, "The project.", Parent("projectID")),
        Column("date_created", Type.TIMESTAMP, "When the event happened (UTC).", Parent(HAPPENED)),
        Column("key", Type.VARCHAR, "Tag key; empty where Sentry scrubbed it.", "key", default=""),
        Column("value", Type.VARCHAR, "Tag value.", "value"),
    ),
    each="tags",
    parent="events",
    without=OTHERS,
)

OTHER_COMMENTS = {
    "issue_id": "The issue it belonged to when its body was read.",
    "event_type": "transaction, or generic: an occurrence of other kinds of issues.",
    "metadata": "What its title and place are made of.",
}
OTHER_EVENTS = replace(
    EVENTS,
    name="other_events",
    comment="One row per transaction or other event that is no error and whose body was read.",
    columns=tuple(
        replace(c, comment=OTHER_COMMENTS.get(c.name, c.comment))
        for c in EVENTS.columns
        if c.name != "crash_file"
    ),
    without=None,
    only=OTHERS,
)

OTHER_EVENT_TAGS = replace(
    EVENT_TAGS,
    name="other_event_tags",
    comment="One row per tag key of an event that is no error.",
    parent="other_events",
    without=None,
    only=OTHERS,
)

SUMMARY_IGNORED = ("tags/query", "user/geo/subdivision", "user/geo/country_name")
BODY_PERSONAL = (
    ("entries", "entries"),
    ("contexts", "contexts"),
    ("context", "extra"),
    ("occurrence", "extra"),
    ("errors", "extra"),
    ("_meta", "extra"),
    ("userReport", "user"),
    ("release/authors", "member"),
    ("release/lastCommit", "member"),
    ("release/lastDeploy", "member"),
    ("release/owner", "member"),
)

STREAM = Stream(
    name="events",
    about="Summaries of all error events with their tags; full bodies of the latest, or of all.",
    source="GET /api/0/projects/{org}/{project}/events/ (facts §4.2)",
    scope="project",
    scopes=("project:read",),
    personal=(
        ("user", "user"),  # as a whole: what Sentry may add to it is personal, too
        ("tags", "tags"),
        *BODY_PERSONAL,  # summaries have none of it, unless a server of another age thinks otherwise
    ),
    requests=(
        Request(
            path="/projects/{organization}/{project}/events/",
            parameters=(("start", "{start}"), ("end", "{end}")),
            window=Window(overlap=timedelta(days=3)),
            newest_first="dateCreated",
            measure="count()",
            tables=(EVENTS, EVENT_TAGS),
            ignored=SUMMARY_IGNORED,
        ),
        Request(
            name="latest",
            path="/organizations/{organization}/issues/{item}/events/latest/",
            paging=None,
            worklist="events_latest",
            after=("issues", "events"),  # a body says more than the summary whose row it replaces
            detail="latest-per-issue",
            scopes=("event:read",),
            measure="count_unique(issue)",
            items_of="issues",
            may_be_gone=True,  # issues stay longer than their events
            tables=(EVENTS, OTHER_EVENTS, OTHER_EVENT_TAGS, *BODY_TABLES),
            ignored=(*SUMMARY_IGNORED, *BODY_IGNORED),
        ),
        # events that an unmerge gave to a new issue are older than what is read again; no list says it
        Request(
            name="moved",
            path="/organizations/{organization}/issues/{item}/events/",
            worklist="events_moved",
            scopes=("event:read",),
            may_be_gone=True,
            tables=(EVENTS, EVENT_TAGS),
            ignored=SUMMARY_IGNORED,
        ),
        # bodies of errors fill no event_tags: Sentry may scrub a tag's key there that the summary shows
        # besides the summaries, which tell what is complete, at a tenth of the requests
        Request(
            name="full",
            path="/projects/{organization}/{project}/events/",
            parameters=(("full", "1"), ("start", "{start}"), ("end", "{end}")),  # newer servers want the 1
            page_size=25,  # newer servers give 10; older ones would send 100 bodies of any size
            detail="full",
            window=Window(overlap=timedelta(days=3)),
            newest_first="dateCreated",
            measure="count()",
            tables=(EVENTS, OTHER_EVENTS, OTHER_EVENT_TAGS, *BODY_TABLES),
            ignored=(*SUMMARY_IGNORED, *BODY_IGNORED),
        ),
    ),
)
