"""Homes of the scenes that were met outside: every kind is played, can be seen in what arrives, and changes nothing
of the usual homes."""

from functools import cache

import numpy as np
import pytest

from device_simulators.month.devices import owner
from device_simulators.month.month import MonthOptions, ResidentMonth, simulate
from device_simulators.month.outside.programme import OUTSIDE, programme
from device_simulators.month.sensing import Trace
from device_simulators.month.truth import KINDS, MUST_OUTSIDE, QUIET, TECHNICAL, Episode
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.devices import MODELS
from vocabulary.times import DAY_US, HOUR_US, MINUTE_US

HOMES = 20
ENTERED_WRONGLY = ("meter", "thermometer")
"""Devices of which the scenes have values in another unit, beyond what is possible."""


@cache
def district() -> tuple[ResidentMonth, ...]:
    return tuple(simulate(number, MonthOptions(seed=5, outside=True)) for number in range(HOMES))


def with_kind(kind: str) -> list[tuple[ResidentMonth, Episode]]:
    return [(month, episode) for month in district() for episode in month.truth if episode.kind == kind]


def the(month: ResidentMonth, device: str, channel: str, *, by_hand: bool = False) -> Trace:
    return next(t for t in month.traces if (t.device, t.channel, t.by_hand) == (device, channel, by_hand))


def during(trace: Trace, episode: Episode) -> np.ndarray:
    """By arrival, since a clock may be wrong."""
    arrived = (trace.arrival_us >= episode.begin_us) & (trace.arrival_us < episode.end_us)
    return trace.value[arrived].astype(float)


def test_every_scene_is_planned_in_some_homes() -> None:
    planned = [name for number in range(40) for _, name in programme(number, 30).scenes]
    assert set(planned) == set(OUTSIDE)


def test_scenes_of_a_home_are_days_apart_and_do_not_spoil_each_other() -> None:
    for number in range(200):
        plan = programme(number, 30)
        days = [day for day, _ in plan.scenes]
        assert min(np.diff(days), default=5) >= 5
        assert max(days) + 5 <= 30
        for _, name in plan.scenes:
            assert plan.trait not in OUTSIDE[name].spoilt_by
            assert OUTSIDE[name].couple == plan.couple
            assert OUTSIDE[name].trait in ("", plan.trait)


def test_kinds_are_described_and_played() -> None:
    played = {episode.kind for month in district() for episode in month.truth}
    assert set(MUST_OUTSIDE) | set(QUIET) - {"gateway_clock_off"} <= played
    assert played <= set(KINDS)
    for month in district():
        names = {device.name for device in month.devices}
        for episode in month.truth:
            about_device = episode.kind in TECHNICAL and episode.kind != "silent_gateway"
            assert (episode.device in names) if about_device else not episode.device


def test_devices_channels_and_events_exist() -> None:
    for month in district():
        names = {device.name for device in month.devices}
        assert {device.model for device in month.devices} <= {*MODELS, ""}
        assert {t.device for t in month.traces} | {m.device for m in month.moments} <= names
        assert {m.kind for m in month.moments} <= set(EVENTS)
        for trace in month.traces:
            assert (np.diff(trace.arrival_us) >= 0).all()
            channel = CHANNELS[trace.channel]
            if trace.device not in ENTERED_WRONGLY:
                assert channel.low <= trace.value.min() <= trace.value.max() <= channel.high


def test_a_seed_names_a_district() -> None:
    one, same = (simulate(3, MonthOptions(seed=5, outside=True)) for _ in range(2))
    assert one.truth == same.truth
    assert all(np.array_equal(a.value, b.value) for a, b in zip(one.traces, same.traces, strict=True))


def test_a_home_without_episodes_has_none() -> None:
    month = simulate(1, MonthOptions(seed=5, days=8, outside=True, ordinary=True))
    assert {episode.kind for episode in month.truth} <= {"silent_gateway", "gateway_clock_off"}


def test_values_by_hand_all_arrive_once_they_are_measured() -> None:
    for month, episode in with_kind("round_ill"):
        values = {t.channel: set(during(t, episode)) for t in month.traces if t.device == "round"}
        assert values["spo2"] == {84}
        assert values["consciousness"] == {1}
        assert len(values) == 7


@pytest.mark.parametrize(("kind", "low", "high"), [("radar_doubles", 120, 160), ("radar_halves", 24, 38)])
def test_a_radar_locks_to_a_multiple_for_minutes(kind: str, low: float, high: float) -> None:
    for month, episode in with_kind(kind):
        heart = during(the(month, "radar", "heart_rate"), episode)
        locked = (heart >= low) & (heart <= high)
        assert 8 <= locked.sum() <= 24


def pulses(month: ResidentMonth, episode: Episode) -> tuple[float, float]:
    """The median pulse by oximeter and by radar."""
    pulse, radar = (during(the(month, device, "heart_rate"), episode) for device in ("oximeter", "radar"))
    return float(np.median(pulse)), float(np.median(radar))


def test_two_sources_say_different_things() -> None:
    for month, episode in with_kind("masked_tachycardia"):
        pulse, radar = pulses(month, episode)
        assert pulse > 130 > 100 > radar
    for month, episode in with_kind("sources_disagree"):
        if any(other.kind == "masked_tachycardia" for other in month.truth):
            continue
        pulse, radar = pulses(month, episode)
        assert 30 < radar - pulse < 50


def test_a_loose_finger_flickers() -> None:
    for month, episode in with_kind("loose_finger"):
        spo2 = during(the(month, "oximeter", "spo2"), episode)
        assert 0.6 < (spo2 <= 89).mean() < 0.95
        assert (spo2 >= 92).any()


def test_a_heart_stops_in_bed() -> None:
    for month, episode in with_kind("arrest"):
        assert set(during(the(month, "radar", "heart_rate"), episode)) == {0}
        assert set(during(the(month, "bed", "in_bed"), episode)) <= {0, 1}


@pytest.mark.parametrize(
    ("kind", "channel", "state"),
    [("stuck_motion", "motion", 1), ("stuck_bed_on", "in_bed", 1), ("stuck_bed_off", "in_bed", 0)],
)
def test_a_stuck_sensor_says_one_thing(kind: str, channel: str, state: int) -> None:
    for month, episode in with_kind(kind):
        trace = the(month, episode.device, channel)
        inside = (trace.time_us > episode.begin_us + 10 * MINUTE_US) & (trace.time_us < episode.end_us)
        assert set(trace.value[inside]) == {state}


@pytest.mark.parametrize("kind", ["motion_clock_off", "meter_clock_off"])
def test_a_wrong_clock_dates_wrongly_what_arrives_in_time(kind: str) -> None:
    for month, episode in with_kind(kind):
        traces = [t for t in month.traces if t.device == episode.device]
        off = [
            t.time_us - t.arrival_us
            for t in traces
            if ((t.arrival_us > episode.begin_us) & (t.arrival_us < episode.end_us)).any()
        ]
        assert max(np.abs(o).max() for o in off) > 7 * HOUR_US


def test_states_are_published_again_and_do_not_change() -> None:
    for month, episode in with_kind("cached_states"):
        door = the(month, "front-door", "door_open")
        at = np.flatnonzero(np.abs(door.time_us - episode.begin_us) < MINUTE_US)
        assert set(door.value[at]) == {1}
        assert door.value[at[0] - 1] == 1  # it stood ajar before


def test_a_cat_goes_about_while_the_owner_lies_in_bed() -> None:
    for month, episode in with_kind("lies_in_bed"):
        assert during(the(month, "pir-living", "motion"), episode).sum() > 5
        assert during(the(month, "bed", "in_bed"), episode).mean() > 0.97


def test_a_joined_trace_alternates() -> None:
    for month in district():
        if month.resident.trait == "cat":
            values = the(month, "pir-kitchen", "motion")
            once = np.concatenate(([True], np.diff(values.time_us[np.argsort(values.time_us, kind="stable")]) > 0))
            ordered = values.value[np.argsort(values.time_us, kind="stable")][once]
            assert (ordered[1:] != ordered[:-1]).mean() > 0.97  # readings that came twice


def test_a_radar_says_zero_where_nobody_is() -> None:
    month = next(month for month in district() if month.resident.trait == "zeros")
    heart = the(month, "radar", "heart_rate")
    presence = the(month, "radar", "presence")
    zero = heart.time_us[heart.value == 0]
    there = presence.value[np.searchsorted(presence.time_us, zero, "right") - 1]
    assert 200 < len(zero) / 30 < 1200
    assert there.mean() < 0.05  # but for ghosts and lost words


def test_devices_of_a_couple_belong_to_one_or_both() -> None:
    month = next(month for month in district() if month.resident.spouse)
    owners = {device.name: owner(month.resident, device.name) for device in month.devices}
    assert owners["pendant"] == month.resident.code
    assert owners["pendant-2"] == owners["sos-button-2"] == month.resident.spouse
    assert owners["pir-living"] == owners["front-door"] == ""


def test_who_calls_and_who_takes_back() -> None:
    for month, episode in with_kind("cancelled_by_other_fall"):
        devices = {m.kind: m.device for m in month.moments if episode.begin_us <= m.time_us < episode.end_us}
        assert {devices["fall_confirmed"][-2:], devices["sos_cancelled"][-2:]} & {"-2"}
        assert devices["fall_confirmed"].endswith("-2") != devices["sos_cancelled"].endswith("-2")


def test_the_second_day_has_a_stop() -> None:
    for month, episode in with_kind("stop_first_days"):
        assert episode.begin_us - month.begin_us < 2 * DAY_US
