"""Judge which link of the path is broken, from the stamps that a press has left on its way. Pure."""

from collections.abc import Iterable, Sequence

import msgspec


class Stamps(msgspec.Struct, kw_only=True):
    """The places where a press was seen. Each of them, once true, stays so."""

    acknowledged: bool = False
    """The broker has it."""
    stored: bool = False
    """Ingest has written it."""
    heard: bool = False
    """Alerting has answered the gateway."""
    raised: bool = False
    """The alert's row is there."""
    called: bool = False
    """Dispatch has taken the first step."""
    claimed: bool = False
    """The delivery service has begun to send."""
    received: bool = False
    """The channel's receipt has come."""
    shown: bool = False
    """Every console that is at work has the notice."""

    @property
    def complete(self) -> bool:
        """Whether all of the path is proved."""
        return self.stored and self.received and self.shown


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The facts beside a press by which two causes of the same absence are told apart.

    ``ingest_connected``: whether ingest has a session at the database; None: this is not known.
    """

    database: bool
    ingest_connected: bool | None = None
    console_connected: bool = True


def broken_links(stamps: Stamps, around: Surroundings) -> frozenset[str]:
    """Find the first links behind which nothing came: of those that follow one another only the first. Codes of
    ``vocabulary.path_links``."""
    reached = stamps.acknowledged or stamps.heard or stamps.stored
    if not around.database:
        # nothing of what lies behind the database can be known now
        known = frozenset({"database"})
        return known if reached else known | {"gateway_broker"}
    if not reached:
        return frozenset({"gateway_broker"})
    links: set[str] = set()
    if not stamps.stored:
        links.add("ingest_database" if around.ingest_connected is False else "broker_ingest")
    if not stamps.raised:
        links.add("alerting_database" if stamps.heard else "broker_alerting")
    elif not stamps.called:
        links.add("dispatch")
    elif not stamps.claimed:
        links.add("notify")
    elif not stamps.received:
        links.add("channel")
    if not around.console_connected:
        links.add("console_database")
    elif stamps.raised and not stamps.shown:
        links.add("broker_console")
    return frozenset(links)


LASTING = 2
"""A link is broken once so many presses one after the other stopped at it: one alone may fall into the seconds in which
a second process takes over."""


def lasting(found: Sequence[frozenset[str]]) -> frozenset[str]:
    """The links at which the last presses stopped, the oldest first in ``found``; an empty set is a proof.

    Where each of the last ones stopped at another place, the newest counts: something is broken.
    """
    latest = list(found)[-LASTING:]
    if len(latest) < LASTING or not all(latest):
        return frozenset()
    return frozenset.intersection(*latest) or latest[-1]


def direct(links: Iterable[str]) -> bool:
    """Whether the ladder cannot tell of it, so that people have to be told without it."""
    return bool({"database", "dispatch", "notify"} & set(links))
