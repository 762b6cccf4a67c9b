"""Draw the residents of the simulated month: habits and bodies, once for each.

Rates of breathing and oxygen saturations of old people at rest: Rodríguez-Molinero et al., Normal respiratory rate and
peripheral blood oxygen saturation in the elderly population, J Am Geriatr Soc 2013;61:1238. Home blood pressure and its
day-to-day spread of about 8 mmHg: Kikuya et al. (Ohasama study), Hypertension 2008;52:1045. Everything else is ours.
"""

import msgspec
import numpy as np
from numpy.random import Generator


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes of the local day, chances a day, and how regular the person is (``spread``, minutes)."""

    wake: float
    sleep: float
    spread: float
    nap: float
    morning_out: float
    afternoon_out: float
    night_visits: float
    visitor: float
    morning_tasks: float
    """Chance that a morning's blood pressure or weight is taken."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """At rest and awake: rates /min, saturation %, pressures mmHg, weight kg."""

    heart: float
    breath: float
    spo2: float
    systolic: float
    diastolic: float
    weight: float
    dips: float
    """Short desaturations an hour of sleep."""


class Equipment(msgspec.Struct, frozen=True):
    """Devices of a home beside radar, bed sensor, motion sensors, door contact and detectors of hazards."""

    band: bool
    oximeter: bool
    cuff: bool
    scales: bool
    pulse: bool = False
    """The oximeter sends its pulse, too."""


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    code: str
    habits: Habits
    body: Body
    equipment: Equipment
    ghosts: float
    """Times a week that the radar sees somebody where nobody is: a fan, a curtain, a neighbour."""
    room: float
    """Usual room temperature, Cel."""
    spo2_scale: int = 1
    trait: str = ""
    """See :data:`device_simulators.month.outside.scene.Trait`."""
    spouse: str = ""
    """Code of the one who lives there, too."""
    extra: tuple[str, ...] = ()
    """Further devices, of :data:`device_simulators.month.devices.EXTRA`."""


def draw(rng: Generator, number: int, needs: frozenset[str]) -> Resident:
    """Draw a resident; ``needs`` names the equipment that this one has in any case."""
    habits = Habits(
        wake=float(np.clip(rng.normal(380, 40), 290, 500)),
        sleep=float(np.clip(rng.normal(1305, 40), 1215, 1400)),
        spread=float(rng.uniform(10, 30)),
        nap=float(rng.choice([0.05, 0.5, 0.9])),
        morning_out=float(rng.uniform(0.1, 0.95)),
        afternoon_out=float(rng.uniform(0.05, 0.6)),
        night_visits=float(rng.uniform(0.3, 2.2)),
        visitor=float(rng.uniform(0.0, 0.35)),
        morning_tasks=float(rng.uniform(0.7, 1.0)),
    )
    systolic = float(np.clip(rng.normal(136, 11), 112, 160))
    body = Body(
        heart=float(np.clip(rng.normal(71, 7), 58, 90)),
        breath=float(np.clip(rng.normal(17, 1.8), 14.5, 21)),
        spo2=float(np.clip(rng.normal(96.2, 1), 94, 98)),
        systolic=systolic,
        diastolic=float(np.clip(0.55 * systolic + rng.normal(0, 5), 58, 92)),
        weight=float(np.clip(rng.normal(60, 10), 40, 92)),
        dips=float(rng.choice([0.0, 1.0, 5.0], p=[0.6, 0.25, 0.15])),
    )
    equipment = Equipment(
        *(bool(rng.random() < share) or name in needs for name, share in (("band", 0.4), ("oximeter", 0.35))),
        *(bool(rng.random() < share) or name in needs for name, share in (("cuff", 0.7), ("scales", 0.5))),
    )
    ghosts = float(rng.uniform(1, 4)) if rng.random() < 0.2 else 0.0
    return Resident(
        number=number,
        code=f"M{number:04d}",
        habits=habits,
        body=body,
        equipment=equipment,
        ghosts=ghosts,
        room=float(rng.normal(22, 1.5)),
    )
