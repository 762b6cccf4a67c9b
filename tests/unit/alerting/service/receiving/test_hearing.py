"""A message is decoded once, heard once, and a stranger costs a look at the registry now and then only."""

import msgspec
import numpy as np
import pytest

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import District, Person, Source
from alerting.service.receiving import hearing as hearings
from alerting.service.receiving.hearing import Hearing, answer
from alerting.service.receiving.mailbox import ReceivedMessage
from alerting.service.receiving.messages import HomeMessage, content_of
from firmware_profiles import wire
from firmware_profiles.devices import MODELS
from firmware_profiles.errors import DecodeError
from tests.support.taps import unconnected

NOW = 1_800_000_000_000_000
BUTTON = Source(
    gateway="gw-1", name="button", model="test", household_id=7, person=0, heartbeat_s=60,
    label_zh="按钮", label_en="button", room="worn", home=0,
)  # fmt: skip
PEOPLE = [Person(id=1, code="R0001", household_id=7)]
EMPTY = District(PEOPLE, {}, {"gw-1": 7})
PAIRED = District(PEOPLE, {("gw-1", "button"): BUTTON}, {"gw-1": 7})


def event(gateway: str = "gw-1", device: str = "button", kind: str = "sos_pressed") -> bytes:
    return wire.encode(wire.Event(1, gateway, 5, 6, 1, NOW, device, kind))


def message(leaf: wire.Leaf, payload: bytes, gateway: str = "gw-1") -> HomeMessage:
    content = content_of(wire.topic(gateway, leaf), payload)
    assert isinstance(content, HomeMessage)
    return content


def test_an_event_is_a_finding_and_gets_its_answer() -> None:
    pressed = message("events", event())
    findings = Hearing(Engine(PAIRED, NOW), lambda: None, lambda _: None).hear(pressed, NOW)
    assert [(finding.action, finding.rule) for finding in findings] == [("open", "sos")]
    reply = answer(pressed, NOW)
    assert reply is not None
    assert reply[0] == wire.topic("gw-1", "alarm")
    assert answer(message("events", event(kind="motion_began")), NOW) is None


def test_a_device_that_was_paired_a_moment_ago_is_heard() -> None:
    engine = Engine(EMPTY, NOW)
    hearing = Hearing(engine, lambda: engine.redistrict(PAIRED), lambda _: None)
    pressed = message("events", event())
    assert not hearing.knows(pressed)
    assert [finding.rule for finding in hearing.hear(pressed, NOW)] == ["sos"]
    assert hearing.knows(pressed)


def test_a_press_on_the_panel_is_a_call_of_the_home_once_and_is_no_affair_of_the_gateway() -> None:
    looks: list[int] = []
    hearing = Hearing(Engine(EMPTY, NOW), lambda: looks.append(1), lambda _: None)
    pressed = message("panel", event(device="panel"))
    assert hearing.knows(pressed)
    found = hearing.hear(pressed, NOW)
    assert [(finding.rule, finding.severity, finding.resident_id) for finding in found] == [("sos", "emergency", 1)]
    assert found[0].reason_zh.endswith("（家中平板）")
    assert hearing.hear(pressed, NOW + 1_000_000) == []  # told twice, one call
    assert answer(pressed, NOW) is None
    assert not looks
    for wrong in (event(device="button"), event(device="panel", kind="sos_cancelled"), event("gw-2", "panel")):
        assert isinstance(content_of(wire.topic("gw-1", "panel"), wrong), DecodeError)
    with pytest.raises(DecodeError, match="unknown gateway"):
        hearing.hear(message("panel", event("gw-9", "panel"), "gw-9"), NOW)


def test_strangers_cost_one_look_at_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearings, "STRANGER_S", float("inf"))
    looks: list[int] = []
    hearing = Hearing(Engine(EMPTY, NOW), lambda: looks.append(1), lambda _: None)
    for number in range(20):
        with pytest.raises(DecodeError, match=f"unknown device gw-1/stranger{number}"):
            hearing.hear(message("events", event(device=f"stranger{number}")), NOW)
    assert len(looks) == 1


def test_a_status_says_who_is_online_and_needs_no_known_gateway() -> None:
    online: list[str] = []
    hearing = Hearing(Engine(PAIRED, NOW), lambda: None, online.append)
    for gateway, state in (("gw-1", "online"), ("gw-2", "online"), ("gw-1", "offline")):
        status = wire.encode(wire.Status(version=1, gateway=gateway, state=state, time_us=NOW, epoch=5, boot=6))  # type: ignore[arg-type]
        assert hearing.hear(message("status", status, gateway), NOW) == []
    assert online == ["gw-1", "gw-2"]


def test_a_frame_of_a_strange_gateway_is_refused() -> None:
    series = wire.make_series("button", "battery", NOW, np.array([NOW]), np.array([50], np.float32))
    frame = wire.encode(wire.Frame(1, "gw-2", 5, 6, "live", 1, NOW, [series]))
    with pytest.raises(DecodeError, match="unknown gateway gw-2"):
        Hearing(Engine(PAIRED, NOW), lambda: None, lambda _: None).hear(message("readings", frame, "gw-2"), NOW)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("care/v1/no/topic", event()), (wire.topic("gw-1", "events"), b"\xc1"), (wire.topic("gw-2", "events"), event())],
)
def test_what_is_no_message_of_its_topic_is_no_content(topic: str, payload: bytes) -> None:
    assert isinstance(content_of(topic, payload), DecodeError)


def test_a_message_is_decoded_once() -> None:
    for payload in (event(), b"\xc1"):
        arrived = ReceivedMessage(wire.topic("gw-1", "events"), payload, 1, unconnected())
        assert arrived.content is arrived.content


def test_readings_of_another_system_have_a_leaf_and_an_epoch_of_their_own() -> None:
    base = 1_790_000_000_000_000
    series = wire.make_series(
        "ext-hospital-1", "heart_rate", base, np.array([base], np.int64), np.array([72], np.float32)
    )
    for leaf, epoch, good in (
        ("observations", wire.EXCHANGE_EPOCH, True),
        ("observations", base, False),
        ("readings", wire.EXCHANGE_EPOCH, False),
    ):
        frame = wire.Frame(1, "gw-1", epoch, 1, "live", 1, base, [series])
        content = content_of(wire.topic("gw-1", leaf), wire.encode(frame))  # type: ignore[arg-type]
        assert isinstance(content, HomeMessage) == good
        assert not isinstance(content, HomeMessage) or content.by_exchange


def test_readings_of_another_system_are_judged_and_are_no_sign_of_life() -> None:
    device = msgspec.structs.replace(
        BUTTON, name="ext-hospital-1", model="external-system", room="", heartbeat_s=3e8,
        gives=MODELS["external-system"].channels,
    )  # fmt: skip
    engine = Engine(District(PEOPLE, {("gw-1", device.name): device}, {"gw-1": 7}), NOW)
    times = NOW + np.arange(3, dtype=np.int64) * 60_000_000
    series = [
        wire.make_series(device.name, channel, NOW, times, np.full(3, value, np.float32))
        for channel, value in (("systolic_bp", 240), ("diastolic_bp", 130))
    ]
    frame = wire.Frame(1, "gw-1", wire.EXCHANGE_EPOCH, 1, "live", 1, NOW, series)
    hearing = Hearing(engine, lambda: None, lambda _: None)
    assert hearing.hear(message("observations", wire.encode(frame)), NOW) == []
    findings = engine.advance(NOW + 600_000_000)
    assert {finding.subject for finding in findings} == {"resident:R0001"}
