"""One night passes: what happens to an organization between two exports."""

from __future__ import annotations

from .series import Outcomes, Sessions
from .world import World


class Nights:
    def __init__(self, world: World, outcomes: Outcomes, sessions: Sessions) -> None:
        self.world = world
        self.outcomes = outcomes
        self.sessions = sessions

    def one(self) -> list[str]:
        return []
