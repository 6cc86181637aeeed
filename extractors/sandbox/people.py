"""What organizations, projects, teams, members and releases look like."""

from __future__ import annotations

import re
from hashlib import md5
from typing import Any

from .answers import iso
from .model import Member, Project, Release, Team
from .world import World

_AVATAR = {"avatarType": "letter_avatar", "avatarUuid": None}
_NOT_IN_TEAMS = (
    "environments", "eventProcessing", "hasUserReports", "latestDeploys", "latestRelease", "platforms",
    "team", "teams",
)  # fmt: skip
_ACCESS = [
    "alerts:read",
    "event:read",
    "member:read",
    "org:read",
    "project:read",
    "project:releases",
    "team:read",
]
_ORG_FEATURES = [
    "advanced-search", "discover-basic", "discover-query", "global-views", "open-membership",
    "performance-view", "team-roles",
]  # fmt: skip
_SEMVER = re.compile(r"^(?:(?P<package>[^@]+)@)?(?P<raw>(\d+)\.(\d+)\.(\d+)(?:-([\w.]+))?(?:\+([\w.]+))?)$")


def user_object(member: Member) -> dict[str, Any]:
    digest = md5(member.email.encode(), usedforsecurity=False).hexdigest()
    return {
        "id": str(member.user_id),
        "name": member.name,
        "username": member.email,
        "email": member.email,
        "avatarUrl": f"https://gravatar.example/avatar/{digest}?s=32&d=mm",
        "isActive": True,
        "hasPasswordAuth": member.member_id % 3 == 0,
        "isManaged": False,
        "dateJoined": iso(member.created_ms),
        "lastLogin": iso(member.created_ms + 86_400_123) if member.member_id % 4 else None,
        "has2fa": member.member_id % 2 == 0,
        "lastActive": iso(member.created_ms + 86_400_456),
        "isSuperuser": False,
        "isStaff": False,
        "experiments": {},
        "emails": [{"id": str(member.user_id), "email": member.email, "is_verified": True}],
        "avatar": _AVATAR,
    }


class People:
    """Shapes only; `lists` serves them."""

    def __init__(self, world: World, base: str) -> None:
        self.world = world
        self.base = base

    def organization(self, *, detailed: bool) -> dict[str, Any]:
        world = self.world
        row: dict[str, Any] = {
            "id": str(world.organization_id),
            "slug": world.slug,
            "status": {"id": "active", "name": "active"},
            "name": world.options.organization.title() + " Trading",
            "dateCreated": iso(world.created_ms + 321),
            "isEarlyAdopter": False,
            "require2FA": False,
            "requireEmailVerification": False,
            "avatar": _AVATAR,
            "features": _ORG_FEATURES,
            "links": {"organizationUrl": self.base, "regionUrl": self.base},
            "hasAuthProvider": False,
        }
        if world.options.modern:
            row |= {
                "allowMemberInvite": True,
                "allowMemberProjectCreation": True,
                "allowSuperuserAccess": False,
            }
        if detailed:
            row |= {
                "quota": {"maxRate": None, "maxRateInterval": 60, "accountLimit": 0, "projectLimit": 100},
                "defaultRole": "member",
                "openMembership": True,
                "dataScrubber": True,
                "sensitiveFields": [],
                "safeFields": [],
                "storeCrashReports": 0,
                "scrubIPAddresses": False,
                "trustedRelays": [],
                "access": _ACCESS,
                "role": "member",
                "orgRole": "member",
                "pendingAccessRequests": 0,
                "onboardingTasks": [],
                "isDynamicallySampled": False,
                "teams": [self.team(team, embed=False) for team in world.teams],
                "projects": [self.project(project) for project in world.projects],
            }
        return row

    def team_stub(self, team: Team) -> dict[str, Any]:
        return {"id": str(team.team_id), "slug": team.slug, "name": team.name}

    def project(self, project: Project) -> dict[str, Any]:
        latest = project.releases[-1] if project.releases else None
        first = min((e.received_ms for e in project.errors[:50]), default=None)
        row: dict[str, Any] = {
            "id": str(project.project_id),
            "slug": project.slug,
            "name": project.name,
            "platform": project.platform.name if project.shows_platform else None,
            "dateCreated": iso(project.created_ms + 17),
            "isBookmarked": False,
            "isMember": project.is_member,
            "features": ["alert-filters", "rate-limits", "releases"] if latest else [],
            "firstEvent": iso(first) if first else None,
            "firstTransactionEvent": bool(project.transactions),
            "access": _ACCESS if not project.refused else [],
            "hasAccess": not project.refused,
            "hasMinifiedStackTrace": project.platform.family == "javascript",
            "hasMonitors": False,
            "hasProfiles": False,
            "hasReplays": False,
            "hasSessions": project.platform.sessions and not project.silent,
            "team": self.team_stub(project.teams[0]),
            "teams": [self.team_stub(team) for team in project.teams],
            "environments": ["production", "staging"] if project.errors else [],
            "eventProcessing": {"symbolicationDegraded": False},
            "platforms": [project.platform.family] if project.errors else [],
            "latestRelease": {"version": latest.version} if latest else None,
            "hasUserReports": False,
            "latestDeploys": (
                {"production": {"version": latest.version, "dateFinished": iso(latest.created_ms + 600_000)}}
                if latest and latest.deploys
                else None
            ),
        }
        if self.world.options.modern:
            row |= {
                "hasFeedbacks": False,
                "hasNewFeedbacks": project is self.world.projects[0],
                "hasFlags": False,
                "hasInsightsHttp": False,
                "hasInsightsDb": bool(project.transactions),
                "hasLogs": False,
            }
        if self.world.options.odd_payloads and project is self.world.projects[0]:
            row["futureSetting"] = {"level": 2, "names": ["ä", None, 3]}
        return row

    def team_project(self, project: Project) -> dict[str, Any]:
        """The shorter form in which a team carries its projects."""
        row = self.project(project)
        for name in _NOT_IN_TEAMS:
            row.pop(name, None)
        return row | {
            "avatar": _AVATAR,
            "color": f"#3f{project.project_id % 200 + 16:x}bf",
            "isInternal": False,
            "isPublic": False,
            "status": "active",
        }

    def team(self, team: Team, *, embed: bool = True) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": str(team.team_id),
            "slug": team.slug,
            "name": team.name,
            "dateCreated": iso(team.created_ms + 45),
            "isMember": team.is_member,
            "teamRole": "contributor" if team.is_member else None,
            "flags": {"idp:provisioned": False},
            "access": _ACCESS,
            "hasAccess": True,
            "isPending": False,
            "memberCount": team.member_count,
            "avatar": _AVATAR,
        }
        if not self.world.options.modern:
            row["orgRole"] = None
        if embed:
            row["externalTeams"] = []
            row["projects"] = [self.team_project(one) for one in self.world.projects if team in one.teams]
        return row

    def member(self, member: Member) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": str(member.member_id),
            "email": member.email,
            "name": member.name,
            "user": None if member.user_id is None else user_object(member),
            "role": member.role,
            "roleName": member.role.title(),
            "orgRole": member.role,
            "pending": member.pending,
            "expired": False,
            "flags": {
                "idp:provisioned": False,
                "idp:role-restricted": False,
                "sso:linked": False,
                "sso:invalid": False,
                "member-limit:restricted": False,
            },
            "dateCreated": iso(member.created_ms),
            "inviteStatus": "approved",
            "inviterName": member.inviter,
        }
        if self.world.options.modern:
            row["flags"]["partnership:restricted"] = False
        else:
            row["groupOrgRoles"] = []
        return row

    def release(self, release: Release) -> dict[str, Any]:
        match = _SEMVER.match(release.version)
        if match:
            version: dict[str, Any] = {
                "raw": match["raw"],
                "major": int(match[3]),
                "minor": int(match[4]),
                "patch": int(match[5]),
                "pre": match[6],
                "buildCode": match[7],
                "components": 3,
            }
            description = match["raw"].replace("+", " (") + (")" if match[7] else "")
        else:
            version, description = {"raw": release.version}, release.version
        author: dict[str, Any] | None = None
        if release.author is not None:
            known = release.author.user_id is not None and release.author.member_id % 3
            author = (
                user_object(release.author)
                if known
                else {"name": release.author.name, "email": release.author.email}
            )
        return {
            "id": release.release_id,
            "version": release.version,
            "status": release.status,
            "shortVersion": release.version.split("@", 1)[-1] if match else release.version,
            "versionInfo": {
                "package": match["package"] if match else None,
                "version": version,
                "description": description,
                "buildHash": None,
            },
            "ref": release.commit,
            "url": None,
            "dateReleased": iso(release.released_ms) if release.released_ms else None,
            "dateCreated": iso(release.created_ms),
            "data": {},
            "newGroups": release.new_groups,
            "owner": None,
            "commitCount": 1 if release.commit else 0,
            "lastCommit": (
                {
                    "id": release.commit,
                    "message": "Guard against an empty answer" if release.fix else "Ship the next version",
                    "dateCreated": iso(release.created_ms - 3_600_000),
                    "pullRequest": None,
                    "suspectCommitType": "",
                    "repository": {
                        "id": "51",
                        "name": "acme/shop",
                        "url": "https://git.example.com/acme/shop",
                        "provider": {"id": "unknown", "name": "Unknown Provider"},
                        "status": "active",
                        "dateCreated": iso(self.world.created_ms + 77_000),
                        "integrationId": None,
                        "externalSlug": None,
                    },
                    "author": author,
                    "releases": [
                        {
                            "version": release.version,
                            "shortVersion": release.version.split("@", 1)[-1] if match else release.version,
                            "ref": release.commit,
                            "url": None,
                            "dateReleased": iso(release.released_ms) if release.released_ms else None,
                            "dateCreated": iso(release.created_ms),
                        }
                    ],
                }
                if release.commit
                else None
            ),
            "deployCount": release.deploys,
            "lastDeploy": (
                {
                    "id": str(release.release_id * 10),
                    "environment": "production",
                    "dateStarted": iso(release.created_ms),
                    "dateFinished": iso(release.created_ms + 600_000),
                    "name": "roll-out",
                    "url": None,
                }
                if release.deploys
                else None
            ),
            "authors": [author] if author else [],
            "projects": [
                {
                    "id": project.project_id,
                    "slug": project.slug,
                    "name": project.name,
                    "newGroups": release.new_groups if project is release.projects[0] else 0,
                    "platform": project.platform.name,
                    "platforms": [project.platform.family],
                    "hasHealthData": project.platform.sessions,
                }
                for project in release.projects
            ],
            "firstEvent": iso(release.first_event_ms // 1000 * 1000) if release.first_event_ms else None,
            "lastEvent": iso(release.last_event_ms // 1000 * 1000) if release.last_event_ms else None,
            "currentProjectMeta": {},
            "userAgent": "sentry-cli/2.38.2" if release.commit else None,
        }
