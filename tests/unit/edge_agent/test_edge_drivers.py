"""The drivers' ears: what a message of a device becomes, and what a bad one costs.

Payloads as the devices say them: Zigbee2MQTT's JSON by its device pages, ESPHome's states as text, GATT bytes by the
Specification Supplement. (Radar frames: tests/property/test_radar_frames.py.)
"""

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.driver_loading import find_driver
from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.esphome import EsphomeDriver
from edge_agent.drivers.message_relay import MessageRelay
from edge_agent.drivers.reachability import Reachability
from edge_agent.drivers.serial_radar import SerialRadarDriver
from edge_agent.drivers.zigbee2mqtt import Zigbee2MqttDriver
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, firmware_of
from firmware_profiles.readings import DeviceEvent
from tests.support.ears import Ears

DOOR = DeviceConfig("front-door", "aqara-mccgq11lm", "hall", "0x00158d0001")
BUTTON = DeviceConfig("sos", "sonoff-snzb-01p")
GAS = DeviceConfig("gas", "heiman-hs1cg")
LEAK = DeviceConfig("leak", "aqara-sjcgq11lm")
CUFF = DeviceConfig("cuff", "and-ua-651ble")
RADAR = DeviceConfig("radar", "seeed-mr60bha2", address="home/bedroom/radar")
HALL = DeviceConfig("hall", "hi-link-ld2410", address="home")
HOUR = 3_600_000_000
TRANSPORTS = {
    "zigbee2mqtt": ("zigbee2mqtt",),
    "esphome": ("esphome",),
    "serial_radar": ("serial-radar",),
    "ble": ("ble-gatt",),
}

Value = tuple[str, float]


@pytest.mark.parametrize(
    ("model", "payload", "values", "events"),
    [
        (
            "sonoff-snzb-01p",
            '{"action":"single","battery":100,"linkquality":134,"voltage":3000}',
            [("battery", 100.0), ("signal_strength", -47.47)],
            ["sos_pressed"],
        ),
        ("sonoff-snzb-01p", '{"action":"long","battery_low":true}', [], ["sos_held", "battery_low"]),
        ("aqara-wxkg11lm", '{"action":"hold","device_temperature":25}', [], ["sos_held"]),
        ("aqara-wxkg11lm", '{"action":"release","battery":88}', [("battery", 88.0)], []),
        (
            "tuya-ts0215a-sos",
            '{"action":"emergency","battery":95,"linkquality":0}',
            [("battery", 95.0), ("signal_strength", -100.0)],
            ["sos_pressed"],
        ),
        (
            "aqara-mccgq11lm",
            '{"battery":91,"contact":false,"device_temperature":23,"linkquality":255,"power_outage_count":3}',
            [("battery", 91.0), ("door_open", 1.0), ("signal_strength", -0.04)],
            [],  # the first state after a start is no news
        ),
        (
            "aqara-rtcgq11lm",
            '{"battery":100,"illuminance":17,"occupancy":true,"voltage":3055}',
            [("battery", 100.0), ("illuminance", 17.0), ("motion", 1.0)],
            [],
        ),
        (
            "heiman-hs1sa",
            '{"battery":100,"battery_low":false,"linkquality":78,"smoke":true,"tamper":false,"test":false}',
            [("battery", 100.0), ("signal_strength", -69.42)],
            ["smoke_detected"],
        ),
        ("heiman-hs1cg", '{"gas":true,"linkquality":100}', [("signal_strength", -60.8)], ["gas_detected"]),
        ("aqara-sjcgq11lm", '{"battery":100,"water_leak":true}', [("battery", 100.0)], ["water_leak"]),
        ("tuya-ts0601-bed", '{"battery":80,"occupancy":true}', [("battery", 80.0), ("in_bed", 1.0)], []),
        ("third-reality-3rvs01031z", '{"vibration":true,"x_axis":-3}', [("motion", 1.0)], []),
        ("aqara-rtczcgq11lm", '{"presence":true,"presence_event":"enter"}', [("presence", 1.0)], []),
        (
            "sonoff-snzb-02d",
            '{"battery":100,"humidity":61.2,"temperature":22.58}',
            [("battery", 100.0), ("room_humidity", 61.2), ("room_temperature", 22.58)],
            [],
        ),
    ],
)
def test_zigbee_devices(model: str, payload: str, values: list[Value], events: list[str]) -> None:
    driver, ears = Zigbee2MqttDriver({}, [DeviceConfig("it", model)]), Ears()
    driver.hear_topic(ears, "zigbee2mqtt/it", payload.encode(), False, 1)
    assert ears.values == [("it", *value) for value in values]
    assert ears.events == [("it", event) for event in events]


@pytest.mark.parametrize(
    ("model", "component", "entity", "payload", "values", "events"),
    [
        ("seeed-mr60bha2", "sensor", "real-time_heart_rate", "71.0", [("heart_rate", 71.0)], []),
        ("seeed-mr60bha2", "sensor", "real-time_respiratory_rate", "14", [("respiration_rate", 14.0)], []),
        ("seeed-mr60bha2", "sensor", "distance_to_detection_object", "118", [("target_distance", 1.18)], []),
        ("seeed-mr60bha2", "binary_sensor", "person_information", "ON", [("presence", 1.0)], []),
        ("seeed-mr60bha2", "sensor", "wifi_signal", "-58", [("signal_strength", -58.0)], []),
        ("seeed-mr60bha2", "sensor", "real-time_heart_rate", "nan", [], []),
        ("seeed-mr60fda2", "binary_sensor", "falling_information", "ON", [], ["fall_suspected"]),
        ("seeed-mr60fda2", "binary_sensor", "falling_detected", "ON", [], ["fall_suspected"]),
        ("hi-link-ld2410", "binary_sensor", "presence", "OFF", [("presence", 0.0)], []),
        ("elevated-bpmk1", "binary_sensor", "bed_occupied_either", "ON", [("in_bed", 1.0)], []),
    ],
)
def test_esphome_nodes(
    model: str, component: str, entity: str, payload: str, values: list[Value], events: list[str]
) -> None:
    driver, ears = EsphomeDriver({}, [DeviceConfig("it", model)]), Ears()
    driver.hear_topic(ears, f"it/{component}/{entity}/state", payload.encode(), False, 1)
    assert ears.values == [("it", "reachable", 1.0), *(("it", *value) for value in values)]
    assert ears.events == [("it", event) for event in events]


def test_the_topic_of_one_node_may_begin_with_that_of_another() -> None:
    driver, ears = EsphomeDriver({}, [HALL, RADAR]), Ears()
    driver.hear_topic(ears, "home/bedroom/radar/sensor/real-time_heart_rate/state", b"64", False, 1)
    driver.hear_topic(ears, "home/binary_sensor/presence/state", b"ON", False, 1)
    driver.hear_topic(ears, "home/bedroom/sensor/real-time_heart_rate/state", b"64", False, 1)
    assert [value for value in ears.values if value[1] != "reachable"] == [
        ("radar", "heart_rate", 64.0),
        ("hall", "presence", 1.0),
    ]


def test_a_repeated_state_is_no_news_and_a_press_always_is() -> None:
    driver, ears = Zigbee2MqttDriver({}, [DOOR, BUTTON, CUFF]), Ears()
    for payload in (
        b'{"contact": true}',
        b'{"contact": false}',
        b'{"contact": false, "battery": 90}',
        b'{"contact": true}',
    ):
        driver.hear(ears, "0x00158d0001", payload, 1)
    for payload in (b'{"action": "single"}', b'{"action": ""}', b'{"action": "single"}'):
        driver.hear(ears, "sos", payload, 2)
    assert ears.events == [
        ("front-door", "door_opened"),
        ("front-door", "door_closed"),
        ("sos", "sos_pressed"),
        ("sos", "sos_pressed"),
    ]


def test_after_a_start_of_the_gateway_a_closed_door_is_no_news_and_smoke_is() -> None:
    smoke = DeviceConfig("smoke", "heiman-hs1sa")
    driver, ears = Zigbee2MqttDriver({}, [DOOR, smoke]), Ears()
    driver.hear(ears, "0x00158d0001", b'{"contact": true}', 1)
    driver.hear(ears, "smoke", b'{"smoke": true}', 1)
    driver.hear(ears, "smoke", b'{"smoke": false}', 2)
    assert ears.events == [("smoke", "smoke_detected"), ("smoke", "smoke_cleared")]


def test_a_battery_is_low_again_after_it_was_replaced() -> None:
    driver, ears = Zigbee2MqttDriver({}, [LEAK]), Ears()
    for low in ("true", "true", "false", "true"):
        driver.hear(ears, "leak", b'{"battery_low": %s}' % low.encode(), 1)
    assert ears.events == [("leak", "battery_low")] * 2


def test_what_changed_while_the_broker_was_away_is_told_late_and_old_states_are_not() -> None:
    driver, ears = Zigbee2MqttDriver({}, [LEAK, BUTTON, DOOR]), Ears()
    driver.hear(ears, "0x00158d0001", b'{"contact": false, "battery": 50}', 1, retained=True)
    driver.hear(ears, "sos", b'{"action": "single"}', 1, retained=True)
    assert (ears.events, ears.values) == ([], [])
    driver.hear(ears, "leak", b'{"water_leak": true, "battery": 50}', 1, retained=True)
    assert (ears.events, ears.values) == ([("leak", "water_leak")], []), "a danger stands, whenever it began"
    driver.hear(ears, "leak", b'{"water_leak": false}', 2)
    driver.hear(ears, "leak", b'{"water_leak": true}', 3, retained=True)
    assert ears.events[1:] == [("leak", "water_leak_cleared"), ("leak", "water_leak")]


def test_a_bad_payload_is_told_once_an_hour() -> None:
    driver, ears = Zigbee2MqttDriver({}, [DOOR]), Ears()
    for at in (0, 1, HOUR - 1, HOUR + 1):
        driver.hear(ears, "0x00158d0001", b"{", HOUR + at)
    driver.hear(ears, "a-stranger", b"{", 5)
    assert ears.events == [("front-door", "device_fault")] * 2


@pytest.mark.parametrize("word", ['"%s"', '{"state":"%s"}', "%s"])
def test_availability_is_contact_and_its_end_a_fault(word: str) -> None:
    driver, ears = Zigbee2MqttDriver({}, [GAS, LEAK]), Ears()
    for name in ("gas", "leak", "stranger"):
        driver.hear_topic(ears, f"zigbee2mqtt/{name}/availability", (word % "online").encode(), True, 1)
    assert ears.values == [("gas", "reachable", 1.0)], "for a battery device that word is up to 25 hours old"
    driver.hear_topic(ears, "zigbee2mqtt/gas/availability", (word % "offline").encode(), False, 2)
    assert ears.values[1:] == [("gas", "reachable", 0.0)]
    driver.hear_topic(ears, "zigbee2mqtt/bridge/state", (word % "offline").encode(), True, 3)
    assert ears.events == [("gas", "device_fault"), ("gateway", "device_fault")]
    driver.hear_topic(ears, "zigbee2mqtt/gas/availability", b"\xff", True, 4)
    driver.hear_topic(ears, "zigbee2mqtt/gas/availability", b"[1]", True, 4)
    listed = b'[{"friendly_name":"gas","software_build_id":" 2.0\\n22 "},{"friendly_name":"leak"},{"ieee":1}]'
    for payload in (listed, b"[", b'{"a":1}', b"\xff"):
        driver.hear_topic(ears, "zigbee2mqtt/bridge/devices", payload, True, 5)
    assert firmware_of(driver) == {"gas": "2.0 22"}, "of those that tell one, in one line"


def test_a_node_is_in_contact_from_its_first_live_word_to_its_will() -> None:
    driver, ears = EsphomeDriver({}, [RADAR]), Ears()
    driver.hear_topic(ears, "home/bedroom/radar/status", b"online", True, 1)
    assert ears.values == [], "a retained birth may be older than the node's death"
    driver.hear_topic(ears, "home/bedroom/radar/status", b"online", False, 2)
    driver.hear_topic(ears, "home/bedroom/radar/status", b"offline", True, 3)
    assert ears.values == [("radar", "reachable", 1.0), ("radar", "reachable", 0.0)]
    driver.hear_topic(ears, "home/bedroom/radar/sensor/firmware/state", b"2026.3.1\0", True, 3)
    assert firmware_of(driver) == {"radar": "2026.3.1"}
    driver.tend(ears, 29_000_000)
    assert ears.events == [], "a broker that is restarted speaks every node's will"
    driver.tend(ears, 31_000_000)
    driver.tend(ears, 31_000_000)
    assert ears.events == [("radar", "device_fault")]
    driver.hear_topic(ears, "home/bedroom/radar/status", b"offline", False, 2 * HOUR)
    driver.hear_topic(ears, "home/bedroom/radar/status", b"online", False, 2 * HOUR + 9_000_000)
    driver.tend(ears, 2 * HOUR + 60_000_000)
    assert len(ears.events) == 1


def test_contact_is_repeated_once_a_heartbeat_while_it_lasts() -> None:
    contact, ears = Reachability(), Ears()
    minute = 60_000_000
    contact.up(ears, RADAR, 0)
    for second in range(1, 131):
        contact.tend(ears, second * 1_000_000)
    assert len(ears.values) == 3
    contact.all_down(ears, 3 * minute)
    contact.tend(ears, 9 * minute)
    assert [value for _, _, value in ears.values] == [1.0, 1.0, 1.0, 0.0]


def test_different_faults_of_a_device_do_not_hide_each_other() -> None:
    relay, ears = MessageRelay(), Ears()
    for at in range(3):
        relay.fault(ears, RADAR, f"{at} of 9 frames damaged", at, "line")
        relay.fault(ears, RADAR, "no byte comes", at, "silent")
    assert ears.reasons == ["0 of 9 frames damaged", "no byte comes"]


def test_an_event_keeps_the_devices_own_time() -> None:
    relay, ears = MessageRelay(), Ears()
    relay.take(ears, RADAR, [DeviceEvent("fall_suspected", {"x": "1"}, 77)], 99)
    assert ears.events == [("radar", "fall_suspected")]


@pytest.mark.parametrize(
    ("model", "characteristic", "payload", "values"),
    [
        ("and-ua-651ble", 0x2A35, "00 78 00 50 00 5D 00", [("systolic_bp", 120.0), ("diastolic_bp", 80.0)]),
        ("nonin-3230", 0x2A5F, "00 62 00 48 00", [("spo2", 98.0), ("heart_rate", 72.0)]),
        ("and-ut-201ble", 0x2A1C, "00 6D 01 00 FF", [("body_temperature", 36.5)]),
        ("and-uc-352ble", 0x2A9D, "00 B8 33", [("weight", 66.2)]),
        ("accu-chek-guide", 0x2A18, "06 05 00 E9 07 0B 17 08 1E 00 37 C0 11", [("glucose", 5.5)]),
        ("polar-h10", 0x2A37, "10 48 52 03", [("heart_rate", 72.0), ("rr_interval", 830.08)]),
        ("shouwang-pendant", 0x2A19, "37", [("battery", 55.0)]),
    ],
)
def test_ble_devices(model: str, characteristic: int, payload: str, values: list[Value]) -> None:
    device = DeviceConfig("it", model)
    driver, ears = BleDriver({}, [device, DOOR]), Ears()
    driver.hear(ears, device, characteristic, bytes.fromhex(payload), 1)
    assert ears.values[: len(values)] == [("it", *value) for value in values]
    driver.hear(ears, device, characteristic, b"", 1)
    assert ears.events == [("it", "device_fault")]


@pytest.mark.parametrize(
    ("driver", "options", "devices", "words"),
    [
        (Zigbee2MqttDriver, {"colour": "red"}, [], "colour"),
        (EsphomeDriver, {"colour": "red"}, [], "colour"),
        (BleDriver, {"colour": "red"}, [], "colour"),
        (SerialRadarDriver, {"colour": "red"}, [], "colour"),
        (EsphomeDriver, {"username": "me", "password_file": "/nowhere/at/all"}, [], "cannot be read"),
        (Zigbee2MqttDriver, {}, [DeviceConfig("a", "heiman-hs1sa", address="smoke/#")], "smoke/#"),
        (EsphomeDriver, {}, [DeviceConfig("a", "seeed-mr60bha2", address="/radar")], "/radar"),
        (EsphomeDriver, {}, [RADAR, DeviceConfig("b", "hi-link-ld2410", address=RADAR.address)], "radar and|b and"),
        (SerialRadarDriver, {}, [DeviceConfig("a", "seeed-mr60fda1")], "no address"),
        (
            SerialRadarDriver,
            {},
            [DeviceConfig(name, "seeed-mr60fda1", address="/dev/ttyUSB0") for name in "ab"],
            "share a port",
        ),
    ],
)
def test_a_driver_says_what_is_wrong_with_its_configuration(
    driver: Any, options: dict[str, Any], devices: list[DeviceConfig], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        driver(options, devices)


PAGE = (Path(__file__).parents[3] / "docs" / "devices.md").read_text()


def test_every_model_is_on_the_installers_page() -> None:
    assert not [model for model in MODELS if model != "gateway" and f"`{model}`" not in PAGE]


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_installers_examples_are_taken(example: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    home = tomllib.loads(textwrap.dedent(example).replace("/etc/shouwang/local-mqtt.password", str(secret)))
    devices = [msgspec.convert(device, DeviceConfig) for device in home["devices"]]
    (driver,) = home["drivers"]
    find_driver(driver["kind"])(driver.get("options", {}), devices)
    assert {MODELS[device.model].transport for device in devices} <= set(TRANSPORTS[driver["kind"]])
