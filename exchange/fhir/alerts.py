"""Alerts as FHIR's DetectedIssue and Flag."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from exchange.fhir.people import AGREED, WHOSE
from exchange.fhir.search import Span, at_of, instant
from vocabulary.alert_state import OPEN
from vocabulary.severity import SEVERITY_WORDS

_ALERTS: LiteralString = f"""
    SELECT a.id, a.rule, a.severity, a.state, a.resident_id, a.onset, a.raised_at, a.closed_at, a.reason_zh,
           a.reason_en, a.outcome, (SELECT max(e.at) FROM alert_event e WHERE e.alert_id = a.id) AS changed_at
    FROM {WHOSE} JOIN alert a ON a.resident_id = c.resident_id
    WHERE {AGREED} AND (%(ids)s::uuid[] IS NULL OR a.id = ANY(%(ids)s))
      AND (%(patients)s::int[] IS NULL OR c.resident_id = ANY(%(patients)s))
      AND a.raised_at >= %(since)s AND a.raised_at < %(until)s
      AND (%(open)s::boolean IS NULL OR (a.state = ANY(%(states)s)) = %(open)s)
      AND (%(changed)s::timestamptz IS NULL
           OR EXISTS (SELECT FROM alert_event e WHERE e.alert_id = a.id AND e.at >= %(changed)s))
      AND (%(key_at)s::timestamptz IS NULL OR (a.raised_at, a.id) < (%(key_at)s, %(key_id)s::uuid))
    ORDER BY a.raised_at DESC, a.id DESC LIMIT %(limit)s
"""  # noqa: S608 - of constants
_SEVERITY = {"emergency": "high", "urgent": "moderate", "attention": "low", "technical": "low"}
_STATUS = {"resolved": "final", "cleared": "final", "cancelled": "cancelled"}


def find(
    conn: psycopg.Connection[Any], token: int, *, ids: Sequence[uuid.UUID] | None = None,
    patients: Sequence[int] | None = None, span: Span | None = None, changed: dt.datetime | None = None,
    is_open: bool | None = None, key: tuple[int, uuid.UUID] | None = None, limit: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Alerts of residents that a token may ask about, the newest first, from behind ``key`` (µs of the raising, id).

    ``changed``: something happened to them at or after that moment.
    """
    span = span or Span()
    asked = {
        "token": token, "ids": ids, "patients": patients, "since": span.since, "until": span.until,
        "open": is_open, "states": list(OPEN), "changed": changed,
        "key_at": None if key is None else at_of(key[0]), "key_id": None if key is None else key[1], "limit": limit,
    }  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_ALERTS, asked).fetchall()


def detected_issue(row: dict[str, Any], language: str) -> dict[str, Any]:
    """An alert as DetectedIssue."""
    return {
        "resourceType": "DetectedIssue",
        "id": str(row["id"]),
        "meta": {"lastUpdated": instant(row["changed_at"] or row["raised_at"])},
        "identifier": [{"system": "urn:shouwang:alert", "value": str(row["id"])}],
        "status": _STATUS.get(row["state"], "preliminary"),
        "code": _rule(row),
        "severity": _SEVERITY[row["severity"]],
        "patient": {"reference": f"Patient/{row['resident_id']}"},
        "identifiedDateTime": instant(row["onset"]),
        "detail": _text(row, language),
    }


def flag(row: dict[str, Any], language: str) -> dict[str, Any]:
    """An alert as Flag: active as long as the alert is open."""
    period = {"start": instant(row["onset"])}
    if row["closed_at"] is not None:
        period["end"] = instant(max(row["closed_at"], row["onset"]))
    word = SEVERITY_WORDS[row["severity"]]
    own = {"system": "urn:shouwang:severity", "code": row["severity"], "display": word[0 if language == "zh" else 1]}
    safety = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety", "display": "Safety"}
    return {
        "resourceType": "Flag",
        "id": str(row["id"]),
        "meta": {"lastUpdated": instant(row["changed_at"] or row["raised_at"])},
        "identifier": [{"system": "urn:shouwang:alert", "value": str(row["id"])}],
        "status": "active" if row["state"] in OPEN else "inactive",
        "category": [{"coding": [safety, own]}],
        "code": _rule(row) | {"text": _text(row, language)},
        "subject": {"reference": f"Patient/{row['resident_id']}"},
        "period": period,
    }


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    return {"coding": [{"system": "urn:shouwang:rule", "code": row["rule"]}]}


def _text(row: dict[str, Any], language: str) -> str:
    """The reason in the client's language; an alert without words is named by its rule."""
    first, second = (row["reason_zh"], row["reason_en"]) if language == "zh" else (row["reason_en"], row["reason_zh"])
    return str(first or second or row["rule"])
