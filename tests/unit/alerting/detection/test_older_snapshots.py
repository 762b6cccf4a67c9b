"""A snapshot of the program before: what it knew is known, and only what has changed its meaning is learned anew."""

from typing import Any

import msgspec
import pytest

from alerting.detection.detectors import all_detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import FORMAT, decode_memory
from alerting.detection.kit.context import District, Happened, Person, Source
from tests.support.sensors import FIRST, MINUTE, raised

RADAR = Source(
    gateway="gw-1",
    name="radar",
    model="test",
    household_id=7,
    person=0,
    heartbeat_s=60,
    label_zh="雷达",
    label_en="radar",
    room="bedroom",
    home=0,
    gives=frozenset({"heart_rate"}),
)
DISTRICT = District([Person(id=1, code="R0001", household_id=7)], {("gw-1", "radar"): RADAR}, {"gw-1": 7})
NEW_FIELDS = {"household_id", "households", "gone", "gives", "own_us"}
"""Those that came with a default since the format's number last rose."""


def remembered() -> bytes:
    """A silent gateway is told, a motion waits for its step."""
    engine = Engine(DISTRICT, FIRST)
    for second in range(0, 300, 5):
        engine.advance(FIRST + second * 1_000_000)
    engine.event(Happened(RADAR, "motion_began", FIRST + 5 * MINUTE, {}))
    return engine.memory()


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(part, names) for key, part in value.items() if key not in names}
    return [without(part, names) for part in value] if isinstance(value, list) else value


def older(data: bytes) -> bytes:
    """The snapshot as it was before these fields: people alone had a household then."""
    memory = msgspec.msgpack.decode(data)
    for moment in memory["moments"]:
        moment[2] = without(moment[2], NEW_FIELDS - {"household_id"})
    memory["books"] = without(memory["books"], NEW_FIELDS - {"household_id"})
    for told in (*memory["books"]["told"].values(), *memory["books"]["stories"].values()):
        del told["household_id"]
    for name, (version, state) in memory["detectors"].items():
        if name.startswith("silence."):
            state = msgspec.msgpack.encode(without(msgspec.msgpack.decode(state), NEW_FIELDS))
        memory["detectors"][name] = (version, state)
    return msgspec.msgpack.encode(memory)


def test_what_an_older_program_knew_is_known() -> None:
    engine = Engine(DISTRICT, FIRST + 6 * MINUTE)
    assert engine.recall(decode_memory(older(remembered()))) == []
    back = engine.heard("gw-1", None, FIRST + 6 * MINUTE)
    assert raised(back) == [("clear", "gateway_silent", "technical")]
    engine.redistrict(District(DISTRICT.people, {}, {}))
    assert engine.advance(FIRST + 7 * MINUTE) == []


def test_a_detector_of_another_version_begins_anew_and_one_that_is_gone_is_forgotten() -> None:
    data = msgspec.msgpack.decode(remembered())
    name = next(name for name in data["detectors"] if name.startswith("inactivity."))
    data["detectors"][name][0] += 1
    data["detectors"]["gone.Gone"] = (1, b"\x80")
    data["alarms"].append([FIRST + 6 * MINUTE, "gone.Gone", "key"])
    engine = Engine(DISTRICT, FIRST + 6 * MINUTE)
    assert engine.recall(decode_memory(msgspec.msgpack.encode(data))) == [name]
    assert set(all_detectors()) >= {name}
    engine.advance(FIRST + 10 * MINUTE)


@pytest.mark.parametrize("data", [b"", b"\x80", b"not a snapshot", b"\x81\xa6format\x01"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        decode_memory(data)


def test_another_format_is_refused() -> None:
    data = msgspec.msgpack.decode(remembered())
    with pytest.raises(ValueError, match=f"this program reads {FORMAT}"):
        decode_memory(msgspec.msgpack.encode({**data, "format": FORMAT + 1}))
