"""Residents, devices and what these measure, as FHIR's Patient, Device and DeviceMetric."""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from exchange.fhir.codes import GIVEN, UCUM, concept
from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS

Rows = list[dict[str, Any]]
Key = tuple[int, int]

WHOSE: LiteralString = """
    exchange_consent c JOIN resident r ON r.id = c.resident_id JOIN household h ON h.id = r.household_id
"""
AGREED: LiteralString = """
    c.account_id = (SELECT t.account_id FROM machine_token t
                    JOIN account me ON me.id = t.account_id AND me.active AND me.role = 'machine'
                    WHERE t.id = %(token)s AND t.revoked_at IS NULL AND t.expires_at > now())
    AND c.withdrawn_at IS NULL AND c.given_at <= now()
    AND h.area_id = ANY (ARRAY(SELECT a.id FROM machine_token t JOIN account me ON me.id = t.account_id
                               JOIN area a ON a.path <@ t.area_path AND a.path <@ me.area_path WHERE t.id = %(token)s))
"""
"""Whom a token may ask about at this moment: below its area and its account's, with consent. Every query goes by way of
the consents, in the order of the residents: what is given out ends with the page, however large the district. The
policies of the database (database.rights.machine_rows) hold the same once more."""
_PATIENTS: LiteralString = f"""
    SELECT r.id, r.code, r.name_zh, r.name_en, r.sex, r.birth_date, r.gone, r.gone_on FROM {WHOSE}
    WHERE {AGREED} AND (%(ids)s::int[] IS NULL OR c.resident_id = ANY(%(ids)s))
      AND (%(codes)s::text[] IS NULL OR r.code = ANY(%(codes)s)) AND c.resident_id > %(after)s
    ORDER BY c.resident_id LIMIT %(limit)s
"""  # noqa: S608 - of constants
_SOME: LiteralString = f"""
    SELECT c.resident_id, r.household_id, home_of_one(r.household_id) FROM {WHOSE}
    WHERE {AGREED} AND r.gone IS NULL AND (%(ids)s::int[] IS NULL OR c.resident_id = ANY(%(ids)s))
      AND c.resident_id >= %(first)s
    ORDER BY c.resident_id LIMIT %(limit)s
"""  # noqa: S608 - of constants
_THEIRS: LiteralString = """
    FROM unnest(%(who)s::int[], %(homes)s::int[], %(alone)s::boolean[]) AS p(resident_id, home, alone)
    JOIN gateway g ON g.household_id = p.home
    JOIN device d ON d.gateway_id = g.id AND (d.resident_id = p.resident_id OR d.resident_id IS NULL AND p.alone)
"""
"""Worn devices, and those of the home where nobody else lives: only then does a room's device speak of the person.
How many live there is counted by a function: who did not agree cannot be seen, and lives there all the same."""
_DEVICES: LiteralString = f"""
    SELECT d.id, d.name, d.model, g.name AS gateway, p.resident_id {_THEIRS}
    WHERE (%(ids)s::int[] IS NULL OR d.id = ANY(%(ids)s))
      AND (%(names)s::text[] IS NULL OR g.name || '/' || d.name = ANY(%(names)s))
      AND (p.resident_id, d.id) > (%(whose)s, %(after)s)
    ORDER BY p.resident_id, d.id LIMIT %(limit)s
"""
_SERIES: LiteralString = f"""
    SELECT s.id, s.channel, d.id AS device_id, d.name, d.model, g.name AS gateway, g.id AS gateway_id,
           p.resident_id {_THEIRS}
    JOIN series s ON s.device_id = d.id AND s.channel = ANY(%(channels)s)
    WHERE (%(ids)s::int[] IS NULL OR s.id = ANY(%(ids)s)) AND (%(devices)s::int[] IS NULL OR d.id = ANY(%(devices)s))
      AND (p.resident_id, s.id) > (%(whose)s, %(after)s)
    ORDER BY p.resident_id, s.id LIMIT %(limit)s
"""
_LIVE_THERE: LiteralString = """
    SELECT DISTINCT r.id FROM gateway g JOIN device d ON d.gateway_id = g.id JOIN resident r
        ON r.household_id = g.household_id
"""
AT_ONCE, MOST_AT_ONCE = 16, 256
"""Residents whose devices are looked for in one statement: at first, and later where that brought too little."""


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
    patients: Sequence[int] | None = None, names: Sequence[str] | None = None, key: Key = (0, 0), limit: int = 1000,
) -> Rows:  # fmt: skip
    """Their devices, by resident and number, from behind ``key`` (resident, device)."""
    if ids is not None:
        patients = _only(patients, conn.execute(_LIVE_THERE + " WHERE d.id = ANY(%s)", (list(ids),)).fetchall())
    if names is not None:
        gateways = [one.partition("/")[0] for one in names]
        patients = _only(patients, conn.execute(_LIVE_THERE + " WHERE g.name = ANY(%s)", (gateways,)).fetchall())
    return _by_resident(conn, _DEVICES, {"token": token, "ids": ids, "names": names}, patients, key, limit)


def series(
    conn: psycopg.Connection[Any], token: int, *, ids: Sequence[int] | None = None,
    patients: Sequence[int] | None = None, devices: Sequence[int] | None = None, channels: Sequence[str] | None = None,
    key: Key = (0, 0), limit: int = 2**31 - 1,
) -> Rows:  # fmt: skip
    """Series of the body that the devices give, by resident and number, from behind ``key`` (resident, series)."""
    if ids is not None:
        theirs = _LIVE_THERE + " JOIN series s ON s.device_id = d.id WHERE s.id = ANY(%s)"
        patients = _only(patients, conn.execute(theirs, (list(ids),)).fetchall())
    if devices is not None:
        patients = _only(patients, conn.execute(_LIVE_THERE + " WHERE d.id = ANY(%s)", (list(devices),)).fetchall())
    asked = {
        "token": token, "ids": ids, "devices": devices, "channels": sorted(GIVEN if channels is None else channels),
    }  # fmt: skip
    return _by_resident(conn, _SERIES, asked, patients, key, limit)


def some(
    conn: psycopg.Connection[Any], token: int, first: int, limit: int, ids: Sequence[int] | None = None
) -> list[tuple[int, int, bool]]:
    """(resident, home, whether nobody else lives there) from the resident ``first`` on."""
    asked = {"token": token, "ids": ids, "first": first, "limit": limit}
    return conn.execute(_SOME, asked).fetchall()


def series_of(
    conn: psycopg.Connection[Any], token: int, who: Sequence[tuple[int, int, bool]], channels: Sequence[str]
) -> Rows:
    """The series of these residents, as :func:`some` gave them."""
    asked = {"token": token, "ids": None, "devices": None, "channels": list(channels)}
    return _of(conn, _SERIES, asked, who, (0, 0), 2**31 - 1)


def _only(patients: Sequence[int] | None, found: Sequence[tuple[int]]) -> list[int]:
    """The patients that were asked for and found."""
    return [number for (number,) in found if patients is None or number in patients]


def _by_resident(
    conn: psycopg.Connection[Any], query: LiteralString, asked: dict[str, Any], patients: Sequence[int] | None,
    key: Key, limit: int,
) -> Rows:  # fmt: skip
    """Rows of some residents after others, until there are enough."""
    found: Rows = []
    first, most = key[0], AT_ONCE if patients is None else max(len(patients), 1)
    while len(found) < limit:
        who = some(conn, asked["token"], first, most, patients)
        if who:
            found += _of(conn, query, asked, who, key, limit - len(found))
        if len(who) < most:
            break
        first, most = who[-1][0] + 1, min(most * 2, max(MOST_AT_ONCE, most))
    return found


def _of(
    conn: psycopg.Connection[Any], query: LiteralString, asked: dict[str, Any],
    who: Sequence[tuple[int, int, bool]], key: Key, limit: int,
) -> Rows:  # fmt: skip
    numbers, homes, alone = (list(column) for column in zip(*who, strict=True))
    asked |= {"who": numbers, "homes": homes, "alone": alone, "whose": key[0], "after": key[1], "limit": limit}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, asked).fetchall()


def patient(row: dict[str, Any]) -> dict[str, Any]:
    """A resident as Patient, not active after a death or a move. Address and telephone stay within the platform."""
    names = [{"use": "official", "text": row["name_zh"]}]
    if row["name_en"] and row["name_en"] != row["name_zh"]:
        names.append({"text": row["name_en"]})
    ended = {"deceasedDateTime": row["gone_on"].isoformat()} if row["gone"] == "died" else {}
    return {
        "resourceType": "Patient",
        "id": str(row["id"]),
        "identifier": [{"system": "urn:shouwang:resident", "value": row["code"]}],
        "active": row["gone"] is None,
        "name": names,
        "gender": row["sex"],
        "birthDate": row["birth_date"].isoformat(),
        **ended,
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
