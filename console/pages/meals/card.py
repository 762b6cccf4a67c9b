"""The card of meals on a resident's page of care."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_services.meals import diets
from care_services.meals.words import ALLERGENS
from console.pages.care.card import Card
from vocabulary.times import SHANGHAI


def card(conn: Connection[Any], account: Account, resident: dict[str, Any], now: dt.datetime) -> Card | None:
    """Allergies as they were said, and the meals that are still to come; None to an account that sees no care."""
    if not may_do(account, Action.VIEW_CARE):
        return None
    diet = diets.current_of(conn, [resident["id"]]).get(resident["id"])
    if diet is None or diet.allergies is None:
        said = ("过敏史：未询问", "Allergies: not asked")
    else:
        zh = [ALLERGENS[code][0] for code in diet.allergies] + [diet.other_allergies][: bool(diet.other_allergies)]
        en = [ALLERGENS[code][1] for code in diet.allergies] + [diet.other_allergies][: bool(diet.other_allergies)]
        said = (f"过敏：{'、'.join(zh) or '无'}", f"Allergies: {', '.join(en) or 'none'}")
    row = conn.execute(
        "SELECT count(*) FROM meal_order WHERE resident_id = %s AND day >= %s AND state = 'ordered'",
        (resident["id"], now.astimezone(SHANGHAI).date()),
    ).fetchone()
    n = 0 if row is None else row[0]
    lines = (said, (f"已订 {n} 餐", f"{n} meals ordered"))
    return Card(zh="助餐", en="Meals", address=f"/care/meals/of/{resident['code']}", lines=lines)
