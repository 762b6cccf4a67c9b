"""Which devices can have given a person's channel. Bins know a person and a channel, but no device."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from alerting.detection.context import MEASURED, Source
from alerting.detection.intake import place_of


class Origins:
    """Built when it is first asked: findings that need it are rare."""

    def __init__(self, sources: Mapping[tuple[str, str], Source]) -> None:
        self._sources = sources
        self._by_place: dict[tuple[int, int], list[Source]] | None = None

    def of(self, row: int, column: int) -> list[Source]:
        """By their names; empty where the district knows none."""
        if self._by_place is None:
            self._by_place = defaultdict(list)
            for source in self._sources.values():
                for code in source.gives.intersection(MEASURED):
                    place = place_of(source, code)
                    if place is not None:
                        self._by_place[place].append(source)
        return sorted(self._by_place.get((row, column), ()), key=_id)


def suspects(devices: Sequence[Source]) -> tuple[str, str, dict[str, object]]:
    """Who may be at fault: in Chinese, in English, and as evidence, 'device' where it can only be one. Maintenance of
    any of them rests the alert."""
    if not devices:
        return "传感器", "the sensor", {}
    zh, en = "或".join(d.label_zh for d in devices), " or ".join(f"the {d.label_en}" for d in devices)
    return zh, en, {"device": _id(devices[0])} if len(devices) == 1 else {"devices": [_id(d) for d in devices]}


def _id(source: Source) -> str:
    return f"{source.gateway}/{source.name}"
