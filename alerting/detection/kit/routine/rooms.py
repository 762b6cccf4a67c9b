"""Which homes have a sensor of the way out, and in which of their rooms is a sensor of the bed."""

from alerting.detection.kit.context import District
from alerting.detection.kit.routine.whereabouts import EXITS

DOOR, BED = frozenset({"door_open", "door_opened", "door_closed"}), frozenset({"in_bed", "bed_enter", "bed_exit"})


def watched_doors(district: District) -> frozenset[int]:
    """Rows of the homes of which a sensor watches the way out."""
    sources = district.sources.values()
    return frozenset(s.home for s in sources if s.home is not None and s.room in EXITS and s.gives & DOOR)


def bedrooms(district: District) -> dict[int, set[str]]:
    """Rooms with a sensor of the bed, by the row of the home."""
    rooms: dict[int, set[str]] = {}
    for source in district.sources.values():
        if source.home is not None and source.gives & BED:
            rooms.setdefault(source.home, set()).add(source.room)
    return rooms
