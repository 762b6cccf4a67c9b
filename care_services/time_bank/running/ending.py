"""Ends of a request that is not done: not needed, nobody came, nobody opened, nobody was found. Own hours come back."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from care_network.errors import NotPermittedError, ProvisioningError
from care_services.time_bank import books, store
from care_services.time_bank.kinds import Words
from care_services.time_bank.requests import Person, as_account, event, in_state, set_state, trace
from care_services.time_bank.running import missed, telling
from care_services.time_bank.store import Request

ENDED_AS: Mapping[str, Words] = {
    "not_needed": ("不需要了", "not needed any more"),
    "no_show": ("志愿者未到", "the volunteer did not come"),
    "not_opened": ("无人应门", "nobody opened the door"),
    "nobody_found": ("未找到志愿者", "no volunteer was found"),
    "no_word": ("双方均未登记", "neither side said anything"),
}
"""Why a request was cancelled, as it is counted."""
WAITED = dt.timedelta(minutes=15)
"""After the hour, before somebody counts as not come."""
EARLY = dt.timedelta(minutes=30)
"""Before the hour, from which on a volunteer may stand at the door."""


def close(
    conn: Connection[Any], one: Request, ended_as: str, person: Person, now: dt.datetime, note: str = "",
    version: int | None = None,
) -> int:  # fmt: skip
    """End a request without help, in the caller's transaction; returns the minutes of the resident that came back."""
    set_state(
        conn, one, one.version if version is None else version, "cancelled", closed_at=now, ended_as=ended_as
    )  # fmt: skip
    action = {"not_needed": "cancel", "nobody_found": "lapse", "no_word": "lapse"}.get(ended_as, ended_as)
    event(conn, one.id, action, one.state, "cancelled", person, now, one.volunteer_id, note, {"ended_as": ended_as})
    if ended_as == "no_show":
        missed.not_come(conn, one, person.account_id, now, note)
    back = books.refund(conn, one.id, now, person.account_id) if one.paid_by == "hours" else 0
    trace(conn, one, "cancelled", person, now)
    if ended_as == "not_needed":
        telling.over(conn, one, now, ("已取消", "it was cancelled"))
    return back


def cancel(
    conn: Connection[Any], account: Account, number: int, reason: str, version: int, now: dt.datetime, origin: str = ""
) -> int:
    """Cancel a request that has not been done: by who asked for it, or who manages the time bank.

    Returns the minutes that came back to the resident. Raises ProvisioningError without a reason.
    """
    one = store.find(conn, account, number)
    if not (one.asked_by == account.id and may_do(account, Action.CONFIRM_HELP)):
        require(account, Action.MANAGE_TIME_BANK)
    in_state(one, "open", "offered", "accepted")
    if not reason.strip():
        raise ProvisioningError(zh="请写明取消原因", en="write why", field="reason")
    with conn.transaction():
        return close(conn, one, "not_needed", as_account(account, origin), now, reason, version)


def not_come(
    conn: Connection[Any], account: Account, number: int, note: str, version: int, now: dt.datetime, origin: str = ""
) -> int:
    """Write down for the receiving side that nobody came; returns the minutes that came back to the resident.

    Where the volunteer has told minutes before, it is a word against a word instead (``requests.confirm`` with none),
    and a person decides. Raises ProvisioningError before the hour is over.
    """
    require(account, Action.CONFIRM_HELP)
    one = store.find(conn, account, number)
    in_state(one, "accepted")
    if now < one.wanted_from + WAITED:
        raise ProvisioningError(
            zh="约定时间过后 15 分钟才能登记“志愿者未到”",
            en="wait for a quarter of an hour after the time before you say that nobody came", field="note",
        )  # fmt: skip
    with conn.transaction():
        return close(conn, one, "no_show", as_account(account, origin), now, note, version)


def not_opened(
    conn: Connection[Any], one: Request, person: Person, now: dt.datetime, version: int | None = None
) -> None:
    """Write down the volunteer's word that nobody opened. The station gets an alert: somebody has to look after them.

    ``person``: the volunteer by their link, or an account that manages the time bank.
    """
    if person.account is not None:
        require(person.account, Action.MANAGE_TIME_BANK)
    in_state(one, "accepted")
    if not one.wanted_from - EARLY <= now <= one.wanted_until + dt.timedelta(hours=12):
        raise NotPermittedError(
            zh="只能在约定时间前半小时到结束后 12 小时内登记“无人应门”",
            en="that nobody opened is said from half an hour before the time to twelve hours after it",
        )
    with conn.transaction():
        close(conn, one, "not_opened", person, now, version=version)
