"""Read what a form of the roster's pages wants; a wrong field is named in words."""

import datetime as dt
from collections.abc import Mapping

from care_network.errors import ProvisioningError
from care_network.rosters.plans import Reach
from care_network.rosters.wanted import Add, Copy, End, Except, Remove, Swap, Wanted
from vocabulary.times import SHANGHAI


def wanted_of(form: Mapping[str, str]) -> Wanted:
    """Read a form. Raises ProvisioningError, which names the field."""
    match form.get("do", ""):
        case "add" | "remove" as do:
            kind = Add if do == "add" else Remove
            reach: Reach = "rest" if form.get("reach") == "rest" else "day"
            return kind(form.get("staff", ""), form.get("shift", ""), day_of(form, "day"), reach)
        case "except":
            return Except(
                form.get("staff", ""), _moment(form, "starts_at"), _moment(form, "ends_at"),
                form.get("extra") == "1", form.get("reason", "").strip()[:200],
            )  # fmt: skip
        case "end":
            return End(form.get("staff", ""), _moment(form, "starts_at"), form.get("extra") == "1")
        case "copy":
            return Copy(day_of(form, "monday"), _number(form, "weeks"), form.get("replace") == "1")
        case "swap":
            return Swap(*_turn(form, "one"), *_turn(form, "other"))
    raise ProvisioningError(en="this is nothing that a roster can do", zh="没有这种操作", field="do")


def day_of(form: Mapping[str, str], field: str) -> dt.date:
    """A day. Raises ProvisioningError."""
    return _day(form.get(field, ""), field)


def clock_of(text: str) -> str:
    """A time of day with its seconds, which browsers leave out."""
    return f"{text}:00" if len(text) == 5 else text


def _day(text: str, field: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if not 2000 <= day.year < 2100:
        raise ProvisioningError(
            en="write a day as 2026-11-30, of this century", zh="日期请写成 2026-11-30", field=field
        )
    return day


def _moment(form: Mapping[str, str], field: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(form.get(field, ""))
    except ValueError:
        raise ProvisioningError(
            en="write a time as 2026-11-30 08:00", zh="时间请写成 2026-11-30 08:00", field=field
        ) from None
    _day(moment.date().isoformat(), field)
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _number(form: Mapping[str, str], field: str) -> int:
    try:
        return int(form.get(field, ""))
    except ValueError:
        raise ProvisioningError(en="write a whole number", zh="请填写整数", field=field) from None


def _turn(form: Mapping[str, str], field: str) -> tuple[str, str, dt.date]:
    parts = form.get(field, "").split("/")
    if len(parts) != 3:
        raise ProvisioningError(en="choose a shift of somebody", zh="请选择某人的班次", field=field)
    return parts[0], parts[1], _day(parts[2], field)
