"""Keep residents' identity numbers: encrypted, found by a keyed hash, shown masked, each whole look audited.

:func:`reveal` commits by itself, so that the audit holds before anything is shown: give it a connection that is not in
a transaction. The other functions are part of the caller's.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, may_do, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, ProvisioningError
from care_network.identity.keys import digest
from care_network.identity.numbers import Document, Identity, contradiction
from care_network.medical.keyring import KeyRing, SealedNote

REVEAL, SET = "reveal_identity", "set_identity"
"""Actions in the audit."""
SHORTEST_REASON, LONGEST_REASON = 2, 200


class Kept(msgspec.Struct, frozen=True):
    """A resident's number as it is shown."""

    document: Document
    masked: str
    version: int
    set_at: dt.datetime


def put(
    conn: Connection[Any],
    ring: KeyRing,
    account: Account,
    resident: str,
    identity: Identity,
    version: int,
    *,
    at: dt.datetime,
    origin: str = "",
) -> None:
    """Set a resident's number (by the resident's code). ``version`` 0: there is none yet.

    Raises NotPermittedError, NotFoundError, ChangedMeanwhileError, IdentityError where birth date or sex of the record
    are others, ExistsError where another record has the number.
    """
    require(account, Action.MANAGE_REGISTERS)
    with conn.transaction():
        number = _seen(conn, account, resident)
        row = conn.execute(
            "SELECT r.birth_date, r.sex, coalesce(d.version, 0) FROM resident r"
            " LEFT JOIN identity_document d ON d.resident_id = r.id WHERE r.id = %s FOR NO KEY UPDATE OF r",
            (number,),
        ).fetchone()
        assert row is not None  # noqa: S101 - seen above
        wrong = contradiction(identity, row[0], row[1])
        if wrong is not None:
            raise wrong
        if row[2] != version:
            raise ChangedMeanwhileError(
                en=f"the identity number of {resident} was changed meanwhile; look again",
                zh=f"{resident} 的证件号码刚被修改，请重新查看",
            )
        store(conn, ring, {number: identity}, account, at)
        detail = {"document": identity.document.value, "version": version + 1}
        audit(conn, account, SET, at=at, resident_id=number, origin=origin, detail=detail)


def store(
    conn: Connection[Any], ring: KeyRing, identities: Mapping[int, Identity], account: Account | None, at: dt.datetime
) -> None:
    """Write numbers by resident; who may was asked before. Raises ExistsError where another record has one of them."""
    rows = []
    for resident, identity in identities.items():
        sealed = ring.seal(identity.number.encode(), about(resident))
        rows.append((
            resident, identity.document.value, *msgspec.structs.astuple(sealed), digest(ring, identity), at,
            account.id if account else None,
        ))  # fmt: skip
    try:
        with conn.transaction(), conn.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO identity_document (resident_id, document, key_id, nonce, ciphertext, digest, set_at, set_by)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (resident_id) DO UPDATE SET document = excluded.document, key_id = excluded.key_id,
                    nonce = excluded.nonce, ciphertext = excluded.ciphertext, digest = excluded.digest,
                    set_at = excluded.set_at, set_by = excluded.set_by, version = identity_document.version + 1
                """,
                rows,
            )
    except UniqueViolation as error:
        raise ExistsError(
            en="another record has this number already, perhaps outside your area: the same person twice, or a mistake",
            zh="已有另一份档案使用此证件号码（可能在您的管辖区域之外）：重复建档或号码有误，请核对",
            field="identity",
        ) from error


def find(conn: Connection[Any], ring: KeyRing, identities: Iterable[Identity]) -> dict[bytes, int]:
    """The residents that have these numbers, by the number's keyed hash, as far as the viewer sees them."""
    digests = [digest(ring, one) for one in identities]
    query = "SELECT digest, resident_id FROM identity_document WHERE digest = ANY(%s)"
    return {bytes(row[0]): row[1] for row in conn.execute(query, (digests,))}


def recorded(conn: Connection[Any], residents: Iterable[int]) -> dict[int, Document]:
    """The documents of residents whose number is recorded; no number is opened."""
    query = "SELECT resident_id, document FROM identity_document WHERE resident_id = ANY(%s)"
    return {row[0]: Document(row[1]) for row in conn.execute(query, (list(residents),))}


def shown(conn: Connection[Any], ring: KeyRing, residents: Iterable[int]) -> dict[int, Kept]:
    """The numbers of residents, masked; those without one are left out. Raises KeyFileError."""
    found = {}
    for resident, document, *sealed, version, set_at in conn.execute(
        "SELECT resident_id, document, key_id, nonce, ciphertext, version, set_at FROM identity_document"
        " WHERE resident_id = ANY(%s)",
        (list(residents),),
    ):
        identity = Identity(Document(document), ring.open(SealedNote(*sealed), about(resident)).decode())
        found[resident] = Kept(identity.document, identity.masked, version, set_at)
    return found


def one(conn: Connection[Any], ring: KeyRing, account: Account, resident: str) -> Kept | None:
    """A resident's number (by the resident's code), masked; None where there is none. Raises NotFoundError."""
    require(account, Action.MANAGE_REGISTERS)
    number = _seen(conn, account, resident)
    return shown(conn, ring, [number]).get(number)


def numbers(conn: Connection[Any], ring: KeyRing, residents: Iterable[int]) -> dict[int, Identity]:
    """The whole numbers of residents, for a report that law or consent asks for: the caller audits what is sent."""
    rows = conn.execute(
        "SELECT resident_id, document, key_id, nonce, ciphertext FROM identity_document WHERE resident_id = ANY(%s)",
        (list(residents),),
    )
    return {row[0]: Identity(Document(row[1]), ring.open(SealedNote(*row[2:]), about(row[0])).decode()) for row in rows}


def reveal(
    conn: Connection[Any],
    ring: KeyRing,
    account: Account,
    resident: str,
    reason: str,
    *,
    at: dt.datetime,
    origin: str = "",
) -> Identity | None:
    """Show a resident's number whole; None where there is none. The look, also a refused one, is audited before.

    Raises NotPermittedError, NotFoundError out of the account's area, ProvisioningError without a reason, KeyFileError.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError(
            "looks at identity numbers commit their own transactions: give a connection that is not in one"
        )
    reason = clean(reason)[:LONGEST_REASON]
    allowed = may_do(account, Action.MANAGE_REGISTERS)
    if allowed and len(reason) < SHORTEST_REASON:
        raise ProvisioningError(
            en="say what you need the whole number for", zh="请填写查看完整号码的事由", field="reason"
        )
    row = conn.execute("SELECT resident_number(%s)", (resident,)).fetchone()  # seen or not: a refusal is audited
    number = None if row is None else row[0]
    refused = "" if allowed else "role"
    if not refused and (number is None or not may_see(conn, account, number)):
        refused = "scope"
    detail = {"reason": reason} | ({"refused": refused} if refused else {})
    audit(conn, account, REVEAL, at=at, resident_id=number, origin=origin, detail=detail)
    require(account, Action.MANAGE_REGISTERS)
    if refused or number is None:
        raise _nobody(resident)
    return numbers(conn, ring, [number]).get(number)


def keys_in_use(conn: Connection[Any]) -> dict[str, int]:
    """Count the numbers by the id of their key."""
    rows = conn.execute("SELECT key_id, count(*) FROM identity_document GROUP BY key_id ORDER BY key_id")
    return dict(rows.fetchall())


def reseal(conn: Connection[Any], ring: KeyRing) -> int:
    """Encrypt all numbers with the newest key; returns how many were under another. Safe to break off and repeat."""
    done = 0
    while True:
        with conn.transaction():
            rows = conn.execute(
                "SELECT resident_id, key_id, nonce, ciphertext FROM identity_document WHERE key_id <> %s"
                " ORDER BY resident_id LIMIT 500 FOR UPDATE",
                (ring.newest,),
            ).fetchall()
            for resident, *sealed in rows:
                fresh = ring.seal(ring.open(SealedNote(*sealed), about(resident)), about(resident))
                conn.execute(
                    "UPDATE identity_document SET key_id = %s, nonce = %s, ciphertext = %s WHERE resident_id = %s",
                    (*msgspec.structs.astuple(fresh), resident),
                )
        if not rows:
            return done
        done += len(rows)


def about(resident: int) -> str:
    """The words that bind a sealed number to its row."""
    return f"resident {resident}"


def _seen(conn: Connection[Any], account: Account, resident: str) -> int:
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (resident,)).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise _nobody(resident)
    return int(row[0])


def _nobody(resident: str) -> NotFoundError:
    return NotFoundError(
        en=f"there is no resident {resident!r} in your area", zh=f"您的管辖区域内没有老人 {resident}", field="resident"
    )
