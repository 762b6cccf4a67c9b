"""Who does something on the command line: an account, for its permissions and for the audit."""

from typing import Any

import psycopg

from care_network.access.accounts import Account, account_by_login
from care_network.access.permissions import Action, may_do


class NotAllowedError(PermissionError):
    """The text says who may not do what."""


def actor(conn: psycopg.Connection[Any], login: str, action: Action) -> Account:
    """The active account of that login. Raises NotAllowedError where there is none or its role may not do that.

    No password is asked for: whoever may use the database's password could read it all without us. What counts is that
    the audit names a person.
    """
    account = account_by_login(conn, login)
    if account is None:
        raise NotAllowedError(f"no active account {login!r}")
    if not may_do(account, action):
        raise NotAllowedError(f"{login!r} is {account.role}, who may not {action.value.replace('_', ' ')}")
    return account
