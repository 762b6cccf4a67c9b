"""SenML packs become rows, refusals with reasons, or repetitions."""

import json
from typing import Any

import pytest

from firmware_profiles import senml, wire
from ingest.batches.senml_rows import Delivery, SenmlBatcher, SenmlRows
from ingest.quarantine.refusals import Code

NOW = 1_800_000_000_000_000
EARLIEST, LATEST = NOW - 90 * 86_400_000_000, NOW + 300_000_000
TOPIC = senml.topic("gw-1")


class Directory:
    """One gateway with a band; arrivals of stored packs, by digest."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, str], int] = {}
        self.arrivals: dict[tuple[int, bytes], int] = {}

    def gateway(self, name: str) -> int | None:
        return {"gw-1": 1}.get(name)

    def device(self, gateway_id: int, name: str) -> int | None:
        return {"band": 10}.get(name)

    def series(self, device_id: int, channel: str) -> int:
        return self.known.setdefault((device_id, channel), len(self.known) + 1)

    def arrival(self, gateway_id: int, digest: bytes) -> int | None:
        return self.arrivals.get((gateway_id, digest))


def build(
    *records: dict[str, Any], topic: str = TOPIC, batcher: SenmlBatcher | None = None, **fields: Any
) -> SenmlRows:
    delivery = Delivery(topic, senml.encode(records), **({"arrived_us": NOW} | fields))
    return (batcher or SenmlBatcher(Directory())).build([delivery], EARLIEST, LATEST)


def test_records_become_rows_in_the_channels_unit() -> None:
    rows = build(
        {"bn": "band/", "bt": NOW / 1e6, "n": "heart_rate", "u": "Hz", "v": 1.2}, {"n": "spo2", "u": "/", "v": 1}
    )
    assert [(row.series_id, row.time_us, round(row.value, 4)) for row in rows.rows] == [(1, NOW, 72.0), (2, NOW, 100.0)]
    assert rows.refusals == []
    assert rows.arrivals == {}, "absolute times need no memory"


@pytest.mark.parametrize(
    ("record", "code", "words"),
    [
        ({"n": "band/heart_rate", "u": "Cel", "v": 36}, Code.WRONG_UNIT, "accepted in"),
        ({"n": "band/mood", "v": 3}, Code.UNKNOWN_CHANNEL, "channels.toml"),
        ({"n": "toaster/heart_rate", "u": "beat/min", "v": 60}, Code.UNKNOWN_DEVICE, "pair it"),
        ({"n": "band/heart_rate", "u": "beat/min", "v": 400}, Code.IMPOSSIBLE_VALUE, "0 to 300 /min"),
        ({"n": "band/spo2", "u": "%", "v": 97}, Code.IMPOSSIBLE_VALUE, "a ratio"),
        ({"n": "band/weight", "u": "kg", "v": 1e300}, Code.IMPOSSIBLE_VALUE, "kg"),
        ({"n": "band/heart_rate", "u": "beat/min", "v": 60, "t": 3600}, Code.TIME_AHEAD, "clock"),
        ({"n": "band/heart_rate", "u": "beat/min", "v": 60, "t": 1e9}, Code.TIME_TOO_OLD, "clock"),
        ({"n": "band/heart_rate", "vs": "sixty"}, Code.NOT_A_READING, "a text"),
        ({"n": "heart_rate", "u": "beat/min", "v": 60}, Code.NOT_A_READING, "<device>/<channel>"),
        ({"n": "band/heart_rate"}, Code.UNDECODABLE, "neither a value nor a sum"),
    ],
)
def test_one_bad_record_is_refused_with_a_reason(record: dict[str, Any], code: Code, words: str) -> None:
    (refusal,) = build(record).refusals
    assert refusal.code is code
    assert words in refusal.reason
    assert refusal.gateway == "gw-1"


def test_one_bad_record_does_not_cost_the_others_and_keeps_its_time() -> None:
    rows = build({"n": "band/heart_rate", "u": "beat/min", "v": 60}, {"n": "toaster/spo2", "u": "/", "v": 1, "t": -5})
    assert [row.value for row in rows.rows] == [60]
    (refusal,) = rows.refusals
    assert refusal.payload is not None
    assert json.loads(refusal.payload) == [{"n": "toaster/spo2", "u": "/", "v": 1.0, "t": (NOW - 5_000_000) / 1e6}]
    assert (refusal.device, refusal.channels) == ("toaster", ("spo2",))


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        (TOPIC, b"[", Code.UNDECODABLE),
        (TOPIC, b"x" * (wire.MAX_PAYLOAD + 1), Code.TOO_LARGE),
        (senml.topic("gw-2"), b'[{"n":"band/spo2","u":"/","v":1}]', Code.UNKNOWN_GATEWAY),
        ("senml/v1/gw-1/x", b"[]", Code.UNDECODABLE),
    ],
)
def test_a_whole_pack_is_refused_with_its_bytes(topic: str, payload: bytes, code: Code) -> None:
    (refusal,) = SenmlBatcher(Directory()).build([Delivery(topic, payload, NOW)], EARLIEST, LATEST).refusals
    assert refusal.code is code
    assert refusal.payload == payload


def test_a_relative_pack_delivered_again_means_the_times_it_had() -> None:
    directory = Directory()
    record = {"n": "band/heart_rate", "u": "beat/min", "v": 60}
    first = build(record, batcher=SenmlBatcher(directory))
    (key,) = first.arrivals
    assert first.arrivals == {key: NOW}
    directory.arrivals = first.arrivals
    later = NOW + 9_000_000
    again = build(record, batcher=SenmlBatcher(directory), arrived_us=later, again=True)
    assert [row.time_us for row in again.rows] == [NOW]
    new = build(record, batcher=SenmlBatcher(directory), arrived_us=later)
    assert [row.time_us for row in new.rows] == [later], "the same bytes that are no repetition are a new reading"


def test_the_door_remembers_what_the_database_has_not_stored_yet() -> None:
    batcher = SenmlBatcher(Directory())
    record = {"n": "band/heart_rate", "u": "beat/min", "v": 60}
    build(record, batcher=batcher)
    assert [row.time_us for row in build(record, batcher=batcher, arrived_us=NOW + 5_000_000, again=True).rows] == [NOW]


def test_a_retained_pack_is_stored_once_however_often_it_comes() -> None:
    """Tasmota and OpenMQTTGateway retain what sensors say; a broker repeats it at each new subscription."""
    directory = Directory()
    record = {"n": "band/perfusion_index", "u": "/100", "t": 0, "v": 3.5}
    directory.arrivals = build(record, batcher=SenmlBatcher(directory)).arrivals
    for restart in range(1, 4):
        later = NOW + restart * 3_600_000_000
        rows = build(record, batcher=SenmlBatcher(directory), arrived_us=later, retained=True)
        assert [row.time_us for row in rows.rows] == [NOW], "the row that is stored already"
        directory.arrivals = rows.arrivals


def test_a_retained_pack_of_unknown_age_is_no_measurement_of_now() -> None:
    rows = build({"n": "band/heart_rate", "u": "beat/min", "v": 60}, retained=True)
    assert rows.rows == []
    (refusal,) = rows.refusals
    assert refusal.code is Code.NOT_A_READING
    assert "absolute times" in refusal.reason
    absolute = {"n": "band/heart_rate", "u": "beat/min", "v": 60, "t": NOW / 1e6}
    assert [row.time_us for row in build(absolute, retained=True).rows] == [NOW]


@pytest.mark.parametrize(
    "odd",
    ['{"n":"battery","u":"%EL","v":"100.00"}', '{"n":"spo2","u":"/","v":NaN}', "7", '{"n":"spo2","v":null}', "{}"],
)
def test_one_odd_record_costs_itself_alone(odd: str) -> None:
    payload = (
        f'[{{"bn":"band/","bt":{NOW / 1e6},"n":"heart_rate","u":"beat/min","v":60}},{odd},{{"n":"spo2","u":"/","v":1}}]'
    )
    rows = SenmlBatcher(Directory()).build([Delivery(TOPIC, payload.encode(), NOW)], EARLIEST, LATEST)
    assert [row.value for row in rows.rows] == [60, 100]
    assert [refusal.code for refusal in rows.refusals] in ([Code.UNDECODABLE], [])
    for refusal in rows.refusals:
        assert "record 2" in refusal.reason
        assert refusal.payload
        assert len(refusal.payload) < len(payload)


def test_odd_base_fields_cost_what_follows_and_not_what_came_before() -> None:
    payload = b'[{"n":"band/spo2","u":"/","v":1},{"bn":7,"n":"x","v":1},{"n":"heart_rate","v":60}]'
    rows = SenmlBatcher(Directory()).build([Delivery(TOPIC, payload, NOW)], EARLIEST, LATEST)
    assert [row.value for row in rows.rows] == [100]
    assert [refusal.reason.split(":")[1] for refusal in rows.refusals] == [" record 2", " record 3"]
