"""New areas, organisations, households, residents, gateways, devices and accounts, checked before they are stored.

Every ``add_…`` returns the row's id and raises ProvisioningError, in words for the operator, where a rule is broken or
the code is taken. With ``exist_ok`` a taken code gives the id of the row that has it, and changes nothing.
"""

import datetime as dt
import math
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import CheckViolation, ForeignKeyViolation

from care_network import passwords
from care_network.errors import ProvisioningError
from care_network.records import (
    NewAccount,
    NewArea,
    NewDevice,
    NewFamilyMember,
    NewGateway,
    NewHousehold,
    NewLimit,
    NewOrganisation,
    NewResident,
)
from firmware_profiles.channels import CHANNELS
from firmware_profiles.devices import MODELS

GATEWAY_DEVICE = "gateway"
"""The device name under which a gateway sends its own health."""
GATEWAY_MODEL = "gateway"


def add_area(conn: Connection[Any], new: NewArea, *, exist_ok: bool = False) -> int:
    """An area below one that exists; only a city stands alone."""
    parent, _, _ = new.path.rpartition(".")
    if bool(parent) == (new.level == "city"):
        raise ProvisioningError(f"area {new.path}: a city is the top of its path, every other area has one above it")
    if parent:
        above = _value(conn, "SELECT level FROM area WHERE path = %s::ltree", parent)
        if above is None:
            raise ProvisioningError(f"area {new.path}: add the area above it first: {parent}")
        if _LEVELS.index(above) + 1 != _LEVELS.index(new.level):
            raise ProvisioningError(f"area {new.path}: a {new.level} does not lie directly below a {above}")
    return _insert(
        conn,
        """
        INSERT INTO area (path, level, name_zh, name_en, longitude, latitude)
        VALUES (%(path)s::ltree, %(level)s, %(name_zh)s, %(name_en)s, %(longitude)s, %(latitude)s)
        ON CONFLICT (path) DO NOTHING RETURNING id
        """,
        "SELECT id FROM area WHERE path = %(path)s::ltree",
        msgspec.structs.asdict(new),
        f"area {new.path}",
        exist_ok,
    )


def add_organisation(conn: Connection[Any], new: NewOrganisation, *, exist_ok: bool = False) -> int:
    """A center, station, point or team that works in an area."""
    return _insert(
        conn,
        """
        INSERT INTO organisation (code, area_id, kind, name_zh, name_en, phone)
        VALUES (%(code)s, %(area_id)s, %(kind)s, %(name_zh)s, %(name_en)s, %(phone)s)
        ON CONFLICT (code) DO NOTHING RETURNING id
        """,
        "SELECT id FROM organisation WHERE code = %(code)s",
        {**msgspec.structs.asdict(new), "area_id": _area_id(conn, new.area)},
        f"organisation {new.code}",
        exist_ok,
    )


def add_household(conn: Connection[Any], new: NewHousehold, *, exist_ok: bool = False) -> int:
    """A flat in a compound."""
    level = _value(conn, "SELECT level FROM area WHERE path = %s::ltree", new.area)
    if level not in (None, "compound"):
        raise ProvisioningError(f"household {new.code}: {new.area} is a {level}; a household lies in a compound")
    return _insert(
        conn,
        """
        INSERT INTO household (code, area_id, address_zh, address_en, phone, longitude, latitude)
        VALUES (%(code)s, %(area_id)s, %(address_zh)s, %(address_en)s, %(phone)s, %(longitude)s, %(latitude)s)
        ON CONFLICT (code) DO NOTHING RETURNING id
        """,
        "SELECT id FROM household WHERE code = %(code)s",
        {**msgspec.structs.asdict(new), "area_id": _area_id(conn, new.area)},
        f"household {new.code}",
        exist_ok,
    )


def add_resident(conn: Connection[Any], new: NewResident, today: dt.date, *, exist_ok: bool = False) -> int:
    """Somebody who lives in a household; ``today`` judges the date of birth."""
    if not dt.date(today.year - 125, 1, 1) < new.birth_date <= today:
        raise ProvisioningError(f"resident {new.code}: nobody alive was born on {new.birth_date}")
    return _insert(
        conn,
        """
        INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date, home_care_bed, spo2_scale,
                              on_oxygen)
        VALUES (%(code)s, %(household_id)s, %(name_zh)s, %(name_en)s, %(sex)s, %(birth_date)s, %(home_care_bed)s,
                %(spo2_scale)s, %(on_oxygen)s)
        ON CONFLICT (code) DO NOTHING RETURNING id
        """,
        "SELECT id FROM resident WHERE code = %(code)s",
        {**msgspec.structs.asdict(new), "household_id": _household_id(conn, new.household)},
        f"resident {new.code}",
        exist_ok,
    )


def set_limit(conn: Connection[Any], new: NewLimit, at: dt.datetime) -> None:
    """A resident's own limits of one channel, instead of those before; both None: back to the rule's defaults."""
    channel = CHANNELS.get(new.channel)
    if channel is None:
        raise ProvisioningError(f"limit: there is no channel {new.channel!r}; known: {', '.join(sorted(CHANNELS))}")
    if not all(math.isfinite(bound) for bound in (new.low, new.high) if bound is not None):
        raise ProvisioningError(f"limit of {new.channel}: a limit is a number")
    if new.low is not None and new.high is not None and new.low >= new.high:
        raise ProvisioningError(f"limit of {new.channel}: low {new.low:g} is not below high {new.high:g}")
    resident_id = _resident_id(conn, new.resident)
    with conn.transaction():
        conn.execute("DELETE FROM resident_limit WHERE resident_id = %s AND channel = %s", (resident_id, new.channel))
        if new.low is not None or new.high is not None:
            conn.execute(
                "INSERT INTO resident_limit (resident_id, channel, low, high, set_by, set_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (resident_id, new.channel, new.low, new.high, new.set_by, at),
            )


def add_gateway(conn: Connection[Any], new: NewGateway, *, exist_ok: bool = False) -> int:
    """A home gateway; its name is the common name of its certificate. It is also a device of its own: its health."""
    with conn.transaction():
        gateway_id = _insert(
            conn,
            "INSERT INTO gateway (name, household_id) VALUES (%(name)s, %(household_id)s)"
            " ON CONFLICT (name) DO NOTHING RETURNING id",
            "SELECT id FROM gateway WHERE name = %(name)s",
            {"name": new.name, "household_id": _household_id(conn, new.household)},
            f"gateway {new.name}",
            exist_ok,
        )
        add_device(conn, NewDevice(new.name, GATEWAY_DEVICE, GATEWAY_MODEL), exist_ok=True)
    return gateway_id


def add_device(conn: Connection[Any], new: NewDevice, *, exist_ok: bool = False) -> int:
    """A device paired with a gateway, of a model that firmware_profiles knows; worn by somebody of the household."""
    if new.model not in MODELS:
        raise ProvisioningError(
            f"device {new.gateway}/{new.name}: there is no model {new.model!r}; known: {', '.join(sorted(MODELS))}"
        )
    gateway = conn.execute("SELECT id, household_id FROM gateway WHERE name = %s", (new.gateway,)).fetchone()
    if gateway is None:
        raise ProvisioningError(f"device {new.gateway}/{new.name}: there is no gateway {new.gateway!r}; add it first")
    resident_id = None
    if new.resident is not None:
        resident_id = _resident_id(conn, new.resident)
        lives_in = _value(conn, "SELECT household_id FROM resident WHERE id = %s", resident_id)
        if lives_in != gateway[1]:
            raise ProvisioningError(
                f"device {new.gateway}/{new.name}: {new.resident} lives in another household than the gateway's"
            )
    return _insert(
        conn,
        """
        INSERT INTO device (gateway_id, name, model, room, resident_id)
        VALUES (%(gateway_id)s, %(name)s, %(model)s, %(room)s, %(resident_id)s)
        ON CONFLICT (gateway_id, name) DO NOTHING RETURNING id
        """,
        "SELECT id FROM device WHERE gateway_id = %(gateway_id)s AND name = %(name)s",
        {**msgspec.structs.asdict(new), "gateway_id": gateway[0], "resident_id": resident_id},
        f"device {new.gateway}/{new.name}",
        exist_ok,
    )


def add_account(conn: Connection[Any], new: NewAccount, *, exist_ok: bool = False) -> int:
    """A login. Staff have an area below which they see residents; family have none."""
    if (new.role == "family") != (new.area is None):
        raise ProvisioningError(f"account {new.login}: staff need an area, family have none")
    if new.area is not None:
        _area_id(conn, new.area)
    taken = _value(conn, "SELECT id FROM account WHERE login = %s", new.login)
    if taken is not None and exist_ok:
        return int(taken)
    passwords.check_new(new.password, new.login)
    return _insert(
        conn,
        """
        INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)
        VALUES (%(login)s, %(password_hash)s, %(name_zh)s, %(name_en)s, %(role)s, %(area)s::ltree, %(language)s)
        ON CONFLICT (login) DO NOTHING RETURNING id
        """,
        "SELECT id FROM account WHERE login = %(login)s",
        {**msgspec.structs.asdict(new), "password_hash": passwords.hash_password(new.password)},
        f"account {new.login}",
        exist_ok,
    )


def add_family_member(conn: Connection[Any], new: NewFamilyMember) -> None:
    """Let a family account see a resident who agreed to it at ``consent_at``; repeating changes nothing."""
    account = conn.execute("SELECT id, role FROM account WHERE login = %s", (new.login,)).fetchone()
    if account is None or account[1] != "family":
        raise ProvisioningError(f"family: {new.login!r} is not the login of a family account; add one first")
    resident_id = _resident_id(conn, new.resident)
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)
            VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
            """,
            (account[0], resident_id, new.relation_zh, new.relation_en, new.consent_at),
        )


def withdraw_consent(conn: Connection[Any], login: str, resident: str) -> bool:
    """The family account no longer sees the resident, from its next request on; False where it did not before."""
    with conn.transaction():
        done = conn.execute(
            """
            DELETE FROM family_member USING account, resident
            WHERE account.id = account_id AND resident.id = resident_id AND login = %s AND code = %s
            """,
            (login, resident),
        )
        return done.rowcount > 0


_LEVELS = ("city", "district", "street", "community", "compound")


def _insert(
    conn: Connection[Any],
    insert: LiteralString,
    select: LiteralString,
    values: dict[str, Any],
    what: str,
    exist_ok: bool,
) -> int:
    try:
        with conn.transaction():
            row = conn.execute(insert, values).fetchone()
    except (CheckViolation, ForeignKeyViolation) as error:
        raise ProvisioningError(f"{what}: {error.diag.message_primary}") from error
    if row is not None:
        return int(row[0])
    if not exist_ok:
        raise ProvisioningError(f"{what} exists already; choose another code, or change the one that is there")
    found = conn.execute(select, values).fetchone()
    if found is None:
        raise ProvisioningError(f"{what} was removed meanwhile; try again")
    return int(found[0])


def _value(conn: Connection[Any], query: LiteralString, value: Any) -> Any:
    row = conn.execute(query, (value,)).fetchone()
    return None if row is None else row[0]


def _area_id(conn: Connection[Any], path: str) -> int:
    found = _value(conn, "SELECT id FROM area WHERE path = %s::ltree", path)
    if found is None:
        raise ProvisioningError(f"there is no area {path!r}; add it first")
    return int(found)


def _household_id(conn: Connection[Any], code: str) -> int:
    found = _value(conn, "SELECT id FROM household WHERE code = %s", code)
    if found is None:
        raise ProvisioningError(f"there is no household {code!r}; add it first")
    return int(found)


def _resident_id(conn: Connection[Any], code: str) -> int:
    found = _value(conn, "SELECT id FROM resident WHERE code = %s", code)
    if found is None:
        raise ProvisioningError(f"there is no resident {code!r}; add them first")
    return int(found)
