"""Decide how a program goes on through the rings of gateways. No clock, no database, no broker.

A ring is whole when at least half of its gateways, and one at least, run the new version. It has to be so for a time,
and at the end of it the gateways must be online with a complete ledger (all of them; of many, all but one in twenty).
A gateway that is away, has an open alert or messages in its buffer is waited for, and offered the version later.
Anything that looks like the program's fault stops the rollout: no gateway gets it any more until a person has looked.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

State = Literal["waiting", "trying", "running", "returned", "refused", "silent"]
FAILED: tuple[State, ...] = ("returned", "refused", "silent")
WORDS: dict[State, str] = {
    "returned": "went back to its old program",
    "refused": "refuses the bundle",
    "silent": "does not answer since it tries the new program",
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where one gateway stands, and what the district knows of it."""

    gateway: str
    ring: int
    state: State
    text: str = ""
    changed_at: dt.datetime
    online: bool
    seen_at: dt.datetime | None = None
    """When it came online, or went."""
    runs_it: bool
    """Its status names this version."""
    open_alert: bool
    missing: bool
    """Numbers of its streams are missing in the district's ledger now."""
    lost: bool
    """Some were given up since the change."""
    faults: int
    """Fault events since the change."""
    faults_before: int
    """The same in as long a time before."""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One program on its way. ``ring`` counts from 1."""

    version: int
    release: str
    rings: int
    ring: int
    healthy_for: dt.timedelta
    whole_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    stopped: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The next step: whom to offer it, who waits and why, and where the rollout stands afterwards."""

    rollout: Rollout
    offer: tuple[str, ...] = ()
    waits: dict[str, str] = {}
    says: str = ""


UNWELL_SHARE = 20
"""One of so many gateways may be away or incomplete: in a district there is always a router without power."""


def rings_of(gateways: Sequence[str], shares: Sequence[int], version: int) -> dict[str, int]:
    """The ring of each gateway, from 1. ``shares``: per cent of all that have it after each ring, rising to 100.

    Which gateways come first is another choice for each version. Raises ValueError where the shares do not rise to 100.
    """
    if not shares or list(shares) != sorted(set(shares)) or shares[0] < 1 or shares[-1] != 100:
        raise ValueError("rings are rising percentages that end with 100, such as 1, 10, 100")
    order = sorted(gateways, key=lambda name: hashlib.sha256(f"{version}:{name}".encode()).digest())
    ends = [-(-len(order) * share // 100) for share in shares]
    return {name: next(ring for ring, end in enumerate(ends, 1) if at < end) for at, name in enumerate(order)}


def next_step(rollout: Rollout, standings: Sequence[Standing], now: dt.datetime) -> Step:
    """Decide the next step of a rollout that neither ended nor stopped."""
    if rollout.ended_at is not None or rollout.stopped:
        return Step(rollout=rollout, says=rollout.stopped or "ended")
    begun = [one for one in standings if one.ring <= rollout.ring]
    fault = next((words for one in begun if (words := _fault(one))), "") or _absence(begun, rollout, now)
    if fault:
        return Step(rollout=msgspec.structs.replace(rollout, stopped=fault, ended_at=now), says=fault)
    waits = {one.gateway: why for one in begun if one.state == "waiting" and (why := _not_now(one))}
    offer = tuple(one.gateway for one in begun if one.state == "waiting" and one.gateway not in waits)
    running = [one for one in begun if one.state == "running"]
    unwell = [f"{one.gateway}: {why}" for one in running if (why := _unwell(one))]
    ring = f"ring {rollout.ring} of {rollout.rings}: {len(running)} of {len(begun)} run it"
    ring += f", {len(waits)} wait" if waits else ""
    if not running or 2 * len(running) < len(begun):
        return Step(rollout=msgspec.structs.replace(rollout, whole_at=None), offer=offer, waits=waits, says=ring)
    whole_at = rollout.whole_at or now
    kept = msgspec.structs.replace(rollout, whole_at=whole_at)
    last = rollout.ring == rollout.rings
    if now - whole_at < rollout.healthy_for:
        says = f"{ring}; watched until {whole_at + rollout.healthy_for:%Y-%m-%d %H:%M} UTC"
        return Step(rollout=kept, offer=offer, waits=waits, says=says)
    if len(unwell) * UNWELL_SHARE > len(running):
        return Step(rollout=kept, offer=offer, waits=waits, says=f"{ring}; not well: {'; '.join(unwell[:3])}")
    if offer or (last and waits) or any(one.state == "trying" for one in begun):
        return Step(rollout=kept, offer=offer, waits=waits, says=ring)
    if last:
        ended = msgspec.structs.replace(kept, ended_at=now)
        return Step(rollout=ended, says=f"all {len(running)} gateways run {rollout.release}")
    forth = msgspec.structs.replace(rollout, ring=rollout.ring + 1, whole_at=None)
    return Step(rollout=forth, waits=waits, says=f"ring {rollout.ring} was well; ring {forth.ring} begins")


def _fault(one: Standing) -> str:
    """Why this gateway stops the rollout; "": it does not."""
    if one.state in FAILED:
        return f"{one.gateway} {WORDS[one.state]}: {one.text}"
    if one.state != "running":
        return ""
    if one.online and not one.runs_it:
        return f"{one.gateway} ran it, and does not any more"
    if one.faults > 2 * one.faults_before + 2:
        return f"{one.gateway} has {one.faults} faults since, and had {one.faults_before} in as long a time before"
    if one.lost:
        return f"{one.gateway}: messages were given up as lost since"
    return ""


def _absence(begun: Sequence[Standing], rollout: Rollout, now: dt.datetime) -> str:
    """Too many that run it are away for too long."""
    running = [one for one in begun if one.state == "running"]
    away = [
        one
        for one in running
        if not one.online and now - max(one.changed_at, one.seen_at or one.changed_at) > rollout.healthy_for
    ]
    if len(away) * UNWELL_SHARE <= len(running):
        return ""
    return f"{len(away)} gateways are offline since they run it: {', '.join(one.gateway for one in away[:5])}"


def _not_now(one: Standing) -> str:
    if not one.online:
        return "offline"
    return "an alert of this home is open" if one.open_alert else ""


def _unwell(one: Standing) -> str:
    if not one.online:
        return "offline"
    return "numbers are missing in the ledger" if one.missing else ""
