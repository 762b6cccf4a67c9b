"""Passkeys: a key pair of an authenticator in place of password and code (WebAuthn 2, with user verification)."""

import datetime as dt
import hashlib
import secrets
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account, Connect, account_by_id
from care_network.errors import LoginRefusedError, ProvisioningError

CHALLENGE = dt.timedelta(minutes=5)
"""How long a challenge waits for its answer."""
MOST_WAITING = 2000
"""Challenges of logins that wait at one time: whoever asks for more is refused, so that a flood fills no table."""
MOST_EACH = 10
"""Passkeys of an account."""
LONGEST_NAME = 60


class Party(msgspec.Struct, frozen=True):
    """Whom a passkey is for: this console, as browsers know it."""

    host: str
    """The relying party's id: a key that was made for one name works at no other."""
    origin: str
    """Scheme, name and port of the page."""


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an account, without the key."""

    id: int
    name: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None


def of_account(conn: Connection[Any], account_id: int) -> list[Passkey]:
    """The passkeys of an account, the oldest first."""
    with conn.cursor(row_factory=class_row(Passkey)) as cursor:
        return cursor.execute(
            "SELECT id, name, created_at, last_used_at FROM passkey WHERE account_id = %s ORDER BY id", (account_id,)
        ).fetchall()


def offer(conn: Connection[Any], account: Account, party: Party, browser: str, now: dt.datetime) -> str:
    """Options (JSON) with which a browser makes a new passkey; the challenge is bound to the session ``browser``.

    Raises ProvisioningError where the account has MOST_EACH.
    """
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = conn.execute("SELECT credential FROM passkey WHERE account_id = %s", (account.id,)).fetchall()
    if len(known) >= MOST_EACH:
        raise ProvisioningError(
            en=f"an account has {MOST_EACH} passkeys at most: remove one first",
            zh=f"一个账号最多 {MOST_EACH} 个通行密钥，请先移除一个",
        )
    options = generate_registration_options(
        rp_id=party.host,
        rp_name="Shouwang 守望",
        user_id=account.id.to_bytes(8, "big"),
        user_name=account.login,
        user_display_name=account.name_zh,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes(row[0])) for row in known],
    )
    _wait_for(conn, browser, options.challenge, account.id, now)
    return options_to_json(options)


def add(
    connect: Connect,
    account: Account,
    party: Party,
    browser: str,
    answer: str,
    name: str,
    now: dt.datetime,
) -> None:
    """Take the passkey that a browser has made. Raises ProvisioningError for an answer that does not fit the offer."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = _challenge(connect, browser, account.id, now)
    if challenge is None:
        raise ProvisioningError(en="this took too long: begin again", zh="等待时间过长，请重新开始")
    try:
        made = verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=party.host, expected_origin=party.origin,
            require_user_verification=True,
        )  # fmt: skip
    except (WebAuthnException, ValueError) as error:
        raise ProvisioningError(
            en="the passkey was not made: the device has to check that it is you (finger, face or PIN)",
            zh="没有添加成功：设备须验证是您本人（指纹、面容或 PIN）",
        ) from error
    with connect() as conn:
        taken = conn.execute(
            """
            INSERT INTO passkey (account_id, credential, public_key, sign_count, name, created_at)
            VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (credential) DO NOTHING
            """,
            (
                account.id, made.credential_id, made.credential_public_key, made.sign_count,
                name.strip()[:LONGEST_NAME] or "Passkey", now,
            ),
        )  # fmt: skip
    if taken.rowcount != 1:
        raise ProvisioningError(en="this passkey is there already", zh="该通行密钥已存在")


def remove(conn: Connection[Any], account_id: int, number: int) -> str | None:
    """Take a passkey of an account away; returns its name, None where there is none."""
    row = conn.execute(
        "DELETE FROM passkey WHERE account_id = %s AND id = %s RETURNING name", (account_id, number)
    ).fetchone()
    return None if row is None else str(row[0])


def remove_all(conn: Connection[Any], account_id: int) -> None:
    """Take all passkeys of an account away."""
    conn.execute("DELETE FROM passkey WHERE account_id = %s", (account_id,))


def ask(conn: Connection[Any], party: Party, now: dt.datetime) -> tuple[str, str]:
    """Ask whoever logs in for a passkey: options (JSON), and the text that the browser keeps meanwhile.

    Raises LoginRefusedError where MOST_WAITING are asked already.
    """
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    conn.execute("DELETE FROM passkey_challenge WHERE ends_at < %s", (now,))
    row = conn.execute("SELECT count(*) FROM passkey_challenge WHERE account_id IS NULL").fetchone()
    if row and row[0] >= MOST_WAITING:
        raise LoginRefusedError(
            zh="登录请求过多，请改用密码登录。", en="Too many logins at once: use the password.", retry_after_s=60
        )
    options = generate_authentication_options(rp_id=party.host, user_verification=UserVerificationRequirement.REQUIRED)
    browser = secrets.token_urlsafe(32)
    _wait_for(conn, browser, options.challenge, None, now)
    return options_to_json(options), browser


def answered(connect: Connect, party: Party, browser: str, answer: str, now: dt.datetime) -> Account:
    """Find the active account whose passkey has signed the challenge of ``browser``, which is good once.

    Raises LoginRefusedError; the texts do not tell what did not fit.
    """
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers import parse_authentication_credential_json
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = _challenge(connect, browser, None, now)
    if challenge is None:
        raise _refused()
    with connect() as conn, conn.transaction():
        try:
            credential = parse_authentication_credential_json(answer)
            kept = conn.execute(
                """
                SELECT k.id, k.account_id, k.public_key, k.sign_count FROM passkey k
                JOIN account a ON a.id = k.account_id WHERE k.credential = %s AND a.active FOR UPDATE OF k
                """,
                (base64url_to_bytes(credential.id),),
            ).fetchone()
            if kept is None:
                raise _refused()
            checked = verify_authentication_response(
                credential=credential, expected_challenge=challenge, expected_rp_id=party.host,
                expected_origin=party.origin, credential_public_key=bytes(kept[2]),
                credential_current_sign_count=kept[3], require_user_verification=True,
            )  # fmt: skip
        except (WebAuthnException, ValueError) as error:
            raise _refused() from error
        conn.execute(
            "UPDATE passkey SET sign_count = %s, last_used_at = %s WHERE id = %s",
            (checked.new_sign_count, now, kept[0]),
        )
        account = account_by_id(conn, kept[1])
    if account is None:
        raise _refused()
    return account


def _refused() -> LoginRefusedError:
    return LoginRefusedError(
        zh="通行密钥未通过，请再试一次，或用密码登录。",
        en="The passkey was not accepted: try again, or use the password.",
    )


def _wait_for(conn: Connection[Any], browser: str, challenge: bytes, account_id: int | None, now: dt.datetime) -> None:
    conn.execute(
        """
        INSERT INTO passkey_challenge (browser, challenge, account_id, ends_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (browser) DO UPDATE
            SET challenge = EXCLUDED.challenge, account_id = EXCLUDED.account_id, ends_at = EXCLUDED.ends_at
        """,
        (_hash(browser), challenge, account_id, now + CHALLENGE),
    )


def _challenge(connect: Connect, browser: str, account_id: int | None, now: dt.datetime) -> bytes | None:
    """Take the challenge that a browser was given: it is gone from now on, whatever comes of it."""
    with connect() as conn:
        row = conn.execute(
            "DELETE FROM passkey_challenge WHERE browser = %s RETURNING challenge, account_id, ends_at",
            (_hash(browser),),
        ).fetchone()
    if row is None or row[1] != account_id or row[2] <= now:
        return None
    return bytes(row[0])


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode(errors="replace")).digest()
