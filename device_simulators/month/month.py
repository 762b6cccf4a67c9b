"""Simulate the month of one resident: :func:`simulate`."""

from typing import Any

import msgspec
import numpy as np
from numpy.random import Generator

from device_simulators.month.body import vitals
from device_simulators.month.devices import devices_of
from device_simulators.month.extras import Extras
from device_simulators.month.faults import faulty, misdated
from device_simulators.month.line import OUTAGE_REPORTED_S, ContactSpan, HomeLine
from device_simulators.month.outside.programme import adapted, furnish, perform, programme
from device_simulators.month.people import Resident, draw
from device_simulators.month.routine import DAY, live
from device_simulators.month.scenes import NEEDS, false_falls, planned, play
from device_simulators.month.script import Script
from device_simulators.month.sensing import Sensors, Trace
from device_simulators.month.truth import Episode
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import MINUTE_US

START_US = 1_772_380_800_000_000
"""2026-03-02 00:00 in Shanghai, a Monday."""


OUTSIDE_SERIES = 14
"""Third number of the seeds of the outside's homes."""


class MonthOptions(msgspec.Struct, frozen=True):
    """``rate_s``: seconds between two readings of heart, breathing and oxygen. ``false_falls``: a resident's
    suspicions a month that the gateway raises and takes back; an assumption, since what a gateway takes for a fall is
    measured by itself (``shouwang evaluate falls``). ``ordinary``: no episodes. ``outside``: homes of the scenes that
    were met outside (:mod:`device_simulators.month.outside`) instead of the usual ones."""

    seed: int = 4
    days: int = 30
    rate_s: float = 60.0
    false_falls: float = 0.2
    ordinary: bool = False
    outside: bool = False


class Moment(msgspec.Struct, frozen=True):
    """An event with the times of its happening and its arrival."""

    device: str
    kind: str
    values: dict[str, Any]
    time_us: int
    arrival_us: int


class ResidentMonth(msgspec.Struct, kw_only=True):
    """All data that arrived of one resident's home, and the true episodes."""

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
    resident, script, rng = (_outside if options.outside else _usual)(number, options)
    false_falls(script, options.false_falls, options.days, rng)
    body = vitals(resident.body, script.life, options.rate_s, script.effects, rng)
    end_us = START_US + options.days * DAY * MINUTE_US
    line = HomeLine(script, START_US, end_us, rng)
    traces = Sensors(resident, script, START_US, rng).traces(body)
    if options.outside:
        traces = Extras(resident, script, START_US, rng).traces(traces, body)
    traces = [faulty(trace, script.faults, START_US, rng) for trace in traces]
    traces = [misdated(line.carry(trace), script.clocks, START_US) for trace in traces if len(trace.time_us)]
    moments = []
    for report in script.reports:
        time_us = START_US + int(report.minute * MINUTE_US)
        moments.append(
            Moment(report.device, report.kind, report.values, time_us, line.arrival(time_us, report.after_s))
        )
    devices = devices_of(resident)
    return ResidentMonth(
        resident=resident,
        gateway=f"gw-{resident.code.lower()}",
        devices=devices,
        traces=traces,
        moments=sorted(moments, key=lambda moment: moment.arrival_us),
        contacts=line.contacts([device.name for device in devices]),
        truth=_truth(resident, script, line),
        begin_us=START_US,
        end_us=end_us,
    )


def _usual(number: int, options: MonthOptions) -> tuple[Resident, Script, Generator]:
    rng = np.random.default_rng([options.seed, number])
    plan = {} if options.ordinary else planned(number, options.days, rng)
    resident = draw(rng, number, frozenset(NEEDS[kind] for kind in plan if kind in NEEDS))
    script = Script(life=live(resident.habits, options.days, rng, set(plan.values())), rate_s=options.rate_s)
    play(script, plan, rng)
    return resident, script, rng


def _outside(number: int, options: MonthOptions) -> tuple[Resident, Script, Generator]:
    rng = np.random.default_rng([options.seed, number, OUTSIDE_SERIES])
    plan = programme(number, 0 if options.ordinary else options.days)
    resident = adapted(draw(rng, number, plan.needs), plan)
    everyday = set(range(options.days))  # nobody goes away for days
    script = Script(life=live(resident.habits, options.days, rng, everyday), rate_s=options.rate_s)
    perform(script, plan, rng)
    furnish(script, resident, rng)
    return resident, script, rng


def _truth(resident: Resident, script: Script, line: HomeLine) -> list[Episode]:
    def episode(kind: str, begin: float, end: float, device: str = "", whom: str = resident.code) -> Episode:
        return Episode(kind, whom, START_US + int(begin * MINUTE_US), START_US + int(end * MINUTE_US), device)

    truth = [
        episode(true.kind, true.begin, true.end, true.device, resident.spouse if true.spouse else resident.code)
        for true in script.truth
    ]
    away = np.flatnonzero(script.life.away)
    if len(away):
        truth.append(episode("absence", int(away[0]), int(away[-1]) + 1))
    if line.clock_off is not None:
        truth.append(Episode("gateway_clock_off", resident.code, *line.clock_off))
    truth += [
        Episode("silent_gateway", resident.code, outage.begin_us, outage.end_us)
        for outage in line.outages
        if outage.end_us - outage.begin_us > (OUTAGE_REPORTED_S + 20) * 1_000_000
    ]
    return truth
