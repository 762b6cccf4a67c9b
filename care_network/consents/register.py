"""Give and withdraw consents in one place, wherever the running programs read them; every step is kept.

Consents towards a named recipient stay in the tables that programs read at each use: ``contact`` (ladders, calls,
messages, their links), ``family_member`` (a family's pages), ``exchange_consent`` (tokens, webhooks, exports). Others
stand in the register alone and are asked by :func:`agrees`, :func:`agreed` or, in SQL, ``consents_to``. So a withdrawal
holds from the next request or step on; nothing keeps an answer.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.consents import standing
from care_network.consents.purposes import PURPOSES, Purpose
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.history.changes import act_as

ByWhom = Literal["self", "guardian"]
How = Literal["paper", "page", "telephone", "spoken"]
BY_WHOM: Mapping[str, tuple[str, str]] = {
    "self": ("老人本人", "the resident"), "guardian": ("监护人", "the guardian"),
    "recipient": ("接收人自己", "the recipient"), "unknown": ("未记录", "not recorded"),
}  # fmt: skip
HOW: Mapping[str, tuple[str, str]] = {
    "paper": ("签字纸质表", "signed on paper"), "page": ("在页面上", "on the page"),
    "telephone": ("电话", "by telephone"), "spoken": ("当面口头", "said in person"),
    "unknown": ("未记录", "not recorded"),
}  # fmt: skip
MOST = 400
"""Characters of evidence or of a reason."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The way in which a resident said yes or no."""

    by: str = "self"
    how: str = "paper"
    evidence: str = ""
    """Where it can be looked up: number of a form, of a recording."""
    reason: str = ""
    relation: str = ""
    """Of a family account that is let in: what they are to the resident."""
    purpose: str = ""
    """Towards another system: what it gets the data for."""


def resident_of(conn: Connection[Any], account: Account, code: str) -> int:
    """The number of a resident whose consents the account may handle.

    Raises NotPermittedError, NotFoundError (also for somebody outside the area).
    """
    require(account, Action.GIVE_CONSENTS)
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (clean(code),)).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(
            en=f"there is no resident {code} in your area", zh=f"您的管辖范围内没有老人 {code}", field="resident"
        )
    return int(row[0])


def purpose_of(code: str) -> Purpose:
    """A purpose to which residents say yes or no. Raises NotFoundError for another."""
    found = PURPOSES.get(code)
    if found is None or not found.asked:
        raise NotFoundError(
            en=f"there is no purpose {code!r} that is asked for", zh=f"没有需征得同意的用途 {code}", field="purpose"
        )
    return found


def give(
    conn: Connection[Any], account: Account, resident: str, purpose: str, recipient: str = "", said: Said | None = None,
    *, at: dt.datetime, origin: str,
) -> bool:  # fmt: skip
    """Write down that a resident agrees; False where they agreed before, and nothing is written.

    ``recipient``: the number of a contact, the login of a family account or of another system; empty for a purpose
    without named recipients. Raises NotPermittedError, NotFoundError, ProvisioningError with the wrong field.
    """
    said = _checked(said or Said())
    number, one = resident_of(conn, account, resident), purpose_of(purpose)
    with conn.transaction():
        _tell(conn, account, one, said, origin)
        done = _GIVE[one.kept_in](conn, account, number, one, clean(recipient), said, at)
        if done:
            detail = {"purpose": purpose, "recipient": recipient, "how": said.how, "by": said.by}
            audit(conn, account, "register_consent", at=at, resident_id=number, origin=origin, detail=detail)
    return done


def withdraw(
    conn: Connection[Any], account: Account, resident: str, purpose: str, recipient: str = "", said: Said | None = None,
    *, at: dt.datetime, origin: str,
) -> bool:  # fmt: skip
    """Write down that a resident takes a consent back, or refuses; it holds from now on. False: it was so before.

    Raises as :func:`give`.
    """
    said = _checked(said or Said())
    number, one = resident_of(conn, account, resident), purpose_of(purpose)
    with conn.transaction():
        _tell(conn, account, one, said, origin)
        done = _withdraw(conn, account, number, one, clean(recipient), said, at)
        if done:
            detail = {"purpose": purpose, "recipient": recipient, "how": said.how, "by": said.by}
            audit(conn, account, "register_withdrawal", at=at, resident_id=number, origin=origin, detail=detail)
    return done


def agrees(conn: Connection[Any], resident_id: int, purpose: str) -> bool | None:
    """Whether a resident agrees to a purpose without named recipients; None: was never asked. Ask it at each use."""
    row = conn.execute("SELECT consent_of(%s, %s)", (resident_id, purpose)).fetchone()
    return None if row is None or row[0] is None else bool(row[0])


def agreed(conn: Connection[Any], purpose: str) -> frozenset[int]:
    """Numbers of the residents who agree now to a purpose without named recipients."""
    return frozenset(row[0] for row in conn.execute("SELECT resident_id FROM consents_to(%s)", (purpose,)))


def _checked(said: Said) -> Said:
    said = msgspec.structs.replace(
        said, evidence=clean(said.evidence), reason=clean(said.reason), relation=clean(said.relation),
        purpose=clean(said.purpose),
    )  # fmt: skip
    if said.by not in ("self", "guardian"):
        raise ProvisioningError(en="say who decided", zh="请选择由谁决定", field="by")
    if said.how not in HOW or said.how == "unknown":
        raise ProvisioningError(en="say how it was said", zh="请选择以何种方式表示", field="how")
    for name in ("evidence", "reason"):
        if len(getattr(said, name)) > MOST:
            raise ProvisioningError(en=f"{MOST} characters at most", zh=f"最多 {MOST} 字", field=name)
    if said.by == "guardian" and not said.evidence:
        raise ProvisioningError(
            en="of a guardian: write which paper shows that they are",
            zh="监护人代为决定时，请写明证明材料",
            field="evidence",
        )
    return said


def _tell(conn: Connection[Any], account: Account, purpose: Purpose, said: Said, origin: str) -> None:
    """Say for the triggers of this transaction how it was said."""
    act_as(conn, account, origin)
    told = {"by": said.by, "how": said.how, "evidence": said.evidence, "reason": said.reason, "words": purpose.version}
    conn.execute("SELECT set_config('shouwang.consent', %s, true)", (msgspec.json.encode(told).decode(),))


def _step(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, said: Said, at: dt.datetime, given: bool
) -> bool:
    conn.execute("SELECT FROM resident WHERE id = %s FOR UPDATE", (number,))  # one step after the other
    row = conn.execute(
        "SELECT given FROM consent_event WHERE resident_id = %s AND purpose = %s AND recipient = '' ORDER BY id DESC"
        " LIMIT 1",
        (number, purpose.code),
    ).fetchone()
    if row is not None and row[0] == given:
        return False
    conn.execute(
        """
        INSERT INTO consent_event (resident_id, purpose, given, at, by_whom, how, evidence, reason, words, account_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            number, purpose.code, given, at, said.by, said.how, said.evidence, said.reason, purpose.version, account.id,
        ),
    )  # fmt: skip
    return True


def _give_contact(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, recipient: str, said: Said, at: dt.datetime
) -> bool:
    contact = _contact(conn, number, recipient)
    done = conn.execute(
        "UPDATE contact SET consent_at = %s, version = version + 1 WHERE id = %s AND coalesce(consent_at > %s, true)",
        (at, contact, at),
    )
    return done.rowcount == 1


def _give_family(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, recipient: str, said: Said, at: dt.datetime
) -> bool:
    row = conn.execute("SELECT id FROM account WHERE login = %s AND role = 'family'", (recipient.lower(),)).fetchone()
    if row is None:
        raise NotFoundError(
            en=f"{recipient!r} is not the login of a family account; an administrator adds it first",
            zh=f"{recipient} 不是家属账号的登录名，请先由管理员添加",
            field="recipient",
        )
    if not said.relation:
        raise ProvisioningError(en="say what they are to the resident", zh="请填写与老人的关系", field="relation")
    done = conn.execute(
        """
        INSERT INTO family_member (account_id, resident_id, relation_zh, relation_en, consent_at)
        VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (row[0], number, said.relation, said.relation, at),
    )
    return done.rowcount == 1


def _give_exchange(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, recipient: str, said: Said, at: dt.datetime
) -> bool:
    if not said.purpose:
        raise ProvisioningError(en="say what for: the purpose is missing", zh="请填写用途", field="purpose")
    done = conn.execute(
        """
        INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at, given_by) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (account_id, resident_id) WHERE withdrawn_at IS NULL DO NOTHING
        """,
        (number, _system(conn, recipient), said.purpose[:200], at, account.id),
    )
    return done.rowcount == 1


def _give_here(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, recipient: str, said: Said, at: dt.datetime
) -> bool:
    return _step(conn, account, number, purpose, said, at, True)


_GIVE = {"contact": _give_contact, "family": _give_family, "exchange": _give_exchange, "register": _give_here}


def _withdraw(
    conn: Connection[Any], account: Account, number: int, purpose: Purpose, recipient: str, said: Said, at: dt.datetime
) -> bool:
    match purpose.kept_in:
        case "contact":
            done = conn.execute(
                "UPDATE contact SET consent_at = NULL, version = version + 1 WHERE id = %s AND consent_at IS NOT NULL",
                (_contact(conn, number, recipient),),
            )
        case "family":
            done = conn.execute(
                "DELETE FROM family_member f USING account a WHERE a.id = f.account_id AND a.login = %s"
                " AND f.resident_id = %s",
                (recipient.lower(), number),
            )
        case "exchange":
            done = conn.execute(
                "UPDATE exchange_consent SET withdrawn_at = greatest(%s, given_at), withdrawn_by = %s"
                " WHERE account_id = %s AND resident_id = %s AND withdrawn_at IS NULL",
                (at, account.id, _system(conn, recipient), number),
            )
        case _:
            return _step(conn, account, number, purpose, said, at, False)
    return done.rowcount > 0


def check_version(conn: Connection[Any], resident_id: int, seen: int) -> None:
    """Refuse a decision that was made on an older state of the register. ``seen``: the newest step on the page.

    Raises ChangedMeanwhileError.
    """
    if standing.newest(conn, resident_id) != seen:
        raise ChangedMeanwhileError(
            en="somebody wrote a consent of this resident down meanwhile: look at the list again, then decide",
            zh="其他人刚登记了这位老人的同意，请先看新的列表，再作决定",
        )


def _contact(conn: Connection[Any], number: int, recipient: str) -> int:
    row = None
    if recipient.isdecimal() and len(recipient) < 10:
        row = conn.execute(
            "SELECT id FROM contact WHERE id = %s AND resident_id = %s FOR UPDATE", (int(recipient), number)
        ).fetchone()
    if row is None:
        raise NotFoundError(en="choose one of the resident's contacts", zh="请选择老人的一位联系人", field="recipient")
    return int(row[0])


def _system(conn: Connection[Any], login: str) -> int:
    row = conn.execute("SELECT id FROM account WHERE login = %s AND role = 'machine'", (login.lower(),)).fetchone()
    if row is None:
        raise NotFoundError(en=f"there is no other system {login!r}", zh=f"没有外部系统 {login}", field="recipient")
    return int(row[0])


def nothing_of(recipient: str) -> NotFoundError:
    """The refusal where nothing is known of a recipient."""
    return NotFoundError(
        en=f"the resident never agreed to {recipient!r}", zh=f"老人没有对 {recipient} 表示过同意", field="recipient"
    )
