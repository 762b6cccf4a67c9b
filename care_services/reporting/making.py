"""Make packages, look at them, withdraw them, take in counter-signatures. The content of one never changes."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, in_area, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.medical.keyring import KeyRing
from care_services.reporting import receivers
from care_services.reporting.datasets import Asked, Dataset, Rows, dataset_named, withdrawn
from care_services.reporting.packages import (
    FORMAT,
    SEALED,
    Manifest,
    PackageError,
    counter_signed,
    csv_bytes,
    described,
    packed,
    said,
    sealed_for,
)
from database.rights.checkpoints import public_of
from vocabulary.times import SHANGHAI

LOCK = 26100
"""First half of the advisory lock of whoever sends to a receiver; the second is the receiver."""
WITHDRAWALS = "withdrawals"
MADE, ENDED, COUNTERED, VIEWED = "make_package", "end_package", "counter_sign_package", "view_package"


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package and its way."""

    id: int
    receiver: str
    receiver_zh: str
    receiver_en: str
    number: int
    key: uuid.UUID
    dataset: str
    schema_version: int
    area_path: str
    starts_on: dt.date
    ends_on: dt.date
    sha256: str
    bytes: int
    lines: int
    people: int
    purpose: str
    basis: str
    state: str
    made_at: dt.datetime
    by_zh: str | None
    by_en: str | None
    delivered_at: dt.datetime | None
    counter_signed_at: dt.datetime | None
    ended_for: str
    attempts: int
    last_status: int | None
    last_error: str | None
    last_at: dt.datetime | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver. ``ended_at`` None: on its way, or the platform ended meanwhile."""

    begun_at: dt.datetime
    ended_at: dt.datetime | None
    status: int | None
    outcome: str | None
    error: str


class Made(msgspec.Struct, frozen=True):
    """The package, and whether the newest one of this kind says the very same."""

    id: int
    again: bool


def make(
    conn: Connection[Any],
    account: Account,
    ring: KeyRing | None,
    key: Ed25519PrivateKey,
    receiver_code: str,
    dataset_code: str,
    area: str,
    starts_on: dt.date,
    ends_on: dt.date,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Made:
    """Make a package and put it at the end of its receiver's queue. Saying the same twice makes one package.

    Raises NotPermittedError, NotFoundError, ProvisioningError with the field.
    """
    require(account, Action.REPORT_UP)
    dataset, receiver = dataset_named(dataset_code), receivers.one(conn, account, receiver_code)
    if not in_area(account, area):
        raise NotPermittedError(en=f"{area} is not in your area", zh=f"{area} 不在您的管辖区域内", field="area")
    if starts_on > ends_on or starts_on > at.astimezone(SHANGHAI).date():
        raise ProvisioningError(en="the period ends before it begins, or lies in the future",
                                zh="起止日期颠倒，或在将来", field="starts_on")  # fmt: skip
    check_receiver(dataset, receiver)
    with conn.transaction():
        conn.execute("SELECT FROM report_receiver WHERE id = %s FOR UPDATE", (receiver.id,))
        asked = Asked(receiver_id=receiver.id, area=area, starts_on=starts_on, ends_on=ends_on)
        told: set[int] = set()
        clear, lines = csv_bytes(dataset.columns, _noting(dataset.rows(conn, ring, asked), told))
        if dataset.code == WITHDRAWALS and not lines:
            raise ProvisioningError(
                en="there is no withdrawal of which the receiver does not know", zh="没有需要通知该接收方的撤回",
                field="dataset",
            )  # fmt: skip
        name = f"{dataset.code}.csv"
        content = said({name: clear})
        there = conn.execute(
            "SELECT id, said FROM report_package WHERE receiver_id = %s AND dataset = %s AND schema_version = %s"
            " AND area_path = %s::text::ltree AND starts_on = %s AND ends_on = %s AND state <> 'withdrawn'"
            " ORDER BY number DESC LIMIT 1",
            (receiver.id, dataset.code, dataset.version, area, starts_on, ends_on),
        ).fetchone()
        if there is not None and there[1] == content:
            return Made(there[0], again=True)
        newest = conn.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM report_package WHERE receiver_id = %s", (receiver.id,)
        ).fetchone()
        assert newest is not None  # noqa: S101 - an aggregate
        people = sorted(told)
        data = sealed_for(clear, receiver.seal_key) if dataset.people else clear
        name += SEALED if dataset.people else ""
        manifest = Manifest(
            format=FORMAT, dataset=dataset.code, schema_version=dataset.version, from_=public_of(key), to=receiver.code,
            number=newest[0], key=str(uuid.uuid4()), area=area, starts_on=starts_on, ends_on=ends_on, made_at=at,
            purpose=dataset.purpose_zh, basis=dataset.basis, people=len(people),
            files=(described(name, dataset.columns, data, lines),),
        )  # fmt: skip
        package, text = packed(manifest, {name: data}, key)
        number = _insert(conn, account, receiver.id, manifest, package, text, content, lines)
        # Not by COPY: PostgreSQL refuses it where rows have a policy.
        conn.execute(
            "INSERT INTO report_person (package_id, resident_id) SELECT %s, unnest(%s::integer[])", (number, people)
        )
        detail = {
            "receiver": receiver.code, "package": number, "dataset": dataset.code, "people": len(people),
            "basis": dataset.basis,
        }  # fmt: skip
        audit(conn, account, MADE, at=at, origin=origin, detail=detail)
    return Made(number, again=False)


def _noting(rows: Rows, told: set[int]) -> Iterator[Sequence[Any]]:
    """The rows alone; whom they tell of goes into ``told``."""
    for resident, row in rows:
        if resident is not None:
            told.add(resident)
        yield row


def check_receiver(dataset: Dataset, receiver: receivers.Receiver) -> None:
    """Refuse a receiver that cannot get a set of data. Raises ProvisioningError."""
    if dataset.people and not receiver.seal_key:
        raise ProvisioningError(
            en="this set tells of people: give the receiver a key for sealing first, so that nobody else can open it",
            zh="该数据集含个人信息：请先登记接收方的加密公钥，仅接收方可解密", field="dataset",
        )  # fmt: skip
    if dataset.basis == "consent" and receiver.login is None:
        raise ProvisioningError(
            en="name the receiver's system to which residents agree", zh="请先为接收方指定老人同意所对应的外部系统",
            field="dataset",
        )  # fmt: skip


def _insert(
    conn: Connection[Any], account: Account, receiver: int, manifest: Manifest, package: bytes, text: str, content: str,
    lines: int,
) -> int:  # fmt: skip
    row = conn.execute(
        "INSERT INTO report_package (receiver_id, number, key, dataset, schema_version, area_path, starts_on, ends_on,"
        " manifest, sha256, said, content, lines, people, purpose, basis, made_at, made_by)"
        " VALUES (%s, %s, %s, %s, %s, %s::text::ltree, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
        " %s, %s) RETURNING id",
        (
            receiver, manifest.number, manifest.key, manifest.dataset, manifest.schema_version, manifest.area,
            manifest.starts_on, manifest.ends_on, text, hashlib.sha256(package).hexdigest(), content, package, lines,
            manifest.people, manifest.purpose, manifest.basis, manifest.made_at, account.id,
        ),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    return int(row[0])


_LISTING = """
    SELECT k.id, r.code AS receiver, r.name_zh AS receiver_zh, r.name_en AS receiver_en, k.number, k.key, k.dataset,
           k.schema_version, k.area_path::text AS area_path, k.starts_on, k.ends_on, k.sha256,
           octet_length(k.content) AS bytes, k.lines, k.people, k.purpose, k.basis, k.state, k.made_at,
           a.name_zh AS by_zh, a.name_en AS by_en, k.delivered_at, k.counter_signed_at, k.ended_for,
           (SELECT count(*) FROM report_attempt t WHERE t.package_id = k.id) AS attempts,
           t.status AS last_status, t.error AS last_error, t.begun_at AS last_at
    FROM report_package k JOIN report_receiver r ON r.id = k.receiver_id LEFT JOIN account a ON a.id = k.made_by
    LEFT JOIN LATERAL (SELECT status, error, begun_at FROM report_attempt t WHERE t.package_id = k.id
                       ORDER BY t.id DESC LIMIT 1) t ON true
"""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A question to the log; what is empty asks nothing. ``resident``: a code, for packages that tell of the person."""

    receiver: str = ""
    dataset: str = ""
    state: str = ""
    basis: str = ""
    since: dt.date | None = None
    """Made from this day on, until that day, in Shanghai."""
    until: dt.date | None = None
    resident: str = ""


EVERYTHING = Asking()
_ANSWERS = """
    WHERE k.area_path <@ %(area)s::text::ltree AND (%(before)s = 0 OR k.id < %(before)s)
      AND (%(receiver)s = '' OR r.code = %(receiver)s) AND (%(dataset)s = '' OR k.dataset = %(dataset)s)
      AND (%(state)s = '' OR k.state = %(state)s) AND (%(basis)s = '' OR k.basis = %(basis)s)
      AND (%(since)s::date IS NULL OR k.made_at >= %(since)s::date::timestamp AT TIME ZONE 'Asia/Shanghai')
      AND (%(until)s::date IS NULL OR k.made_at < (%(until)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
      AND (%(person)s::int IS NULL OR EXISTS (
           SELECT FROM report_person p WHERE p.package_id = k.id AND p.resident_id = %(person)s))
    ORDER BY k.id DESC LIMIT %(limit)s
"""


def log(
    conn: Connection[Any],
    account: Account,
    asking: Asking = EVERYTHING,
    *,
    before: int = 0,
    limit: int = 50,
    at: dt.datetime | None = None,
    origin: str = "",
) -> list[Package]:
    """Packages of the account's area, the newest first, from below the number ``before``.

    A question about a person is in the audit (``at`` is needed). Raises NotFoundError for nobody of the area.
    """
    require(account, Action.REPORT_UP)
    person = None
    if asking.resident:
        row = conn.execute("SELECT id FROM resident WHERE code = %s", (clean(asking.resident),)).fetchone()
        if row is None or at is None or not may_see(conn, account, row[0]):
            raise NotFoundError(
                en=f"there is no resident {asking.resident!r} in your area",
                zh=f"您的管辖区域内没有老人 {asking.resident}", field="resident",
            )  # fmt: skip
        person = row[0]
        audit(conn, account, "view_reports_about", at=at, resident_id=person, origin=origin, detail={})
    asked = {**msgspec.structs.asdict(asking), "area": account.area_path, "before": before, "limit": limit}
    with conn.cursor(row_factory=class_row(Package)) as cursor:
        return cursor.execute(_LISTING + _ANSWERS, {**asked, "person": person}).fetchall()


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A consent on which a package that told of somebody was grounded, and whether it is in force."""

    login: str
    purpose: str
    given_at: dt.datetime
    withdrawn_at: dt.datetime | None


def consents(conn: Connection[Any], account: Account, number: int, resident: str) -> list[Consent]:
    """The consents of a resident (code) to be known to the receiver of a package, the newest first."""
    one(conn, account, number)
    with conn.cursor(row_factory=class_row(Consent)) as cursor:
        return cursor.execute(
            """
            SELECT a.login, c.purpose, c.given_at, c.withdrawn_at FROM report_package k
            JOIN report_receiver x ON x.id = k.receiver_id JOIN account a ON a.id = x.account_id
            JOIN report_person p ON p.package_id = k.id JOIN resident r ON r.id = p.resident_id AND r.code = %s
            JOIN exchange_consent c ON c.account_id = x.account_id AND c.resident_id = r.id
            WHERE k.id = %s ORDER BY c.id DESC
            """,
            (clean(resident), number),
        ).fetchall()


def one(conn: Connection[Any], account: Account, number: int) -> Package:
    """A package of the account's area. Raises NotFoundError."""
    require(account, Action.REPORT_UP)
    with conn.cursor(row_factory=class_row(Package)) as cursor:
        found = cursor.execute(
            _LISTING + " WHERE k.area_path <@ %s::text::ltree AND k.id = %s", (account.area_path, number)
        ).fetchone()
    if found is None:
        raise NotFoundError(en=f"there is no package {number} in your area", zh=f"您的管辖区域内没有数据包 {number}")
    return found


def attempts(conn: Connection[Any], number: int) -> list[Attempt]:
    """The attempts to deliver a package, the newest first, 50 at most."""
    with conn.cursor(row_factory=class_row(Attempt)) as cursor:
        return cursor.execute(
            "SELECT begun_at, ended_at, status, outcome, error FROM report_attempt WHERE package_id = %s"
            " ORDER BY id DESC LIMIT 50",
            (number,),
        ).fetchall()


def content(conn: Connection[Any], account: Account, number: int, *, at: dt.datetime, origin: str = "") -> bytes:
    """The bytes of a package, to be carried by hand. Audited.

    Raises ChangedMeanwhileError where somebody in it has taken the consent back since.
    """
    found = one(conn, account, number)
    _refuse_withdrawn(conn, found)
    row = conn.execute("SELECT content FROM report_package WHERE id = %s", (number,)).fetchone()
    assert row is not None  # noqa: S101 - found
    audit(conn, account, VIEWED, at=at, origin=origin, detail={"package": number, "people": found.people})
    return bytes(row[0])


def withdraw(
    conn: Connection[Any], account: Account, number: int, reason: str, *, at: dt.datetime, origin: str = ""
) -> None:
    """Take a package out of the queue before it is delivered; those behind it go on. Raises ProvisioningError."""
    _end(conn, account, number, "withdrawn", reason, at, origin)


def handed_over(
    conn: Connection[Any], account: Account, number: int, reason: str, *, at: dt.datetime, origin: str = ""
) -> None:
    """Write down that a package was carried to its receiver by hand, to whom and how."""
    _refuse_withdrawn(conn, one(conn, account, number))
    _end(conn, account, number, "delivered", reason, at, origin)


def _refuse_withdrawn(conn: Connection[Any], package: Package) -> None:
    gone = withdrawn(conn, package.id) if package.basis == "consent" else 0
    if gone:
        raise ChangedMeanwhileError(
            en=f"consent was taken back by {gone} in it since: withdraw this package and make it anew",
            zh=f"生成后有 {gone} 人撤回同意，不能再交出此数据包，请撤回并重新生成",
        )


def _end(
    conn: Connection[Any], account: Account, number: int, state: str, reason: str, at: dt.datetime, origin: str
) -> None:
    one(conn, account, number)
    reason = clean(reason)[:200]
    if not reason:
        raise ProvisioningError(en="say why", zh="请填写说明", field="reason")
    with conn.transaction():
        free = conn.execute(
            "SELECT pg_try_advisory_xact_lock(%s, receiver_id) FROM report_package WHERE id = %s", (LOCK, number)
        ).fetchone()
        if free is None or not free[0]:
            raise ChangedMeanwhileError(
                en="it is being sent at this moment: look again in half a minute", zh="正在发送中，请半分钟后再看"
            )
        done = conn.execute(
            "UPDATE report_package SET state = %s, delivered_at = %s, ended_by = %s, ended_for = %s"
            " WHERE id = %s AND state = 'waiting'",
            (state, at if state == "delivered" else None, account.id, reason, number),
        ).rowcount
        if not done:
            raise ProvisioningError(en="this package does not wait any more", zh="该数据包已不在等待中")
        audit(conn, account, ENDED, at=at, origin=origin, detail={"package": number, "as": state, "reason": reason})


def take_counter_signature(
    conn: Connection[Any], account: Account, number: int, text: bytes, *, at: dt.datetime, origin: str = ""
) -> None:
    """Take in a counter-signature that came by hand, where it is one of this package. Raises PackageError."""
    found = one(conn, account, number)
    receiver = receivers.one(conn, account, found.receiver)
    if not receiver.signing_key:
        raise PackageError(
            en="the receiver has no key for counter-signatures yet", zh="尚未登记接收方的会签公钥", field="file"
        )
    with conn.transaction():
        row = conn.execute("SELECT content FROM report_package WHERE id = %s FOR UPDATE", (number,)).fetchone()
        assert row is not None  # noqa: S101 - found
        if not counter_signed(bytes(row[0]), text, receiver.signing_key):
            raise PackageError(
                en="this is not the receiver's counter-signature of this package", zh="这不是该接收方对此数据包的会签",
                field="file",
            )  # fmt: skip
        keep_counter_signature(conn, number, text.decode(), at)
        audit(conn, account, COUNTERED, at=at, origin=origin, detail={"package": number, "receiver": found.receiver})


def keep_counter_signature(conn: Connection[Any], number: int, text: str, at: dt.datetime) -> None:
    """Keep a counter-signature that was verified; the first one stays."""
    conn.execute(
        "UPDATE report_package SET counter_signature = %s, counter_signed_at = %s"
        " WHERE id = %s AND counter_signed_at IS NULL",
        (text, at, number),
    )
