"""The cards of home care beds and of grants on a resident's page of care."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_services.grants import store as grants
from care_services.grants.desk import STATE_WORDS
from care_services.grants.kinds import KINDS
from care_services.home_beds import life, store
from console.pages.care.card import Card
from vocabulary.times import SHANGHAI

MOST = 5


def bed_card(conn: Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime) -> Card | None:
    """The stage of the newest bed, since when, and whether it is late. The page's loader has looked at the resident."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    beds = store.of_resident(conn, resident["id"])
    if not beds:
        apply = f"/care/beds/new?resident={resident['code']}" if may_do(account, Action.MANAGE_BEDS) else "/care/beds"
        return Card(zh="家庭养老床位", en="Home care bed", address=apply)
    bed = beds[0]
    zh, en = life.STATE_WORDS[bed.state]
    since = bed.state_since.astimezone(SHANGHAI).date()
    late = bed.due_at is not None and bed.due_at < now
    lines = [(f"{zh}，自 {since}{'（已超期）' if late else ''}", f"{en} since {since}{' (late)' if late else ''}")]
    if bed.next_check_on is not None and bed.state == "in_service":
        lines.append((f"下次质量检查 {bed.next_check_on}", f"next quality check {bed.next_check_on}"))
    return Card(zh="家庭养老床位", en="Home care bed", address=f"/care/beds/at/{bed.id}", lines=tuple(lines))


def grants_card(conn: Connection[Any], account: Account, resident: dict[str, Any], _now: dt.datetime) -> Card | None:
    """The newest applications for grants, with what became of them."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    lines = [
        (f"{KINDS[one.kind].zh}：{STATE_WORDS[one.state][0]}", f"{KINDS[one.kind].en}: {STATE_WORDS[one.state][1]}")
        for one in grants.of_resident(conn, resident["id"])[:MOST]
        if one.kind in KINDS
    ]
    return Card(zh="补贴", en="Grants", address=f"/care/grants?resident={resident['code']}", lines=tuple(lines))
