"""Simulate the month of one resident: :func:`simulate`."""

from typing import Any

import msgspec
import numpy as np

from device_simulators.month.body import vitals
from device_simulators.month.line import OUTAGE_REPORTED_S, ContactSpan, HomeLine
from device_simulators.month.people import Resident, draw
from device_simulators.month.routine import DAY, live
from device_simulators.month.scenes import NEEDS, Script, false_falls, planned, play
from device_simulators.month.sensing import Sensors, Trace
from device_simulators.month.truth import Episode
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import MINUTE_US

START_US = 1_772_380_800_000_000
"""2026-03-02 00:00 in Shanghai, a Monday."""
ALWAYS = (
    DeviceConfig("pendant", "mbientlab-metamotions", "worn"),
    DeviceConfig("sos-button", "sonoff-snzb-01p", "bedside"),
    DeviceConfig("radar", "seeed-mr60bha2", "bedroom"),
    DeviceConfig("bed", "elevated-bpmk1", "bedroom"),
    DeviceConfig("pir-living", "aqara-rtcgq11lm", "living_room"),
    DeviceConfig("pir-kitchen", "aqara-rtcgq11lm", "kitchen"),
    DeviceConfig("pir-bathroom", "aqara-rtcgq11lm", "bathroom"),
    DeviceConfig("front-door", "aqara-mccgq11lm", "hall"),
    DeviceConfig("smoke", "heiman-hs1sa", "kitchen"),
    DeviceConfig("gas", "heiman-hs1cg", "kitchen"),
    DeviceConfig("leak", "aqara-sjcgq11lm", "bathroom"),
    DeviceConfig("climate", "sonoff-snzb-02d", "living_room"),
)
SOMETIMES = {
    "band": DeviceConfig("band", "polar-h10", "worn"),
    "oximeter": DeviceConfig("oximeter", "nonin-3230", "worn"),
    "cuff": DeviceConfig("bp-cuff", "and-ua-651ble", "living_room"),
    "scales": DeviceConfig("scales", "and-uc-352ble", "bathroom"),
}


class MonthOptions(msgspec.Struct, frozen=True):
    """``rate_s``: seconds between two readings of heart, breathing and oxygen. ``false_falls``: a resident's
    suspicions a month that the gateway raises and takes back; an assumption, since what a gateway takes for a fall is
    measured by itself (``shouwang evaluate falls``). ``ordinary``: no episodes."""

    seed: int = 4
    days: int = 30
    rate_s: float = 60.0
    false_falls: float = 0.2
    ordinary: bool = False


class Moment(msgspec.Struct, frozen=True):
    """An event with the times of its happening and its arrival."""

    device: str
    kind: str
    values: dict[str, Any]
    time_us: int
    arrival_us: int


class ResidentMonth(msgspec.Struct, kw_only=True):
    """All data that arrived of one resident, who lives alone, and the true episodes."""

    resident: Resident
    gateway: str
    devices: list[DeviceConfig]
    traces: list[Trace]
    moments: list[Moment]
    contacts: list[ContactSpan]
    truth: list[Episode]
    begin_us: int
    end_us: int


def simulate(number: int, options: MonthOptions) -> ResidentMonth:
    """Resident ``number`` (from 0) of the district that ``options.seed`` names. Raises ValueError for options without
    sense."""
    if not 1 <= options.days <= 400:
        raise ValueError(f"days: {options.days} is not between 1 and 400")
    if not 5 <= options.rate_s <= 300:
        raise ValueError(f"rate: {options.rate_s:g} s is not between 5 and 300")
    rng = np.random.default_rng([options.seed, number])
    plan = {} if options.ordinary else planned(number, options.days, rng)
    resident = draw(rng, number, frozenset(NEEDS[kind] for kind in plan if kind in NEEDS))
    life = live(resident.habits, options.days, rng, set(plan.values()))
    script = Script(life=life, rate_s=options.rate_s)
    play(script, plan, rng)
    false_falls(script, options.false_falls, options.days, rng)
    body = vitals(resident.body, life, options.rate_s, script.effects, rng)
    end_us = START_US + options.days * DAY * MINUTE_US
    line = HomeLine(script, START_US, end_us, rng)
    traces = [line.carry(trace) for trace in Sensors(resident, script, START_US, rng).traces(body)]
    moments = []
    for report in script.reports:
        time_us = START_US + int(report.minute * MINUTE_US)
        moments.append(
            Moment(report.device, report.kind, report.values, time_us, line.arrival(time_us, report.after_s))
        )
    devices = [*ALWAYS, *(d for name, d in SOMETIMES.items() if getattr(resident.equipment, name))]
    truth = [
        Episode(kind, resident.code, START_US + int(b * MINUTE_US), START_US + int(e * MINUTE_US))
        for kind, b, e in script.truth
    ]
    away = np.flatnonzero(life.away)
    if len(away):
        left, back = START_US + int(away[0]) * MINUTE_US, START_US + int(away[-1] + 1) * MINUTE_US
        truth.append(Episode("absence", resident.code, left, back))
    truth += [
        Episode("silent_gateway", resident.code, outage.begin_us, outage.end_us)
        for outage in line.outages
        if outage.end_us - outage.begin_us > (OUTAGE_REPORTED_S + 20) * 1_000_000
    ]
    return ResidentMonth(
        resident=resident,
        gateway=f"gw-m{number:04d}",
        devices=devices,
        traces=traces,
        moments=sorted(moments, key=lambda moment: moment.arrival_us),
        contacts=line.contacts([device.name for device in devices]),
        truth=truth,
        begin_us=START_US,
        end_us=end_us,
    )
