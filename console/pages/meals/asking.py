"""Read what requests of meals ask for: the acting account, days, and fields of forms."""

import datetime as dt
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData

from care_network.access.accounts import Account
from care_network.errors import ProvisioningError
from care_services.core.acting import Acting
from care_services.meals import words
from console.shell.security import origin_of
from vocabulary.times import SHANGHAI

WORDS: dict[str, Any] = {
    "allergen_words": words.ALLERGENS, "mark_words": words.MARKS, "meal_words": words.MEALS,
    "texture_words": words.TEXTURES, "diet_words": words.DIETS, "mode_words": words.MODES,
    "state_words": words.STATES, "said_words": words.SAID_BY, "handed_words": words.HANDED_TO,
    "found_words": words.FOUND,
    "weekdays": (("周一", "Mon"), ("周二", "Tue"), ("周三", "Wed"), ("周四", "Thu"), ("周五", "Fri"), ("周六", "Sat"),
                 ("周日", "Sun")),
}  # fmt: skip
"""The words of meals, for every template of theirs."""


def acting_of(request: Request, account: Account) -> Acting:
    """The account that asks, now."""
    return Acting(account, dt.datetime.now(dt.UTC), origin_of(request))


def today() -> dt.date:
    """The day in Shanghai."""
    return dt.datetime.now(SHANGHAI).date()


def day_of(text: str, otherwise: dt.date, field: str = "day") -> dt.date:
    """A day of an address or a form; ``otherwise`` where it is empty. Raises ProvisioningError."""
    if not text:
        return otherwise
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field=field) from None


def texts(form: FormData, name: str) -> list[str]:
    """All values of a field."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


def text(form: FormData, name: str) -> str:
    """One value of a field, without blanks around it; empty where it is not there."""
    return next(iter(texts(form, name)), "").strip()


def number(form: FormData, name: str) -> int:
    """A whole number of a field. Raises ProvisioningError."""
    try:
        return int(text(form, name) or "0")
    except ValueError:
        raise ProvisioningError(en="write a whole number", zh="请填写整数", field=name) from None
