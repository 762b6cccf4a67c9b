"""Time stamps of devices whose clock may be wrong: what counts, and what is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.device_clock import PAST_US, DeviceClock, Judged
from firmware_profiles import gatt
from firmware_profiles.driver import DeviceConfig
from tests.support.ears import Ears

NOW_US = 1_800_000_000_000_000
MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
CUFF = DeviceConfig("cuff", "and-ua-651ble")


class Times(Ears):
    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []
        self.clock: list[tuple[str, object]] = []

    def readings(self, device, channel, times_us, values):  # type: ignore[no-untyped-def]
        self.times += times_us.tolist()
        super().readings(device, channel, times_us, values)

    def event(self, device, kind, time_us, values=None, evidence=b""):  # type: ignore[no-untyped-def]
        self.clock.append((kind, (values or {}).get("value")))
        super().event(device, kind, time_us, values, evidence)


def pressure(stamp: bytes) -> bytes:
    return bytes.fromhex("02 D4 00 7E 00 96 00") + stamp


@pytest.mark.parametrize(
    "stamp",
    [
        "b2 07 01 01 00 00 00",  # 1970-01-01 00:00 in Shanghai: a negative time
        "e5 07 01 01 00 00 00",  # 2021-01-01: blood-pressure-monitor-fl#410
        "2e 08 09 10 08 00 00",  # 2094-09-16: openScale#1500
        "0f 27 0c 1f 17 3b 3b",  # 9999
        "01 00 01 01 00 00 00",  # the year 1
    ],
)
def test_a_measurement_with_an_unbelievable_date_counts_as_of_its_arrival(stamp: str) -> None:
    driver, ears = BleDriver({}, [CUFF]), Times()
    for minute in (0, 3, 6):
        payload = pressure(bytes.fromhex(stamp))
        driver.hear(ears, CUFF, 0x2A35, payload, NOW_US + minute * MINUTE_US)
    assert [value for _, channel, value in ears.values if channel == "systolic_bp"] == [212.0] * 3
    assert sorted(set(ears.times)) == [NOW_US + minute * MINUTE_US for minute in (0, 3, 6)]
    assert [kind for kind, _ in ears.clock] == ["device_clock_off"], "once an hour"


def test_a_clock_in_utc_is_found_and_told_right_again_once_it_is_set() -> None:
    """blood-pressure-monitor-fl#439: 07:30 right, then three at 08:00 stamped 00:00."""
    driver, ears = BleDriver({}, [CUFF]), Times()

    def hear(at_us: int, behind_us: int) -> None:
        stamp = gatt.encode_clock(gatt.DATE_TIME, at_us - behind_us)
        driver.hear(ears, CUFF, 0x2A35, pressure(stamp), at_us)

    hear(NOW_US, 0)
    for minute in (30, 33, 36):
        hear(NOW_US + minute * MINUTE_US, 8 * HOUR_US)
    assert sorted(set(ears.times)) == [NOW_US + minute * MINUTE_US for minute in (0, 30, 33, 36)]
    assert ears.clock == [("device_clock_off", 8 * HOUR_US // 1000)]
    hear(NOW_US + HOUR_US, 0)
    assert ears.clock[1:] == [("device_clock_right", 0)]


def test_what_is_older_than_what_came_before_is_of_a_clock_that_went_back() -> None:
    clock = DeviceClock()
    assert clock.judge(NOW_US - MINUTE_US, NOW_US, b"1").ahead_us == 0
    later = NOW_US + HOUR_US
    assert clock.judge(later - 20 * DAY_US, later, b"2") == Judged(later, -20 * DAY_US)


def test_stored_measurements_keep_their_times_in_any_order_and_when_sent_again() -> None:
    clock = DeviceClock()
    memory = [NOW_US - hours * HOUR_US for hours in (5, 30, 100)]
    for at_us in (NOW_US, NOW_US + DAY_US):
        for number, stamp_us in enumerate(memory):
            assert clock.judge(stamp_us, at_us + number * 1_000_000, b"%d" % number) == Judged(stamp_us)


def test_a_clock_that_is_read_corrects_what_was_stored() -> None:
    clock = DeviceClock()
    clock.read(NOW_US - 3 * DAY_US, NOW_US)
    assert clock.judge(NOW_US - 4 * DAY_US, NOW_US, b"1") == Judged(NOW_US - DAY_US, -3 * DAY_US)
    assert clock.judge(NOW_US - MINUTE_US, NOW_US, b"2").ahead_us == 0, "stamped after the clock was set"
    clock.read(NOW_US + 2 * MINUTE_US, NOW_US)
    assert clock.judge(NOW_US - HOUR_US, NOW_US, b"3") == Judged(NOW_US - HOUR_US - 2 * MINUTE_US)
    clock.read(NOW_US, NOW_US)
    assert clock.judge(NOW_US - 8 * HOUR_US, NOW_US, b"4") == Judged(NOW_US - 8 * HOUR_US), "a night's measurement"


@given(
    st.lists(
        st.tuples(st.integers(-(2**60), 2**60), st.integers(0, DAY_US), st.none() | st.integers(-(2**60), 2**60)),
        max_size=20,
    )
)
def test_whatever_a_device_says_the_time_is_believable(
    messages: list[tuple[int, int, int | None]],
) -> None:
    clock, now_us = DeviceClock(), NOW_US
    for number, (stamp_us, pause_us, shown_us) in enumerate(messages):
        now_us += pause_us
        clock.read(shown_us, now_us)
        judged = clock.judge(stamp_us, now_us, b"%d" % number)
        assert now_us - PAST_US <= judged.time_us <= now_us
        assert not (judged.ahead_us and judged.live)


def test_a_gateway_that_does_not_know_the_time_judges_nobody() -> None:
    assert DeviceClock().judge(NOW_US, 5_000_000, b"1") == Judged(5_000_000)
