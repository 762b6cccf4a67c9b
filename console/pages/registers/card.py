"""The card of a resident's page of care: identity number, here or gone, open questions of registers."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.identity import vault
from care_network.identity.numbers import DOCUMENT_WORDS
from care_services.registers import leaving, store
from care_services.registers.leaving import REASON_WORDS
from console.pages.care.card import Card


def card(conn: Connection[Any], account: Account, resident: dict[str, Any], _now: dt.datetime) -> Card | None:
    """Nothing of the number is shown here; the page behind it says more, and is audited."""
    if not may_do(account, Action.MANAGE_REGISTERS):
        return None
    number = resident["id"]
    document, left = vault.recorded(conn, [number]).get(number), leaving.in_force(conn, [number]).get(number)
    lines = [
        (f"已登记{DOCUMENT_WORDS[document][0]}", f"{DOCUMENT_WORDS[document][1]} recorded")
        if document else ("证件号码未登记", "no identity number recorded")
    ]  # fmt: skip
    if left:
        lines.append(REASON_WORDS[left])
    waiting = store.waiting_of(conn, number)
    if waiting:
        lines.append((f"名册差异待处理 {waiting} 处", f"{waiting} lines of registers to be settled"))
    return Card(
        zh="证件与名册", en="Identity and registers", address=f"/care/identity/{resident['code']}", lines=tuple(lines)
    )
