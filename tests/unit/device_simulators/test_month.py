"""The simulated month: the same seed gives the same, bodies and days look like people's, and what is true is there."""

from functools import cache

import numpy as np
import pytest

from device_simulators.month.month import START_US, MonthOptions, ResidentMonth, simulate
from device_simulators.month.scenes import NEEDS, SCENES
from device_simulators.month.sensing import Trace
from device_simulators.month.truth import KINDS, MUST, TECHNICAL, Episode
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.devices import MODELS

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@cache
def district() -> tuple[ResidentMonth, ...]:
    """Each kind of episode at least once."""
    return tuple(simulate(number, MonthOptions(seed=5)) for number in range(len(SCENES)))


def the(month: ResidentMonth, channel: str, device: str = "") -> Trace:
    return next(t for t in month.traces if t.channel == channel and device in ("", t.device))


def with_kind(kind: str) -> list[tuple[ResidentMonth, Episode]]:
    return [(month, episode) for month in district() for episode in month.truth if episode.kind == kind]


def during(trace: Trace, episode: Episode, margin_us: int = 0) -> np.ndarray:
    return trace.value[
        (trace.time_us >= episode.begin_us + margin_us) & (trace.time_us < episode.end_us - margin_us)
    ].astype(float)


def test_a_seed_names_a_district() -> None:
    one, same, other = (
        simulate(3, MonthOptions(seed=5)),
        simulate(3, MonthOptions(seed=5)),
        simulate(3, MonthOptions(seed=6)),
    )
    assert one.truth == same.truth
    assert all(np.array_equal(a.value, b.value) for a, b in zip(one.traces, same.traces, strict=True))
    assert not np.array_equal(the(one, "heart_rate").value[:500], the(other, "heart_rate").value[:500])


def test_every_kind_is_played_and_described() -> None:
    played = {episode.kind for month in district() for episode in month.truth}
    assert set(SCENES) <= played
    assert set(SCENES) | {"absence", "silent_gateway"} == set(MUST)
    assert set(KINDS) >= TECHNICAL


def test_devices_channels_and_events_exist() -> None:
    for month in district():
        names = {device.name for device in month.devices}
        assert {device.model for device in month.devices} <= set(MODELS)
        assert {t.device for t in month.traces} | {m.device for m in month.moments} <= names
        assert {m.kind for m in month.moments} <= set(EVENTS)
        for trace in month.traces:
            channel = CHANNELS[trace.channel]
            assert channel.low <= trace.value.min() <= trace.value.max() <= channel.high


def test_traces_arrive_in_order_and_mostly_at_once() -> None:
    for month in district():
        for trace in month.traces:
            assert (np.diff(trace.arrival_us) >= 0).all()
        radar = the(month, "heart_rate", "radar")
        assert np.median(radar.arrival_us - radar.time_us) < 2_000_000


def test_the_heart_is_slower_by_night() -> None:
    for month in district():
        heart = the(month, "heart_rate", "radar")
        hour = (heart.time_us - START_US) % DAY_US / HOUR_US
        night = float(np.median(heart.value[(hour > 1) & (hour < 5)]))
        assert 0.80 * month.resident.body.heart < night < 0.99 * month.resident.body.heart


def test_people_sleep_go_out_and_differ_from_day_to_day() -> None:
    bed_hours, wakes = [], []
    for month in district():
        bed = the(month, "in_bed")
        bed_hours.append(24 * float(bed.value.mean()))
        hour = (bed.time_us - START_US) % DAY_US / HOUR_US
        ups = np.flatnonzero((bed.value[1:] < 0.5) & (bed.value[:-1] > 0.5) & (hour[1:] > 4.5) & (hour[1:] < 9))
        wakes.append(float(np.std(hour[1:][ups])))
    assert 7 < np.mean(bed_hours) < 11
    assert np.mean(wakes) > 0.15
    assert sum(len(the(month, "door_open").value) > 20 for month in district()) > len(district()) / 2


def test_rate_is_the_rate() -> None:
    fast, slow = (simulate(0, MonthOptions(seed=5, days=8, rate_s=rate, ordinary=True)) for rate in (10.0, 60.0))
    ratio = len(the(fast, "heart_rate", "radar").value) / len(the(slow, "heart_rate", "radar").value)
    assert 5 < ratio < 7
    assert fast.truth == [e for e in fast.truth if e.kind in ("silent_gateway", "absence", "gateway_clock_off")]


@pytest.mark.parametrize(
    ("kind", "channel", "low", "high"),
    [
        ("tachycardia", "heart_rate", 125, 160),
        ("bradycardia", "heart_rate", 25, 40),
        ("hypoxia", "spo2", 78, 89),
        ("breathing_pause", "respiration_rate", 0, 4),
        ("heat", "room_temperature", 35, 39),
        ("cold", "room_temperature", 3, 9),
    ],
)
def test_what_is_true_can_be_seen(kind: str, channel: str, low: float, high: float) -> None:
    for month, episode in with_kind(kind):
        value = float(np.median(during(the(month, channel), episode, 90_000_000)))
        assert low <= value <= high, (month.resident.code, episode)


def test_a_deterioration_moves_three_vital_signs() -> None:
    for month, episode in with_kind("deterioration"):
        assert np.median(during(the(month, "heart_rate", "radar"), episode)) > month.resident.body.heart + 20
        assert np.median(during(the(month, "respiration_rate"), episode)) >= 22
        assert np.median(during(the(month, "spo2"), episode)) <= 92


def test_a_heart_rate_drifts_and_shifts() -> None:
    for kind in ("drift", "shift"):
        for month, episode in with_kind(kind):
            heart = the(month, "heart_rate", "radar")
            night = (heart.time_us - START_US) % DAY_US < 5 * HOUR_US
            late = episode.end_us - DAY_US
            before = np.median(heart.value[night & (heart.time_us < episode.begin_us)])
            after = np.median(heart.value[night & (heart.time_us > late) & (heart.time_us < episode.end_us)])
            assert after - before > 9, kind


def test_weight_is_gained_and_pressure_is_high() -> None:
    for month, episode in with_kind("weight_gain"):
        scales = the(month, "weight")
        day = (scales.time_us - episode.begin_us) / DAY_US
        assert scales.value[(day > 3) & (day < 5)].max() - np.median(scales.value[(day > -7) & (day < 0)]) > 2
    for month, episode in with_kind("pressure_crisis"):
        assert during(the(month, "systolic_bp"), episode).min() > 180


@pytest.mark.parametrize("kind", ["stop", "bathroom", "bed_exit", "long_lie"])
def test_who_lies_on_the_floor_moves_nothing(kind: str) -> None:
    for month, episode in with_kind(kind):
        moved = 0
        for trace in (t for t in month.traces if t.channel in ("motion", "door_open")):
            late = (trace.time_us > episode.begin_us + 6 * MINUTE_US) & (trace.time_us < episode.end_us - 6 * MINUTE_US)
            moved += int((trace.value[late] > 0.5).sum())
        assert moved <= 2, (month.resident.code, kind)  # a sensor sees what is not there about once a month


def test_who_wanders_at_night_passes_the_door() -> None:
    for month, episode in with_kind("night_wandering"):
        door = the(month, "door_open")
        assert ((door.value > 0.5) & (np.abs(door.time_us - episode.begin_us) < 2 * MINUTE_US)).any()


def test_an_outage_delays_and_loses_nothing() -> None:
    month, outage = with_kind("silent_gateway")[0]
    bed = the(month, "in_bed")
    inside = (bed.time_us > outage.begin_us) & (bed.time_us < outage.end_us)
    assert inside.any()
    assert (bed.arrival_us[inside] >= outage.end_us).all()
    gateway = [contact for contact in month.contacts if contact.device == ""]
    assert any(contact.end_us == outage.begin_us for contact in gateway)
    assert any(contact.begin_us == outage.end_us for contact in gateway)


def test_an_unplugged_radar_says_nothing() -> None:
    for month, episode in with_kind("silent_device"):
        assert not len(during(the(month, "presence"), episode))
        assert any(c.device == "radar" and c.end_us == episode.begin_us for c in month.contacts)


def test_a_stuck_radar_repeats_itself() -> None:
    for month, episode in with_kind("stuck_device"):
        assert len(set(during(the(month, "heart_rate", "radar"), episode, MINUTE_US))) == 1


def test_who_needs_a_device_has_it() -> None:
    for kind, needed in NEEDS.items():
        assert all(getattr(month.resident.equipment, needed) for month, _ in with_kind(kind))


@pytest.mark.parametrize("options", [MonthOptions(days=0), MonthOptions(days=401), MonthOptions(rate_s=1)])
def test_options_without_sense_are_refused(options: MonthOptions) -> None:
    with pytest.raises(ValueError, match="is not between"):
        simulate(0, options)
