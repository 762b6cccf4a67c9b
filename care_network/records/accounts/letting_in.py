"""Let a colleague in who has no second factor at hand: a code good for minutes, by the lead of the desk.

So a lost telephone, or a district that has just begun to ask for an app, keeps nobody from the alerts. The colleague
still needs the password; the code is in the audit under the lead's name, and told to the colleague.
"""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access import news, recovery_codes
from care_network.access.accounts import Account, account_by_login
from care_network.access.permissions import Action, Role, audit, require
from care_network.errors import ProvisioningError
from vocabulary.area_path import within

GOOD_FOR = dt.timedelta(minutes=15)
MOST = 6
"""Codes of one person in an hour."""


def let_in(conn: Connection[Any], account: Account, login: str, now: dt.datetime, origin: str) -> str:
    """Make the code by which ``login`` gets in once, beside the password; it is shown this once.

    Raises NotPermittedError; ProvisioningError where there is no such colleague in the account's area, for
    administrators (another administrator resets theirs), for oneself, and after MOST codes in an hour.
    """
    require(account, Action.LET_IN)
    kept = account_by_login(conn, login)
    if (
        kept is None
        or kept.role in (Role.FAMILY, Role.MACHINE)
        or kept.area_path is None
        or account.area_path is None
        or not within(kept.area_path, account.area_path)
    ):
        raise ProvisioningError(
            en="there is no colleague of that login in your area", zh="您的管辖区域内没有这个账号", field="login"
        )
    if kept.id == account.id or kept.role == Role.ADMIN:
        raise ProvisioningError(
            en="not for yourself, and not for an administrator: another administrator resets their second factor",
            zh="不能为自己或管理员开临时码：请由另一名管理员重置其二次验证",
            field="login",
        )
    with conn.transaction():
        conn.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (kept.id,))
        made = conn.execute(
            "SELECT count(*) FROM recovery_code WHERE account_id = %s AND until > %s",
            (kept.id, now - dt.timedelta(hours=1) + GOOD_FOR),
        ).fetchone()
        if made is not None and made[0] >= MOST:
            raise ProvisioningError(
                en=f"{MOST} codes were made for this colleague within an hour: telephone an administrator",
                zh=f"一小时内已为该同事开过 {MOST} 个临时码，请电话联系管理员",
                field="login",
            )
        code = recovery_codes.let_in(conn, kept.id, now + GOOD_FOR)
        audit(conn, account, "let_in", at=now, origin=origin, detail={"login": kept.login})
        news.tell(conn, kept.id, "let_in", now, origin=origin)
    return code
