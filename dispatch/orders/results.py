"""Findings at the door, as one of a few cards, and the codes that each stands for.

The card is the finding of the person who was there; a person at the desk closes the alert, with these codes filled in.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from dispatch.alerts.outcomes import INJURIES, OutcomeError, Particulars, complete
from dispatch.orders.states import OrderError


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One of the choices at the end of a visit."""

    code: str
    zh: str
    en: str
    outcome: str | None
    """Code of ``OUTCOMES``; None: it is no end of the alert."""
    injury: str = "unknown"
    hospital: str = "unknown"
    actions: tuple[str, ...] = ()
    asks_injury: bool = False
    """Whether the kind of injury is asked for, too."""


_SAFE = Card(code="well", zh="平安无事（误报）", en="All well (false alarm)", outcome="false_resident", injury="none",
             hospital="no", actions=("visit",))  # fmt: skip
_NO_ENTRY = Card(code="no_entry", zh="未能进门", en="Could not get in", outcome=None)
_TREATED = Card(code="treated", zh="受伤，已处理", en="Injured, treated here", outcome="helped", injury="minor",
                hospital="no", actions=("visit", "first_aid"), asks_injury=True)  # fmt: skip
_HOSPITAL = Card(code="hospital", zh="已送医", en="Taken to hospital", outcome="hospital", hospital="yes",
                 actions=("visit",), asks_injury=True)  # fmt: skip
_AMBULANCE = Card(code="ambulance", zh="已转 120", en="Handed to the ambulance", outcome="hospital", hospital="yes",
                  actions=("visit", "ambulance"), asks_injury=True)  # fmt: skip
_LIFTED = Card(code="lifted", zh="已扶起，无伤", en="Helped up, not hurt", outcome="helped", injury="none",
               hospital="no", actions=("visit", "lifted"))  # fmt: skip
_HELPED = Card(code="helped", zh="已帮助，无大碍", en="Helped, no harm", outcome="helped", injury="none", hospital="no",
               actions=("visit",))  # fmt: skip
_REPAIRED = Card(code="repaired", zh="已修好", en="Repaired", outcome="repaired", actions=("repair",))
_FALSE_DEVICE = Card(code="false_device", zh="设备误报", en="False alarm by the device", outcome="false_device")
_PARTS = Card(code="parts", zh="需要换设备或配件", en="A part or a new device is needed", outcome=None)
_TEST = Card(code="test", zh="测试", en="Test", outcome="test")
_PERSON = (_SAFE, _HELPED, _TREATED, _HOSPITAL, _AMBULANCE, _NO_ENTRY)
_FALL = (_SAFE, _LIFTED, _TREATED, _HOSPITAL, _AMBULANCE, _NO_ENTRY)
_DEVICE = (_REPAIRED, _FALSE_DEVICE, _PARTS, _TEST, _NO_ENTRY)
CARDS: Mapping[str, Card] = MappingProxyType({card.code: card for card in (*_PERSON, *_FALL, *_DEVICE)})
"""Every card by its code."""
INJURED = tuple(code for code in INJURIES if code not in ("none", "death"))
"""Kinds of injury that a card may have with it; a death is for a doctor to say."""


class VisitResult(msgspec.Struct, frozen=True, kw_only=True):
    """The finding of somebody who was there."""

    at: dt.datetime
    person: str
    name_zh: str
    name_en: str
    card: str
    outcome: str | None
    cause: str
    injury: str
    hospital: str
    actions: list[str]
    note: str
    order_id: uuid.UUID | None


def cards_of(service: str) -> tuple[Card, ...]:
    """The cards for a visit of this kind; pure."""
    return _DEVICE if service == "device_maintenance" else _FALL if service == "fall_assistance" else _PERSON


def read_card(service: str, code: str, injury: str) -> tuple[Card, Particulars]:
    """The chosen card, and its particulars with the kind of injury. Raises OrderError, for the person. Pure."""
    card = next((one for one in cards_of(service) if one.code == code), None)
    if card is None:
        raise OrderError(zh="请选择结果", en="choose the result")
    hurt = injury if card.asks_injury and injury in INJURED else card.injury
    wanted = Particulars("unknown", hurt, card.hospital, card.actions)
    if card.outcome is None:
        return card, wanted
    try:
        _, whole = complete(card.outcome, wanted)
    except OutcomeError as error:
        raise OrderError(zh=error.message_zh, en=error.message_en) from error
    return card, whole


def store_result(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    order_id: uuid.UUID | None,
    person: str,
    names: tuple[str, str],
    card: Card,
    particulars: Particulars,
    note: str,
    at: dt.datetime,
) -> None:
    """Store a finding, in the caller's transaction."""
    conn.execute(
        "INSERT INTO visit_result (alert_id, order_id, person, name_zh, name_en, at, card, outcome, cause, injury,"
        " hospital, actions, note) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            alert_id,
            order_id,
            person,
            *names,
            at,
            card.code,
            card.outcome,
            particulars.cause,
            particulars.injury,
            particulars.hospital,
            list(particulars.actions),
            note,
        ),
    )


def newest_result(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> VisitResult | None:
    """The latest finding about an alert, with which the form that closes it is filled in; None where there is none."""
    return _newest(conn, b"alert_id = %s", alert_id)


def result_of_order(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> VisitResult | None:
    """The latest finding of a visit; None where there is none."""
    return _newest(conn, b"order_id = %s", order_id)


def _newest(conn: psycopg.Connection[Any], where: bytes, key: uuid.UUID) -> VisitResult | None:
    with conn.cursor(row_factory=class_row(VisitResult)) as cursor:
        return cursor.execute(
            b"SELECT at, person, name_zh, name_en, card, outcome, cause, injury, hospital, actions, note, order_id"
            b" FROM visit_result WHERE " + where + b" ORDER BY id DESC LIMIT 1",
            (key,),
        ).fetchone()
