"""Finds the device that measured a person's channel by its seat; where it has none, those that can have measured it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from alerting.detection.kit.context import MEASURED, Source
from alerting.detection.kit.intake import place_of
from alerting.detection.kit.sources.seats import SeatedDevices, number_of

BY_HAND = frozenset({"systolic_bp", "weight", "glucose", "body_temperature"})
"""Channels of devices that somebody uses now and then: they give no series that could be stuck."""


class Origins:
    """Devices by person and channel. Built on first use: findings that need it are rare."""

    def __init__(self, sources: Mapping[tuple[str, str], Source]) -> None:
        self._sources = sources
        self._by_place: dict[tuple[int, int], list[Source]] | None = None
        self._by_number: dict[int, Source] | None = None

    def at(self, seated: SeatedDevices, row: int, column: int, seat: int, *, by_hand: bool = True) -> list[Source]:
        """The device on a seat; where it is not known, every device that can have measured the channel
        (``by_hand``: see :meth:`of`)."""
        if self._by_number is None:
            self._by_number = {number_of(source): source for source in self._sources.values()}
        number = int(seated.device[row, column, seat]) if row < len(seated.device) else 0
        source = self._by_number.get(number)
        return self.of(row, column, by_hand=by_hand) if source is None else [source]

    def of(self, row: int, column: int, *, by_hand: bool = True) -> list[Source]:
        """The devices, by name. Without ``by_hand`` only those that measure by themselves, if there are any."""
        if self._by_place is None:
            self._by_place = defaultdict(list)
            for source in self._sources.values():
                for code in source.gives.intersection(MEASURED):
                    place = place_of(source, code)
                    if place is not None:
                        self._by_place[place].append(source)
        sources = sorted(self._by_place.get((row, column), ()), key=_id)
        alone = [source for source in sources if not source.gives & BY_HAND]
        return sources if by_hand or not alone else alone


def suspects(devices: Sequence[Source]) -> tuple[str, str, dict[str, object]]:
    """The devices that may be at fault: in Chinese, in English, and as evidence, 'device' where it can only be one.

    Maintenance of any of them delays the alert.
    """
    if not devices:
        return "传感器", "the sensor", {}
    *more, last = [source.label_zh for source in devices]
    zh = f"{'、'.join(more)}或{last}" if more else last
    en = " or ".join(f"the {source.label_en}" for source in devices)
    return zh, en, {"device": _id(devices[0])} if len(devices) == 1 else {"devices": [_id(d) for d in devices]}


def _id(source: Source) -> str:
    return f"{source.gateway}/{source.name}"
