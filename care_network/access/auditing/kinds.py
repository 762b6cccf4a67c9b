"""Sort the lines of the audit by kind: looks, changes, steps on alerts, logins, accounts, exports, refusals. Pure."""

from collections.abc import Mapping

import msgspec

Pair = tuple[str, str]

KINDS: Mapping[str, Pair] = {
    "looks": ("查看", "Looks at data"),
    "changes": ("修改", "Changes"),
    "steps": ("人员处置预警", "Steps of people on alerts"),
    "system": ("系统处置预警", "What the system did on alerts"),
    "exports": ("导出", "Exports"),
    "refusals": ("被拒与登录失败", "Refusals and failed logins"),
    "logins": ("登录", "Logins"),
    "accounts": ("账号与权限", "Accounts and rights"),
}
"""By code, in the order in which they are offered."""
_REFUSALS = frozenset({"login_failed", "login_without_second_factor"})
_LOGINS = frozenset({
    "login", "login_by_passkey", "logout", "confirm", "end_own_session", "end_other_sessions", "use_recovery_code",
})  # fmt: skip
_ACCOUNTS = frozenset({
    "change_password", "reset_password", "enrol_second_factor", "remove_second_factor", "reset_second_factor",
    "renew_recovery_codes", "add_passkey", "remove_passkey", "end_sessions", "add_account", "add_first_admin",
    "change_account", "enable_account", "disable_account", "expire_account", "give_consent", "withdraw_consent",
    "leave_circle", "register_consent", "register_withdrawal",
    "give_exchange_consent", "withdraw_exchange_consent", "revoke_machine_token", "add_machine_token",
})  # fmt: skip
OF_HISTORIES = ("steps", "system")
"""Kinds of lines that stand in the alerts' own histories."""


class Choice(msgspec.Struct, frozen=True):
    """The kind of lines that is sought; everything None: all of them."""

    kind: str | None = None
    """A code of KINDS."""
    action: str | None = None
    """One action of the audit itself."""
    step: str | None = None
    """One step of the alerts' histories."""


def choice_of(text: str) -> Choice:
    """Read ``kind:looks``, ``step:arrive`` or the name of an action; a kind that does not exist is an action. Pure."""
    head, colon, rest = text.partition(":")
    if colon and head == "kind" and rest in KINDS:
        return Choice(kind=rest)
    if colon and head == "step" and rest:
        return Choice(step=rest)
    return Choice(action=text or None)


def kind_of(action: str) -> str:
    """The kind of an action of the audit. Pure."""
    if action in _REFUSALS or action.startswith("refused"):
        return "refusals"
    if action in _LOGINS:
        return "logins"
    if action in _ACCOUNTS:
        return "accounts"
    if action.startswith("export"):
        return "exports"
    if action.startswith(("view_", "list_", "see_")):
        return "looks"
    return "changes"
