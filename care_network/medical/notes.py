"""Medical notes for responders: encrypted at rest, shown only during an open alert, each look audited.

:func:`read_note` and :func:`write_note` commit by themselves, so that the audit holds before anything is shown: give
them a connection that is not in a transaction.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import msgspec
import structlog
from psycopg import Connection
from psycopg.pq import TransactionStatus

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.medical.keyring import KeyRing, SealedNote

log = structlog.get_logger(__name__)

_NO_ALERT = "no open alert"
NoteText = Annotated[str, msgspec.Meta(max_length=2000)]


class MedicalNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Free text, in the writer's words."""

    allergies: NoteText = ""
    conditions: NoteText = ""
    medication: NoteText = ""
    key_safe_code: NoteText = ""
    other: NoteText = ""

    def __repr__(self) -> str:
        return "MedicalNote(…)"


class ShownNote(msgspec.Struct, frozen=True):
    """An opened note."""

    note: MedicalNote
    version: int
    updated_at: dt.datetime


def read_note(
    conn: Connection[Any], ring: KeyRing, account: Account, resident: str, *, at: dt.datetime, origin: str = ""
) -> ShownNote | None:
    """Show the note of a resident (code) who has an open alert; None where nobody wrote one.

    An alert of the household that names nobody (smoke, a couple's radar) counts for all who live there; a technical one
    (a dead battery) for nobody. The look, also a refused one, is audited before anything is shown. Raises
    NotPermittedError without the permission or an open alert, NotFoundError out of the account's area, KeyFileError.
    """
    _own_transaction(conn)
    with conn.transaction():
        resident_id = _resident_id(conn, resident)
        refusal = _refusal(conn, account, Action.VIEW_MEDICAL_NOTE, resident_id)
        alerts = [] if refusal else _open_alerts(conn, resident_id)
        if not refusal and not alerts:
            refusal = _NO_ALERT
        detail: dict[str, Any] = {"refused": refusal} if refusal else {"alerts": alerts}
        audit(conn, account, Action.VIEW_MEDICAL_NOTE, at=at, resident_id=resident_id, origin=origin, detail=detail)
        stored = None if refusal else _sealed(conn, resident_id)
    if refusal:
        _refuse(account, Action.VIEW_MEDICAL_NOTE, resident, refusal)
    if stored is None:
        return None
    sealed, version, updated_at = stored
    return ShownNote(_opened(ring, sealed, resident), version, updated_at)


def write_note(
    conn: Connection[Any],
    ring: KeyRing,
    account: Account,
    resident: str,
    fields: Mapping[str, str],
    version: int,
    *,
    at: dt.datetime,
    origin: str = "",
) -> int:
    """Set some fields of a note, leave the others unseen; returns the new version. ``version`` 0: there is none yet.

    Raises ChangedMeanwhileError where it was changed since that version, NotPermittedError, NotFoundError,
    KeyFileError, and ProvisioningError for a field that is not one of :class:`MedicalNote`.
    """
    _own_transaction(conn)
    try:
        msgspec.convert(dict(fields), MedicalNote)
    except msgspec.ValidationError as error:
        raise ProvisioningError(
            en=f"medical note: {error}",
            zh=f"医疗信息只有 {'、'.join(MedicalNote.__struct_fields__)} 这几项，每项最多 2000 字（{error}）",
        ) from error
    with conn.transaction():
        resident_id = _resident_id(conn, resident)
        refusal = _refusal(conn, account, Action.EDIT_MEDICAL_NOTE, resident_id)
        if refusal:
            audit(
                conn, account, Action.EDIT_MEDICAL_NOTE, at=at, resident_id=resident_id, origin=origin,
                detail={"refused": refusal},
            )  # fmt: skip
    if refusal:
        _refuse(account, Action.EDIT_MEDICAL_NOTE, resident, refusal)
    with conn.transaction():
        # One writer at a time for a resident, also for the first note.
        conn.execute("SELECT FROM resident WHERE id = %s FOR NO KEY UPDATE", (resident_id,))
        stored = _sealed(conn, resident_id)
        present = 0 if stored is None else stored[1]
        if present != version:
            raise ChangedMeanwhileError(
                en=f"the medical note of {resident} is at version {present}, you decided on {version}; look again",
                zh=f"{resident} 的医疗信息现为版本 {present}，您依据的是版本 {version}，请重新确认",
            )
        before = MedicalNote() if stored is None else _opened(ring, stored[0], resident)
        plain = msgspec.json.encode(msgspec.structs.replace(before, **fields))
        _store(conn, resident_id, ring.seal(plain, resident), present + 1, at)
        audit(
            conn, account, Action.EDIT_MEDICAL_NOTE, at=at, resident_id=resident_id, origin=origin,
            detail={"fields": sorted(fields), "version": present + 1},
        )  # fmt: skip
    return present + 1


def add_note(conn: Connection[Any], ring: KeyRing, resident: str, note: MedicalNote, at: dt.datetime) -> bool:
    """Add a first note, for provisioning; False where there is one, which stays. Part of the caller's transaction."""
    resident_id = _resident_id(conn, resident)
    if _sealed(conn, resident_id) is not None:
        return False
    _store(conn, resident_id, ring.seal(msgspec.json.encode(note), resident), 1, at)
    return True


def keys_in_use(conn: Connection[Any]) -> dict[str, int]:
    """Count the notes by key id."""
    return dict(conn.execute("SELECT key_id, count(*) FROM medical_note GROUP BY key_id ORDER BY key_id").fetchall())


def reseal(conn: Connection[Any], ring: KeyRing) -> int:
    """Encrypt all notes with the newest key; returns how many were under another one. Safe to break off and repeat.

    Contents and versions stay. Raises KeyFileError, naming the resident, where a note does not open.
    """
    done = 0
    while True:
        with conn.transaction():
            rows = conn.execute(
                "SELECT n.resident_id, r.code, n.key_id, n.nonce, n.ciphertext FROM medical_note n"
                " JOIN resident r ON r.id = n.resident_id WHERE n.key_id <> %s ORDER BY n.resident_id LIMIT 500"
                " FOR UPDATE OF n",
                (ring.newest,),
            ).fetchall()
            for resident_id, code, *sealed in rows:
                fresh = ring.seal(ring.open(SealedNote(*sealed), code), code)
                conn.execute(
                    "UPDATE medical_note SET key_id = %s, nonce = %s, ciphertext = %s WHERE resident_id = %s",
                    (*msgspec.structs.astuple(fresh), resident_id),
                )
        if not rows:
            return done
        done += len(rows)
        log.info("medical notes sealed with the newest key", notes=done)


def _own_transaction(conn: Connection[Any]) -> None:
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise ValueError("medical notes commit their own transactions: give a connection that is not in one")


def _resident_id(conn: Connection[Any], code: str) -> int:
    row = conn.execute("SELECT resident_number(%s)", (code,)).fetchone()  # seen or not: a refusal is audited
    if row is None or row[0] is None:
        raise NotFoundError(en=f"there is no resident {code!r}", zh=f"没有老人 {code}", field="resident")
    return int(row[0])


def _refusal(conn: Connection[Any], account: Account, action: Action, resident_id: int) -> str:
    """The reason in one word, for the audit; '' where the account may."""
    if not may_do(account, action):
        return "role"
    return "" if may_see(conn, account, resident_id) else "scope"


def _refuse(account: Account, action: Action, resident: str, refusal: str) -> NoReturn:
    require(account, action)
    if refusal == _NO_ALERT:
        raise NotPermittedError(
            en=f"{resident} has no open alert: medical notes are shown during an alert only",
            zh=f"{resident} 当前没有未结束的预警，医疗信息仅在预警期间可见",
        )
    raise NotFoundError(en=f"there is no resident {resident!r} in your area", zh=f"您的管辖区域内没有老人 {resident}")


def _open_alerts(conn: Connection[Any], resident_id: int) -> list[str]:
    rows = conn.execute(
        """
        SELECT a.id::text FROM alert a JOIN resident r ON r.id = %s
        WHERE alert_is_open(a.state) AND a.severity <> 'technical'
          AND (a.resident_id = r.id OR (a.resident_id IS NULL AND a.household_id = r.household_id))
        ORDER BY a.onset
        """,
        (resident_id,),
    )
    return [row[0] for row in rows]


def _sealed(conn: Connection[Any], resident_id: int) -> tuple[SealedNote, int, dt.datetime] | None:
    row = conn.execute(
        "SELECT key_id, nonce, ciphertext, version, updated_at FROM medical_note WHERE resident_id = %s", (resident_id,)
    ).fetchone()
    return None if row is None else (SealedNote(*row[:3]), row[3], row[4])


def _opened(ring: KeyRing, sealed: SealedNote, resident: str) -> MedicalNote:
    return msgspec.json.decode(ring.open(sealed, resident), type=MedicalNote)


def _store(conn: Connection[Any], resident_id: int, sealed: SealedNote, version: int, at: dt.datetime) -> None:
    conn.execute(
        """
        INSERT INTO medical_note (resident_id, key_id, nonce, ciphertext, version, updated_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (resident_id) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce,
            ciphertext = excluded.ciphertext, version = excluded.version, updated_at = excluded.updated_at
        """,
        (resident_id, *msgspec.structs.astuple(sealed), version, at),
    )
