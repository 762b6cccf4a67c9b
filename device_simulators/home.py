"""Compute the readings and events of one home's devices between two moments.

Pure and stateless: the same home, seed and time give the same data, however the time is cut into intervals.
"""

import itertools
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from device_simulators.day import Stay, stays_between
from device_simulators.noise import normal, smooth, uniform
from vocabulary.times import DAY_S, DAY_US, HOUR_US, LOCAL_US, MINUTE_US, SECOND_US

AWAKE = {"bed": 0.0, "bedroom": 0.6, "bathroom": 1.0, "kitchen": 1.2, "living_room": 0.7, "out": 1.5}
"""Activity in a place, as a share of light housework."""
TURNING = 0.05
"""Share of the minutes in bed in which a sleeper turns over; a hundred or so a night is usual, most of them small."""
DRAWER = 8
"""One resident in so many leaves the pendant in a drawer; an assumption."""


class Column(msgspec.Struct, frozen=True):
    """Readings of one channel, times in µs, shapes [n]."""

    device: str
    channel: str
    times_us: NDArray[np.int64]
    values: NDArray[np.float32]


class Sampled(msgspec.Struct, frozen=True):
    """Readings of one channel in buckets of equal length, shapes [n]; ``time_us``: the begin of each or a time in it,
    ``count``: of its readings."""

    device: str
    channel: str
    time_us: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Happening(msgspec.Struct, frozen=True):
    device: str
    kind: str
    time_us: int
    values: dict[str, str | int | float | bool] = {}


class Decline(msgspec.Struct, frozen=True):
    """A deterioration: from ``start_us`` on, over ``over_us``, to an acute infection's vital signs."""

    start_us: int
    over_us: int
    end_us: int

    def share(self, times_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 before, rising to 1, and 0 again after the end; shape [n]."""
        rising = np.clip((times_us - self.start_us) / self.over_us, 0, 1)
        return np.asarray(np.where(times_us < self.end_us, rising, 0.0))


Floats = NDArray[np.float64]
_Signal = Callable[["Home", NDArray[np.int64], Floats], Floats]


class Home:
    """A home with one resident.

    ``ahead_us``: how far the resident's day runs ahead of the clock; 0 for life as it is, whatever the hour.
    """

    def __init__(self, seed: int, declines: tuple[Decline, ...] = (), ahead_us: int = 0) -> None:
        self.seed = seed
        self.wears_pendant = seed % DRAWER != 6
        self._ahead_s = ahead_us // SECOND_US
        self._declines = declines
        traits = normal(seed, np.arange(8, dtype=np.int64))
        self._rest_rate = 66 + 5 * traits[0]  # /min
        self._breaths = 15 + 1.0 * traits[1]  # /min
        self._spo2 = np.clip(97.3 + 0.4 * traits[2], 96.6, 98.5)  # %
        self._systolic = 132 + 7 * traits[3]  # mmHg
        self._warmth = 36.55 + 0.12 * traits[4]  # °C

    def columns(self, from_us: int, to_us: int) -> Iterator[Column]:
        """Readings with times in [from_us, to_us)."""
        for number, (device, channel, period_s, needs, signal) in enumerate(_SIGNALS):
            period = round(period_s * 1e6)
            # A cuff gives both halves of a pressure at once.
            begins = number - (channel == "diastolic_bp")
            phase = round(float(uniform(self.seed + 17 * begins, np.zeros(1, np.int64))[0]) * period)
            first = -((phase - from_us) // period)
            steps = np.arange(first, -((phase - to_us) // period), dtype=np.int64)
            if not len(steps):
                continue
            times = steps * period + phase
            places = self._places(times)
            if needs is not None:
                there = np.isin(places, needs)
                times, steps, places = times[there], steps[there], places[there]
            if len(times):
                activity = np.array([AWAKE[place] for place in places])
                values = signal(self, times, activity)
                yield Column(device, channel, times, values.astype(np.float32))
        yield from self._movement(from_us, to_us)
        for before, stay in self._changes(from_us, to_us):
            if "bed" in (before.place, stay.place) and stay.start_s % 60:  # else the readings of each minute have it
                time_us = np.array([stay.start_s * 1_000_000], np.int64)
                yield Column("bed", "in_bed", time_us, np.array([stay.place == "bed"], np.float32))

    def sampled(self, from_us: int, to_us: int, step_us: int) -> Iterator[Sampled]:
        """The readings with times in [from_us, to_us) as a chart would show them: one bucket each ``step_us``.

        Two readings of each bucket stand for all of it; where the bucket's end finds the resident elsewhere, too.
        """
        for number, (device, channel, period_s, needs, signal) in enumerate(_SIGNALS):
            period = max(step_us, round(period_s * 1e6))
            phase = 0
            if period > step_us:
                phase = round(float(uniform(self.seed + 17 * number, np.zeros(1, np.int64))[0]) * period)
            times = np.arange(-((phase - from_us) // period), -((phase - to_us) // period), dtype=np.int64)
            times = times * period + phase
            if not len(times):
                continue
            places = self._places(times)
            if needs is not None:
                there = np.isin(places, needs)
                times, places = times[there], places[there]
            if not len(times):
                continue
            activity = np.array([AWAKE[place] for place in places])
            one = signal(self, times, activity)
            other = one if period > step_us else signal(self, times + step_us // 2, activity)
            count = np.full(len(times), max(1, round(step_us / (period_s * 1e6))), np.int64)
            yield Sampled(
                device, channel, times, count, (one + other) / 2, np.minimum(one, other), np.maximum(one, other)
            )
        times = np.arange(-(-from_us // step_us), -(-to_us // step_us), dtype=np.int64) * step_us
        if len(times):
            yield from self._sampled_movement(times, step_us)

    def _sampled_movement(self, times: NDArray[np.int64], step_us: int) -> Iterator[Sampled]:
        places = self._places(times)
        for device, place in _MOTION:
            seen = times[places == place]
            one, count = np.ones(len(seen)), np.full(len(seen), max(1, round(1.4 * step_us / MINUTE_US)), np.int64)
            if len(seen):
                yield Sampled(device, "motion", seen, count, one, one, one)
        count = np.full(len(times), max(1, step_us // MINUTE_US), np.int64)
        near = places != "out"
        moved = self._body_movement(times, places)[near].astype(np.float64)
        yield Sampled("pendant", "body_movement", times[near], count[near], moved, moved, moved)
        for device, channel, where in (("bed", "in_bed", ("bed",)), ("radar", "presence", ("bed", "bedroom"))):
            state = np.isin(places, where).astype(np.float64)
            yield Sampled(device, channel, times, count, state, state, state)

    def happenings(self, from_us: int, to_us: int) -> Iterator[Happening]:
        """Events with times in [from_us, to_us): leaving and coming home."""
        for before, stay in self._changes(from_us, to_us):
            time_us = stay.start_s * 1_000_000
            if "out" in (before.place, stay.place):
                yield Happening("front-door", "door_opened", time_us)
                yield Happening("front-door", "door_closed", time_us + 8_000_000)

    def _changes(self, from_us: int, to_us: int) -> Iterator[tuple[Stay, Stay]]:
        stays = self._stays(from_us / 1e6 - DAY_S, to_us / 1e6)
        for before, stay in itertools.pairwise(stays):
            if from_us <= stay.start_s * 1_000_000 < to_us:
                yield before, stay

    def _stays(self, from_s: float, to_s: float) -> list[Stay]:
        """The stays between two moments of the clock, told by the clock."""
        ahead = self._ahead_s
        stays = stays_between(self.seed, from_s + ahead, to_s + ahead)
        return [Stay(stay.start_s - ahead, stay.place) for stay in stays]

    def _places(self, times_us: NDArray[np.int64]) -> NDArray[np.str_]:
        stays = self._stays(times_us[0] / 1e6, times_us[-1] / 1e6)
        starts = np.array([stay.start_s for stay in stays]) * 1_000_000
        index = np.clip(np.searchsorted(starts, times_us, "right") - 1, 0, None)
        return np.array([stay.place for stay in stays])[index]

    def _movement(self, from_us: int, to_us: int) -> Iterator[Column]:
        """Motion sensors report about twice a minute while somebody moves before them."""
        period = 30_000_000
        times = np.arange(-(-from_us // period), -(-to_us // period), dtype=np.int64) * period
        if not len(times):
            return
        places = self._places(times)
        for device, place in _MOTION:
            seen = (places == place) & (uniform(self.seed + len(device), times // period) < 0.7)
            if seen.any():
                yield Column(device, "motion", times[seen], np.ones(int(seen.sum()), np.float32))
        minutes = times % MINUTE_US == 0
        if minutes.any():
            at_home = minutes & (places != "out")
            if at_home.any():
                moved = self._body_movement(times[at_home], places[at_home])
                yield Column("pendant", "body_movement", times[at_home], moved)
            in_bed = (places[minutes] == "bed").astype(np.float32)
            yield Column("bed", "in_bed", times[minutes], in_bed)
            yield Column(
                "radar", "presence", times[minutes], np.isin(places[minutes], ("bed", "bedroom")) * np.float32(1)
            )

    def _body_movement(self, times_us: NDArray[np.int64], places: NDArray[np.str_]) -> NDArray[np.float32]:
        """1 where the pendant moves within the minute, as a gateway tells it (edge_agent/fall/movement.py); shape [n].
        Out of the house it is out of reach."""
        share = np.array([min(0.95, TURNING + AWAKE[place]) for place in places])
        moves = uniform(self.seed + 61, times_us // MINUTE_US) < share
        return np.asarray(moves & self.wears_pendant, np.float32)

    # signals: shape [n] in, shape [n] out

    def _decline(self, times_us: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros(len(times_us))
        for decline in self._declines:
            total = np.maximum(total, decline.share(times_us))
        return total

    def _circadian(self, times_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """-1 in the small hours, +1 in the late afternoon (Shanghai)."""
        return np.asarray(-np.cos(2 * np.pi * (_hour_of_day(times_us) - 4.5) / 24))

    def heart_rate(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        steps = times_us // 1_000_000
        calm = self._rest_rate + 3.5 * self._circadian(times_us) + 7 * activity
        wander = 3.0 * smooth(self.seed + 100, times_us / 1e6, 400) + 1.2 * normal(self.seed + 101, steps)
        return np.asarray(np.round(calm + wander + 52 * self._decline(times_us)))

    def respiration_rate(self, times_us: NDArray[np.int64], activity: Floats) -> Floats:
        wander = 0.8 * smooth(self.seed + 110, times_us / 1e6, 300) + 0.4 * normal(
            self.seed + 111, times_us // 1_000_000
        )
        calm = np.clip(np.round(self._breaths + 1.2 * activity + wander), 12, 20)
        return np.asarray(calm + np.round(11 * self._decline(times_us)))

    def spo2(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        wander = 0.4 * smooth(self.seed + 120, times_us / 1e6, 500) + 0.3 * normal(
            self.seed + 121, times_us // 1_000_000
        )
        return np.asarray(np.clip(np.round(self._spo2 + wander - 8 * self._decline(times_us)), 70, 100))

    def systolic(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        wander = 5 * smooth(self.seed + 130, times_us / 1e6, 7200) - 28 * self._decline(times_us)
        return np.asarray(np.round(self._systolic + 5 * self._circadian(times_us) + wander))

    def diastolic(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.round(0.58 * self.systolic(times_us, activity)))

    def body_temperature(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        warmth = self._warmth + 0.2 * self._circadian(times_us) + 0.05 * smooth(self.seed + 140, times_us / 1e6, 5000)
        return np.asarray(np.round(warmth + 2.2 * self._decline(times_us), 1))

    def rr_interval(self, times_us: NDArray[np.int64], activity: Floats) -> Floats:
        """Beat to beat: breathing makes it swing (respiratory sinus arrhythmia, some 20 ms in old age)."""
        seconds = times_us / 1e6
        swing = 20 * np.sin(2 * np.pi * seconds * self._breaths / 60) + 12 * normal(self.seed + 151, times_us // 1000)
        return np.asarray(np.round(60_000 / self.heart_rate(times_us, activity) + swing))

    def weight(self, times_us: NDArray[np.int64], activity: Floats) -> Floats:
        days = times_us / DAY_US
        kilograms = 58 + 9 * uniform(self.seed + 152, np.zeros(1, np.int64))
        return np.asarray(np.round(kilograms + 0.5 * smooth(self.seed + 153, days * DAY_S, 30 * DAY_S), 1))

    def glucose(self, times_us: NDArray[np.int64], activity: Floats) -> Floats:
        """mmol/L: fasting level, and a rise after meals at 7, 12 and 18 o'clock (Shanghai) that is over in 3 h."""
        hours = _hour_of_day(times_us)
        since = np.stack([(hours - meal) % 24 for meal in (7, 12, 18)]).min(axis=0)
        rise = 3.0 * (since / 0.8) * np.exp(1 - since / 0.8)
        return np.asarray(np.round(5.4 + rise + 0.3 * smooth(self.seed + 154, times_us / 1e6, 20_000), 1))

    def room_temperature(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        warmth = 23 + 1.2 * self._circadian(times_us) + 0.4 * smooth(self.seed + 150, times_us / 1e6, 9000)
        return np.asarray(np.round(warmth, 1))

    def room_humidity(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.round(62 + 6 * smooth(self.seed + 160, times_us / 1e6, 20_000)))

    def battery(self, times_us: NDArray[np.int64], activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Falls from full over 200 days and is then replaced."""
        return np.asarray(np.round(100 - 80 * ((times_us / DAY_US + 37 * self.seed) % 200) / 200))


def _hour_of_day(times_us: NDArray[np.int64]) -> Floats:
    """Hours since midnight in Shanghai, fractions included."""
    return np.asarray((times_us / HOUR_US + LOCAL_US / HOUR_US) % 24)


_MOTION = (("pir-living", "living_room"), ("pir-kitchen", "kitchen"), ("pir-bathroom", "bathroom"))
_HOME = ("bed", "bedroom", "bathroom", "kitchen", "living_room")
_NEAR_RADAR = ("bed", "bedroom", "living_room")
_SIGNALS: tuple[tuple[str, str, float, tuple[str, ...] | None, _Signal], ...] = (
    # device, channel, period in s, where the resident must be (None: anywhere), signal
    ("radar", "heart_rate", 5, _NEAR_RADAR, Home.heart_rate),
    ("radar", "respiration_rate", 5, _NEAR_RADAR, Home.respiration_rate),
    ("oximeter", "spo2", 10, _HOME, Home.spo2),
    ("oximeter", "heart_rate", 10, _HOME, Home.heart_rate),
    ("bp-cuff", "systolic_bp", 900, _HOME, Home.systolic),
    ("bp-cuff", "diastolic_bp", 900, _HOME, Home.diastolic),
    ("thermometer", "body_temperature", 120, _HOME, Home.body_temperature),
    ("hr-strap", "rr_interval", 1, _HOME, Home.rr_interval),
    ("scale", "weight", DAY_S, _HOME, Home.weight),
    ("glucose-meter", "glucose", 21_600, _HOME, Home.glucose),
    ("climate", "room_temperature", 60, None, Home.room_temperature),
    ("climate", "room_humidity", 60, None, Home.room_humidity),
    ("pendant", "battery", 30, None, Home.battery),
    ("sos-button", "battery", 1800, None, Home.battery),
    ("pir-living", "battery", 600, None, Home.battery),
    ("pir-kitchen", "battery", 600, None, Home.battery),
    ("pir-bathroom", "battery", 600, None, Home.battery),
    ("front-door", "battery", 600, None, Home.battery),
    ("smoke", "battery", 3600, None, Home.battery),
)
