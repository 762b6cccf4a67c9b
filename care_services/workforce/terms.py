"""Words and rules about professionals: education, skill levels, and how a certificate stands on a day. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Literal

Pair = tuple[str, str]
State = Literal["valid", "soon", "expired", "unknown"]

EDUCATION: Mapping[str, Pair] = {
    "primary": ("小学", "Primary school"), "junior": ("初中", "Junior secondary school"),
    "senior": ("高中", "Senior secondary school"), "vocational": ("中专/职高", "Vocational school"),
    "college": ("大专", "College"), "bachelor": ("本科", "Bachelor"), "master": ("硕士及以上", "Master or above"),
}  # fmt: skip
LEVELS: Mapping[int, Pair] = {
    5: ("五级/初级工", "Level 5 (junior)"), 4: ("四级/中级工", "Level 4 (intermediate)"),
    3: ("三级/高级工", "Level 3 (senior)"), 2: ("二级/技师", "Level 2 (technician)"),
    1: ("一级/高级技师", "Level 1 (senior technician)"),
}  # fmt: skip
"""Skill levels of the occupation 养老护理员 (国家职业技能标准 2019, 4-10-01-05); 1 is the highest."""
LASTING = frozenset({"elder_carer", "social_worker", "doctor_licence"})
"""Certificates that do not expire. Of every other one the last day is to be recorded: the nurse's licence is registered
for five years (护士条例 Article 8), the Red Cross first aider for three, the health certificate for one
(食品安全法 Article 45)."""
REMIND = (90, 30, 7, 0)
"""Days before the last valid day on which somebody is reminded."""
SOON = REMIND[0]
STATES: Mapping[State, Pair] = {
    "valid": ("有效", "valid"), "soon": ("即将到期", "ends soon"), "expired": ("已过期", "expired"),
    "unknown": ("未登记到期日", "no last day recorded"),
}  # fmt: skip


def state_of(kind: str, expires_on: dt.date | None, today: dt.date) -> State:
    """How a certificate stands. One without a last day counts as unknown where its kind expires."""
    if expires_on is None:
        return "valid" if kind in LASTING else "unknown"
    left = (expires_on - today).days
    return "expired" if left < 0 else "soon" if left <= SOON else "valid"


def words_of(kind: str, expires_on: dt.date | None, today: dt.date) -> Pair:
    """How a certificate stands, in Chinese and English: until when, how many days are left, since when it is over."""
    match state_of(kind, expires_on, today):
        case "valid" if expires_on is None:
            return "长期有效", "does not expire"
        case "unknown":
            return STATES["unknown"]
        case "expired":
            assert expires_on is not None  # noqa: S101 - what expired had an end
            days = (today - expires_on).days
            return f"已于 {expires_on} 过期（{days} 天前）", f"expired on {expires_on} ({days} d ago)"
        case "soon":
            assert expires_on is not None  # noqa: S101 - so has what ends
            days = (expires_on - today).days
            return (f"{days} 天后到期（{expires_on}）" if days else f"今天到期（{expires_on}）",
                    f"ends in {days} d ({expires_on})" if days else f"ends today ({expires_on})")  # fmt: skip
    return f"有效至 {expires_on}", f"valid until {expires_on}"


def step_of(expires_on: dt.date, today: dt.date) -> int | None:
    """The reminder that is due: the smallest step that is reached; None: too early, or over.

    A certificate that is heard of late has one reminder, and not one of every step before.
    """
    left = (expires_on - today).days
    return min((step for step in REMIND if step >= left), default=None) if left >= 0 else None
