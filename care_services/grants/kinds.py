"""Kinds of grants: what each asks in its form, and the rules that settle it (:mod:`care_services.core.rules`)."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from care_services.core.facts import COMMON
from care_services.core.rules import Fact, Outcome, Subject

RULES = Path(__file__).with_name("rules")
PER: Mapping[str, tuple[str, str]] = MappingProxyType({"once": ("一次性", "once"), "month": ("每月", "a month")})

_GRANTED = Fact(zh="此前已获同类补贴", en="granted before", kind=bool)
"""From the applications themselves: known always."""
_OUTCOMES: Mapping[str, Outcome] = {
    "approve": Outcome(zh="是否同意", en="approved", kind=bool),
    "amount_fen": Outcome(zh="金额（分）", en="amount in fen", kind=int, low=1, high=10_000_000, required=False),
    "percent": Outcome(zh="费用的百分比", en="percent of the cost", kind=int, low=1, high=100, required=False),
    "cap_fen": Outcome(zh="最高金额（分）", en="at most, in fen", kind=int, low=1, high=10_000_000, required=False),
    "per": Outcome(zh="发放方式", en="paid", kind=str, choices=tuple(PER), required=False),
}


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of grant. ``form``: the facts that its form asks for beside what the records know."""

    subject: Subject
    form: tuple[str, ...]

    @property
    def code(self) -> str:
        """Its code, that of its rules without the prefix."""
        return self.subject.code.removeprefix("grant_")

    @property
    def zh(self) -> str:
        """Its name in Chinese."""
        return self.subject.zh

    @property
    def en(self) -> str:
        """Its name in English."""
        return self.subject.en


def _kind(code: str, zh: str, en: str, **form: Fact) -> Kind:
    return Kind(
        subject=Subject(
            code=f"grant_{code}", zh=zh, en=en, facts={**COMMON, "granted_before": _GRANTED, **form},
            outcomes=_OUTCOMES, default=(RULES / f"{code}.toml").read_text("utf-8"),
        ),
        form=tuple(form),
    )  # fmt: skip


_KINDS = (
    _kind("old_age_allowance", "高龄津贴", "Old-age allowance"),
    _kind(
        "service_subsidy", "居家服务补贴", "Service subsidy",
        paid_elsewhere=Fact(
            zh="同类服务已由长护险等其他项目支付", en="paid by care insurance or another programme", kind=bool
        ),
    ),
    _kind("bed_construction", "建床补贴", "Bed construction subsidy"),
    _kind("bed_operation", "床位运营补贴", "Bed operation subsidy"),
    _kind(
        "age_friendly", "适老化改造补贴", "Age-friendly conversion subsidy",
        owner_agrees=Fact(zh="房屋产权人同意改造", en="the owner of the flat agrees", kind=bool),
        cost=Fact(zh="改造费用", en="cost of the conversion", kind=int, unit_zh="元", unit_en="yuan"),
    ),
)  # fmt: skip
KINDS: Mapping[str, Kind] = MappingProxyType({one.code: one for one in _KINDS})
"""By code, in the order in which they are offered."""
SUBJECTS: tuple[Subject, ...] = tuple(one.subject for one in _KINDS)
"""For the book of rules."""
