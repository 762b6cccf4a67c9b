"""Check the feed for the city: that it is told, and that a city that is away cannot fill the disk."""

import datetime as dt
import os
from collections.abc import Iterator

import psycopg

from database.city.feed import Slot, slots, wrong_settings
from database.city.judging import LATE_S
from shouwang.doctor import settings
from shouwang.doctor.check import Check

URL = "SHOUWANG_FEED_URL"
HALF = 0.5
"""Share of the bound from which on somebody has to ask the city why it is away."""
_MIB = 2**20


def feed_url() -> str | None:
    """The feed of this district as its maintenance service reaches it; None: the district tells no city."""
    return os.environ.get(URL) or settings.read(settings.ETC / "feed.env").get(URL)


def feed_checks(url: str) -> Iterator[Check]:
    """Check what the feed says of itself, and of each subscriber."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="shouwang-doctor") as conn:
            row = conn.execute("SELECT told_at, clock_timestamp() FROM city.district").fetchone()
            wrong, places = wrong_settings(conn), slots(conn)
    except psycopg.Error as error:
        yield Check("feed for the city", False, f"does not answer: {' '.join(str(error).split())}")
        return
    if wrong:
        words = "; ".join(f"{one.name} is {one.value}, {one.reason}: set {one.wanted}" for one in wrong)
        yield Check("feed's server", False, words)
    yield _told(row[0] if row else None, row[1] if row else None)
    if not places:
        text = "no city follows it; in the city: shouwang city join"
        yield Check("city", True, text, warning=True)
    for place in places:
        yield slot_check(place)


def slot_check(place: Slot) -> Check:
    """Check the place of one subscriber in the log."""
    what = f"city ({place.name})"
    if place.lost:
        return Check(what, False, "was away too long and was given up; in the city: shouwang city join --again")
    if place.bound_bytes is None:
        return Check(what, False, "no bound: a city that is away fills the disk. Set max_slot_wal_keep_size = 2GB")
    share = place.held_bytes / place.bound_bytes
    held = f"{place.held_bytes / _MIB:,.0f} of {place.bound_bytes / _MIB:,.0f} MiB of log are held for it"
    if share >= HALF:
        return Check(
            what, False, f"{held}; at the bound it is given up. Why is it away? In the city: shouwang city status"
        )
    if not place.active:
        return Check(what, True, f"is not connected; {held}", warning=True)
    return Check(what, True, f"follows, {place.behind_bytes / 1000:,.0f} kB behind; {held}")


def _told(told_at: dt.datetime | None, now: dt.datetime | None) -> Check:
    if told_at is None or now is None:
        return Check("feed for the city", False, "was never told: does shouwang-maintain work, with SHOUWANG_FEED_URL?")
    age = (now - told_at).total_seconds()
    good = age <= LATE_S
    advice = "" if good else "; does shouwang-maintain work? journalctl -u shouwang-maintain"
    return Check("feed for the city", good, f"agrees with the district since {age:.0f} s ago{advice}")
