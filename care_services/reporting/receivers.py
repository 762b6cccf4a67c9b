"""Receivers of packages: the platforms above and beside, their addresses and keys."""

import datetime as dt
from typing import Any

import msgspec
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, covers_every_home, require
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_services.core.calls import checked_address

SET_RECEIVER = "set_receiver"


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A platform above or beside, and how its queue stands."""

    id: int
    code: str
    name_zh: str
    name_en: str
    url: str
    """'': packages are carried there by hand."""
    signing_key: str
    receipt: bool
    """A package counts as delivered only with the counter-signature in the answer."""
    seal_key: str
    login: str | None
    """Of the other system to which residents agree, where consent is the ground."""
    active: bool
    next_at: dt.datetime | None
    """Not before; None: at once."""
    failures: int
    held_at: dt.datetime | None
    held_for: str
    version: int
    alarm_days: int
    """Days without taking anything after which an alert is opened."""
    waiting: int
    delivered: int
    delivered_at: dt.datetime | None
    """The newest."""


class ReceiverFields(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver as a form or a command writes it."""

    code: str
    name_zh: str
    name_en: str
    url: str = ""
    signing_key: str = ""
    receipt: bool = False
    seal_key: str = ""
    login: str = ""
    active: bool = True
    alarm_days: int = 3


_LISTING = """
    SELECT r.id, r.code, r.name_zh, r.name_en, r.url, r.signing_key, r.receipt, r.seal_key, a.login, r.active,
           nullif(r.next_at, '-infinity') AS next_at, r.failures, r.held_at, r.held_for, r.version, r.alarm_days,
           coalesce(w.waiting, 0) AS waiting, coalesce(w.delivered, 0) AS delivered, w.delivered_at
    FROM report_receiver r LEFT JOIN account a ON a.id = r.account_id
    LEFT JOIN (SELECT receiver_id, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                      count(*) FILTER (WHERE state = 'delivered') AS delivered, max(delivered_at) AS delivered_at
               FROM report_package GROUP BY receiver_id) w ON w.receiver_id = r.id
"""


def listing(conn: Connection[Any], account: Account) -> list[Receiver]:
    """All receivers, by code."""
    require(account, Action.REPORT_UP)
    with conn.cursor(row_factory=class_row(Receiver)) as cursor:
        return cursor.execute(_LISTING + " ORDER BY r.code").fetchall()


def one(conn: Connection[Any], account: Account, code: str) -> Receiver:
    """A receiver by its code. Raises NotFoundError."""
    require(account, Action.REPORT_UP)
    with conn.cursor(row_factory=class_row(Receiver)) as cursor:
        found = cursor.execute(_LISTING + " WHERE r.code = %s", (clean(code),)).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no receiver {code!r}", zh=f"没有接收方 {code}", field="receiver")
    return found


def save(
    conn: Connection[Any], account: Account, fields: ReceiverFields, version: int, *, at: dt.datetime, origin: str
) -> None:
    """Add a receiver (``version`` 0) or change it as it was at ``version``. Raises ProvisioningError with the field."""
    of_the_district(conn, account)
    fields = _checked(fields)
    values = {
        **msgspec.structs.asdict(fields), "at": at, "by": account.id, "version": version,
        "account": _machine(conn, account, fields.login) if fields.login else None,
    }  # fmt: skip
    with conn.transaction():
        if version:
            done = conn.execute(
                "UPDATE report_receiver SET name_zh = %(name_zh)s, name_en = %(name_en)s, url = %(url)s,"
                " signing_key = %(signing_key)s, receipt = %(receipt)s, seal_key = %(seal_key)s,"
                " account_id = %(account)s, active = %(active)s,"
                " alarm_days = %(alarm_days)s, version = version + 1 WHERE code = %(code)s AND version = %(version)s",
                values,
            ).rowcount
            if not done:
                one(conn, account, fields.code)
                raise ChangedMeanwhileError(
                    en="somebody else changed this receiver meanwhile: look again", zh="接收方刚被他人修改，请重新查看"
                )
        else:
            try:
                with conn.transaction():
                    conn.execute(
                        "INSERT INTO report_receiver (code, name_zh, name_en, url, signing_key, receipt, seal_key,"
                        " account_id, active, alarm_days, added_at, added_by)"
                        " VALUES (%(code)s, %(name_zh)s, %(name_en)s, %(url)s,"
                        " %(signing_key)s, %(receipt)s, %(seal_key)s, %(account)s, %(active)s,"
                        " %(alarm_days)s, %(at)s, %(by)s)",
                        values,
                    )
            except UniqueViolation as error:
                raise ExistsError(
                    en=f"there is a receiver {fields.code!r} already", zh=f"已有接收方 {fields.code}", field="code"
                ) from error
        detail = {"receiver": fields.code, "url": fields.url, "active": fields.active}
        audit(conn, account, SET_RECEIVER, at=at, origin=origin, detail=detail)


def of_the_district(conn: Connection[Any], account: Account) -> None:
    """Refuse an account that does not answer for the whole district: a receiver gets packages of all streets."""
    require(account, Action.REPORT_UP)
    if not covers_every_home(conn, account):
        raise NotPermittedError(
            en="receivers are the whole district's: ask an account of the district",
            zh="接收方由全区统一设置，请联系区级账号",
        )


def _checked(fields: ReceiverFields) -> ReceiverFields:
    fields = msgspec.structs.replace(
        fields,
        **{name: clean(value) for name, value in msgspec.structs.asdict(fields).items() if isinstance(value, str)},
    )
    if not fields.code.replace("-", "").isalnum() or not fields.code.isascii() or len(fields.code) > 40:
        raise ProvisioningError(
            en="a code has letters, digits and hyphens, 40 at most", zh="编号用字母、数字和连字符，最多 40 位",
            field="code",
        )  # fmt: skip
    for name in ("name_zh", "name_en"):
        if not 0 < len(getattr(fields, name)) <= 80:
            raise ProvisioningError(
                en="give it a name of 80 characters at most", zh="请填写名称（最多 80 字）", field=name
            )
    if not 1 <= fields.alarm_days <= 90:
        raise ProvisioningError(en="from 1 to 90 days", zh="填写 1 至 90 天", field="alarm_days")
    if fields.url:
        checked_address(fields.url)
    if fields.signing_key:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields.signing_key))
        except ValueError:
            raise ProvisioningError(
                en="the key of counter-signatures has 64 hexadecimal digits (Ed25519)",
                zh="会签公钥应为 64 位十六进制数（Ed25519）", field="signing_key",
            ) from None  # fmt: skip
    if fields.receipt and not fields.signing_key:
        raise ProvisioningError(
            en="a receipt is verified by the key of counter-signatures: give it first",
            zh="核验回执需要会签公钥，请先填写", field="signing_key",
        )  # fmt: skip
    if fields.seal_key:
        try:
            pyrage.x25519.Recipient.from_str(fields.seal_key)
        except pyrage.RecipientError:
            raise ProvisioningError(
                en="this is no public key of age (age1…)", zh="不是有效的 age 公钥（age1…）", field="seal_key"
            ) from None
    return fields


def _machine(conn: Connection[Any], account: Account, login: str) -> int:
    row = conn.execute(
        "SELECT id FROM account WHERE login = %s AND role = 'machine' AND area_path <@ %s::text::ltree",
        (login.lower(), account.area_path),
    ).fetchone()
    if row is None:
        raise NotFoundError(
            en=f"there is no other system {login!r} in your area", zh=f"您的管辖范围内没有外部系统 {login}",
            field="login",
        )  # fmt: skip
    return int(row[0])
