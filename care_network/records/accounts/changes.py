"""Change accounts as an administrator: name, role, area, a family's consents; and tell what a change would do."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access import accounts, sessions
from care_network.access.permissions import ROLES_ZH, WITHOUT_AREA, Role, audit, in_area
from care_network.access.visible import may_see
from care_network.errors import (
    ChangedMeanwhileError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.records.account_records import Admin, KeptAccount, keep_an_administrator, kept
from care_network.records.provisioning import add_family_member
from care_network.records.records import NewAccount, NewFamilyMember, parse

STAFF_ROLES = tuple(role for role in Role if role not in (*WITHOUT_AREA, Role.PANEL, Role.MACHINE))
"""Roles that an account of the staff can be given."""


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """An account's name, role and area as they shall be; ``version``: the one that the form was made on."""

    version: int
    name_zh: str
    name_en: str
    role: str
    area: str | None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """The effect on people of a change of role or area, or of the end of an account."""

    sessions: int
    """Open ones, which end."""
    residents: int
    """Whom the account sees now."""
    residents_then: int | None = None
    """Whom it sees then; None: not asked."""


def change(conn: Connection[Any], admin: Admin, login: str, new: AccountChange) -> int:
    """Change an account; where its role or area changes, its sessions end. Returns how many ended.

    Raises NotFoundError, MalformedError and ProvisioningError with the wrong field, NotPermittedError for a role or an
    area beyond the administrator's own, for one's own role and area, and for the last administrator;
    ChangedMeanwhileError where somebody else was first.
    """
    with conn.transaction():
        accounts.lock_all(conn)
        before = kept(conn, admin, login)
        judge(conn, admin, before, new)
        moved = (before.role, before.area_path) != (new.role, new.area)
        if moved:
            keep_an_administrator(conn, before)
        conn.execute(
            """
            UPDATE account SET name_zh = %s, name_en = %s, role = %s, area_path = %s::ltree, version = version + 1
            WHERE id = %s
            """,
            (new.name_zh, new.name_en, new.role, new.area, before.id),
        )
        ended = sessions.revoke_all(conn, before.id, admin.at) if moved else 0
        pairs = {
            "name_zh": (before.name_zh, new.name_zh), "name_en": (before.name_en, new.name_en),
            "role": (before.role, new.role), "area": (before.area_path, new.area),
        }  # fmt: skip
        changed = {name: list(pair) for name, pair in pairs.items() if pair[0] != pair[1]}
        audit(
            conn, admin.account, "change_account", at=admin.at, origin=admin.origin,
            detail={"login": before.login, "changed": changed, "sessions": ended},
        )  # fmt: skip
    return ended


def judge(conn: Connection[Any], admin: Admin, before: KeptAccount, new: AccountChange) -> None:
    """Refuse a change that breaks a rule, before it is asked whether it is meant. Raises as :func:`change`."""
    if before.version != new.version:
        raise ChangedMeanwhileError(
            en=f"somebody has changed {before.login} meanwhile: {before.name_en}, {before.role}, {before.area_path}",
            zh=f"其他人刚修改过账号 {before.login}：现为 {before.name_zh}、"
            f"{ROLES_ZH[Role(before.role)]}、{before.area_path or '—'}",
        )
    fields = {"login": before.login, "password": "", **{k: getattr(new, k) for k in ("name_zh", "name_en")}}
    try:
        parse(NewAccount, {**fields, "role": new.role, "area": new.area})
    except MalformedError as error:
        raise ProvisioningError(
            en=f"{error.field}: this cannot be used", zh=f"{error.field} 的内容不能使用", field=error.field
        ) from error
    if before.id == admin.account.id and (before.role, before.area_path) != (new.role, new.area):
        raise NotPermittedError(
            en="another administrator has to change your own role and area", zh="自己的角色和区域须由另一名管理员修改"
        )
    if (new.role in WITHOUT_AREA or before.role in WITHOUT_AREA) and new.role != before.role:
        raise ProvisioningError(
            en="an account of the family, of a provider or of the staff stays one: add another account",
            zh="家属、服务机构人员与工作人员的账号不能互换，请另建账号",
            field="role",
        )
    if new.role in WITHOUT_AREA:
        if new.area is not None:
            raise ProvisioningError(
                en="family and people of providers have no area", zh="家属和服务机构人员不填区域", field="area"
            )
        return
    may_give(admin, new.role)
    if new.area is None:
        raise ProvisioningError(en="staff need an area", zh="工作人员须有管辖区域", field="area")
    if not in_area(admin.account, new.area):
        raise NotPermittedError(
            en=f"{new.area} is not below your area {admin.account.area_path}",
            zh=f"{new.area} 不在您的管辖区域 {admin.account.area_path} 内",
        )
    if conn.execute("SELECT FROM area WHERE path = %s::ltree", (new.area,)).fetchone() is None:
        raise ProvisioningError(en=f"there is no area {new.area!r}", zh=f"没有区域 {new.area}", field="area")


def may_give(admin: Admin, role: str) -> None:
    """Refuse a role above one's own: an administrator gives every role with a login, anybody else none of them.

    Raises NotPermittedError.
    """
    if Role(admin.account.role) != Role.ADMIN or Role(role) in (Role.PANEL, Role.MACHINE):
        raise NotPermittedError(
            en=f"you cannot give the role {role}", zh=f"您不能授予角色“{ROLES_ZH.get(Role(role), role)}”"
        )


def effect(conn: Connection[Any], admin: Admin, login: str, area: str | None = None) -> Effect:
    """Tell what it would do to end the account, or to move it to ``area``. Raises NotFoundError."""
    one = kept(conn, admin, login)
    return Effect(
        sessions=_open(conn, one, admin.at),
        residents=len(one.residents) if one.role in WITHOUT_AREA else _below(conn, one.area_path),
        residents_then=None if area is None else _below(conn, area),
    )


def give_consent(
    conn: Connection[Any], admin: Admin, login: str, resident: str, relation_zh: str, relation_en: str
) -> None:
    """Let a family account see a resident of the administrator's area who agrees to it now. Raises NotFoundError,
    ProvisioningError."""
    one = kept(conn, admin, login)
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (resident,)).fetchone()
    if row is None or not may_see(conn, admin.account, row[0]):
        raise NotFoundError(
            en=f"there is no resident {resident} in your area",
            zh=f"您的管辖区域内没有老人 {resident}",
            field="resident",
        )
    relation = relation_zh.strip() or relation_en.strip()
    new = parse(
        NewFamilyMember,
        {
            "login": one.login, "resident": resident, "relation_zh": relation,
            "relation_en": relation_en.strip() or relation, "consent_at": admin.at,
        },
    )  # fmt: skip
    with conn.transaction():
        add_family_member(conn, new)
        audit(
            conn, admin.account, "give_consent", at=admin.at, resident_id=row[0], origin=admin.origin,
            detail={"login": one.login},
        )  # fmt: skip


def _open(conn: Connection[Any], one: KeptAccount, now: dt.datetime) -> int:
    row = conn.execute(
        "SELECT count(*) FROM session WHERE account_id = %s AND revoked_at IS NULL AND expires_at > %s"
        " AND last_seen_at > %s",
        (one.id, now, now - sessions.limits_of(one.role).rest),
    ).fetchone()
    return int(row[0]) if row else 0


def _below(conn: Connection[Any], area: str | None) -> int:
    row = conn.execute(
        """
        SELECT count(*) FROM area a JOIN household h ON h.area_id = a.id JOIN resident r ON r.household_id = h.id
        WHERE a.path <@ %s::ltree AND NOT h.synthetic
        """,
        (area,),
    ).fetchone()
    return int(row[0]) if row else 0
