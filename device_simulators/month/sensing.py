"""Simulate the readings of the home's sensors, with noise, gaps and artefacts.

Traces are columns (time, value) of one channel of one device, sorted by time, before the line loses or delays any.
"""

import msgspec
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from device_simulators.month.body import Vitals
from device_simulators.month.people import Resident
from device_simulators.month.routine import BATHROOM, BED, BEDROOM, DAY, KITCHEN, LIVING, OUT, ROOM_OF
from device_simulators.month.script import Script
from vocabulary.times import DAY_S, MINUTE_US

PIR_HOLD_S = 90
"""The motion sensor reports the end of motion this long after the last one."""
GHOST_MOTIONS = 0.03
"""A day and motion sensor: the sun, a heater, an insect set it off about once a month."""
_MOVES = np.zeros(6)
_MOVES[[BED, BEDROOM, BATHROOM, KITCHEN, LIVING, OUT]] = (0, 0.4, 0.65, 0.7, 0.3, 0)
"""Chance that a minute there shows a motion sensor something: cooking much, television little."""


class Trace(msgspec.Struct):
    """Shapes [n]; µs since 1970, UTC; ``arrival_us``: time of arrival in the district."""

    device: str
    channel: str
    time_us: NDArray[np.int64]
    value: NDArray[np.float32]
    arrival_us: NDArray[np.int64]
    by_hand: bool = False
    """Single values, of which none is lost on the way."""


class Sensors:
    """The sensors of one home over one month that begins at ``start_us``."""

    def __init__(self, resident: Resident, script: Script, start_us: int, rng: Generator) -> None:
        self._resident, self._script, self._start_us, self._rng = resident, script, start_us, rng

    def traces(self, vitals: Vitals) -> list[Trace]:
        traces = [*self._radar(vitals), self._bed(), self._presence(), *self._motion(), self._door(), *self._climate()]
        equipment = self._resident.equipment
        if equipment.band:
            traces.append(self._band(vitals))
        if equipment.oximeter:
            traces.append(self._oximeter(vitals))
        if equipment.cuff:
            traces += self._cuff()
        if equipment.scales:
            traces.append(self._scales())
        return [trace for trace in traces if len(trace.time_us)]

    def _trace(self, device: str, channel: str, minute: NDArray[np.float64], value: ArrayLike) -> Trace:
        time_us = self._start_us + np.rint(minute * MINUTE_US).astype(np.int64)
        return Trace(device, channel, time_us, np.asarray(value, np.float32), time_us)

    def _sampled(self, vitals: Vitals, seen: NDArray[np.float64]) -> NDArray[np.intp]:
        """Indices of the grid at which a sensor has a value: seen with this chance, and for minutes not at all."""
        rng, n = self._rng, len(vitals.minute)
        seen = seen.copy()
        grid = 60 / self._script.rate_s  # readings a minute
        for at in rng.integers(0, n, rng.poisson(2 * n / (DAY * grid))).tolist():
            lasts = min(2 + rng.exponential(4), 25)
            # it does not hide a planned episode: an episode that is missed is the detectors' fault
            if not self._script.near_truth(at / grid, at / grid + lasts, 5):
                seen[at : at + int(lasts * grid)] = 0
        return np.flatnonzero(rng.random(n) < seen)

    def _jittered(self, minute: NDArray[np.float64]) -> NDArray[np.float64]:
        return minute + self._rng.uniform(0, 0.3 * self._script.rate_s / 60, len(minute))

    def _radar(self, vitals: Vitals) -> list[Trace]:
        """Heart rate and breathing of a person who lies or sits before it. Artefacts: the heart rate locks to a
        multiple for some readings, movement disturbs the breathing, and ghosts are seen in an empty room."""
        rng, life, rate_s = self._rng, self._script.life, self._script.rate_s
        place = life.place[vitals.minute.astype(np.int64)]
        seen = np.where(place == BED, 0.96, np.where(place == BEDROOM, 0.35, 0.0))
        ghost = np.zeros(len(seen), np.bool_)
        weeks = len(life.place) / (7 * DAY)
        for at in rng.integers(0, len(seen), rng.poisson(self._resident.ghosts * weeks)).tolist():
            ghost[at : at + int(rng.uniform(4, 25) * 60 / rate_s)] = True
        ghost &= seen == 0
        seen[ghost] = 0.7
        heart, breath = np.rint(vitals.heart_rate), np.rint(vitals.respiration_rate)
        heart[ghost], breath[ghost] = np.rint(rng.uniform(58, 105)), np.rint(rng.uniform(6, 24, int(ghost.sum())))
        per_reading = rate_s / DAY_S
        for at in np.flatnonzero(rng.random(len(heart)) < 2.5 * per_reading).tolist():
            heart[at : at + 1 + int(rng.uniform(15, 110) / rate_s)] *= rng.choice([0.5, 1.5, 1.8])
        restless = rng.random(len(breath)) < np.where(place == BED, 0.006, 0.08)
        breath[restless] = np.rint(rng.uniform(4, 38, int(restless.sum())))
        for begin, end in self._script.stuck:
            first, last = np.searchsorted(vitals.minute, (begin, end))
            seen[first:last], heart[first:last], breath[first:last] = 1, heart[first], breath[first]
        for begin, end in self._script.unseen:
            seen[slice(*np.searchsorted(vitals.minute, (begin, end)))] = 0
        at = self._sampled(vitals, seen)
        minute = self._jittered(vitals.minute[at])
        heart, breath = np.clip(heart[at], 20, 220), np.clip(breath[at], 0, 60)
        return [
            self._trace("radar", "heart_rate", minute, heart),
            self._trace("radar", "respiration_rate", minute + 0.2 / 60, breath),
        ]

    def _band(self, vitals: Vitals) -> Trace:
        """A chest band, worn by day at home, at rest and at work. A loose strap misses or doubles beats."""
        rng, life = self._rng, self._script.life
        place = life.place[vitals.minute.astype(np.int64)]
        worn = np.where((place != BED) & (place != OUT), 0.93, 0.0)
        heart = np.rint(vitals.heart_rate)
        loose = rng.random(len(heart)) < 0.004
        heart[loose] *= rng.uniform(0.6, 1.7, int(loose.sum()))
        at = self._sampled(vitals, worn)
        return self._trace(
            "band", "heart_rate", self._jittered(vitals.minute[at]), np.rint(np.clip(heart[at], 25, 230))
        )

    def _oximeter(self, vitals: Vitals) -> Trace:
        """Worn in bed. Motion reads low for seconds; a cold or badly placed finger scatters low for a minute or two."""
        rng, rate_s = self._rng, self._script.rate_s
        place = self._script.life.place[vitals.minute.astype(np.int64)]
        spo2 = vitals.spo2.copy()
        per_reading, n = rate_s / 28_800, len(spo2)
        for at in np.flatnonzero(rng.random(n) < 3 * per_reading).tolist():
            spo2[at : at + 1 + int(rng.uniform(5, 40) / rate_s)] -= rng.uniform(6, 18)
        for at in np.flatnonzero(rng.random(n) < per_reading / 30).tolist():
            bad = slice(at, at + 1 + int(rng.uniform(60, 150) / rate_s))
            spo2[bad] -= rng.uniform(0, 16, len(spo2[bad]))
        at_ = self._sampled(vitals, np.where(place == BED, 0.94, 0.0))
        return self._trace("oximeter", "spo2", self._jittered(vitals.minute[at_]), np.rint(np.clip(spo2[at_], 50, 100)))

    def _edges(self, on: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Minutes (with seconds) and values at which a 0/1 signal changes."""
        changes = np.flatnonzero(np.concatenate(([True], on[1:] != on[:-1])))
        minute = np.asarray(changes + self._rng.uniform(0, 0.8, len(changes)), np.float64)
        return minute, on[changes].astype(np.float64)

    def _bed(self) -> Trace:
        """Says once a minute whether somebody lies there; a turn in bed lifts the pressure now and then."""
        rng, in_bed = self._rng, self._script.life.in_bed.astype(np.float64)
        minute = np.arange(len(in_bed), dtype=np.float64) + rng.uniform(0, 0.9)
        in_bed[(rng.random(len(in_bed)) < 0.0005) & (in_bed > 0)] = 0
        received = rng.random(len(in_bed)) > 0.01
        return self._trace("bed", "in_bed", minute[received], in_bed[received])

    def _presence(self) -> Trace:
        place = self._script.life.place
        there = (place == BED) | (place == BEDROOM)
        there |= self._rng.random(len(place)) < self._resident.ghosts / (7 * DAY)
        return self._trace("radar", "presence", *self._edges(there))

    def _motion(self) -> list[Trace]:
        """Motion sensors of three rooms; visitors move too, and the sun or a heater sets one off now and then."""
        rng, life = self._rng, self._script.life
        n = len(life.place)
        moves = np.where(life.still, 0, np.maximum(_MOVES[life.place], np.where(life.place == OUT, 0, life.effort)))
        moved = rng.random(n) < moves
        arrived = np.concatenate(([False], life.place[1:] != life.place[:-1]))  # a person who walks in is seen
        moved |= arrived & ~life.still
        traces = []
        for room, guests in (("living_room", 0.4), ("kitchen", 0.15), ("bathroom", 0.05)):
            here = np.isin(life.place, [place for place, name in ROOM_OF.items() if name == room])
            seen = (moved & here) | (life.visitor & (rng.random(n) < guests)) | (rng.random(n) < GHOST_MOTIONS / DAY)
            minute = np.flatnonzero(seen) + rng.uniform(0, 0.9, int(seen.sum()))
            apart = np.diff(minute) > PIR_HOLD_S / 60
            begin = minute[np.concatenate(([True], apart))] if len(minute) else minute
            end = minute[np.concatenate((apart, [True]))] + PIR_HOLD_S / 60 if len(minute) else minute
            both = np.column_stack((begin, end)).ravel()
            name = {"living_room": "pir-living", "kitchen": "pir-kitchen", "bathroom": "pir-bathroom"}[room]
            traces.append(self._trace(name, "motion", both, np.tile([1.0, 0.0], len(begin))))
        return traces

    def _door(self) -> Trace:
        """The front door: it opens when the resident or guests leave or come."""
        life = self._script.life
        passes = np.flatnonzero((life.place[1:] == OUT) != (life.place[:-1] == OUT)) + 1
        guests = np.flatnonzero(life.visitor[1:] != life.visitor[:-1]) + 1
        opened = np.unique(np.concatenate((passes, guests))) + float(self._rng.uniform(0.0, 0.3))
        both = np.column_stack((opened, opened + self._rng.uniform(4, 20, len(opened)) / 60)).ravel()
        return self._trace("front-door", "door_open", both, np.tile([1.0, 0.0], len(opened)))

    def _climate(self) -> list[Trace]:
        rng = self._rng
        minute = np.arange(0, len(self._script.life.place), 10.0)
        usual = self._resident.room + 1.2 * np.cos(2 * np.pi * (minute / 60 - 15) / 24)
        degrees = usual + np.repeat(rng.normal(0, 0.8, len(minute) // 144 + 1), 144)[: len(minute)]
        for begin, end, level in self._script.room:
            weight = np.clip(np.minimum((minute - begin) / 60, (end + 60 - minute) / 60), 0, 1)
            degrees += weight * (level - degrees)
        degrees = np.round(degrees + rng.normal(0, 0.1, len(minute)), 1)
        charge = np.round(np.maximum(20, 95 - minute / DAY * rng.uniform(0.2, 1.2)))
        return [
            self._trace("climate", "room_temperature", minute, degrees),
            self._trace("climate", "battery", minute[::36], charge[::36]),
        ]

    def _tasks(self) -> list[int]:
        """Minutes of the mornings on which the person measures."""
        life = self._script.life
        mornings = [wake + 25 for wake in life.wakes]
        chosen = self._rng.random(len(mornings)) < self._resident.habits.morning_tasks
        return [
            m for m, does in zip(mornings, chosen, strict=True) if does and not life.away[m] and life.place[m] != OUT
        ]

    def _cuff(self) -> list[Trace]:
        """Twice, a minute apart, in the morning, and on some evenings; once in a while a measurement goes wrong."""
        rng, body = self._rng, self._resident.body
        rows: list[tuple[float, float, float]] = list(self._script.pressures)
        crisis_days = {int(minute // DAY) for minute, _, _ in rows}
        for morning in self._tasks():
            if morning // DAY in crisis_days:
                continue
            day = rng.normal(0, 7)
            for at in (morning, morning + 1.5):
                slip = 25.0 if rng.random() < 0.01 else 0.0  # talking, or an arm that hangs
                rows.append(
                    (
                        float(at),
                        body.systolic + day + rng.normal(0, 4) + slip,
                        body.diastolic + 0.5 * day + rng.normal(0, 3) + slip / 2,
                    )
                )
        minute, high, low = np.array(sorted(rows)).reshape(-1, 3).T
        return [
            self._trace("bp-cuff", "systolic_bp", minute, np.rint(high)),
            self._trace("bp-cuff", "diastolic_bp", minute, np.rint(low)),
        ]

    def _scales(self) -> Trace:
        """In the morning. Weight wanders by some hundred grams (Orsama et al., Obes Facts 2014;7:36)."""
        rng, days = self._rng, len(self._script.life.place) // DAY
        wander = np.zeros(days)
        for day in range(1, days):
            wander[day] = 0.75 * wander[day - 1] + rng.normal(0, 0.18)
        gained = np.zeros(days)
        gaining: set[int] = set()
        for first, lasts, a_day in self._script.kilograms:
            gained += np.clip(np.arange(days) - first + 1, 0, lasts) * a_day
            gained[first + lasts + 3 :] -= lasts * a_day  # treated
            gaining |= set(range(first - 2, first + lasts + 1))
        mornings = sorted(set(self._tasks()) | {self._script.life.wakes[day] + 25 for day in gaining if day < days})
        minute = np.array(mornings, np.float64)
        day_of = minute.astype(np.int64) // DAY
        kg = self._resident.body.weight + wander[day_of] + gained[day_of] + rng.normal(0, 0.15, len(minute))
        return self._trace("scales", "weight", minute + 8, np.round(kg, 1))
