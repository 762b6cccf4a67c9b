"""The beat: what this console knows of the platform, and since when; told to every open page."""

from typing import Any

import msgspec

from console.board.feed import Feed

BEAT_S = 2.0
"""Interval of the beat; a page that misses it for 6 s says so, for 10 s is red."""


class Pulse:
    """The content of the beat, from memory: no page waits for the database to hear that it is away."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def beat(self) -> dict[str, Any]:
        """The beat of this moment."""
        return {
            "database": self._feed.database_up,
            "broker": self._feed.broker_up,
            "looked_s": None,
            "path": msgspec.to_builtins(self._feed.proof.state()),
        }
