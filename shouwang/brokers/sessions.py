"""Bound the sessions of one certificate: which of a gateway's a broker keeps, and when too many are told. Pure.

Neither NATS nor mosquitto can bound them itself. So what each broker tells of its clients is noted here, and
:mod:`shouwang.brokers.session_watch` ends what lies beyond the bound.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from shouwang.brokers.config import FORGOTTEN_DAYS

SESSIONS_PER_GATEWAY = 3
"""Sessions that a gateway keeps at one broker: the agent's only one, that of a key which was just replaced, and one of
a bridge that shares the certificate."""
TOLD_FROM = 10
"""New client ids of one gateway in WINDOW_S from which it is told. A device that chooses another id at each connection
stays below that, unless its line breaks all the time."""
WINDOW_S = 3600.0
MOST_NOTED = 1000
"""Client ids that are counted for one identity."""
OPEN_OF_A_SERVICE = 200
"""Connections of one service at a time from which it is told. Services have two sessions a worker, and commands come
and go; none of theirs is ever ended."""
SERVICE = "svc-"
"""Begin of the names of services."""

State = Literal["open", "closed", "stored"]


class Sighting(NamedTuple):
    """A session that a broker tells of."""

    identity: str
    """The certificate's common name; "" where the broker does not tell it (the session is found by ``client_id``)."""
    client_id: str
    state: State
    """``stored``: the broker keeps it, connected or not."""
    clean: bool = False
    """A clean session ends with its connection (MQTT 3.1.1, 3.1.2.4)."""


class Session(NamedTuple):
    """One session of one identity."""

    identity: str
    client_id: str


class Excess(NamedTuple):
    """One identity of which more sessions were opened than anybody honest opens."""

    identity: str
    seen: int
    """Client ids that appeared within WINDOW_S; of a service those that are connected."""


@dataclass
class _Known:
    since: float
    last: float
    connected: bool = False
    clean: bool = False


@dataclass
class _Owner:
    sessions: dict[str, _Known] = field(default_factory=dict)
    new: dict[str, float] = field(default_factory=dict)
    """When each client id appeared; the oldest first."""


class SessionLedger:
    """The sessions of every identity at one broker, as far as the broker tells. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._owners: dict[str, _Owner] = {}
        self._last: dict[str, str] = {}  # by client id: whose session it is

    def note(self, seen: Sighting, now: float) -> None:
        """Take over what a broker tells of one session."""
        identity = seen.identity or self._last.get(seen.client_id, "")
        if seen.state == "closed":
            self._close(identity, seen.client_id, now)
        if not identity or (identity.startswith(SERVICE) and seen.state != "open"):
            return
        if seen.state == "open":
            before = self._last.get(seen.client_id, identity)
            if before != identity:  # taken over, with whatever it was
                self._remove(before, seen.client_id)
            self._last[seen.client_id] = identity
        owner = self._owners.setdefault(identity, _Owner())
        known = owner.sessions.get(seen.client_id)
        if known is None and (seen.state != "closed" or seen.identity):
            known = owner.sessions[seen.client_id] = _Known(since=now, last=now)
            owner.new.setdefault(seen.client_id, now)
            if len(owner.new) > MOST_NOTED:
                del owner.new[next(iter(owner.new))]
        if known is not None:
            known.last = now
            if seen.state == "open":
                known.connected, known.clean = True, seen.clean

    def disconnect_all(self) -> None:
        """Take every session for disconnected; for a broker that lists all open ones at each look."""
        for name, owner in self._owners.items():
            if name.startswith(SERVICE):
                owner.sessions.clear()
            for known in owner.sessions.values():
                known.connected = False

    def surplus(self, revoked: Collection[str], now: float) -> list[Session]:
        """Choose the sessions to end: all of a revoked gateway, and of another one those beyond SESSIONS_PER_GATEWAY.

        The agent's own (by the form of its client id) stay first, then connected ones, then those known longest.
        """
        self._forget(now)
        return [
            Session(name, client_id)
            for name, owner in self._owners.items()
            if not name.startswith(SERVICE)
            for client_id in _by_worth(name, owner)[0 if name in revoked else SESSIONS_PER_GATEWAY :]
        ]

    def ended(self, session: Session) -> None:
        """Forget a session that the broker has ended."""
        self._remove(session.identity, session.client_id)

    def excesses(self, now: float) -> list[Excess]:
        """Return the gateways of which more than TOLD_FROM client ids appeared in the last WINDOW_S, and services with
        more than OPEN_OF_A_SERVICE connections."""
        found = []
        for name, owner in sorted(self._owners.items()):
            service = name.startswith(SERVICE)
            seen = len(owner.sessions) if service else sum(now - moment <= WINDOW_S for moment in owner.new.values())
            if seen > (OPEN_OF_A_SERVICE if service else TOLD_FROM):
                found.append(Excess(name, seen))
        return found

    def __iter__(self) -> Iterator[Session]:
        """Every session that is known."""
        return (Session(name, one) for name, owner in self._owners.items() for one in owner.sessions)

    def _close(self, identity: str, client_id: str, now: float) -> None:
        owner = self._owners.get(identity)
        known = None if owner is None else owner.sessions.get(client_id)
        if known is not None:
            known.connected, known.last = False, now
            if known.clean or identity.startswith(SERVICE):
                self._remove(identity, client_id)

    def _remove(self, identity: str, client_id: str) -> None:
        owner = self._owners.get(identity)
        if owner is not None:
            owner.sessions.pop(client_id, None)
        if self._last.get(client_id) == identity:
            del self._last[client_id]

    def _forget(self, now: float) -> None:
        """Forget what the broker has ended by itself."""
        oldest = now - FORGOTTEN_DAYS * 86_400
        for name, owner in list(self._owners.items()):
            for client_id, known in list(owner.sessions.items()):
                if not known.connected and known.last < oldest:
                    self._remove(name, client_id)
            owner.new = {one: moment for one, moment in owner.new.items() if now - moment <= WINDOW_S}
            if not owner.sessions and not owner.new:
                del self._owners[name]


def _by_worth(identity: str, owner: _Owner) -> list[str]:
    own = re.compile(rf"{re.escape(identity)}(-[0-9a-f]{{16}})?")  # as firmware_profiles.link.mqtt.session_name
    return [
        client_id
        for client_id, _ in sorted(
            owner.sessions.items(),
            key=lambda one: (own.fullmatch(one[0]) is None, not one[1].connected, one[1].since),
        )
    ]
