"""Words of the time bank: kinds of help, groups of volunteers and of receivers, states and kinds of transactions."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

Words = tuple[str, str]
"""Chinese and English."""
Value = str | int | float | bool | None


class HelpKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of help: what it asks for, and how long it usually is, in minutes."""

    zh: str
    en: str
    minutes: int
    needs: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()
    courses: tuple[str, ...] = ()
    """Beside :data:`BASIC_COURSE`."""
    afar: bool = False
    """Given by telephone: distance does not matter."""
    by_hand: bool = True
    """Asked for by people; those of a round or of an alarm come by themselves."""


def read_kinds(text: str) -> dict[str, HelpKind]:
    """Read a table of kinds. Raises msgspec.ValidationError with what is wrong."""
    return msgspec.convert(tomllib.loads(text), dict[str, HelpKind])


KINDS: Mapping[str, HelpKind] = read_kinds((Path(__file__).parent / "kinds.toml").read_text("utf-8"))
BASIC_COURSE = "volunteer_basic"
"""The course of the library that every volunteer passes before the first visit: its certificate counts by itself."""

GROUPS: Mapping[str, Words] = {
    "senior": ("低龄老人", "younger senior"),
    "social_worker": ("社工", "social worker"),
    "student": ("学生", "student"),
    "neighbour": ("邻居", "neighbour"),
    "employee": ("企事业单位职工", "employee"),
    "party_member": ("党员志愿者", "party member"),
}
"""To which group a volunteer belongs."""

STATES: Mapping[str, Words] = {
    "applied": ("已申请", "applied"),
    "checked": ("已审查", "checked"),
    "trained": ("已培训", "trained"),
    "active": ("服务中", "active"),
    "resting": ("暂停服务", "resting"),
    "ended": ("已退出", "ended"),
}
"""Of a volunteer."""

CHECKS: Mapping[str, Words] = {
    "identity": ("身份核验", "identity check"),
    "background": ("无犯罪记录核查", "background check"),
}

REQUEST_STATES: Mapping[str, Words] = {
    "open": ("待匹配", "open"),
    "offered": ("已询问志愿者", "offered"),
    "accepted": ("已接受", "accepted"),
    "done": ("待确认", "done, to be confirmed"),
    "disputed": ("时长有分歧", "disputed"),
    "confirmed": ("双方已确认", "confirmed by both sides"),
    "cancelled": ("已取消", "cancelled"),
}

ASKED_AS: Mapping[str, Words] = {
    "resident": ("老人本人", "the resident"),
    "family": ("家属", "the family"),
    "station": ("社区站", "the station"),
    "round": ("陪伴巡访", "a round"),
    "alarm": ("预警工单", "the work order of an alarm"),
}

TRANSACTIONS: Mapping[str, Words] = {
    "earn": ("服务存入", "earned"),
    "redeem": ("兑换服务", "spent"),
    "refund": ("取消退回", "given back"),
    "transfer": ("转让", "transferred"),
    "gift": ("赠送亲属", "gift to a relative"),
    "donate": ("捐入公益池", "given to the pool"),
    "grant": ("公益池发放", "granted from the pool"),
    "expire": ("到期失效", "expired"),
    "reverse": ("冲正", "reversed"),
}

COMMUNITY: Mapping[str, Words] = {
    "issuer": ("社区发行账户", "the community's issuing account"),
    "gift_pool": ("公益时间池", "gift pool"),
    "expired": ("已失效时间", "expired minutes"),
}
"""Accounts that are nobody's."""

RELATIONS: Mapping[str, Words] = {
    "spouse": ("配偶", "spouse"),
    "parent": ("父母", "parent"),
    "child": ("子女", "child"),
    "sibling": ("兄弟姐妹", "sibling"),
    "grandparent": ("祖父母/外祖父母", "grandparent"),
    "in_law": ("公婆/岳父母", "parent-in-law"),
}
"""Relations of the receiver of a gift to the giver."""

NEEDS: Mapping[str, Words] = {
    "frail": ("失能", "frail"),
    "very_old": ("高龄（80 岁以上）", "very old (80 and above)"),
    "lonely": ("独居孤寡", "lonely"),
}
"""Groups of residents for whom the time bank is there first."""
FRAIL = frozenset({"moderate", "severe", "lost"})
"""Ability grades (GB/T 42195-2022) of those who count as frail."""
VERY_OLD = 80


def needs_of(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups of :data:`NEEDS` to which a resident with these facts belongs; an unknown fact puts nobody in."""
    age = facts.get("age")
    found = {
        "frail": facts.get("ability_grade") in FRAIL,
        "very_old": isinstance(age, int) and age >= VERY_OLD,
        "lonely": facts.get("lonely") is True or facts.get("lives_alone") is True,
    }
    return tuple(name for name in NEEDS if found[name])


def hours(minutes: int) -> str:
    """Minutes as hours and minutes: '2:05'; a negative number keeps its sign."""
    sign = "−" if minutes < 0 else ""
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"
