"""Releases, the projects each went to and its commit authors."""

from datetime import timedelta

from extractors.stream import Request, Stream, Window
from warehouse.schema import POSITION, Column, Parent, Table, Type

RELEASE_ID = Column("release_id", Type.VARCHAR, "The release.", Parent("id"))
VERSION = Column("version", Type.VARCHAR, "The release's version.", Parent("version"))

RELEASES = Table(
    "releases",
    "One row per release of the organization. Those made in the last 30 days are read again each night, "
    "others by export --full-audit only.",
    ("release_id",),
    (
        Column("release_id", Type.VARCHAR, "Sentry's id of the release.", "id"),
        Column("version", Type.VARCHAR, "Version as sent; unique in the organization.", "version"),
        Column("short_version", Type.VARCHAR, "Version as shown.", "shortVersion"),
        Column("status", Type.VARCHAR, "open or archived.", "status"),
        Column("package", Type.VARCHAR, "Package part of the version.", "versionInfo/package"),
        Column("build_hash", Type.VARCHAR, "Commit hash in the version.", "versionInfo/buildHash"),
        Column("version_major", Type.BIGINT, "Major part, if semantic.", "versionInfo/version/major"),
        Column("version_minor", Type.BIGINT, "Minor part, if semantic.", "versionInfo/version/minor"),
        Column("version_patch", Type.BIGINT, "Patch part, if semantic.", "versionInfo/version/patch"),
        Column("version_pre", Type.VARCHAR, "Pre-release part.", "versionInfo/version/pre"),
        Column("version_build_code", Type.VARCHAR, "Build code.", "versionInfo/version/buildCode"),
        Column("ref", Type.VARCHAR, "Commit or tag it was made from.", "ref"),
        Column("url", Type.VARCHAR, "Link given with the release.", "url"),
        Column("date_created", Type.TIMESTAMP, "When Sentry first saw it (UTC).", "dateCreated"),
        Column("date_released", Type.TIMESTAMP, "When it went live (UTC); often null.", "dateReleased"),
        Column("first_event", Type.TIMESTAMP, "First event in it (UTC).", "firstEvent"),
        Column("last_event", Type.TIMESTAMP, "Last event in it (UTC).", "lastEvent"),
        Column("new_groups", Type.BIGINT, "Issues first seen in it.", "newGroups"),
        Column("commit_count", Type.BIGINT, "Commits in it.", "commitCount"),
        Column("deploy_count", Type.BIGINT, "Deploys of it.", "deployCount"),
        Column("last_commit_id", Type.VARCHAR, "Newest commit.", "lastCommit/id"),
        Column("last_commit_message", Type.VARCHAR, "Its message.", "lastCommit/message"),
        Column("last_commit_date_created", Type.TIMESTAMP, "Its time (UTC).", "lastCommit/dateCreated"),
        Column("last_deploy", Type.JSON, "Newest deploy.", "lastDeploy"),
        Column("owner", Type.JSON, "Owner, if set.", "owner"),
        Column("data", Type.JSON, "Free data given with the release.", "data"),
        Column("user_agent", Type.VARCHAR, "Client that made it.", "userAgent"),
    ),
)

RELEASE_PROJECTS = Table(
    "release_projects",
    "One row per release and project it belongs to.",
    ("release_id", "project_id"),
    (
        RELEASE_ID,
        VERSION,
        Column("project_id", Type.VARCHAR, "The project.", "id"),
        Column("project_slug", Type.VARCHAR, "The project's short name.", "slug"),
        Column("platform", Type.VARCHAR, "The project's platform.", "platform"),
        Column("new_groups", Type.BIGINT, "Issues of the project first seen in it.", "newGroups"),
        Column("has_health_data", Type.BOOLEAN, "Whether sessions came for it.", "hasHealthData"),
    ),
    each="projects",
    parent="releases",
)

RELEASE_AUTHORS = Table(
    "release_authors",
    "One row per release and author of its commits.",
    ("release_id", "position"),
    (
        RELEASE_ID,
        VERSION,
        Column("position", Type.BIGINT, "Place in Sentry's list, from 0.", POSITION),
        Column("user_id", Type.VARCHAR, "The user, when Sentry knows one.", "id"),
        Column("name", Type.VARCHAR, "Author's name.", "name"),
        Column("email", Type.VARCHAR, "Author's e-mail address.", "email"),
    ),
    each="authors",
    parent="releases",
)

AUTHOR_FIELDS = (
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
    "experiments",
    "emails",
    "avatar",
    "identities",
    "options",
    "flags",
)

STREAM = Stream(
    name="releases",
    about="Releases of all projects, archived ones too.",
    source="GET /api/0/organizations/{org}/releases/ (facts §5)",
    scope="organization",
    scopes=("project:read", "project:releases", "org:ci"),
    personal=(
        ("authors/name", "member"),
        ("authors/email", "member"),
        ("authors/username", "member"),
        ("authors/emails", "member"),
        ("authors/avatarUrl", "member"),
        ("authors/avatar", "member"),
        ("authors/identities", "member"),
        ("owner", "member"),
        ("lastCommit/author", "member"),
        ("lastCommit/pullRequest", "member"),
        ("lastCommit/releases", "member"),
    ),
    requests=(
        Request(
            path="/organizations/{organization}/releases/",
            # an absent status means "open" only, an absent project the projects of the token's user
            parameters=(("project", "-1"), ("status", ""), ("start", "{start}"), ("end", "{end}")),
            # counts and the last event of a release change later; the window is on date_created
            window=Window(first=None, overlap=timedelta(days=30)),
            tables=(RELEASES, RELEASE_PROJECTS, RELEASE_AUTHORS),
            ignored=(
                "versionInfo/description",
                "versionInfo/version/raw",
                "versionInfo/version/components",
                "lastCommit/pullRequest",
                "lastCommit/suspectCommitType",
                "lastCommit/repository",
                "lastCommit/author",
                "lastCommit/releases",
                "projects/name",
                "projects/platforms",
                "projects/adoptionStages",
                "projects/healthData",
                "currentProjectMeta",
                "adoptionStages",
                "healthData",
                *(f"authors/{name}" for name in AUTHOR_FIELDS),
            ),
        ),
    ),
)
