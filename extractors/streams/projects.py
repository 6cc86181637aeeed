"""The projects of an organization, their teams and environments."""

from extractors.stream import Request, Stream
from warehouse.schema import ELEMENT, Column, Parent, Table, Type

PROJECT_ID = Column("project_id", Type.VARCHAR, "The project.", Parent("id"))

PROJECTS = Table(
    "projects",
    "One row per project; those that Sentry no longer lists stay, with an older _run_id.",
    ("project_id",),
    (
        Column("project_id", Type.VARCHAR, "Sentry's id of the project.", "id"),
        Column("slug", Type.VARCHAR, "Short name in URLs; can be changed and reused.", "slug"),
        Column("name", Type.VARCHAR, "Display name.", "name"),
        Column("platform", Type.VARCHAR, "Main platform as set by its members.", "platform"),
        Column("status", Type.VARCHAR, "active, or why not; null on older servers.", "status"),
        Column("date_created", Type.TIMESTAMP, "When the project was made (UTC).", "dateCreated"),
        Column("first_event", Type.TIMESTAMP, "Time of its first event (UTC).", "firstEvent"),
        Column(
            "first_transaction_event",
            Type.BOOLEAN,
            "Whether it sent a transaction yet.",
            "firstTransactionEvent",
        ),
        Column("has_sessions", Type.BOOLEAN, "Whether it sends release health data.", "hasSessions"),
        Column("has_profiles", Type.BOOLEAN, "Whether it sends profiles.", "hasProfiles"),
        Column("has_replays", Type.BOOLEAN, "Whether it sends replays.", "hasReplays"),
        Column("has_monitors", Type.BOOLEAN, "Whether it has cron monitors.", "hasMonitors"),
        Column(
            "has_minified_stack_trace",
            Type.BOOLEAN,
            "Whether minified stack traces were seen.",
            "hasMinifiedStackTrace",
        ),
        Column("has_access", Type.BOOLEAN, "Whether the token may read it.", "hasAccess"),
        Column("has_user_reports", Type.BOOLEAN, "Whether users sent feedback.", "hasUserReports"),
        Column("platforms", Type.JSON, "Platforms its events came from.", "platforms"),
        Column("features", Type.JSON, "Features switched on.", "features"),
        Column("latest_release_version", Type.VARCHAR, "Newest release.", "latestRelease/version"),
        Column("latest_deploys", Type.JSON, "Newest deploy by environment.", "latestDeploys"),
        Column(
            "symbolication_degraded",
            Type.BOOLEAN,
            "Whether symbolication was degraded when asked.",
            "eventProcessing/symbolicationDegraded",
        ),
    ),
)

PROJECT_TEAMS = Table(
    "project_teams",
    "One row per project and team that owns it.",
    ("project_id", "team_id"),
    (
        PROJECT_ID,
        Column("team_id", Type.VARCHAR, "The team.", "id"),
        Column("team_slug", Type.VARCHAR, "The team's short name.", "slug"),
        Column("team_name", Type.VARCHAR, "The team's display name.", "name"),
    ),
    each="teams",
    parent="projects",
)

PROJECT_ENVIRONMENTS = Table(
    "project_environments",
    "One row per project and environment its events named.",
    ("project_id", "environment"),
    (PROJECT_ID, Column("environment", Type.VARCHAR, "Name of the environment.", ELEMENT)),
    each="environments",
    parent="projects",
)

STREAM = Stream(
    name="projects",
    about="All projects of the organization that the token may see.",
    source="GET /api/0/organizations/{org}/projects/ (facts §5)",
    scope="organization",
    scopes=("org:read",),
    personal=(("options", "extra"),),
    requests=(
        Request(
            path="/organizations/{organization}/projects/",
            tables=(PROJECTS, PROJECT_TEAMS, PROJECT_ENVIRONMENTS),
            ignored=(
                "team",
                "teams/avatar",
                "isBookmarked",
                "isMember",
                "access",
                "isInternal",
                "isPublic",
                "avatar",
                "color",
                "latestRelease/id",
                "hasCustomMetrics",
                "hasFeedbacks",
                "hasNewFeedbacks",
                "hasFlags",
                "hasInsightsHttp",
                "hasInsightsDb",
                "hasInsightsAssets",
                "hasInsightsAppStart",
                "hasInsightsScreenLoad",
                "hasInsightsVitals",
                "hasInsightsCaches",
                "hasInsightsQueues",
                "hasInsightsLlmMonitoring",
                "hasInsightsAgentMonitoring",
                "hasInsightsMCP",
                "hasLogs",
                "hasTraceMetrics",
                "stats",
                "transactionStats",
                "sessionStats",
                "options",
            ),
        ),
    ),
)
