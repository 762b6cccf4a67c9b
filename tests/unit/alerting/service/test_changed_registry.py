"""What the detectors know of a changed registry: the same objects where nothing changed for them."""

import datetime as dt

import msgspec

from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import Happened
from alerting.service.district import build_district
from care_network.records.registry import EMPTY, Device, Gateway, Household, Registry, Resident
from tests.support.sensors import FIRST, MINUTE


def home(number: int) -> Household:
    return Household(
        id=number,
        code=f"H{number}",
        area_path="a",
        address_zh="",
        address_en="",
        phone="",
        longitude=None,
        latitude=None,
    )


def resident(number: int) -> Resident:
    return Resident(
        id=number,
        code=f"R{number}",
        household_id=number,
        name_zh="王",
        name_en="Wang",
        sex="female",
        birth_date=dt.date(1940, 1, 1),
        home_care_bed=False,
        spo2_scale=1,
        on_oxygen=False,
    )


def device(number: int, gateway: int, model: str, room: str, person: int) -> tuple[str, Device]:
    name = f"{model}-{number}"
    return f"gw-{gateway}/{name}", Device(number, f"gw-{gateway}", name, model, room, person)


REGISTRY = Registry(
    areas={},
    households={n: home(n) for n in (1, 2)},
    residents={n: resident(n) for n in (1, 2)},
    gateways={f"gw-{n}": Gateway(n, f"gw-{n}", n) for n in (1, 2)},
    devices=dict(device(n, n, "seeed-mr60bha2", "bedroom", n) for n in (1, 2)),
)


def test_a_change_that_is_none_for_the_detectors_changes_no_district() -> None:
    before = build_district(REGISTRY)
    of_the_platform = msgspec.structs.replace(REGISTRY, households={**REGISTRY.households, 3: home(3)})
    assert build_district(of_the_platform, before) is before
    assert build_district(EMPTY, before) is not before


def test_devices_that_are_as_they_were_are_the_same_objects() -> None:
    before = build_district(REGISTRY)
    moved = {**REGISTRY.devices, **dict([device(2, 2, "seeed-mr60bha2", "hall", 2)])}
    now = build_district(msgspec.structs.replace(REGISTRY, devices=moved), before)
    same = {key: now.sources[key] is source for key, source in before.sources.items()}
    assert sorted(same.values()) == [False, True]
    assert [source.room for source in now.sources.values()] == ["bedroom", "hall"]
    fewer = msgspec.structs.replace(REGISTRY, devices=dict([device(1, 1, "seeed-mr60bha2", "bedroom", 1)]))
    assert list(build_district(fewer, now).sources) == [("gw-1", "seeed-mr60bha2-1")]


def test_a_district_that_was_prepared_is_learned_like_one_that_was_not() -> None:
    memories = []
    for prepared in (False, True):
        first = build_district(REGISTRY)
        engine = Engine(first, FIRST)
        for source in first.sources.values():
            engine.event(Happened(source, "presence_began", FIRST, {}))
            engine.heard(source.gateway, source.name, FIRST)
        engine.advance(FIRST + MINUTE)
        devices = dict([device(1, 1, "seeed-mr60bha2", "bedroom", 1), device(3, 2, "seeed-mr60bha2", "hall", 2)])
        now = build_district(msgspec.structs.replace(REGISTRY, devices=devices), first)
        if prepared:
            engine.prepare(now)
        engine.redistrict(now)
        engine.advance(FIRST + 2 * MINUTE)
        memories.append(engine.memory())
    assert memories[0] == memories[1]
