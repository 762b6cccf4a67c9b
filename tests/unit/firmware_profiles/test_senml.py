"""SenML: the examples of RFC 8428, section 5.1, resolved; what is refused and why; units."""

import json
from typing import Any

import pytest

from firmware_profiles import senml
from firmware_profiles.channels import CHANNELS
from firmware_profiles.decoding.senml_units import accepted, conversion
from firmware_profiles.errors import DecodeError

NOW = 1_800_000_000_123_000
OW = "urn:dev:ow:10e2073a01080063"


def resolved(text: str) -> list[tuple[str, str | None, object, int]]:
    return [(r.name, r.unit, r.value, r.time_us) for r in senml.decode(text.encode(), NOW).records]


def test_5_1_1_single_data_point() -> None:
    assert resolved('[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]') == [(OW, "Cel", 23.1, NOW)]


def test_5_1_2_multiple_data_points_now() -> None:
    text = """[
     {"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
     {"n":"current","u":"A","v":1.2}
    ]"""
    assert resolved(text) == [(f"{OW}:voltage", "V", 120.1, NOW), (f"{OW}:current", "A", 1.2, NOW)]
    assert senml.decode(text.encode(), NOW).relative


def test_5_1_2_multiple_data_points_in_time() -> None:
    text = """[
     {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
      "bu":"A","bver":5,
      "n":"voltage","u":"V","v":120.1},
     {"n":"current","t":-5,"v":1.2},
     {"n":"current","t":-4,"v":1.3},
     {"n":"current","t":-3,"v":1.4},
     {"n":"current","t":-2,"v":1.5},
     {"n":"current","t":-1,"v":1.6},
     {"n":"current","v":1.7}
    ]"""
    base = 1_276_020_076_001_000
    name = "urn:dev:ow:10e2073a0108006:"
    currents = [(f"{name}current", "A", round(1.7 + t / 10, 1), base + t * 1_000_000) for t in range(-5, 0)]
    assert resolved(text) == [*currents, (f"{name}voltage", "V", 120.1, base), (f"{name}current", "A", 1.7, base)]
    assert not senml.decode(text.encode(), NOW).relative


def test_5_1_2_a_stream_keeps_its_base_version_unit_and_relative_times() -> None:
    text = '[{"bn":"urn:dev:ow:10e2073a01080063","bu":"%RH","v":21.2},{"t":10,"v":21.3},{"t":20,"v":21.4}]'
    assert resolved(text) == [(OW, "%RH", 21.2 + n / 10, NOW + n * 10_000_000) for n in range(3)]


MULTIPLE = """[
  {"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,
   "bu":"%RH","v":20},
  {"u":"lon","v":24.30621},
  {"u":"lat","v":60.07965},
  {"t":60,"v":20.3},
  {"u":"lon","t":60,"v":24.30622},
  {"u":"lat","t":60,"v":60.07965},
  {"t":120,"v":20.7},
  {"u":"lon","t":120,"v":24.30623},
  {"u":"lat","t":120,"v":60.07966},
  {"u":"%EL","t":150,"v":98},
  {"t":180,"v":21.2},
  {"u":"lon","t":180,"v":24.30628},
  {"u":"lat","t":180,"v":60.07967}
]"""
RESOLVED = """[
  {"n":"urn:dev:ow:10e2073a01080063","u":"%RH","t":1.320067464e+09,"v":20},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lon","t":1.320067464e+09,"v":24.30621},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lat","t":1.320067464e+09,"v":60.07965},
  {"n":"urn:dev:ow:10e2073a01080063","u":"%RH","t":1.320067524e+09,"v":20.3},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lon","t":1.320067524e+09,"v":24.30622},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lat","t":1.320067524e+09,"v":60.07965},
  {"n":"urn:dev:ow:10e2073a01080063","u":"%RH","t":1.320067584e+09,"v":20.7},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lon","t":1.320067584e+09,"v":24.30623},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lat","t":1.320067584e+09,"v":60.07966},
  {"n":"urn:dev:ow:10e2073a01080063","u":"%EL","t":1.320067614e+09,"v":98},
  {"n":"urn:dev:ow:10e2073a01080063","u":"%RH","t":1.320067644e+09,"v":21.2},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lon","t":1.320067644e+09,"v":24.30628},
  {"n":"urn:dev:ow:10e2073a01080063","u":"lat","t":1.320067644e+09,"v":60.07967}
]"""


def test_5_1_3_resolves_to_5_1_4() -> None:
    records = senml.decode(MULTIPLE.encode(), NOW).records
    assert [senml.resolved_fields(record) for record in records] == json.loads(RESOLVED)
    assert senml.decode(RESOLVED.encode(), NOW).records == records, "what is resolved stays what it is"


def test_5_1_5_multiple_data_types() -> None:
    text = """[
     {"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
     {"n":"label","vs":"Machine Room"},
     {"n":"open","vb":false},
     {"n":"nfc-reader","vd":"aGkgCg"}
    ]"""
    records = senml.decode(text.encode(), NOW).records
    assert [(r.kind, r.value) for r in records] == [
        ("v", 23.1),
        ("vs", "Machine Room"),
        ("vb", False),
        ("vd", "aGkgCg"),
    ]


def test_5_1_6_collection_of_resources() -> None:
    text = """[
     {"bn":"2001:db8::2/","bt":1.320078429e+09,
      "n":"temperature","u":"Cel","v":25.2},
     {"n":"humidity","u":"%RH","v":30},
     {"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
     {"n":"humidity","u":"%RH","v":67}
    ]"""
    at = 1_320_078_429_000_000
    assert resolved(text) == [
        ("2001:db8::2/temperature", "Cel", 25.2, at),
        ("2001:db8::2/humidity", "%RH", 30, at),
        ("2001:db8::1/temperature", "Cel", 12.3, at),
        ("2001:db8::1/humidity", "%RH", 67, at),
    ]


def test_5_1_7_setting_an_actuator() -> None:
    text = """[
     {"bn":"urn:dev:ow:10e2073a01080063:"},
     {"n":"temp","u":"Cel","v":23.1},
     {"n":"heat","u":"/","v":1},
     {"n":"fan","u":"/","v":0}
    ]"""
    assert resolved(text) == [
        (f"{OW}:temp", "Cel", 23.1, NOW),
        (f"{OW}:heat", "/", 1, NOW),
        (f"{OW}:fan", "/", 0, NOW),
    ]
    lights = """[
     {"bt":1.320078429e+09,"bu":"/","n":"2001:db8::3","v":0.5},
     {"n":"2001:db8::4","v":0.5},
     {"n":"2001:db8::3","t":0.1,"v":0},
     {"n":"2001:db8::4","t":0.1,"v":0}
    ]"""
    at = 1_320_078_429_000_000
    assert resolved(lights) == [
        ("2001:db8::3", "/", 0.5, at),
        ("2001:db8::4", "/", 0.5, at),
        ("2001:db8::3", "/", 0, at + 100_000),
        ("2001:db8::4", "/", 0, at + 100_000),
    ]


@pytest.mark.parametrize("fields", ['"t":%d', '"bt":%d', '"bt":5,"t":%d'])
def test_times_below_two_to_the_28_are_relative_base_and_all(fields: str) -> None:
    given = 5 if '"bt":5' in fields else 0
    (below,) = senml.decode(f'[{{"n":"a","v":1,{fields % (2**28 - 1 - given)}}}]'.encode(), NOW).records
    (at,) = senml.decode(f'[{{"n":"a","v":1,{fields % (2**28 - given)}}}]'.encode(), NOW).records
    assert (below.time_us, at.time_us) == (NOW + (2**28 - 1) * 1_000_000, 2**28 * 1_000_000)


def test_bases_add_up_and_a_record_of_bases_alone_measures_nothing() -> None:
    text = '[{"bn":"radar/","bv":20,"bs":5},{"n":"a","v":1.5},{"n":"b","s":2},{"bv":0,"n":"c","v":3}]'
    found = [(r.name, r.value, r.sum) for r in senml.decode(text.encode(), NOW).records]
    assert found == [("radar/a", 21.5, 5.0), ("radar/b", 20.0, 7.0), ("radar/c", 3.0, 5.0)]


def test_unknown_fields_are_ignored_unless_they_must_be_understood() -> None:
    assert resolved('[{"n":"a","v":1,"colour":"red","ut":5}]') == [("a", None, 1.0, NOW)]
    with pytest.raises(DecodeError, match="record 2: the field 'foo_'"):
        senml.decode(b'[{"n":"a","v":1},{"n":"b","v":2,"foo_":3}]', NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not JSON"),
        (b'[{"n":"a","v":1}', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"n":"a","v":1}', "array"),
        (b"[]", "array"),
        (b"[5]", "record 1: a record is a JSON object"),
        (b'[{"n":"a","v":"1"}]', "'v' is a number"),
        (b'[{"n":"a","v":true}]', "'v' is a number"),
        (b'[{"n":"a","vb":1}]', "'vb' is true or false"),
        (b'[{"n":7,"v":1}]', "'n' is a text"),
        (b'[{"bn":"' + b"a" * 200 + b'"},{"n":"' + b"b" * 57 + b'","v":1}]', "257 characters"),
        (b'[{"bu":"' + b"a" * 65 + b'"},{"n":"a","v":1}]', "unit of 65"),
        (b'[{"v":1}]', "name"),
        (b'[{"n":"-a","v":1}]', "name"),
        ('[{"n":"温度","v":1}]'.encode(), "name"),
        (b'[{"n":"a","v":1,"vs":"x"}]', "one value only"),
        (b'[{"n":"a"}]', "neither a value nor a sum"),
        (b'[{"bver":11,"n":"a","v":1}]', "version 11"),
        (b'[{"bver":true,"n":"a","v":1}]', "version"),
        (b'[{"n":"a","v":1,"t":1e300}]', "out of range"),
        (b'[{"n":"a","v":1e308,"bv":1e308}]', "out of range"),
        (b'[{"n":"a","v":' + b"9" * 4000 + b"}]", "out of range|not JSON"),
    ],
)
def test_what_is_no_senml_is_refused_with_a_reason(text: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        senml.decode(text, NOW)


def measured(**fields: Any) -> senml.Measurement:
    (record,) = senml.decode(senml.encode([fields]), NOW).records
    return senml.measure(record)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"n": "band/heart_rate", "u": "beat/min", "v": 72}, 72),
        ({"n": "band/heart_rate", "u": "Hz", "v": 1.2}, 72),
        ({"n": "band/heart_rate", "u": "/min", "v": 72}, 72),
        ({"n": "band/spo2", "u": "/", "v": 0.97}, 97),
        ({"n": "band/spo2", "u": "%", "v": 0.97}, 97),
        ({"n": "band/spo2", "u": "/100", "v": 97}, 97),
        ({"n": "cuff/systolic_bp", "u": "Pa", "v": 15_998.64}, 120),
        ({"n": "cuff/systolic_bp", "u": "hPa", "v": 159.9864}, 120),
        ({"n": "cuff/systolic_bp", "u": "mm[Hg]", "v": 120}, 120),
        ({"n": "ear/body_temperature", "u": "K", "v": 309.75}, 36.6),
        ({"n": "scale/weight", "u": "g", "v": 61_500}, 61.5),
        ({"n": "strap/rr_interval", "u": "s", "v": 0.8}, 800),
        ({"n": f"{OW}:room_humidity", "u": "%RH", "v": 45}, 45),
        ({"n": "lock/battery", "u": "%EL", "v": 98}, 98),
        ({"n": "lock/door_open", "vb": True}, 1),
        ({"n": "lock/door_open", "u": "/", "v": 0}, 0),
        ({"n": "hub/signal_strength", "u": "dBW", "v": -90}, -60),
    ],
)
def test_units_become_those_of_the_channel(fields: dict[str, Any], value: float) -> None:
    assert measured(**fields).value == pytest.approx(value)


def test_a_name_is_split_at_its_last_slash_or_colon() -> None:
    found = measured(n=f"{OW}:heart_rate", u="beat/min", v=72, t=1_799_999_999.5)
    assert found == senml.Measurement(OW, "heart_rate", 1_799_999_999_500_000, 72.0)


@pytest.mark.parametrize(
    ("fields", "kind", "why"),
    [
        ({"n": "heart_rate", "u": "beat/min", "v": 72}, "name", "<device>/<channel>"),
        ({"n": "band/", "v": 72}, "name", "<device>/<channel>"),
        ({"n": "band/mood", "v": 1}, "channel", "no channel 'mood'"),
        ({"n": "band/heart_rate", "u": "Cel", "v": 36}, "unit", "accepted in: '/min', 'beat/min'"),
        ({"n": "band/heart_rate", "v": 36}, "unit", "unit None"),
        ({"n": "band/spo2", "u": "%RH", "v": 97}, "unit", "'%RH' is not one of spo2"),
        ({"n": "band/heart_rate", "vs": "72"}, "value", "a text"),
        ({"n": "band/heart_rate", "vb": True}, "value", "boolean"),
        ({"n": "band/heart_rate", "s": 5}, "value", "sum"),
    ],
)
def test_a_record_that_is_no_reading_of_ours_says_why(fields: dict[str, Any], kind: str, why: str) -> None:
    with pytest.raises(senml.MeasurementError, match=why) as caught:
        measured(**fields)
    assert caught.value.kind == kind


def test_every_channel_is_accepted_in_some_unit_and_percent_is_a_ratio() -> None:
    for code, channel in CHANNELS.items():
        assert accepted(code), code
        if channel.unit == "%":
            assert conversion(code, "%") == (100, 0), "RFC 8428, section 12.1, note 1"
        else:
            assert conversion(code, channel.unit) == (1, 0)


@pytest.mark.parametrize("name", ["senml/v1/gw-1/x", "senml/v1", "senml/v2/gw-1", "care/v1/gw-1", "senml/v1/GW", "x"])
def test_topics(name: str) -> None:
    assert senml.parse_topic(senml.topic("gw-1")) == "gw-1"
    with pytest.raises(DecodeError):
        senml.parse_topic(name)
