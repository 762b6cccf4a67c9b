"""Choose the scenes of a home: in turn, so that a district has about as many of each, days apart."""

from collections.abc import Sequence
from functools import cache

import msgspec
from numpy.random import Generator

from device_simulators.month.devices import EXTRA
from device_simulators.month.outside.call_scenes import CALL_SCENES
from device_simulators.month.outside.home_scenes import HOME_SCENES
from device_simulators.month.outside.scene import Scene, Trait
from device_simulators.month.outside.spot_scenes import SPOT_SCENES
from device_simulators.month.outside.vital_scenes import VITAL_SCENES
from device_simulators.month.people import Resident
from device_simulators.month.routine import DAY, Life
from device_simulators.month.script import Script

OUTSIDE: dict[str, Scene] = {**VITAL_SCENES, **SPOT_SCENES, **HOME_SCENES, **CALL_SCENES}
"""Every scene, by name."""
DAYS = (9, 14, 19, 24)
"""First days of the scenes of a home, after a week and a day to learn from; none lasts longer than four days."""
EARLY_DAY = 1
COUPLES = 10
"""Every so many homes is one of two people."""
TRAITS: tuple[Trait, ...] = ("", "cat", "", "zeros", "courier", "copd")
"""In turn, where no scene of the home is spoilt by it."""


class Programme(msgspec.Struct, frozen=True):
    """The scenes of a home, (first day, name), and what the home is like."""

    scenes: list[tuple[int, str]]
    couple: bool
    trait: Trait

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(need for _, name in self.scenes for need in OUTSIDE[name].needs)


def programme(number: int, days: int) -> Programme:
    """The programme of home ``number``."""
    turn, couple = number // COUPLES, number % COUPLES == COUPLES - 1
    if couple:
        names = _turn(turn, [name for name, scene in OUTSIDE.items() if scene.couple])
        return Programme(_dated(names, days), couple, "")
    names = _turn(number - turn, _singles())
    own = {OUTSIDE[name].trait for name in names if OUTSIDE[name].trait}
    usual = TRAITS[number % len(TRAITS)]
    trait: Trait = own.pop() if own else usual
    if any(trait in OUTSIDE[name].spoilt_by for name in names):
        trait = ""
    return Programme(_dated(names, days), couple, trait)


@cache
def _singles() -> list[str]:
    """The scenes of people who live alone, the families mixed evenly, so that a home has some of each."""
    placed = []
    for family in (VITAL_SCENES, SPOT_SCENES, HOME_SCENES, CALL_SCENES):
        names = [name for name, scene in family.items() if not scene.couple]
        placed += [((place + 0.5) / len(names), name) for place, name in enumerate(names)]
    return [name for _, name in sorted(placed)]


def _turn(number: int, names: Sequence[str]) -> list[str]:
    """Some names of the list in turn: those that need a home of their own kind do not meet others that it spoils."""
    start = number * len(DAYS)
    start += start // len(names)  # not the same four again
    chosen: list[str] = []
    for name in (names[(start + i) % len(names)] for i in range(len(DAYS))):
        if name not in chosen:
            chosen.append(name)
    trait = next((OUTSIDE[name].trait for name in chosen if OUTSIDE[name].trait), "")
    return [name for name in chosen if trait not in OUTSIDE[name].spoilt_by or not trait]


def _dated(names: Sequence[str], days: int) -> list[tuple[int, str]]:
    """Days of the scenes; those that end after the month are left out."""
    slots = iter(DAYS)
    dated = [(EARLY_DAY if OUTSIDE[name].early else next(slots), name) for name in _ordered(names)]
    return sorted((day, name) for day, name in dated if day + 5 <= days)


def _ordered(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: not OUTSIDE[name].first)


def adapted(resident: Resident, plan: Programme) -> Resident:
    """The resident as the programme needs: habits of its scenes, devices, and what the home is like."""
    habits, body = resident.habits, resident.body
    for _, name in plan.scenes:
        habits = msgspec.structs.replace(habits, **OUTSIDE[name].habits)
        body = msgspec.structs.replace(body, **OUTSIDE[name].body)
    copd = plan.trait == "copd"
    if copd:
        body = msgspec.structs.replace(body, spo2=90.5, dips=0.0)
    return msgspec.structs.replace(
        resident,
        code=f"X{resident.number:04d}",
        habits=habits,
        body=body,
        equipment=msgspec.structs.replace(
            resident.equipment,
            oximeter=resident.equipment.oximeter or copd,
            pulse="pulse" in plan.needs,
        ),
        spo2_scale=2 if copd else 1,
        trait=plan.trait,
        spouse=f"X{resident.number:04d}b" if plan.couple else "",
        extra=tuple(name for name in EXTRA if name in plan.needs),
    )


def furnish(script: Script, resident: Resident, rng: Generator) -> None:
    """Add what goes on all month: the spouse, who is about by day, and deliveries at the door."""
    if resident.spouse:
        _two(script.life, rng)
    if resident.trait == "courier":
        for day in range(len(script.life.place) // DAY):
            if rng.random() < 0.5:
                at = day * DAY + float(rng.uniform(560, 1140))
                if not script.near_truth(at, at, 200):
                    script.passages.append((at, at + float(rng.uniform(0.2, 1))))


def _two(life: Life, rng: Generator) -> None:
    days = len(life.place) // DAY
    for day, (up, down) in enumerate(zip(rng.normal(400, 15, days), rng.normal(1290, 15, days), strict=True)):
        life.visitor[day * DAY + int(up) : day * DAY + int(down)] = True


def perform(script: Script, plan: Programme, rng: Generator) -> None:
    """Play every scene, in the order of time."""
    for day, name in plan.scenes:
        OUTSIDE[name].play(script, day, rng)
