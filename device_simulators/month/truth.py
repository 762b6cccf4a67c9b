"""The true episodes of the simulated month: what the system must tell, and when it must stay quiet."""

import msgspec

MUST: dict[str, str] = {
    "fall_confirmed": "a fall after which the person lies still",
    "fall_recovered": "a fall after which the person gets up by himself",
    "long_lie": "a fall after which the person lies on the floor for hours",
    "deterioration": "a NEWS2 of 5 and more",
    "tachycardia": "a sudden fast heart at rest",
    "bradycardia": "a slow heart",
    "shift": "a heart rate above the person's usual for more than a day",
    "drift": "a heart rate that rises over weeks",
    "hypoxia": "a low oxygen saturation for a quarter of an hour",
    "breathing_pause": "breathing that nearly stops",
    "no_vital_sign": "neither breathing nor pulse can be measured of somebody who lies in bed",
    "weight_gain": "weight gained within days, as of a failing heart",
    "pressure_crisis": "a very high blood pressure, measured twice",
    "stop": "all activity stops in waking time, the person being at home",
    "missed_morning": "the person does not get up",
    "bathroom": "the person does not come back from the bathroom",
    "night_wandering": "the person leaves the home at night",
    "bed_exit": "the person gets up at night and does not come back to bed",
    "sleepless": "three nights that are hours shorter than usual",
    "restless": "three nights with many ways out of bed",
    "reversed": "awake by night and asleep by day, for days",
    "absence": "the person does not come home in the evening, and nobody was told",
    "heat": "a hot room",
    "cold": "a cold room",
    "smoke": "smoke",
    "gas": "gas",
    "water_leak": "a water leak",
    "sos": "a press on the SOS button",
    "silent_device": "a sensor that was unplugged",
    "silent_gateway": "a home without a connection",
    "stuck_device": "a sensor that repeats one value",
    "low_battery": "a battery that is nearly empty",
}
"""Every kind of episode of the usual homes, in words."""
MUST_OUTSIDE: dict[str, str] = {
    "masked_tachycardia": "a racing heart that one source counts, and another one does not",
    "arrest": "neither pulse nor breathing of somebody in bed, both measured as 0",
    "loose_finger": "an hour of low oxygen, in which every fifth reading is a good one",
    "swinging": "a NEWS2 that swings between 5 and 3 for hours",
    "af_bursts": "three minutes of fast heart in every 25, all night",
    "af_fast": "a fast irregular heart, with single slower readings",
    "copd_worse": "low oxygen by scale 2, in a resident with COPD",
    "round_ill": "a complete set by hand that is worth 16 points",
    "round_middle": "a complete set by hand that is worth 5 to 6 points",
    "not_alert": "a carer enters that the resident is not alert",
    "spot_spo2": "one measured oxygen of 82 %",
    "spot_fever": "one measured temperature of 40.3 Cel",
    "spot_pressure": "one measured pressure of 210/128 mmHg",
    "spot_unanswered": "a frightening value after which nobody measures again",
    "spot_repeated": "a frightening value that is repeated",
    "hypo_mild": "a glucose between 3.0 and 3.9 mmol/L",
    "hypo_grave": "a glucose between 2.2 and 3.0 mmol/L",
    "hypo_worse": "a glucose that falls further while its alert is open",
    "hypo_severe": "a glucose of 1.8 mmol/L",
    "hyperglycaemia": "a glucose above 27 mmol/L, measured twice",
    "orthostatic": "a pressure that falls by 30 mmHg on standing up",
    "low_pressure": "a systolic pressure of 84 mmHg",
    "crisis_wrong_clock": "a very high pressure, three times, from a cuff whose clock is wrong",
    "collapse_beside_stuck": "all activity stops, while one 0/1 sensor is stuck",
    "collapse_after_clock": "all activity stops in a home where one sensor's times are off by hours",
    "evening_out": "out since five, who never is out so late",
    "courier_then_collapse": "collapses after opening the door to a courier",
    "bedside_fall": "gets up at five and falls beside the bed",
    "stop_first_days": "all activity stops on the second day",
    "lies_in_bed": "does not get up any more, while a cat goes about",
    "cooking_smoke": "smoke that comes and goes while somebody cooks",
    "fire": "smoke, whose end is never told",
    "fire_later": "smoke, two hours after that of cooking",
    "gas_again": "gas, whose end is never told",
    "leak_again": "a leak, whose end is never told",
    "press_twice": "one press on the button that is published twice",
    "press_echoed": "one press, whose second copy was taken for its cancelling",
    "own_cancel": "a call that the caller takes back",
    "late_cancel": "a call, and a long press long after it",
    "cancelled_by_other_sos": "a call, and the other one's long press on his own button",
    "cancelled_by_other_fall": "a fall, and the other one's long press on his own button",
    "fall_gets_up": "a fall of a pendant that dates each event, after which the person gets up",
    "fall_lies": "a fall of a pendant that dates each event, after which the person lies still",
    "radar_hangs": "a radar that repeats one value all night",
    "sources_disagree": "two pulses of one sleeper, 40 /min apart, for hours",
    "glucose_in_mg_dl": "a glucose entered in mg/dL",
    "temperature_in_f": "a temperature in degrees Fahrenheit",
    "pressure_swapped": "systolic and diastolic pressure swapped",
    "probe_off": "a skin thermometer that lies beside the person",
    "meter_clock_off": "a cuff whose clock is wrong",
    "stuck_motion": "a motion sensor that says 1 for days",
    "stuck_bed_on": "a bed sensor that says 1 for days",
    "stuck_bed_off": "a bed sensor that says 0 for days",
    "motion_clock_off": "a motion sensor whose times are off by hours",
    "never_cleared": "an alarm of smoke, gas or water that never ends",
}
"""Kinds of the homes of the outside that must be told."""
QUIET: dict[str, str] = {
    "radar_doubles": "a radar's heart rate that is doubled for four minutes",
    "radar_halves": "a radar's heart rate that is halved for four minutes",
    "apnoea": "pauses of breathing under half a minute, all night",
    "flickers_low": "an oximeter on a loose finger of a well sleeper",
    "exercise": "a dance at home, with steps",
    "steady_breath": "breathing that a radar rounds to one figure for 45 minutes",
    "round_well": "rounds of a carer, all values in order",
    "spot_again_fine": "a frightening value, measured again and fine",
    "stands_up_well": "a pressure that falls by 9 mmHg on standing up",
    "cached_states": "states that a bridge publishes again after its restart",
    "late_home": "comes home three hours late",
    "lone_long_press": "a long press of somebody who has not called, which may be told as a call",
    "gateway_clock_off": "a gateway whose clock is off by seconds or minutes for hours, which may be told",
}
"""Kinds in which nothing urgent may be told of a person."""
TECHNICAL = frozenset(
    {
        *("silent_device", "silent_gateway", "stuck_device", "low_battery", "radar_hangs", "sources_disagree"),
        *("glucose_in_mg_dl", "temperature_in_f", "pressure_swapped", "probe_off", "meter_clock_off", "stuck_motion"),
        *("stuck_bed_on", "stuck_bed_off", "motion_clock_off", "never_cleared"),
    }
)
"""Kinds that are about devices, not about people: told as technical, and nothing urgent of the person."""
KINDS: dict[str, str] = {**MUST, **MUST_OUTSIDE, **QUIET}


class Episode(msgspec.Struct, frozen=True):
    """An episode of a resident from ``begin_us`` to ``end_us`` (µs since 1970, UTC).

    ``begin_us`` is the earliest time at which it can be known: for a slow deterioration, when its score is reached.
    """

    kind: str
    resident: str
    begin_us: int
    end_us: int
    device: str = ""
    """The device at fault."""

    @property
    def must(self) -> str:
        return KINDS[self.kind]
