"""Procedure cards: what a dispatcher does about an alert, step by step, with words to say; data by rule and severity.

The cards that come with the program stand in ``procedures.toml``; a district may put a file of its own in their place
(:func:`use`). A step that somebody has done is an entry of the alert's history.
"""

import datetime as dt
import tomllib
import uuid
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import psycopg

from care_network.catalogues.services import SERVICES
from dispatch.alerts import lifecycle
from dispatch.alerts.states import LifecycleError
from dispatch.core.history import Actor
from vocabulary.alert_state import AlertState
from vocabulary.severity import SEVERITIES, Severity
from vocabulary.toml import read_toml

MOST_STEPS = 7
FILE = Path(__file__).with_name("procedures.toml")
CallGroup = Literal["resident", "contact", "staff", "organisation", "120"]
_CALLS = frozenset(get_args(CallGroup))


class ProcedureError(ValueError):
    """The cards cannot be used; the text lists every problem."""


class CardStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step of a card."""

    zh: str
    en: str
    do: str = ""
    """Action that a button offers: ``call:resident``, ``call:contact``, ``call:staff``, ``call:120``,
    ``dispatch:<service>`` or ``note``; empty: none."""
    say_cmn: str = ""
    """Words to read aloud in Mandarin."""
    say_yue: str = ""
    """The same in Cantonese."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The procedure of some rules at some severities."""

    code: str
    title_zh: str
    title_en: str
    rules: tuple[str, ...]
    """Names of rules, or patterns of them ('limit_*')."""
    calls: tuple[CallGroup, ...]
    """The people to call, in order; who is not named is not offered."""
    step: tuple[CardStep, ...]
    severities: tuple[Severity, ...] = ()
    """Empty: any."""
    version: int = 0
    """Of the file."""

    @property
    def steps(self) -> tuple[CardStep, ...]:
        """The steps in order."""
        return self.step

    def fits(self, rule: str, severity: str) -> bool:
        """Whether the card is for alerts of this rule and severity."""
        return (not self.severities or severity in self.severities) and any(
            fnmatchcase(rule, pattern) for pattern in self.rules
        )


class CheckedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that somebody has done."""

    number: int
    """From 1."""
    at: dt.datetime
    actor: str
    actor_en: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    card: tuple[Card, ...]


def parse(text: str) -> tuple[Card, ...]:
    """Read cards. Raises ProcedureError with every problem in them."""
    try:
        file = msgspec.convert(read_toml(text), type=_File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProcedureError(f"the procedures cannot be read: {error}") from error
    codes = [card.code for card in file.card]
    wrong = [f"{code}: the code is there twice" for code in sorted({c for c in codes if codes.count(c) > 1})]
    wrong += [problem for card in file.card for problem in _check(card)]
    wrong += [
        f'{severity}: no card fits every rule; add one with rules = ["*"]'
        for severity in SEVERITIES
        if not any(card.fits("", severity) for card in file.card)
    ]
    if file.version < 1:
        wrong.append("version counts from 1")
    if wrong:
        raise ProcedureError("\n".join(wrong))
    return tuple(msgspec.structs.replace(card, version=file.version) for card in file.card)


def card(rule: str, severity: str) -> Card:
    """The procedure for an alert: the first card that fits."""
    return next(card for card in _cards() if card.fits(rule, severity))


def use(file: Path | None) -> None:
    """Take the cards of a district's file in place of those that come with the program; None: these.

    Raises ProcedureError, and then the cards stay as they were.
    """
    try:
        cards = parse((file or FILE).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ProcedureError(f"{file}: {error}") from error
    _LOADED["cards"] = cards


def check_step(
    conn: psycopg.Connection[Any],
    alert_id: uuid.UUID,
    number: int,
    actor: Actor,
    at: dt.datetime,
    *,
    expected_version: int,
) -> AlertState:
    """Note a step of the alert's card (from 1) as done, in its history; gives the alert's state.

    Raises AlertChanged, and LifecycleError where the card has no such step or the alert is closed or merged.
    """
    with conn.transaction():
        found = lifecycle.find(conn, alert_id, expected_version)
        mine = _card_of(conn, alert_id)
        if mine is None or not 1 <= number <= len(mine.steps):
            raise LifecycleError(zh="没有这一步", en="there is no such step")
        step = mine.steps[number - 1]
        return lifecycle.change(
            conn, alert_id, found.state, "step", at, actor, outcome=f"{_key(mine)}{number}",
            note=f"第 {number} 步：{step.zh}", note_en=f"Step {number}: {step.en}",
        )  # fmt: skip


def checked(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> dict[int, CheckedStep]:
    """The steps of the alert's present card that are done, by number; of each the first time."""
    mine = _card_of(conn, alert_id)
    if mine is None:
        return {}
    rows = conn.execute(
        """
        SELECT e.outcome, e.at, e.actor, coalesce(a.name_en, e.actor) FROM alert_event e
        LEFT JOIN account a ON a.id = e.account_id
        WHERE e.alert_id = %s AND e.action = 'step' AND starts_with(e.outcome, %s) ORDER BY e.id DESC
        """,
        (alert_id, _key(mine)),
    ).fetchall()
    done = {}
    for outcome, at, actor, actor_en in rows:
        number = int(outcome.rpartition("/")[2])
        done[number] = CheckedStep(number=number, at=at, actor=actor, actor_en=actor_en)
    return dict(sorted(done.items()))


def _card_of(conn: psycopg.Connection[Any], alert_id: uuid.UUID) -> Card | None:
    row = conn.execute("SELECT rule, severity FROM alert WHERE id = %s", (alert_id,)).fetchone()
    return None if row is None else card(*row)


def _key(card: Card) -> str:
    return f"{card.code}@{card.version}/"


def _check(card: Card) -> list[str]:
    wrong = []
    if not (card.code and card.title_zh and card.title_en and card.rules):
        wrong.append("a card has code, titles in both languages and rules")
    if not 1 <= len(card.step) <= MOST_STEPS:
        wrong.append(f"1 to {MOST_STEPS} steps")
    if len(set(card.calls)) < len(card.calls):
        wrong.append("calls names somebody twice")
    for number, step in enumerate(card.step, 1):
        kind, _, what = step.do.partition(":")
        if not step.zh or not step.en:
            wrong.append(f"step {number}: both languages")
        if bool(step.say_cmn) != bool(step.say_yue):
            wrong.append(f"step {number}: words to say in Mandarin and in Cantonese, or neither")
        known = {"": not what, "note": not what, "call": what in _CALLS, "dispatch": what in SERVICES}
        if not known.get(kind, False):
            wrong.append(f"step {number}: {step.do!r} is nothing to do")
        if kind == "call" and what in _CALLS and what not in card.calls:
            wrong.append(f"step {number}: calls does not name {what}")
    return [f"{card.code or '(no code)'}: {problem}" for problem in wrong]


_LOADED: dict[str, tuple[Card, ...]] = {}


def _cards() -> tuple[Card, ...]:
    if "cards" not in _LOADED:
        use(None)
    return _LOADED["cards"]


def all_cards() -> Mapping[str, Card]:
    """Every card in use, by its code."""
    return {one.code: one for one in _cards()}
