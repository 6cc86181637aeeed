"""The teams of an organization."""

from extractors.stream import Request, Stream
from warehouse.schema import Column, Table, Type

TEAMS = Table(
    "teams",
    "One row per team; those that were deleted stay, with an older _run_id.",
    ("team_id",),
    (
        Column("team_id", Type.VARCHAR, "Sentry's id of the team.", "id"),
        Column("slug", Type.VARCHAR, "Short name in URLs; can be changed.", "slug"),
        Column("name", Type.VARCHAR, "Display name.", "name"),
        Column("date_created", Type.TIMESTAMP, "When the team was made (UTC).", "dateCreated"),
        Column("member_count", Type.BIGINT, "Members it has.", "memberCount"),
        Column("org_role", Type.VARCHAR, "Organization role its members get, if any.", "orgRole"),
        Column("flags", Type.JSON, "How it is managed, such as idp:provisioned.", "flags"),
    ),
)

STREAM = Stream(
    name="teams",
    about="All teams of the organization.",
    source="GET /api/0/organizations/{org}/teams/ (facts §5)",
    scope="organization",
    scopes=("org:read", "team:read"),
    requests=(
        Request(
            path="/organizations/{organization}/teams/",
            parameters=(("detailed", "0"),),
            tables=(TEAMS,),
            ignored=(
                "isMember",
                "teamRole",
                "access",
                "hasAccess",
                "isPending",
                "avatar",
                "externalTeams",
                "projects",
                "organization",
            ),
        ),
    ),
)
