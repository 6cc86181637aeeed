"""What happens to whose data: hash, drop or keep, and the exceptions for single fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

Action = Literal["hash", "drop", "keep"]
Group = Literal["users", "members", "requests"]


class PolicyError(ValueError):
    """A policy names an action that does not exist."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to personal data.

    users      people who use the observed applications
    members    people who use Sentry, and authors of commits
    requests   query strings and bodies; None = as users
    texts      "scrub" replaces e-mail and IP addresses in free text too
    overrides  path → action; a path is the stream and the keys below it (`events/user/ip_address`,
               `members/email`), for a tag `events/tags/<key>`; `*` and `?` match any characters, the last
               match counts. A field that is not personal can be named too (`events/culprit`), without `*`.
               Credentials are dropped all the same.
    """

    users: Action = "hash"
    members: Action = "keep"
    requests: Action | None = None
    texts: Literal["keep", "scrub"] = "keep"
    overrides: Mapping[str, Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        actions = [self.users, self.members, *self.overrides.values()]
        if self.requests is not None:
            actions.append(self.requests)
        for action in actions:
            if action not in get_args(Action):
                raise PolicyError(f"{action!r} is none of hash, drop, keep")
        if self.texts not in ("keep", "scrub"):
            raise PolicyError(f"{self.texts!r} is none of keep, scrub")

    def override(self, path: str) -> Action | None:
        """The action an override names for exactly this path."""
        found: Action | None = None
        for pattern, action in self.overrides.items():
            if fnmatchcase(path, pattern):
                found = action
        return found

    def action(self, group: Group, path: str) -> Action:
        """The action for a value of the group at the path."""
        found = self.override(path) if self.overrides else None
        if found is not None:
            return found
        if group == "members":
            return self.members
        if group == "requests" and self.requests is not None:
            return self.requests
        return self.users
