"""Residents, devices and what these measure, as FHIR's Patient, Device and DeviceMetric."""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from exchange.fhir.codes import GIVEN, UCUM, concept
from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS

Rows = list[dict[str, Any]]

_PATIENTS: LiteralString = """
    SELECT r.id, r.code, r.name_zh, r.name_en, r.sex, r.birth_date
    FROM exchange_residents(%(token)s) p JOIN resident r ON r.id = p.resident_id
    WHERE (%(ids)s::int[] IS NULL OR r.id = ANY(%(ids)s)) AND (%(codes)s::text[] IS NULL OR r.code = ANY(%(codes)s))
      AND r.id > %(after)s
    ORDER BY r.id LIMIT %(limit)s
"""
_OF_PERSON: LiteralString = """
      (d.resident_id = p.resident_id OR d.resident_id IS NULL
        AND (SELECT count(*) FROM resident other WHERE other.household_id = p.household_id) = 1)
"""
"""Worn devices, and those of the home where nobody else lives: only then does a room's device speak of the person."""
_DEVICES: LiteralString = f"""
    SELECT d.id, d.name, d.model, g.name AS gateway, p.resident_id
    FROM exchange_residents(%(token)s) p JOIN gateway g ON g.household_id = p.household_id
    JOIN device d ON d.gateway_id = g.id AND {_OF_PERSON}
    WHERE (%(ids)s::int[] IS NULL OR d.id = ANY(%(ids)s))
      AND (%(patients)s::int[] IS NULL OR p.resident_id = ANY(%(patients)s))
      AND (%(names)s::text[] IS NULL OR g.name || '/' || d.name = ANY(%(names)s)) AND d.id > %(after)s
    ORDER BY d.id LIMIT %(limit)s
"""  # noqa: S608 - of constants
SERIES: LiteralString = f"""
    SELECT s.id, s.channel, d.id AS device_id, d.name, d.model, g.name AS gateway, p.resident_id
    FROM exchange_residents(%(token)s) p JOIN gateway g ON g.household_id = p.household_id
    JOIN device d ON d.gateway_id = g.id AND {_OF_PERSON}
    JOIN series s ON s.device_id = d.id AND s.channel = ANY(%(channels)s)
    WHERE (%(ids)s::int[] IS NULL OR s.id = ANY(%(ids)s)) AND (%(devices)s::int[] IS NULL OR d.id = ANY(%(devices)s))
      AND (%(patients)s::int[] IS NULL OR p.resident_id = ANY(%(patients)s)) AND s.id > %(after)s
    ORDER BY s.id LIMIT %(limit)s
"""  # noqa: S608 - of constants


def patients(
    conn: psycopg.Connection[Any], token: int, *, ids: Sequence[int] | None = None, codes: Sequence[str] | None = None,
    after: int = 0, limit: int = 1000,
) -> Rows:  # fmt: skip
    """The residents that a token may ask about, by their number."""
    asked = {"token": token, "ids": ids, "codes": codes, "after": after, "limit": limit}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_PATIENTS, asked).fetchall()


def devices(
    conn: psycopg.Connection[Any], token: int, *, ids: Sequence[int] | None = None,
    patients: Sequence[int] | None = None, names: Sequence[str] | None = None, after: int = 0, limit: int = 1000,
) -> Rows:  # fmt: skip
    """Their devices, by their number."""
    asked = {"token": token, "ids": ids, "patients": patients, "names": names, "after": after, "limit": limit}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_DEVICES, asked).fetchall()


def series(
    conn: psycopg.Connection[Any], token: int, *, ids: Sequence[int] | None = None,
    patients: Sequence[int] | None = None, devices: Sequence[int] | None = None, channels: Sequence[str] | None = None,
    after: int = 0, limit: int = 2**31 - 1,
) -> Rows:  # fmt: skip
    """Series of the body that the devices give, by the number of the series."""
    asked = {
        "token": token, "ids": ids, "patients": patients, "devices": devices,
        "channels": sorted(GIVEN if channels is None else channels), "after": after, "limit": limit,
    }  # fmt: skip
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SERIES, asked).fetchall()


def patient(row: dict[str, Any]) -> dict[str, Any]:
    """A resident as Patient. Address and telephone stay within the platform."""
    names = [{"use": "official", "text": row["name_zh"]}]
    if row["name_en"] and row["name_en"] != row["name_zh"]:
        names.append({"text": row["name_en"]})
    return {
        "resourceType": "Patient",
        "id": str(row["id"]),
        "identifier": [{"system": "urn:shouwang:resident", "value": row["code"]}],
        "active": True,
        "name": names,
        "gender": row["sex"],
        "birthDate": row["birth_date"].isoformat(),
    }


def device(row: dict[str, Any]) -> dict[str, Any]:
    """A device as Device."""
    model = MODELS.get(row["model"])
    found: dict[str, Any] = {
        "resourceType": "Device",
        "id": str(row["id"]),
        "identifier": [{"system": "urn:shouwang:device", "value": f"{row['gateway']}/{row['name']}"}],
    }
    if model is not None:
        found |= {
            "manufacturer": model.maker,
            "deviceName": [{"name": model.name, "type": "model-name"}],
            "type": {
                "coding": [{"system": "urn:shouwang:model", "code": model.id, "display": model.zh}],
                "text": model.label_en,
            },
        }
    return found | {"patient": {"reference": f"Patient/{row['resident_id']}"}}


def metric(row: dict[str, Any]) -> dict[str, Any]:
    """A series as DeviceMetric."""
    unit = CHANNELS[row["channel"]].unit
    return {
        "resourceType": "DeviceMetric",
        "id": str(row["id"]),
        "identifier": [{"system": "urn:shouwang:series", "value": f"{row['gateway']}/{row['name']}/{row['channel']}"}],
        "type": concept(row["channel"]),
        "unit": {"coding": [{"system": UCUM, "code": unit, "display": unit}]},
        "source": {"reference": f"Device/{row['device_id']}"},
        "category": "measurement",
    }
