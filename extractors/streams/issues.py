"""Issues of every status, as they stand now, with lifetime counts."""

from datetime import timedelta

from extractors.stream import Request, Stream, Window
from warehouse.schema import Column, Context, Parent, Table, Type

ISSUES = Table(
    "issues",
    "One row per issue, user feedback excepted, as it stood when an export last saw it.",
    ("issue_id",),
    (
        Column("issue_id", Type.VARCHAR, "Sentry's id of the issue (group).", "id"),
        Column("short_id", Type.VARCHAR, "Id that people use, such as SHOP-1A.", "shortId"),
        Column("project_id", Type.VARCHAR, "The project.", "project/id"),
        Column("title", Type.VARCHAR, "Title as shown.", "title"),
        Column("culprit", Type.VARCHAR, "Where it happened.", "culprit"),
        Column("level", Type.VARCHAR, "fatal, error, warning, info, debug, sample.", "level"),
        Column("status", Type.VARCHAR, "unresolved, resolved, ignored, …", "status"),
        Column(
            "substatus",
            Type.VARCHAR,
            "new, ongoing, escalating, regressed, archived_…; null when resolved.",
            "substatus",
        ),
        Column("priority", Type.VARCHAR, "high, medium, low; null on older servers.", "priority"),
        Column(
            "priority_locked_at", Type.TIMESTAMP, "When a person set the priority (UTC).", "priorityLockedAt"
        ),
        Column("issue_type", Type.VARCHAR, "Kind of problem, such as error.", "issueType"),
        Column("issue_category", Type.VARCHAR, "error, performance, outage, …", "issueCategory"),
        Column("event_type", Type.VARCHAR, "Type of its events: error, default, …", "type"),
        Column("is_unhandled", Type.BOOLEAN, "Whether any event was unhandled.", "isUnhandled"),
        Column("platform", Type.VARCHAR, "Platform of its events.", "platform"),
        Column("logger", Type.VARCHAR, "Logger that reported it.", "logger"),
        Column("assigned_to_type", Type.VARCHAR, "user or team; null when nobody.", "assignedTo/type"),
        Column("assigned_to_id", Type.VARCHAR, "Id of that user or team.", "assignedTo/id"),
        Column("assigned_to_name", Type.VARCHAR, "Name of that user or team.", "assignedTo/name"),
        Column("assigned_to_email", Type.VARCHAR, "E-mail address of an assigned user.", "assignedTo/email"),
        Column(
            "event_count",
            Type.BIGINT,
            "Events over its whole life, also those Sentry no longer keeps.",
            ("lifetime/count", "count"),
        ),
        Column(
            "user_count",
            Type.BIGINT,
            "Users affected within Sentry's retention; not additive.",
            ("lifetime/userCount", "userCount"),
        ),
        Column("first_seen", Type.TIMESTAMP, "First event ever (UTC).", ("lifetime/firstSeen", "firstSeen")),
        Column("last_seen", Type.TIMESTAMP, "Newest event (UTC).", ("lifetime/lastSeen", "lastSeen")),
        Column("num_comments", Type.BIGINT, "Comments by members.", "numComments"),
        Column("is_public", Type.BOOLEAN, "Whether it is shared by link.", "isPublic"),
        Column("metadata", Type.JSON, "Type, value, file and function of the error.", "metadata"),
        Column("status_details", Type.JSON, "How and by what it was resolved or ignored.", "statusDetails"),
        Column("annotations", Type.JSON, "Links that integrations added.", "annotations"),
        Column("permalink", Type.VARCHAR, "Address in Sentry.", "permalink"),
    ),
    history="issue_history",
    tracked=(
        "status",
        "substatus",
        "priority",
        "level",
        "assigned_to_type",
        "assigned_to_id",
    ),
    marks=(
        Column(
            "deleted_at",
            Type.TIMESTAMP,
            "When Sentry first answered 404 for it (UTC).",
            Context("deleted_at"),
        ),
        Column(
            "merged_into_issue_id",
            Type.VARCHAR,
            "The issue it was merged into: Sentry answers with that one.",
            Context("merged_into_issue_id"),
        ),
        Column(
            "unlisted_at",
            Type.TIMESTAMP,
            "When Sentry no longer listed it though it still exists (UTC): too old for its search, mostly.",
            Context("unlisted_at"),
        ),
    ),
)

ISSUE_ID = Column("issue_id", Type.VARCHAR, "The issue.", Parent("id"))
PROJECT_ID = Column("project_id", Type.VARCHAR, "The project.", Parent("project/id"))

ISSUE_DETAILS = Table(
    "issue_details",
    "One row per issue: what only its own page tells, as it was when the page was read last.",
    ("issue_id",),
    (
        Column("issue_id", Type.VARCHAR, "The issue.", "id"),
        Column("project_id", Type.VARCHAR, "The project.", "project/id"),
        Column("status", Type.VARCHAR, "Status when its page was read.", "status"),
        Column("first_release", Type.VARCHAR, "Version it first came with.", "firstRelease/version"),
        Column("last_release", Type.VARCHAR, "Version it last came with.", "lastRelease/version"),
        Column("user_report_count", Type.BIGINT, "Feedback reports for it.", "userReportCount"),
        Column("num_comments", Type.BIGINT, "Comments by members, when its page was read.", "numComments"),
    ),
)

ISSUE_ACTIVITY = Table(
    "issue_activity",
    "One row per thing that happened to an issue. Its page is read again when a list shows a change, or by a "
    "full audit.",
    ("issue_id", "activity_id"),
    (
        ISSUE_ID,
        PROJECT_ID,
        Column("activity_id", Type.VARCHAR, "Sentry's id of the activity; 0 is the first event.", "id"),
        Column("activity_type", Type.VARCHAR, "set_resolved, assigned, note, set_regression, …", "type"),
        Column("date_created", Type.TIMESTAMP, "When it happened (UTC).", "dateCreated"),
        Column("user_id", Type.VARCHAR, "Who did it; null for Sentry itself.", "user/id"),
        Column("user_name", Type.VARCHAR, "Name of who did it.", "user/name"),
        Column("user_email", Type.VARCHAR, "E-mail address of who did it.", "user/email"),
        Column("data", Type.JSON, "Details, such as the assignee or the commit.", "data"),
    ),
    each="activity",
    parent="issue_details",
)

LISTED = (
    "shareId",
    "project/name",
    "project/slug",
    "project/platform",
    "isBookmarked",
    "isSubscribed",
    "subscriptionDetails",
    "hasSeen",
    "stats",
    "filtered",
    "lifetime/stats",
    "owners",
    "inbox",
    "sessionCount",
    "matchingEventId",
    "matchingEventEnvironment",
    "integrationIssues",
    "sentryAppIssues",
    "pluginActions",
    "pluginIssues",
    "latestEventHasAttachments",
    "seerFixabilityScore",
    "seerAutofixLastTriggered",
    "seerExplorerAutofixLastTriggered",
    "derivedData",
)
"""Fields of a list's rows that stay out: as the token's user sees it, or sparklines."""

RELEASE_FIELDS = ("firstRelease", "lastRelease")
OWN_PAGE = (
    *LISTED,
    "pluginContexts",
    "tags",
    "seenBy",
    "participants",
    "currentRelease",
    "forecast",
    "count24h",
    "activity/sentry_app",
    *(
        f"{release}/{name}"
        for release in RELEASE_FIELDS
        for name in (
            "id",
            "status",
            "shortVersion",
            "versionInfo",
            "ref",
            "url",
            "dateReleased",
            "dateCreated",
            "data",
            "newGroups",
            "owner",
            "commitCount",
            "lastCommit",
            "deployCount",
            "lastDeploy",
            "authors",
            "projects",
            "firstEvent",
            "lastEvent",
            "currentProjectMeta",
            "userAgent",
        )
    ),
    *(
        f"activity/user/{name}"
        for name in (
            "username",
            "avatarUrl",
            "isActive",
            "hasPasswordAuth",
            "isManaged",
            "dateJoined",
            "lastLogin",
            "has2fa",
            "lastActive",
            "isSuperuser",
            "isStaff",
            "isUnclaimed",
            "experiments",
            "emails",
            "avatar",
            "identities",
            "options",
            "flags",
        )
    ),
)
"""Fields of an issue's own page that stay out as well: in tables of their own, or of no use in SQL."""

DETAIL_PATH = "/organizations/{organization}/issues/{item}/"


def _unused(table: Table) -> tuple[str, ...]:
    return tuple(
        place
        for column in table.columns
        for place in (
            (column.at,) if isinstance(column.at, str) else column.at if isinstance(column.at, tuple) else ()
        )
    )


STREAM = Stream(
    name="issues",
    about="All issues, of every status, that had an event in the last 90 days, without user feedback, which "
    "Sentry's search leaves out; then the own pages of those that changed or vanished.",
    source="GET /api/0/organizations/{org}/issues/ and …/issues/{id}/ (facts §4.1)",
    scope="project",
    scopes=("event:read",),
    personal=(
        ("assignedTo/email", "member"),
        ("assignedTo/name", "assignee"),
        ("statusDetails/actor", "member"),
        ("statusDetails/inCommit", "member"),
        ("metadata/contact_email", "email"),
        ("metadata/name", "name"),
        ("owners", "member"),
        ("activity/user/name", "member"),
        ("activity/user/email", "member"),
        ("activity/user/username", "member"),
        ("activity/user/emails", "member"),
        ("activity/user/avatarUrl", "member"),
        ("activity/user/avatar", "member"),
        ("activity/user/identities", "member"),
        ("activity/data/assigneeEmail", "member"),
        ("activity/data/commit/author", "member"),
        ("activity/data/pullRequest/author", "member"),
        ("participants", "member"),
        ("seenBy", "member"),
        ("firstRelease/authors", "member"),
        ("firstRelease/lastCommit", "member"),
        ("firstRelease/owner", "member"),
        ("lastRelease/authors", "member"),
        ("lastRelease/lastCommit", "member"),
        ("lastRelease/owner", "member"),
    ),
    requests=(
        Request(
            path="/organizations/{organization}/issues/",
            parameters=(
                ("project", "{project_id}"),
                ("query", ""),  # absent means unresolved of high and medium priority only
                ("sort", "date"),
                ("start", "{start}"),
                ("end", "{end}"),
                ("collapse", "filtered"),
                ("groupStatsPeriod", ""),
            ),
            paging="limit",
            # every night the whole window: lastSeen says nothing of changes of status
            window=Window(overlap=timedelta(days=90)),
            measure="count_unique(issue)",
            search=True,
            tables=(ISSUES,),
            ignored=LISTED,
        ),
        Request(
            name="detail",
            path=DETAIL_PATH,
            paging=None,
            worklist="issue_details",
            after=("issues",),
            measure="count_unique(issue)",
            items_of="issues",
            tables=(ISSUE_DETAILS, ISSUE_ACTIVITY),
            ignored=(*OWN_PAGE, *_unused(ISSUES)),
        ),
        Request(
            name="unknown",
            path=DETAIL_PATH,
            paging=None,
            worklist="issues_unknown",
            control="issues",
            tables=(ISSUES, ISSUE_DETAILS, ISSUE_ACTIVITY),
            ignored=OWN_PAGE,
        ),
        Request(
            name="vanished",
            path=DETAIL_PATH,
            paging=None,
            worklist="issues_vanished",
            control="issues",
            tables=(ISSUES, ISSUE_DETAILS, ISSUE_ACTIVITY),
            ignored=OWN_PAGE,
        ),
    ),
)
