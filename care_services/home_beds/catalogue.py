"""Read the data of home care beds: the list of the survey, deadlines of stages, service plans, models for each room."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from care_network.catalogues.ability import GRADES
from firmware_profiles.devices import MODELS, DeviceModel
from vocabulary.labels import ROOMS
from vocabulary.toml import read_toml

HERE = Path(__file__).parent


class SurveyItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the home survey."""

    code: str
    room: str
    zh: str
    en: str
    basic: bool = False
    """Of the basic items of 民发〔2020〕86号."""
    before_service: bool = False
    """Where it is needed it has to be done, or refused, before the bed is in service."""


class ServicePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service of a month, by ability grade, and the days between two quality checks."""

    visits_month: int
    hours_month: int
    check_days: int


def _data(name: str) -> dict[str, Any]:
    return read_toml((HERE / name).read_text("utf-8"))


_items = msgspec.convert(_data("survey.toml")["item"], list[SurveyItem])
SURVEY: Mapping[str, SurveyItem] = MappingProxyType({one.code: one for one in _items})
"""By code, in the order of a walk through the flat."""
SURVEY_ROOMS = tuple(dict.fromkeys(one.room for one in _items))
DEADLINES: Mapping[str, int] = MappingProxyType(msgspec.convert(_data("stages.toml"), dict[str, int]))
"""Days by stage."""
PLANS: Mapping[str, ServicePlan] = MappingProxyType(
    {
        grade: one
        for grade, one in msgspec.convert(_data("plans.toml"), dict[str, ServicePlan]).items()
        if grade in GRADES
    }
)
"""By ability grade."""

DEVICE_ROOMS = ("bedroom", "bathroom", "living_room", "kitchen", "hall", "inside", "worn")
"""Rooms for which devices are planned; codes of ``vocabulary.labels.ROOMS``."""
FIRST_PLAN: tuple[tuple[str, str], ...] = (
    ("inside", "gateway"), ("bedroom", "tuya-ts0601-bed"), ("bathroom", "seeed-mr60fda2"),
    ("hall", "aqara-mccgq11lm"), ("worn", "tuya-ts0215a-sos"),
)  # fmt: skip
"""(Room, model) of what a bed begins with: a gateway, the bed, falls in the bathroom, the door, a call button."""
PLANNED_TRANSPORTS = frozenset({"ble-gatt", "zigbee2mqtt", "esphome", "imu-pendant", "serial-radar", "gateway"})


_HINTS: tuple[tuple[str, str, str], ...] = (
    ("in_bed", "请在床上坐下，再起身", "sit down on the bed, then stand up"),
    ("sos_pressed", "先电话告知值班台，再按一下按钮：会产生真实呼叫",
     "call the desk first, then press the button: it makes a real call"),
    ("door_open", "请把门开、关一次", "open and close the door once"),
    ("fall_suspected", "请在房间里走动，不要模拟跌倒", "walk about in the room; do not act a fall"),
    ("motion", "请在房间里走动", "walk about in the room"), ("presence", "请在房间里走动", "walk about in the room"),
    ("water_leak", "用湿布接触探头，再擦干", "touch the probe with a wet cloth, then dry it"),
    ("smoke_detected", "按住测试键，会产生真实预警：先电话告知值班台",
     "hold its test button; it raises a real alert: call the desk first"),
    ("gas_detected", "按住测试键，会产生真实预警：先电话告知值班台",
     "hold its test button; it raises a real alert: call the desk first"),
    ("systolic_bp", "请为老人量一次血压", "take the blood pressure once"),
    ("glucose", "请测一次血糖", "measure the glucose once"), ("weight", "请称一次体重", "weigh once"),
    ("body_temperature", "请量一次体温", "take the temperature once"),
    ("spo2", "请夹在手指上测一次", "put it on a finger once"), ("heart_rate", "请佩戴片刻", "wear it for a moment"),
    ("room_temperature", "用手捂住片刻，数值会变化", "hold it in the hand for a moment: the value changes"),
)  # fmt: skip
"""Channel or event, Chinese, English: a thing to do in the flat so that a device shows what it measures."""
_WORN = ("请戴上走几步", "put it on and walk a few steps")
_GATEWAY = ("请通电并联网，等待一分钟", "connect it to power and network, and wait for a minute")


def hint_of(model: str) -> tuple[str, str]:
    """Name a thing to do in the flat so that a device of this model shows its function, in Chinese and English."""
    found = MODELS.get(model)
    if found is None or found.transport == "gateway":
        return _GATEWAY
    events = {event for table in found.events.values() for event in table.values()}
    for what, zh, en in _HINTS:
        if what in events or what in found.channels:
            return zh, en
    return _WORN


def models_to_plan() -> dict[str, tuple[str, str]]:
    """Device models that can stand in a plan: (Chinese, English) by id."""
    return {
        code: (f"{one.zh}（{_product(one)}）", f"{one.label_en} ({_product(one)})")
        for code, one in MODELS.items()
        if one.transport in PLANNED_TRANSPORTS
    }  # fmt: skip


def same_kind(usual: str, home: Sequence[str]) -> str:
    """The model of a home that does what the usual one does, such as another maker's call button; else the usual one.

    Models of one kind have one name (``zh``), whatever their maker.
    """
    if usual in home:
        return usual
    return next((one for one in home if one in MODELS and MODELS[one].zh == MODELS[usual].zh), usual)


def _product(model: DeviceModel) -> str:
    return f"{model.maker} {model.name.partition(',')[0]}"


def due_of(state: str, since: dt.datetime) -> dt.datetime | None:
    """The deadline of a stage that began at ``since``; None where it has none."""
    days = DEADLINES.get(state)
    return None if days is None else since + dt.timedelta(days=days)


def room_words(room: str) -> tuple[str, str]:
    """A room in Chinese and English."""
    return ROOMS.get(room, (room, room))
