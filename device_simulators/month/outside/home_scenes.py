"""Play scenes of the home's 0/1 sensors: stuck, wrongly dated, republished; and of people whom they should find.

A motion or bed sensor that stays on, states that are published again after a restart, times in UTC: Koenkk/zigbee2mqtt
#1669, #3496, #4225, #7837, #24945. The collapse that each fault must not hide is the scene's second half.
"""

from typing import Literal

from numpy.random import Generator

from device_simulators.month.outside.scene import STILL, Play, Scene
from device_simulators.month.routine import BED, BEDROOM, DAY, KITCHEN, LIVING, OUT
from device_simulators.month.script import ClockError, DeviceReport, Fault, Script

HOME_SWITCHES = (
    *(("pir-living", "motion"), ("pir-kitchen", "motion"), ("pir-bathroom", "motion")),
    *(("front-door", "door_open"), ("bed", "in_bed"), ("radar", "presence")),
)


def _collapse(script: Script, at: int, kind: str) -> None:
    """Lies in the living room from then on; found after eight hours and taken to hospital."""
    end = at + 8 * 60
    script.life.stay(at, end, LIVING, still=True)
    script.life.visitor[at:end] = False
    script.life.stay(end, (at // DAY + 1) * DAY + 720, OUT)
    script.true(kind, at, end)


def _stuck(device: str, channel: str, state: Literal[0, 1], kind: str, collapse: str) -> Play:
    """The sensor says one thing for three days while life goes on elsewhere; then the person collapses."""

    def play(script: Script, day: int, rng: Generator) -> None:
        begin = day * DAY + int(rng.uniform(560, 700))
        at = script.moment(day + 3, 590, 830, LIVING, rng)
        script.faults.append(Fault(device, (channel,), begin, at + 9 * 60, "stuck", state))
        script.true(kind, begin, at, device)
        _collapse(script, at, collapse)

    return play


def _motion_dated(offset_h: float) -> Play:
    """The bathroom's motion sensor dates everything hours off."""

    def play(script: Script, day: int, rng: Generator) -> None:
        begin = day * DAY + int(rng.uniform(60, 300))
        at = script.moment(day + 3, 590, 830, LIVING, rng)
        script.clocks.append(ClockError("pir-bathroom", begin, at + 9 * 60, offset_h * 3600))
        script.true("motion_clock_off", begin, at, "pir-bathroom")
        _collapse(script, at, "collapse_after_clock")

    return play


def _cached_states(script: Script, day: int, rng: Generator) -> None:
    """The door stands ajar from the evening on; by night the bridge restarts and says every state again."""
    ajar = (day - 1) * DAY + int(rng.uniform(1205, 1215))
    script.life.stay(ajar - 3, ajar + 3, LIVING)
    script.passages.append((ajar, day * DAY + 540))
    restart = day * DAY + float(rng.uniform(125, 235))
    script.life.stay(int(restart) - 90, int(restart) + 60, BED)
    script.faults += [Fault(device, (channel,), restart, restart, "repeat") for device, channel in HOME_SWITCHES]
    script.true("cached_states", restart, restart + 120)


def _evening_out(script: Script, day: int, rng: Generator) -> None:
    """Leaves at about five in the afternoon, who never was out at that hour, and does not come back."""
    at = day * DAY + int(rng.uniform(1015, 1045))
    script.life.stay(at, (day + 1) * DAY + 600, OUT)
    script.life.visitor[at : (day + 1) * DAY + 600] = False
    script.true("evening_out", at, (day + 1) * DAY)


def _late_home(script: Script, day: int, rng: Generator) -> None:
    """Comes home three hours late, which happens."""
    at = day * DAY + int(rng.uniform(915, 930))
    script.life.stay(at, at + 270, OUT)
    script.life.visitor[at : at + 270] = False
    script.true("late_home", at, at + 270)


def _courier_then_collapse(script: Script, day: int, rng: Generator) -> None:
    """Opens to a courier, takes the parcel to the kitchen, goes back in and collapses."""
    at = script.moment(day, 900, 980, LIVING, rng)
    script.passages.append((at + 2, at + 2.6))
    script.life.stay(at + 3, at + 4, KITCHEN)
    script.life.stay(at + 4, at + 5, LIVING)
    _collapse(script, at + 5, "courier_then_collapse")


def _bedside_fall(script: Script, day: int, rng: Generator) -> None:
    """Rises at about 05:20 and falls between bed and radar, out of the radar's sight."""
    at = day * DAY + int(rng.uniform(305, 330))
    script.life.stay(at - 180, at, BED)
    script.life.stay(at, at + 240, BEDROOM, still=True)
    script.life.visitor[at : at + 240] = False
    script.faults.append(Fault("radar", ("presence",), at + 2, at + 240, "stuck", 0))
    script.faults.append(Fault("radar", ("heart_rate", "respiration_rate"), at, at + 240, "lost"))
    script.life.wakes[day] = at + 240
    script.true("bedside_fall", at, at + 240)


def _first_days(script: Script, day: int, rng: Generator) -> None:
    _collapse(script, script.moment(day, 570, 700, LIVING, rng), "stop_first_days")


def _lies_in_bed(script: Script, day: int, rng: Generator) -> None:
    """Does not get up any more, and lies unconscious all day; the cat goes about."""
    begin, end = day * DAY - 60, day * DAY + 1200
    script.life.stay(begin, end, BED, still=True)
    script.life.visitor[begin:end] = False
    script.life.stay(end, (day + 1) * DAY + 720, OUT)
    script.true("lies_in_bed", script.life.wakes[day], end)


def _smoke(script: Script, at: float, kind: str = "smoke_detected", device: str = "smoke") -> None:
    script.reports.append(DeviceReport(at, device, kind))


def _cooking(script: Script, day: int, rng: Generator) -> None:
    """A quarter of an hour of cooking: six times smoke and none; two hours later it burns."""
    at = day * DAY + float(rng.uniform(660, 690))
    for turn in range(6):
        _smoke(script, at + 2.4 * turn)
        _smoke(script, at + 2.4 * turn + 1.2, "smoke_cleared")
    script.true("cooking_smoke", at, at + 20)
    _smoke(script, at + 150)
    _smoke(script, at + 165, "smoke_cleared")
    script.true("fire_later", at + 150, at + 165)


def _never_cleared(device: str, event: str, first: str) -> Play:
    """The alarm's end is lost; a day and a half later it is there again."""

    def play(script: Script, day: int, rng: Generator) -> None:
        at = day * DAY + float(rng.uniform(600, 700))
        script.reports += [DeviceReport(at, device, event), DeviceReport(at + 2200, device, event)]
        script.reports.append(DeviceReport(at + 2230, device, event.removesuffix("_detected") + "_cleared"))
        script.true(first, at, at + 30)
        script.true("never_cleared", at + 60, at + 2190, device)
        script.true(first, at + 2200, at + 2230)

    return play


HOME_SCENES: dict[str, Scene] = {
    "stuck_motion": Scene(
        play=_stuck("pir-living", "motion", 1, "stuck_motion", "collapse_beside_stuck"), spoilt_by=STILL
    ),
    "stuck_bed_on": Scene(play=_stuck("bed", "in_bed", 1, "stuck_bed_on", "collapse_beside_stuck"), spoilt_by=STILL),
    "stuck_bed_off": Scene(play=_stuck("bed", "in_bed", 0, "stuck_bed_off", "collapse_beside_stuck"), spoilt_by=STILL),
    "motion_8h_behind": Scene(play=_motion_dated(-8), spoilt_by=STILL),
    "motion_8h_ahead": Scene(play=_motion_dated(8), spoilt_by=STILL),
    "cached_states": Scene(play=_cached_states),
    "evening_out": Scene(play=_evening_out, spoilt_by=STILL, habits={"afternoon_out": 0.0}, first=True),
    "late_home": Scene(play=_late_home, habits={"afternoon_out": 0.6}),
    "courier_then_collapse": Scene(play=_courier_then_collapse, spoilt_by=STILL),
    "bedside_fall": Scene(play=_bedside_fall, spoilt_by=STILL),
    "stop_first_days": Scene(play=_first_days, spoilt_by=STILL, early=True),
    "lies_in_bed": Scene(play=_lies_in_bed, trait="cat"),
    "cooking_smoke": Scene(play=_cooking),
    "smoke_never_cleared": Scene(play=_never_cleared("smoke", "smoke_detected", "fire")),
    "gas_never_cleared": Scene(play=_never_cleared("gas", "gas_detected", "gas_again")),
    "leak_never_cleared": Scene(play=_never_cleared("leak", "water_leak", "leak_again")),
}
