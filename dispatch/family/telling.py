"""Tell the desk what a family member does: "I am on my way", "I cannot reach them". Reasons are data, reasons.toml.

It goes into the history of the resident's gravest open alert. "I cannot reach them" waits there until somebody at the
desk has acted on it, and rings (:mod:`dispatch.alerts.lookup`). Where no emergency or urgent alert is open, it
raises an alert of its own: somebody has to look, and a word that nobody reads would be worse than none.
"""

import datetime as dt
import tomllib
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg

from dispatch.alerts import lifecycle
from dispatch.alerts.lifecycle import NewAlert
from dispatch.alerts.lookup import FAMILY
from dispatch.alerts.states import LifecycleError
from dispatch.core import history
from dispatch.core.history import Actor
from vocabulary.rule_words import KEY, RuleWords
from vocabulary.severity import GRAVE, SEVERITIES

Kind = Literal["on_my_way", "no_contact"]
LONGEST = 500
PEOPLES = tuple(severity for severity in SEVERITIES if severity != "technical")
ACTION = "family_told"
RULE = "family_no_contact"
_NAMESPACE = uuid.UUID("5d9b1f0e-8d5e-5f0a-9f0e-6f6b1b6a4c11")
_WORDS = RuleWords(
    zh="家属联系不上老人",
    en="family cannot reach the resident",
    outside_zh="家属来报",
    outside_en="call of the family",
)


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason to choose; ``minutes``: until they are there."""

    zh: str
    en: str
    minutes: int = 0


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing to tell, with its choices by code."""

    zh: str
    en: str
    choices: dict[str, Choice]


class Teller(msgspec.Struct, frozen=True):
    """The family member who tells it."""

    actor: Actor
    name_en: str
    relation_zh: str
    relation_en: str


class Told(msgspec.Struct, frozen=True):
    """The alert that has it in its history; ``raised``: it was made for it."""

    alert_id: uuid.UUID
    raised: bool


@cache
def reasons() -> Mapping[str, Reason]:
    """The things to tell, by kind."""
    data = tomllib.loads(Path(__file__).with_name("reasons.toml").read_text("utf-8"))
    return msgspec.convert(data, dict[str, Reason])


def tell(
    conn: psycopg.Connection[Any],
    teller: Teller,
    resident: Mapping[str, Any],
    kind: str,
    choice: str,
    words: str,
    at: dt.datetime,
) -> Told:
    """Write it into the history of the gravest open alert; one transaction. ``resident``: as ``residents.profile``.

    Raises LifecycleError, with a text for the person: an unknown choice, too many words, on the way to no alert.
    """
    reason = reasons().get(kind)
    chosen = reason.choices.get(choice) if reason else None
    words = " ".join(words.split())
    if reason is None or chosen is None:
        raise LifecycleError(zh="请选择一项", en="choose one of the list")
    if len(words) > LONGEST:
        raise LifecycleError(zh=f"请不超过 {LONGEST} 字", en=f"at most {LONGEST} characters")
    note = f"{teller.relation_zh}{reason.zh}：{chosen.zh}" + (f"。“{words}”" if words else "")
    note_en = f"{teller.relation_en} {reason.en}: {chosen.en}" + (f'. "{words}"' if words else "")
    calls_for_a_look = kind == "no_contact"
    with conn.transaction():
        # one at a time for a resident, so that two taps are one alert
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('family', %s))", (resident["id"],))
        row = conn.execute(
            """
            SELECT coalesce(a.merged_into, a.id), a.state FROM alert a  -- a lead: the desk looks at it alone
            WHERE alert_is_open(a.state) AND a.severity = ANY (%s)
              AND (a.resident_id = %s OR (a.resident_id IS NULL AND a.household_id = %s))
            ORDER BY severity_rank(a.severity), a.onset LIMIT 1
            """,
            # one of less weight calls nobody: whoever reaches nobody needs an alert that does
            (list(GRAVE if calls_for_a_look else PEOPLES), resident["id"], resident["household_id"]),
        ).fetchone()
        if row is not None:
            action = FAMILY if calls_for_a_look else ACTION
            history.append(conn, row[0], at, action, row[1], row[1], teller.actor, note=note, note_en=note_en)
            return Told(row[0], raised=False)
        if not calls_for_a_look:
            raise LifecycleError(
                zh="现在没有未办结的预警，没有转达；如有需要请直接打电话给值班台",
                en="no alert is open, so nothing was passed on; call the desk if you need them",
            )
        alert_id = uuid.uuid5(_NAMESPACE, f"{resident['code']}|{round(at.timestamp())}")
        lifecycle.raise_alert(conn, _alert(resident, alert_id, note, note_en, at))
        history.append(conn, alert_id, at, ACTION, "raised", "raised", teller.actor, note=note, note_en=note_en)
        return Told(alert_id, raised=True)


def _alert(resident: Mapping[str, Any], alert_id: uuid.UUID, note: str, note_en: str, at: dt.datetime) -> NewAlert:
    return NewAlert(
        id=alert_id,
        rule=RULE,
        rule_version=1,
        severity="urgent",
        subject=f"resident:{resident['code']}",
        household_id=resident["household_id"],
        resident_id=resident["id"],
        onset=at,
        sensed_at=at,
        received_at=at,
        raised_at=at,
        reason_zh=note,
        reason_en=note_en,
        evidence={KEY: msgspec.to_builtins(_WORDS)},
    )
