"""The drivers' ears: what a message of a device becomes, and what a bad one costs."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.zigbee2mqtt import Zigbee2MqttDriver
from firmware_profiles.driver import DeviceConfig

DOOR = DeviceConfig("front-door", "aqara-mccgq11lm", "hall", "0x00158d0001")
BUTTON = DeviceConfig("sos", "sonoff-snzb-01p")
CUFF = DeviceConfig("cuff", "and-ua-651ble")


class Ears:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.values: list[tuple[str, str, float]] = []
        self.events: list[tuple[str, str]] = []

    def now_us(self) -> int:
        return 0

    def readings(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        self.values += [(device, channel, round(float(value), 2)) for value in values]

    def event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: Mapping[str, str | int | float | bool] | None = None,
        evidence: bytes = b"",
    ) -> None:
        self.events.append((device, kind))

    def motion(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> None:
        raise AssertionError("no motion here")


def test_a_repeated_state_is_no_news_and_a_press_always_is() -> None:
    driver, ears = Zigbee2MqttDriver({}, [DOOR, BUTTON, CUFF]), Ears()
    for payload in (b'{"contact": false}', b'{"contact": false, "battery": 90}', b'{"contact": true}'):
        driver.hear(ears, "0x00158d0001", payload, 1)
    for _ in range(2):
        driver.hear(ears, "sos", b'{"action": "single"}', 2)
    assert ears.events == [
        ("front-door", "door_opened"),
        ("front-door", "door_closed"),
        ("sos", "sos_pressed"),
        ("sos", "sos_pressed"),
    ]
    assert ("front-door", "battery", 90.0) in ears.values


def test_a_bad_payload_is_told_once_an_hour() -> None:
    driver, ears = Zigbee2MqttDriver({}, [DOOR]), Ears()
    hour = 3_600_000_000
    for at in (0, 1, hour - 1, hour + 1):
        driver.hear(ears, "0x00158d0001", b"{", hour + at)
    driver.hear(ears, "a-stranger", b"{", 5)
    assert ears.events == [("front-door", "device_fault")] * 2


def test_a_blood_pressure_cuff_speaks() -> None:
    driver, ears = BleDriver({}, [CUFF, DOOR]), Ears()
    driver.hear(ears, CUFF, 0x2A35, bytes.fromhex("00 78 00 50 00 5D 00"), 1)
    assert ("cuff", "systolic_bp", 120.0) in ears.values
    driver.hear(ears, CUFF, 0x2A35, b"\x00", 1)
    assert ears.events == [("cuff", "device_fault")]


@pytest.mark.parametrize("driver", [Zigbee2MqttDriver, BleDriver])
def test_an_unknown_option_is_told(driver: type[Zigbee2MqttDriver]) -> None:
    with pytest.raises(ValueError, match="colour"):
        driver({"colour": "red"}, [])
