"""Payloads of public bug reports, through the real drivers: run each case of a cases file, and the kinds behind them.

The file's format: ``uuid`` and ``hex`` go to ``firmware_profiles.gatt.decode`` (``expect``: the readings); ``model``
and ``messages`` ([topic, payload, µs after the first]) to the driver of the model, with the local alarm behind it as in
the agent (``expect_events``).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.alarm.rules import Cause, LocalAlarm
from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.esphome import EsphomeDriver
from edge_agent.drivers.zigbee2mqtt import Zigbee2MqttDriver
from firmware_profiles import gatt
from firmware_profiles.decoding import glucose_records
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from tests.support.ears import Ears

CASES = Path(__file__).parents[4].parent / "shared" / "cases" / "inputs.json"
START_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
CHANGES_NEED_A_STATE_BEFORE = frozenset({"door_opened", "door_closed"})
CLOSED = b'{"contact":true}'


class Home(Ears):
    """Ears with the local alarm before them, as the agent has it: a long press is a call, or takes one back."""

    def __init__(self) -> None:
        super().__init__()
        self._alarm = LocalAlarm([], 15_000_000)

    def event(self, device: str, kind: str, time_us: int, values: Any = None, evidence: bytes = b"") -> None:
        kind = self._alarm.judge(device, kind, time_us)
        self._alarm.event(Cause(device, kind, time_us), time_us)
        super().event(device, kind, time_us, values, evidence)


def drive(model: str, messages: list[Any], expected: list[str]) -> Home:
    """What a home hears of a device. Where a change of a door is expected, its state before is told first: the first
    state after a start is no change."""
    topics = {topic for topic, _, _ in messages}
    transport, home = MODELS[model].transport, Home()
    if transport == "zigbee2mqtt":
        (address,) = {topic.removeprefix("zigbee2mqtt/") for topic in topics}
        driver: Any = Zigbee2MqttDriver({}, [DeviceConfig("it", model, address=address)])
        if CHANGES_NEED_A_STATE_BEFORE & set(expected):
            driver.hear_topic(home, f"zigbee2mqtt/{address}", CLOSED, False, START_US - HOUR_US)
    else:
        driver = EsphomeDriver({}, [DeviceConfig("it", model, address=min(topics).rsplit("/", 3)[0])])
    for topic, payload, after_us in messages:
        driver.hear_topic(home, topic, payload.encode(), False, START_US + after_us)
    return home


@pytest.mark.skipif(not CASES.exists(), reason="no cases file beside the repository")
def test_every_case_of_the_file_is_as_expected() -> None:
    wrong: list[tuple[str, object]] = []
    for case in json.loads(CASES.read_text("utf-8"))["cases"]:
        if "messages" in case:
            kinds = [kind for _, kind in drive(case["model"], case["messages"], case["expect_events"]).events]
            if kinds != case["expect_events"]:
                wrong.append((case["id"], kinds))
        if "hex" in case:
            readings = [(r.channel, r.value) for r in gatt.decode(int(case["uuid"], 16), bytes.fromhex(case["hex"]))]
            if "expect" in case and readings != [tuple(pair) for pair in case["expect"]]:
                wrong.append((case["id"], readings))
    assert wrong == []


@pytest.mark.parametrize("after_us", [0, 80_000, 400_000, 999_999])
@pytest.mark.parametrize(
    ("model", "action"), [("sonoff-snzb-01p", "long"), ("aqara-wxkg11lm", "hold"), ("sonoff-snzb-01p", "LONG")]
)
def test_a_long_press_that_is_published_twice_is_one_call(model: str, action: str, after_us: int) -> None:
    """Public report zigbee2mqtt#32015."""
    press = json.dumps({"action": action, "battery": 100, "linkquality": 98})
    twin = json.dumps({"action": action, "battery": 100, "linkquality": 31})  # #298: heard by two routers
    home = drive(model, [["zigbee2mqtt/sos", press, 0], ["zigbee2mqtt/sos", twin, after_us]], [])
    assert home.events == [("it", "sos_pressed")]


def test_a_second_long_press_takes_the_call_back_and_short_ones_never_do() -> None:
    press = json.dumps({"action": "long"})
    home = drive("sonoff-snzb-01p", [["zigbee2mqtt/sos", press, 0], ["zigbee2mqtt/sos", press, 5_000_000]], [])
    assert [kind for _, kind in home.events] == ["sos_pressed", "sos_cancelled"]
    short = json.dumps({"action": "single"})
    home = drive("sonoff-snzb-01p", [["zigbee2mqtt/sos", short, 0], ["zigbee2mqtt/sos", short, 100_000]], [])
    assert [kind for _, kind in home.events] == ["sos_pressed", "sos_pressed"]


def test_an_odd_battery_is_told_apart_from_other_oddities_and_hides_no_press() -> None:
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("sos", "aqara-wxkg11lm")]), Home()
    for second in range(3):
        payload = b'{"battery":"full","linkquality":"far","action":"single"}'
        driver.hear_topic(home, "zigbee2mqtt/sos", payload, False, START_US + second * 1_000_000)
    assert [kind for _, kind in home.events].count("sos_pressed") == 3
    assert sorted(reason.split(": ")[1] for reason in home.reasons if reason) == ["battery", "linkquality"]


@pytest.mark.parametrize(
    ("model", "payload", "event"),
    [
        ("heiman-hs1sa", '{"smoke":true}', "smoke_detected"),
        ("heiman-hs1cg", '{"gas":true}', "gas_detected"),
        ("aqara-sjcgq11lm", '{"water_leak":true}', "water_leak"),
    ],
)
@pytest.mark.parametrize("retained", [False, True])
def test_a_danger_in_the_first_message_is_told_and_one_that_lasts_is_told_as_stuck(
    model: str, payload: str, event: str, retained: bool
) -> None:
    """Public reports zigbee2mqtt#1669, #7837, #24945, #29880: the end is lost, and the next fire is not told."""
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("it", model)]), Home()
    for hour in range(72):
        first = retained and hour == 0
        driver.hear_topic(home, "zigbee2mqtt/it", payload.encode(), first, START_US + hour * HOUR_US)
    assert home.events[0] == ("it", event)
    assert [kind for _, kind in home.events[1:]] == ["device_fault"] * 6, "at 3 h, and twice a day"
    assert "test and clear" in home.reasons[1]
    over = payload.replace("true", "false").encode()
    driver.hear_topic(home, "zigbee2mqtt/it", over, False, START_US + 80 * HOUR_US)
    driver.tend(home, START_US + 99 * HOUR_US)
    assert len(home.events) == 8
    driver.hear_topic(home, "zigbee2mqtt/it", payload.encode(), False, START_US + 100 * HOUR_US)
    assert home.events[-1] == ("it", event), "the next fire"


def test_a_danger_that_falls_silent_is_told_as_stuck_too() -> None:
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("it", "heiman-hs1sa")]), Home()
    driver.hear_topic(home, "zigbee2mqtt/it", b'{"smoke":true}', False, START_US)
    driver.tend(home, START_US + 2 * HOUR_US)
    assert len(home.events) == 1
    driver.tend(home, START_US + 4 * HOUR_US)
    assert home.events[1:] == [("it", "device_fault")]


def test_nothing_is_in_contact_while_the_bridge_is_offline() -> None:
    """Zigbee2MQTT retains both topics (lib/extension/availability.ts, lib/mqtt.ts)."""
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("gas", "heiman-hs1cg")]), Home()
    bridge, gas = "zigbee2mqtt/bridge/state", "zigbee2mqtt/gas/availability"
    driver.hear_topic(home, bridge, b'{"state":"offline"}', True, START_US)
    driver.hear_topic(home, gas, b'{"state":"online"}', True, START_US)
    for hour in range(5):
        driver.tend(home, START_US + hour * HOUR_US)
    assert {value for _, channel, value in home.values if channel == "reachable"} == {0.0}
    driver.hear_topic(home, bridge, b'{"state":"online"}', False, START_US + 5 * HOUR_US)
    assert home.values[-1] == ("gas", "reachable", 1.0)
    driver.hear_topic(home, bridge, b"offline", False, START_US + 6 * HOUR_US)
    driver.tend(home, START_US + 9 * HOUR_US)
    assert home.values[-1] == ("gas", "reachable", 0.0)


def test_availability_that_comes_before_the_bridges_state_is_taken_back() -> None:
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("gas", "heiman-hs1cg")]), Home()
    driver.hear_topic(home, "zigbee2mqtt/gas/availability", b"online", True, START_US)
    driver.hear_topic(home, "zigbee2mqtt/bridge/state", b"offline", True, START_US)
    driver.tend(home, START_US + 5 * HOUR_US)
    assert home.values == [("gas", "reachable", 1.0), ("gas", "reachable", 0.0)]


@pytest.mark.parametrize("payload", [b"", b" ", b"\n"])
@pytest.mark.parametrize("retained", [False, True])
def test_a_cleared_retained_message_says_nothing(payload: bytes, retained: bool) -> None:
    zigbee, home = Zigbee2MqttDriver({}, [DeviceConfig("door", "aqara-mccgq11lm", address="hall/door")]), Home()
    for topic in ("hall/door", "hall/door/contact", "hall/door/availability", "bridge/state"):
        zigbee.hear_topic(home, f"zigbee2mqtt/{topic}", payload, retained, START_US)
    node = EsphomeDriver({}, [DeviceConfig("f", "seeed-mr60fda2")])
    node.hear_topic(home, "f/binary_sensor/falling_information/state", payload, retained, START_US)
    node.hear_topic(home, "f/status", payload, retained, START_US)
    assert (home.events, home.values) == ([], [])


def test_properties_with_topics_of_their_own_are_heard_once() -> None:
    """Zigbee2MQTT's ``advanced.output``: attribute, attribute_and_json."""
    devices = [DeviceConfig("door", "aqara-mccgq11lm"), DeviceConfig("sos", "sonoff-snzb-01p")]
    driver, home = Zigbee2MqttDriver({}, devices), Home()
    assert "zigbee2mqtt/door/contact" in driver.topics()
    for topic, payload in (("door/contact", b"true"), ("door/contact", b"false"), ("sos/action", b"single")):
        driver.hear_topic(home, f"zigbee2mqtt/{topic}", payload, False, START_US)
    assert home.events == [("door", "door_opened"), ("sos", "sos_pressed")]
    later = START_US + HOUR_US
    driver.hear_topic(home, "zigbee2mqtt/sos", b'{"action":"single"}', False, later)
    driver.hear_topic(home, "zigbee2mqtt/sos/action", b"single", False, later + 5_000)
    assert len(home.events) == 3
    driver.hear_topic(home, "zigbee2mqtt/door/contact", b"\xff", False, later)
    assert home.events[-1] == ("door", "device_fault")


RADAR = "r/sensor/real-time_{}_rate/state"


@pytest.mark.parametrize("retained", [False, True])
def test_a_radar_that_sees_nobody_measures_nobody(retained: bool) -> None:
    """Seeed's MR60BHA2 publishes zeros with each "nobody" (bigheadG/mmWave#8)."""
    driver, home = EsphomeDriver({}, [DeviceConfig("r", "seeed-mr60bha2")]), Home()
    driver.hear_topic(home, "r/binary_sensor/person_information/state", b"OFF", retained, START_US)
    for second in range(0, 60, 10):
        for sign in ("respiratory", "heart"):
            driver.hear_topic(home, RADAR.format(sign), b"0.0", False, START_US + second * 1_000_000)
    vital = {"heart_rate", "respiration_rate"}
    assert not [value for value in home.values if value[1] in vital]
    driver.hear_topic(home, "r/binary_sensor/person_information/state", b"ON", False, START_US)
    driver.hear_topic(home, RADAR.format("heart"), b"0.0", False, START_US)
    assert home.values[-1] == ("r", "heart_rate", 0.0), "somebody is there, and has no pulse"


def test_a_node_that_speaks_under_other_names_is_told() -> None:
    """Public reports esphome/issues#6913, #6116: object ids are made of names, Chinese ones give "" or "_"."""
    driver, home = EsphomeDriver({}, [DeviceConfig("r", "seeed-mr60bha2")]), Home()
    for entity in ("binary_sensor/mr60bha2_people_exist", "sensor/_", "sensor/", "sensor/wifi_signal"):
        driver.hear_topic(home, f"r/{entity}/state", b"1", False, START_US)
    driver.tend(home, START_US + 30_000_000)
    assert home.events == []
    driver.tend(home, START_US + 90_000_000)
    assert home.events == [("r", "device_fault")]
    assert "mr60bha2_people_exist" in home.reasons[0]
    assert "person_information" in home.reasons[0]


def test_a_node_with_more_entities_than_its_model_is_no_fault() -> None:
    driver, home = EsphomeDriver({}, [DeviceConfig("r", "seeed-mr60bha2")]), Home()
    driver.hear_topic(home, "r/sensor/uptime/state", b"5", False, START_US)
    driver.hear_topic(home, RADAR.format("heart"), b"70", False, START_US)
    driver.tend(home, START_US + HOUR_US)
    assert home.events == []


METER = DeviceConfig("meter", "accu-chek-guide")


@pytest.mark.parametrize(
    ("record", "value", "event"),
    [
        ("0b0f00e807011e053a1b5301fe07f80000", 33.3, "above_range"),
        ("0b0f00e807011e053a1b53010208f80000", 0.6, "below_range"),
    ],
)
def test_hi_and_lo_of_a_meter_are_medical_and_not_asked_for_again(record: str, value: float, event: str) -> None:
    """Layout of the capture in react-native-ble-manager#1162; HI and LO as IEEE 11073-20601 has them."""
    driver, home = BleDriver({}, [METER]), Home()
    driver.hear(home, METER, 0x2A18, bytes.fromhex(record), 1_706_700_000_000_000)
    assert home.values == [("meter", "glucose", value)]
    assert home.events == [("meter", event)]
    assert driver.next_records(METER) == glucose_records.request(15)


@pytest.mark.parametrize("record", ["0b0f00", "0b0f00e807011e053a1b53016fb04a0000", "030f00ffff000000000000ff07f1"])
def test_no_record_is_asked_for_twice_whatever_it_says(record: str) -> None:
    driver, home = BleDriver({}, [METER]), Home()
    driver.hear(home, METER, 0x2A18, bytes.fromhex(record), START_US)
    assert home.values == []
    assert driver.next_records(METER) == glucose_records.request(15)


@pytest.mark.parametrize("before", [b"", b'{"contact":true}', b'{"contact":false}'])
def test_the_retained_state_of_a_door_is_no_opening(before: bytes) -> None:
    """Public reports zigbee2mqtt#4225, #3496: the cache is published after a restart."""
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("door", "aqara-mccgq11lm")]), Home()
    driver.hear_topic(home, "zigbee2mqtt/door", before, False, START_US)
    driver.hear_topic(home, "zigbee2mqtt/door", b'{"contact":false}', True, START_US + HOUR_US)
    driver.hear_topic(home, "zigbee2mqtt/door", b'{"contact":false}', False, START_US + 2 * HOUR_US)
    assert home.events == []
    driver.hear_topic(home, "zigbee2mqtt/door", b'{"contact":true}', False, START_US + 3 * HOUR_US)
    assert home.events == [("door", "door_closed")]


def test_a_press_that_comes_again_from_the_cache_is_none() -> None:
    """Public reports zigbee2mqtt#992, #25566: the last action is published once more when Zigbee2MQTT starts."""
    driver, home = Zigbee2MqttDriver({}, [DeviceConfig("sos", "aqara-wxkg11lm")]), Home()
    press = b'{"action":"%s","battery":88,"last_seen":"2026-04-17T23:33:%d+08:00"}'
    for after_us, payload in (
        (0, press % (b"single", 10)),
        (HOUR_US, press % (b"single", 10)),
        (2 * HOUR_US, press % (b"single", 58)),
        (3 * HOUR_US, b'{"action":"single","battery":88}'),
        (4 * HOUR_US, b'{"action":"single","battery":88}'),
    ):
        driver.hear_topic(home, "zigbee2mqtt/sos", payload, False, START_US + after_us)
    assert len(home.events) == 4
    assert [channel for _, channel, _ in home.values] == ["battery"] * 5
