"""An upgrade from the old release, as docs/upgrade.md tells it, and the way back: programs alone, the schema stays."""

import time

from shouwang.drills.old_release import AGENT, OldRelease
from shouwang.drills.place import Place

ORDER = ("maintain", "ingest", "alerting", "dispatch", "notify", "orders", "console")
"""The services in the order of docs/upgrade.md; back in the opposite one."""


def forth_back_and_forth(place: Place, seconds: float) -> None:
    """Migrate below the old services, change them one after the other, take them back, and change them again.

    For a while of it the homes are cut off: their gateways keep what they have, and the real agent's program is changed
    with messages in its buffer. Raises RuntimeError for another place than an old release.
    """
    if not isinstance(place, OldRelease):
        raise RuntimeError("an upgrade needs the place of an old release")
    pause = seconds / (3 * len(ORDER) + 3)
    place.migrate()
    time.sleep(2 * pause)  # old services on the new schema
    place.home_line.trouble("cut", 2 * pause)
    for name in ORDER:
        place.change(name, old=False)
        if name == ORDER[0]:
            place.change(AGENT, old=False)
        time.sleep(pause)
    for name in (*reversed(ORDER), AGENT):
        place.change(name, old=True)
        time.sleep(pause)
    for name in (*ORDER, AGENT):
        place.change(name, old=False)
        time.sleep(pause)
