"""Judge the live test of a device: it is accepted only by what was heard of it after the test began."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal

import msgspec

from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.devices import MODELS

AHEAD = dt.timedelta(minutes=2)
"""A time further ahead of ours than this comes from a clock that is wrong, and proves nothing."""
ITSELF = frozenset({"battery_low", "device_fault", "device_clock_off"})
"""Events by which a device speaks of itself."""

Verdict = Literal["not_begun", "nothing", "itself", "heard"]
"""``itself``: it spoke of its own battery or signal alone, and has measured nothing yet."""


class Heard(msgspec.Struct, frozen=True):
    """A reading (with its value) or an event (without) of a device."""

    at: dt.datetime
    what: str
    value: float | None


class Test(msgspec.Struct, frozen=True):
    """The outcome of a test so far, with the proof where there is one."""

    verdict: Verdict
    proof: Heard | None = None


def judge(
    model: str, began: dt.datetime | None, newest_before: dt.datetime | None, heard: Iterable[Heard], now: dt.datetime
) -> Test:
    """Judge a test that began at ``began``, of what was heard since; ``newest_before``: the newest that was there then.

    The proof is newer than both, so that neither a late copy of old data nor a clock that is ahead proves anything.
    """
    if began is None:
        return Test("not_begun")
    since = max(began, newest_before) if newest_before is not None else began
    fresh = sorted((one for one in heard if since < one.at <= now + AHEAD), key=lambda one: one.at)
    if not fresh:
        return Test("nothing")
    functions = [one for one in fresh if not _of_itself(model, one)]
    return Test("heard", functions[0]) if functions else Test("itself", fresh[-1])


def _of_itself(model: str, one: Heard) -> bool:
    """Whether a device speaks of itself alone; a gateway's own health is what it is there for."""
    found = MODELS.get(model)
    if found is not None and found.transport == "gateway":
        return False
    channel = CHANNELS.get(one.what)
    return one.what in ITSELF if channel is None else channel.kind == "device"


def words_of(what: str) -> tuple[str, str]:
    """A channel or a kind of event in Chinese and English."""
    known = CHANNELS.get(what) or EVENTS.get(what)
    return (known.zh, known.en) if known is not None else (what, what)
