"""The card of the assessment on a resident's page of care."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.ability import GRADES
from care_services.assessment import store
from care_services.assessment.reasons import STATES
from console.pages.care.card import Card
from vocabulary.times import SHANGHAI


def card(conn: Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime) -> Card | None:
    """The grade in force with its next date, and what is under way."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    kept = store.of_resident(conn, resident["id"])
    lines = []
    today = now.astimezone(SHANGHAI).date()
    for one in kept:
        if one.state in ("draft", "signed"):
            zh, en = STATES[one.state]
            lines.append((f"有一份评估：{zh}", f"an assessment: {en}"))
        if one.current and one.grade and one.due_on:
            zh, en = GRADES[one.grade]
            late = one.due_on < today
            lines.append((f"{zh}，下次评估 {one.due_on}{'（已逾期）' if late else ''}",
                          f"{en}, next {one.due_on}{' (overdue)' if late else ''}"))  # fmt: skip
    return Card(zh="能力评估", en="Ability assessment", address=f"/care/residents/{resident['code']}/assessments",
                lines=tuple(lines))  # fmt: skip
