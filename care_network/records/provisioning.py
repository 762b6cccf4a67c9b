"""Add areas, organisations, households, residents, gateways, devices and accounts, checked before they are stored.

No roles here: the callers (a district file, the demonstration) act for the operator. Each ``add_…`` returns the row's
id and raises ProvisioningError where a rule is broken or the code is taken; with ``exist_ok`` a taken code returns the
id of its row and changes nothing.
"""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_network.access import passwords
from care_network.access.permissions import WITHOUT_AREA
from care_network.errors import ExistsError, ProvisioningError
from care_network.records import kinds, parameter_rows, store
from care_network.records.records import (
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

GATEWAY_DEVICE = "gateway"
"""The device name under which a gateway sends its own health."""
GATEWAY_MODEL = "gateway"
_ANY_DAY = dt.date.max
"""For kinds whose rules do not depend on the day; only a date of birth does."""


def add_area(conn: Connection[Any], new: NewArea, *, exist_ok: bool = False) -> int:
    """Add an area below an existing one; only a city has none above it."""
    return store.add(conn, kinds.AREA, new, _ANY_DAY, exist_ok=exist_ok)


def add_organisation(conn: Connection[Any], new: NewOrganisation, *, exist_ok: bool = False) -> int:
    """Add a center, station, point or team that works in an area of its level."""
    return store.add(conn, kinds.ORGANISATION, new, _ANY_DAY, exist_ok=exist_ok)


def add_household(conn: Connection[Any], new: NewHousehold, *, exist_ok: bool = False) -> int:
    """Add a flat in a compound."""
    return store.add(conn, kinds.HOUSEHOLD, new, _ANY_DAY, exist_ok=exist_ok)


def add_resident(conn: Connection[Any], new: NewResident, today: dt.date, *, exist_ok: bool = False) -> int:
    """Add a person who lives in a household; ``today`` limits the date of birth."""
    return store.add(conn, kinds.RESIDENT, new, today, exist_ok=exist_ok)


def set_limit(conn: Connection[Any], new: NewLimit, at: dt.datetime) -> None:
    """Replace a resident's own limits of one channel; None: the default of the rule on that side."""
    channel = CHANNELS.get(new.channel)
    if channel is None:
        raise ProvisioningError(
            en=f"limit: there is no channel {new.channel!r}; known: {', '.join(sorted(CHANNELS))}",
            zh=f"限值：没有通道 {new.channel}；可用：{'、'.join(sorted(CHANNELS))}",
        )
    if not all(math.isfinite(bound) for bound in (new.low, new.high) if bound is not None):
        raise ProvisioningError(en=f"limit of {new.channel}: a limit is a number", zh=f"{new.channel} 的限值须为数字")
    if new.low is not None and new.high is not None and new.low >= new.high:
        raise ProvisioningError(
            en=f"limit of {new.channel}: low {new.low:g} is not below high {new.high:g}",
            zh=f"{new.channel} 的下限 {new.low:g} 应低于上限 {new.high:g}",
        )
    resident_id = _resident_id(conn, new.resident)
    place, author = (
        parameter_rows.Place("resident", resident_id=resident_id),
        parameter_rows.Author(None, new.set_by, "district file"),
    )
    with conn.transaction():
        for side, value in (("low", new.low), ("high", new.high)):
            name = f"limit.{new.channel}.{side}"
            parameter_rows.append_change(conn, place, name, value, author, "区级名册 district file", at)


def add_gateway(conn: Connection[Any], new: NewGateway, *, exist_ok: bool = False) -> int:
    """Add a home gateway, named like its certificate's common name, and the device that stands for its own health."""
    with conn.transaction():
        gateway_id = store.add(conn, kinds.GATEWAY, new, _ANY_DAY, exist_ok=exist_ok)
        add_device(conn, NewDevice(new.name, GATEWAY_DEVICE, GATEWAY_MODEL), exist_ok=True)
    return gateway_id


def add_device(conn: Connection[Any], new: NewDevice, *, exist_ok: bool = False) -> int:
    """Add a device of a model in firmware_profiles, paired with a gateway; a wearer lives in the household."""
    return store.add(conn, kinds.DEVICE, new, _ANY_DAY, exist_ok=exist_ok)


def add_account(
    conn: Connection[Any], new: NewAccount, *, exist_ok: bool = False, hashing: Callable[[str], str] | None = None
) -> int:
    """Add an account. Staff have an area, below which they see residents; family have none.

    ``hashing``: what makes the hash of the password in place of :func:`passwords.hash_password`, for many accounts
    with one password, whose hash is made once.
    """
    if (new.role in WITHOUT_AREA) != (new.area is None):
        raise ProvisioningError(
            en=f"account {new.login}: staff need an area, family and people of providers have none",
            zh=f"账号 {new.login}：工作人员须有管辖区域，家属和服务机构人员不填区域",
        )
    if new.area is not None:
        _area_id(conn, new.area)
    taken = _value(conn, "SELECT id FROM account WHERE login = %s", new.login)
    if taken is not None and exist_ok:
        return int(taken)
    passwords.check_new(new.password, new.login)
    values = {**msgspec.structs.asdict(new), "password_hash": (hashing or passwords.hash_password)(new.password)}
    with conn.transaction():
        row = conn.execute(
            """
            INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)
            VALUES (%(login)s, %(password_hash)s, %(name_zh)s, %(name_en)s, %(role)s, %(area)s::ltree, %(language)s)
            ON CONFLICT (login) DO NOTHING RETURNING id
            """,
            values,
        ).fetchone()
    if row is None:
        raise ExistsError(
            en=f"account {new.login} exists already; choose another login, or change the one that is there",
            zh=f"账号 {new.login} 已存在，请换一个登录名",
            field="login",
        )
    return int(row[0])


def add_family_member(conn: Connection[Any], new: NewFamilyMember) -> None:
    """Let a family account see a resident who agreed to it at ``consent_at``; repeating it changes nothing."""
    account = conn.execute("SELECT id, role FROM account WHERE login = %s", (new.login,)).fetchone()
    if account is None or account[1] != "family":
        raise ProvisioningError(
            en=f"family: {new.login!r} is not the login of a family account; add one first",
            zh=f"家属：{new.login} 不是家属账号的登录名，请先添加该账号",
        )
    resident_id = _resident_id(conn, new.resident)
    with conn.transaction():
        conn.execute(
            """
            INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)
            VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
            """,
            (account[0], resident_id, new.relation_zh, new.relation_en, new.consent_at),
        )


def _value(conn: Connection[Any], query: LiteralString, value: Any) -> Any:
    row = conn.execute(query, (value,)).fetchone()
    return None if row is None else row[0]


def _area_id(conn: Connection[Any], path: str) -> int:
    found = _value(conn, "SELECT id FROM area WHERE path = %s::ltree", path)
    if found is None:
        raise ProvisioningError(en=f"there is no area {path!r}; add it first", zh=f"没有区域 {path}，请先添加")
    return int(found)


def _resident_id(conn: Connection[Any], code: str) -> int:
    found = _value(conn, "SELECT id FROM resident WHERE code = %s", code)
    if found is None:
        raise ProvisioningError(en=f"there is no resident {code!r}; add them first", zh=f"没有老人 {code}，请先添加")
    return int(found)
