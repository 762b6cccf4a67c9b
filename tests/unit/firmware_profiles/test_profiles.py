"""Channels, events, device models, and what they make of Zigbee2MQTT and ESPHome payloads."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import esphome, zigbee2mqtt
from firmware_profiles.channels import CHANNELS, EVENTS, load_channels
from firmware_profiles.devices import MODELS, load_model
from firmware_profiles.errors import DecodeError, ProfileError
from firmware_profiles.readings import DeviceEvent, Oddity, Reading

NODES = Path(__file__).parents[3] / "deploy" / "esphome"
ZIGBEE = [m for m in MODELS.values() if m.transport == "zigbee2mqtt"]
ESPHOME = [m for m in MODELS.values() if m.transport == "esphome"]


def test_every_transport_has_models() -> None:
    assert len(MODELS) >= 13
    assert {"ble-gatt", "zigbee2mqtt", "esphome", "imu-pendant"} <= {m.transport for m in MODELS.values()}
    assert len(CHANNELS) > 20
    assert len(EVENTS) > 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[x_y]\nzh='a'\nen='b'\nunit='1'\nrange=[1,0]\nresolution=1\nkind='vital'", "x_y: range"),
        ("[x_y]\nzh='a'\nen='b'\nunit='1'\nrange=[0,1]\nresolution=1\nkind='mood'", "x_y"),
        ("[x_y]\nzh='a'\nen='b'\nunit='1'\nrange=[0,1]\nresolution=1\nkind='vital'\ncolour='red'", "colour"),
        ("[x_y", "channels.toml"),
    ],
)
def test_a_bad_channel_table_names_the_key(text: str, words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        load_channels(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('[keys]\nx = { channel = "mood" }', "mood"),
        ('[events.x]\ntrue = "party"', "party"),
        ("colour = 'red'", "colour"),
        ("heartbeat_s = 0", "heartbeat_s"),
    ],
)
def test_a_bad_model_names_file_and_key(line: str, words: str) -> None:
    head = "maker='m'\nname='n'\nzh='z'\ntransport='esphome'\n"
    beat = "" if "heartbeat" in line else "heartbeat_s = 60\n"
    with pytest.raises(ProfileError, match=words):
        load_model(head + beat + line, "test-model")


BAND = """
maker = "m"
name = "n"
zh = "手环"
transport = "ble-gatt"
heartbeat_s = 60
worn_at = "wrist"
"""


@pytest.mark.parametrize("line", ["imu_rate_hz = 50", 'imu_characteristic = "7f1c0001-53f0-4b8e-9d1c-2f6b1c5d0e01"'])
def test_motion_samples_from_the_wrist_are_refused_in_both_languages(line: str) -> None:
    with pytest.raises(ProfileError, match=r"test-band\.toml: worn_at: falls are not detected at the wrist.* / 手腕"):
        load_model(BAND + line, "test-band")
    assert load_model(BAND.replace("wrist", "pocket") + line, "test-band").falls_refused("pocket") is False


def test_a_band_without_motion_samples_may_be_worn_at_the_wrist() -> None:
    assert load_model(BAND + "characteristics = [0x2A37]", "test-band").falls_refused("wrist") is False


@pytest.mark.parametrize("room", ["wrist", "Left Wrist", "手腕", "左腕"])
def test_a_pendant_that_a_home_puts_on_the_wrist_is_refused(room: str) -> None:
    assert MODELS["shouwang-pendant"].falls_refused(room)
    assert not MODELS["shouwang-pendant"].falls_refused("worn")
    assert not MODELS["nonin-3230"].falls_refused(room)


def test_a_door_speaks() -> None:
    found = zigbee2mqtt.decode(MODELS["aqara-mccgq11lm"], b'{"contact": false, "battery": 91, "voltage": 3000}')
    assert found == [
        Reading("door_open", 1.0),
        DeviceEvent("door_opened", {"contact": "false"}),
        Reading("battery", 91.0),
    ]


def test_an_sos_button_speaks() -> None:
    (press,) = zigbee2mqtt.decode(MODELS["sonoff-snzb-01p"], b'{"action": "single"}')
    assert press == DeviceEvent("sos_pressed", {"action": "single"})
    assert zigbee2mqtt.decode(MODELS["sonoff-snzb-01p"], b'{"action": null}') == []


def test_a_radar_speaks() -> None:
    radar = MODELS["seeed-mr60bha2"]
    assert esphome.decode(radar, "real-time_heart_rate", b"63.0") == [Reading("heart_rate", 63.0)]
    assert esphome.decode(radar, "real-time_heart_rate", b"nan") == []
    assert esphome.decode(radar, "something_else", b"whatever") == []
    (fall,) = esphome.decode(MODELS["seeed-mr60fda2"], "falling_information", b"ON")
    assert isinstance(fall, DeviceEvent)
    assert fall.kind == "fall_suspected"


@pytest.mark.parametrize("file", sorted(NODES.glob("*-*.yaml")), ids=lambda file: file.stem)
def test_the_entities_that_we_tell_installers_to_configure_are_those_of_the_model(file: Path) -> None:
    """ESPHome's object id: the name in lower case, spaces as underscores, other signs but hyphens too (helpers.cpp)."""
    text = file.read_text() + (NODES / "common.yaml").read_text()
    names = re.findall(r"^\s+name: \"?([A-Z][^\"\n]*)", text, re.MULTILINE)
    entities = {re.sub(r"[^a-z0-9_-]", "_", name.lower()) for name in names}
    model = MODELS[file.stem]
    assert set(model.keys) <= entities
    assert not model.events or entities & set(model.events)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b"\xff", b"[" * 100_000],
)
def test_bad_zigbee_payloads_are_clear_errors(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        zigbee2mqtt.decode(MODELS["aqara-mccgq11lm"], payload)


@pytest.mark.parametrize(
    "battery",
    ['"full"', "true", "1e999", "NaN", "-Infinity", '"nan"', "{}", "[100]", '""', '"1e999"', '"1_0"', "1e300"],
)
def test_one_odd_property_does_not_cost_the_call(battery: str) -> None:
    payload = f'{{"battery":{battery},"linkquality":76,"action":"single"}}'.encode()
    odd, signal, press = zigbee2mqtt.decode(MODELS["aqara-wxkg11lm"], payload)
    assert isinstance(odd, Oddity)
    assert odd.key == "battery"
    assert isinstance(signal, Reading)
    assert press == DeviceEvent("sos_pressed", {"action": "single"})


@pytest.mark.parametrize(
    "payload", [b'{"action":"single"}\0', b'\xef\xbb\xbf{"action":"single"}', b'\r\n{"action":"single"} ']
)
def test_padding_does_not_cost_the_call(payload: bytes) -> None:
    press = DeviceEvent("sos_pressed", {"action": "single"})
    assert zigbee2mqtt.decode(MODELS["aqara-wxkg11lm"], payload) == [press]
    (fall,) = esphome.decode(MODELS["seeed-mr60fda2"], "falling_information", b"ON\0")
    assert isinstance(fall, DeviceEvent)


@pytest.mark.parametrize("battery", ['"100.00"', '" 100 "', '"100 %"', "100.0", "100", '"1e2"'])
def test_a_number_as_text_is_a_number(battery: str) -> None:
    """Public reports zigbee-herdsman-converters#113, zigbee2mqtt#946, #3024."""
    assert zigbee2mqtt.decode(MODELS["aqara-wxkg11lm"], f'{{"battery":{battery}}}'.encode()) == [
        Reading("battery", 100)
    ]


@pytest.mark.parametrize("closed", ["true", '"true"', '"True"', '"TRUE"', '"ON"', "1", '"1"', "1.0", '"yes"'])
def test_yes_is_yes_in_any_word(closed: str) -> None:
    """``contact`` true is a closed door: a 1 taken for a number would be an open one."""
    found = zigbee2mqtt.decode(MODELS["aqara-mccgq11lm"], f'{{"contact":{closed}}}'.encode())
    assert found == [Reading("door_open", 0), DeviceEvent("door_closed", {"contact": "true"})]


@pytest.mark.parametrize("said", ['"maybe"', "2", "[]", '"trueish"', "-1"])
def test_a_state_that_is_neither_yes_nor_no_is_odd_and_ends_nothing(said: str) -> None:
    smoke = zigbee2mqtt.decode(MODELS["heiman-hs1sa"], f'{{"smoke":{said},"battery":90}}'.encode())
    assert [type(item) for item in smoke] == [Oddity, Reading]


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("contact", b"false", [Reading("door_open", 1), DeviceEvent("door_opened", {"contact": "false"})]),
        ("battery", b"91", [Reading("battery", 91)]),
        ("battery", b"null", []),
        ("voltage", b"3000", []),
    ],
)
def test_a_property_with_a_topic_of_its_own(key: str, payload: bytes, expected: list[object]) -> None:
    assert zigbee2mqtt.decode_attribute(MODELS["aqara-mccgq11lm"], key, payload) == expected


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(st.sampled_from(ZIGBEE), st.data())
def test_zigbee_raises_nothing_else(model: object, data: st.DataObject) -> None:
    keys = [*MODELS["aqara-mccgq11lm"].keys, *getattr(model, "keys", {}), *getattr(model, "events", {})]
    state = data.draw(st.dictionaries(st.sampled_from(keys), json_values, max_size=4))
    payload = data.draw(st.one_of(st.binary(max_size=50), st.just(json.dumps(state).encode())))
    try:
        zigbee2mqtt.decode(model, payload)  # type: ignore[arg-type]
        zigbee2mqtt.decode_attribute(model, data.draw(st.sampled_from(keys)), payload)  # type: ignore[arg-type]
    except DecodeError as error:
        assert str(error)


@given(st.sampled_from(ESPHOME), st.data())
def test_esphome_raises_nothing_else(model: object, data: st.DataObject) -> None:
    known = [*getattr(model, "keys", {}), *getattr(model, "events", {})]
    try:
        esphome.decode(model, data.draw(st.sampled_from(known)), data.draw(st.binary(max_size=300)))  # type: ignore[arg-type]
    except DecodeError as error:
        assert str(error)
