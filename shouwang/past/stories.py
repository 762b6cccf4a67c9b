"""Plan what happened in the homes of the simulated past: one list of incidents by seed. Pure.

The first homes have a story of their own, so that every page has something to show; the others an ordinary month.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.random import Generator

from shouwang.past.kinds import Ending, Kind, kinds
from vocabulary.times import SHANGHAI

A_HOME_AND_DAY = 0.22
"""Alerts; an assumption. With 20 homes it makes four or five a day, which is what a desk of a small district sees."""
QUIET = dt.timedelta(hours=3)
"""Before the past ends every alert is closed."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is to be written. ``lasts``: of a silence, until the device is heard again."""

    kind: Kind
    ending: Ending
    at: dt.datetime
    reason_zh: str
    reason_en: str
    lasts: dt.timedelta | None = None


class Absence(msgspec.Struct, frozen=True):
    """Hours without readings: of one device, or (empty) of the home: its resident is in hospital, or, ``dark``, its
    gateway sends nothing at all."""

    device: str
    since: dt.datetime
    until: dt.datetime
    dark: bool = False


class HomeStory(msgspec.Struct, frozen=True):
    """The incidents of one home, and the hours without its readings."""

    incidents: tuple[Incident, ...]
    absences: tuple[Absence, ...]


def story_of(number: int, since: dt.datetime, until: dt.datetime, seed: int, *, own: bool = True) -> HomeStory:
    """Tell the time of home ``number`` (from 1) between two moments; incidents in the order of their times. ``own``:
    with the story that the first homes have of their own."""
    rng = np.random.default_rng([seed, number])
    days = max(1, (until - since).days)
    every = tuple(kinds().values())
    told = _own_story(number, since, days, rng) if own else []
    for _ in range(int(rng.poisson(A_HOME_AND_DAY * days))):
        kind = every[int(rng.choice(len(every), p=_weights([kind.weight for kind in every])))]
        told.append(_incident(kind, _moment(since, int(rng.integers(days)), kind.hours, rng), rng))
    kept = sorted(
        (one for one in told if since <= one.at and one.at + _length(one) < until - QUIET), key=lambda i: i.at
    )
    incidents = [one for place, one in enumerate(kept) if not place or one.at - kept[place - 1].at > QUIET / 2]
    absences = [
        Absence(_silent_part(one.kind), one.at, one.at + one.lasts, one.kind.subject == "gateway")
        for one in incidents
        if one.lasts
    ]
    absences += [
        Absence("", one.at + dt.timedelta(minutes=40), min(until, one.at + dt.timedelta(days=3)))
        for one in incidents
        if one.ending.hospital == "admitted"
    ]
    return HomeStory(tuple(incidents), tuple(absences))


def _own_story(number: int, since: dt.datetime, days: int, rng: Generator) -> list[Incident]:
    def on(day: float, hour: int) -> dt.datetime:
        return _moment(since, int(day * days), (hour, hour + 1), rng)

    def told(rule: str, ending: str, at: dt.datetime, lasts: dt.timedelta | None = None) -> Incident:
        return _incident(kinds()[rule], at, rng, kinds()[rule].ending(ending), lasts)

    match number:
        case 1:  # two falls that were real, the second of them with a stay in hospital
            return [told("fall", "lifted", on(0.2, 16)), told("fall", "hospital", on(0.55, 9))]
        case 2:  # presses the button by mistake
            return [told("sos", "mistake", on(share, 10)) for share in (0.1, 0.4, 0.7)]
        case 4:  # the radar was silent for a day
            return [told("device_silent", "battery", on(0.6, 11), dt.timedelta(hours=25))]
        case 5:  # the gateway was dark for a night
            return [told("gateway_silent", "network", on(0.8, 22), dt.timedelta(hours=11))]
        case _:
            return []


def _incident(
    kind: Kind, at: dt.datetime, rng: Generator, ending: Ending | None = None, lasts: dt.timedelta | None = None
) -> Incident:
    chosen = ending or kind.endings[int(rng.choice(len(kind.endings), p=_weights([e.weight for e in kind.endings])))]
    zh, en = kind.reasons[0 if ending is not None else int(rng.integers(len(kind.reasons)))]
    if lasts is None and kind.evidence["kind"] == "silence":
        lasts = dt.timedelta(minutes=float(rng.uniform(20, 60 if chosen.outcome is None else 400)))
    return Incident(kind=kind, ending=chosen, at=at, reason_zh=zh, reason_en=en, lasts=lasts)


def _length(one: Incident) -> dt.timedelta:
    """A bound of the time until it is closed: ``shouwang.past.course`` keeps to it."""
    return (one.lasts or dt.timedelta()) + dt.timedelta(hours=30 if one.kind.severity == "technical" else 6)


def _silent_part(kind: Kind) -> str:
    return kind.device if kind.subject == "device" else ""


def _moment(since: dt.datetime, day: int, hours: tuple[int, int], rng: Generator) -> dt.datetime:
    """A moment of local day ``day`` (from 0) within local hours, to the millisecond."""
    midnight = since.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    hour = float(rng.uniform(*hours))
    return (midnight + dt.timedelta(days=day, milliseconds=round(hour * 3_600_000))).astimezone(dt.UTC)


def _weights(weights: Sequence[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]
