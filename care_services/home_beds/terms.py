"""Terms of a contract as they are typed, and the days that follow from them; pure."""

import datetime as dt

import msgspec

from care_network.errors import ProvisioningError
from care_services.home_beds.catalogue import PLANS
from vocabulary.times import SHANGHAI

FIRST_CHECK_DAYS = 30
"""A new bed is looked at within a month, whatever its plan says."""
RECHECK_DAYS = 7
LONGEST = dt.timedelta(days=3 * 366)


class Terms(msgspec.Struct, frozen=True):
    """A contract as it is entered: days as 2026-11-30; the plan is an ability grade."""

    number: str = ""
    begins: str = ""
    ends: str = ""
    plan: str = ""


def read_terms(terms: Terms | None, grade: str | None, today: dt.date) -> tuple[str, dt.date, dt.date, str]:
    """Number, first and last day, and plan of a contract. Raises ProvisioningError with the field that is wrong."""
    found = terms or Terms()
    number = found.number.strip()[:60]
    if not number:
        raise ProvisioningError(en="give the contract's number", zh="请填写合同编号", field="number")
    begins, ends = day_of(found.begins, "begins"), day_of(found.ends, "ends")
    if ends <= begins:
        raise ProvisioningError(en="the contract ends before it begins", zh="合同终止日期应晚于开始日期", field="ends")
    if ends <= today:
        raise ProvisioningError(en="this contract is over already", zh="合同终止日期已过", field="ends")
    if ends - begins > LONGEST:
        raise ProvisioningError(en="three years at most", zh="合同期限最长三年", field="ends")
    plan = found.plan or grade or ""
    if plan not in PLANS:
        raise ProvisioningError(en="choose a service plan", zh="请选择服务方案", field="plan")
    return number, begins, ends, plan


def proposed(contract_until: dt.date | None, today: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day that are proposed for a contract: a year from today, or after the one that runs."""
    begins = today if contract_until is None else max(today, contract_until + dt.timedelta(days=1))
    ends = begins.replace(year=begins.year + 1, day=min(begins.day, 28 if begins.month == 2 else begins.day))
    return begins, ends - dt.timedelta(days=1)


def day_of(text: str, field: str) -> dt.date:
    """A day as it is typed. Raises ProvisioningError."""
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-30", zh="日期写法如 2026-11-30", field=field) from None


def begin_of(day: dt.date) -> dt.datetime:
    """The begin of a day in Shanghai."""
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


def end_of(day: dt.date) -> dt.datetime:
    """The end of a day in Shanghai."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), SHANGHAI)


def next_due(check: dt.date | None, contract_until: dt.date | None) -> dt.datetime | None:
    """The deadline of a bed in service: its next quality check, or the end of its contract, whichever is first."""
    days = [day for day in (check, contract_until) if day is not None]
    return end_of(min(days)) if days else None


def first_check(begins: dt.date, plan: str) -> dt.date:
    """The day of the first quality check of a new contract."""
    return begins + dt.timedelta(days=min(FIRST_CHECK_DAYS, PLANS[plan].check_days))


def recheck(today: dt.date, plan: str | None, result: str) -> dt.date:
    """The day of the check after one with this result."""
    found = PLANS.get(plan or "")
    days = found.check_days if found is not None else FIRST_CHECK_DAYS
    return today + dt.timedelta(days=RECHECK_DAYS if result == "mend" else days)
