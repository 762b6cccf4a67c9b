"""Play scenes of calls for help: taken back by the one who called, by another one, by nobody; and falls of pendants
whose events carry their own times.

One press is published twice: Koenkk/zigbee2mqtt#32015.
"""

from numpy.random import Generator

from device_simulators.month.outside.scene import Play, Scene
from device_simulators.month.routine import LIVING
from device_simulators.month.script import DeviceReport, Script

MINUTE_S = 60.0
SOS, SPOUSES = "sos-button", "sos-button-2"


def _presses(kind: str, *presses: tuple[float, str, str], spouse: bool = False) -> Play:
    """Presses of buttons, and other events without values: (seconds, device, event)."""

    def play(script: Script, day: int, rng: Generator) -> None:
        at = script.moment(day, 560, 1150, LIVING, rng)
        script.reports += [DeviceReport(at + s / MINUTE_S, device, event) for s, device, event in presses]
        script.true(kind, at + presses[0][0] / MINUTE_S, at + 15, spouse=spouse)
        if any(device == SPOUSES for _, device, _ in presses):
            script.true("lone_long_press", at, at + 15, spouse=True)

    return play


def _fall(kind: str, *, spouse: bool = False, lies: int = 20, then: tuple[tuple[float, str, str], ...] = ()) -> Play:
    """A confirmed fall, each event dated by itself; ``then``: what else happens."""

    def play(script: Script, day: int, rng: Generator) -> None:
        at = script.moment(day, 560, 1150, LIVING, rng)
        pendant = "pendant-2" if spouse else "pendant"
        script.reports.append(DeviceReport(at, pendant, "fall_suspected", after_s=2))
        script.reports.append(DeviceReport(at + 0.5, pendant, "fall_confirmed", after_s=2))
        script.reports += [DeviceReport(at + s / MINUTE_S, device, event) for s, device, event in then]
        if not spouse:
            script.life.stay(at, at + lies, LIVING, still=True)
        script.true(kind, at, at + lies + 5, spouse=spouse)
        if then and then[0][2] == "sos_cancelled":
            script.true("lone_long_press", at, at + 15, spouse=not spouse)

    return play


def _both_call(script: Script, day: int, rng: Generator) -> None:
    """Both press; the spouse takes back the own call, and not the other's."""
    at = script.moment(day, 560, 1150, LIVING, rng)
    presses = ((0, SOS, "sos_pressed"), (5, SPOUSES, "sos_pressed"), (14, SPOUSES, "sos_cancelled"))
    script.reports += [DeviceReport(at + s / MINUTE_S, device, event) for s, device, event in presses]
    script.true("cancelled_by_other_sos", at, at + 15)
    script.true("own_cancel", at + 5 / MINUTE_S, at + 15, spouse=True)


CALL_SCENES: dict[str, Scene] = {
    "press_twice": Scene(play=_presses("press_twice", (0, SOS, "sos_pressed"), (0.08, SOS, "sos_pressed"))),
    "press_echoed": Scene(play=_presses("press_echoed", (0, SOS, "sos_pressed"), (0.08, SOS, "sos_cancelled"))),
    "own_cancel": Scene(play=_presses("own_cancel", (0, SOS, "sos_pressed"), (9, SOS, "sos_cancelled"))),
    "late_cancel": Scene(play=_presses("late_cancel", (0, SOS, "sos_pressed"), (95, SOS, "sos_cancelled"))),
    "sos_cancelled_by_other": Scene(
        play=_presses("cancelled_by_other_sos", (0, SOS, "sos_pressed"), (8, SPOUSES, "sos_cancelled")), couple=True
    ),
    "fall_cancelled_by_other": Scene(
        play=_fall("cancelled_by_other_fall", then=((42, SPOUSES, "sos_cancelled"),)), couple=True
    ),
    "confirmed_cancelled_by_other": Scene(
        play=_presses("cancelled_by_other_fall", (0, "pendant", "fall_confirmed"), (10, SPOUSES, "sos_cancelled")),
        couple=True,
    ),
    "spouse_fall_cancelled_by_other": Scene(
        play=_fall("cancelled_by_other_fall", spouse=True, then=((42, SOS, "sos_cancelled"),)), couple=True
    ),
    "both_call": Scene(play=_both_call, couple=True),
    "fall_gets_up": Scene(play=_fall("fall_gets_up", lies=4, then=((240, "pendant", "fall_recovered"),))),
    "fall_lies": Scene(play=_fall("fall_lies", lies=25)),
}
