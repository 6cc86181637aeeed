"""The clients of a run: one for each token, paced by one governor, so that no token meets another's data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from extractors.client import Client, Usage
from extractors.governor import Governor
from extractors.plan import Organization
from flows.settings import Settings, UsageError


def require_token(settings: Settings) -> None:
    """Raises UsageError when there is no token at all."""
    if not settings.token and not settings.tokens:
        raise UsageError(
            "No token: set SENTRY_AUTH_TOKEN (an internal integration's or a user's token with org:read, "
            "project:read, team:read, member:read and event:read), or try `sentry-warehouse demo`."
        )


class Clients:
    """A client for the general token, and one for each organization with a token of its own.

    settings   names the server and the tokens
    governor   shared by all
    stop       ends every wait

    Raises UsageError when there is no token at all, Unauthorized for one that can be none, NotSentry for a
    URL that can be none.
    """

    def __init__(
        self, settings: Settings, *, governor: Governor | None = None, stop: threading.Event | None = None
    ) -> None:
        require_token(settings)
        self.governor = governor or Governor()

        def make(token: str) -> Client:
            return Client(
                settings.url,
                token,
                governor=self.governor,
                ca_bundle=settings.ca_bundle or None,
                timeout=settings.timeout,
                stop=stop,
            )

        self.general = make(settings.token) if settings.token else None
        self._own = {name: make(token) for name, token in settings.tokens.items()}
        self._of: dict[str, Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Client]:
        return iter(self.by_name().values())

    def by_name(self) -> dict[str, Client]:
        """Organization with a token of its own → its client; "" → the general one."""
        return ({"": self.general} if self.general is not None else {}) | self._own

    @property
    def named(self) -> tuple[str, ...]:
        """Organizations with a token of their own, as the settings name them (slug or id)."""
        return tuple(self._own)

    def for_name(self, name: str) -> Client:
        """The client for an organization by the name that the settings give it.

        Raises UsageError when neither it nor all have a token.
        """
        client = self._own.get(name) or self.general
        if client is None:
            raise UsageError(
                f"There is no token for the organization {name!r}: name one in [tokens], or set "
                "SENTRY_AUTH_TOKEN for all that have none of their own."
            )
        return client

    def assign(self, organization: Organization, client: Client) -> None:
        """From now on the organization is asked with this client, whatever its slug becomes."""
        self._of[organization.organization_id] = client

    def of(self, organization_id: str) -> Client:
        """The client of an organization that was found. Raises KeyError for another."""
        return self._of[organization_id]

    def usage(self) -> Usage:
        """The counters of all at this moment."""
        used = [client.usage() for client in self]
        return Usage(
            sum(u.requests for u in used),
            sum(u.throttled for u in used),
            sum(u.retried for u in used),
            sum(u.bytes for u in used),
        )

    def deprecations(self) -> tuple[tuple[str, dict[str, str]], ...]:
        """(path template, headers) of the endpoints that were announced to go."""
        return tuple(sorted({p: h for client in self for p, h in client.deprecations()}.items()))

    def close(self) -> None:
        """Closes idle connections."""
        for client in self:
            client.close()
