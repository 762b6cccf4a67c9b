"""The rules of complaints: who answers, at which level and until when, and which steps follow which. Pure."""

from collections.abc import Mapping

import msgspec

from care_services.complaints.words import ABOUT, SEVERITIES
from care_services.core.employment import LEVELS, Employment, Level, above, at_least
from care_services.core.rules import Fact, Outcome, Subject

DEFAULT = """\
# An example, to be replaced by what the district decides. The first rule that applies decides.
[[rule]]
code = "grave"
zh = "严重投诉：24 小时"
en = "Grave: 24 hours"
when = [["severity", "=", "grave"]]
then = { hours = 24 }

[[rule]]
code = "major"
zh = "较重投诉：3 天"
en = "Major: 3 days"
when = [["severity", "=", "major"]]
then = { hours = 72 }

[[rule]]
code = "upper"
zh = "街道和区级复核：5 天"
en = "Looked at again by street or district: 5 days"
when = [["level", "in", ["street", "district"]]]
then = { hours = 120 }

[[rule]]
code = "minor"
zh = "一般投诉：7 天"
en = "Minor: 7 days"
then = { hours = 168 }
"""
_LEVELS: Mapping[str, tuple[str, str]] = {
    "station": ("社区站", "station"), "street": ("街道", "street"), "district": ("区", "district"),
}  # fmt: skip
COMPLAINT_DEADLINE = Subject(
    code="complaint_deadline",
    zh="投诉答复时限",
    en="Deadlines of complaints",
    facts={
        "severity": Fact(zh="严重程度", en="severity", kind=str, choices=SEVERITIES, ordered=True),
        "level": Fact(zh="办理层级", en="level", kind=str, choices=_LEVELS, ordered=True),
        "about": Fact(zh="投诉对象", en="about", kind=str, choices=ABOUT),
    },
    outcomes={"hours": Outcome(zh="答复时限（小时）", en="hours until the answer", kind=int, low=1, high=2160)},
    default=DEFAULT,
)

FALLBACK_HOURS = 72
"""Where no rule applies: a complaint without a deadline would be forgotten."""
STEPS: Mapping[str, frozenset[str]] = {
    "open": frozenset({"answer", "raise", "note"}),
    "answered": frozenset({"satisfied", "unsatisfied", "close", "note"}),
    "satisfied": frozenset({"reopen", "note"}),
    "closed": frozenset({"reopen", "note"}),
}
"""By state: what may follow."""
_STATIONS = frozenset({"community_station", "street_elder_center", "district_center"})


class Party(msgspec.Struct, frozen=True):
    """Whom a complaint is about."""

    organisation_id: int | None = None
    organisation_kind: str | None = None
    organisation_level: Level = "station"
    staff_id: int | None = None


def first_level(about: Party) -> Level:
    """The level that answers first: the station; about a station or a center itself the level above it."""
    if about.organisation_kind in _STATIONS:
        return above(about.organisation_level)
    return "station"


def after_unsatisfied(level: Level) -> tuple[Level, str]:
    """The level that looks at it again, and the name of the step: at the top it stays there."""
    return (above(level), "unsatisfied") if level != LEVELS[-1] else (level, "unsatisfied_top")


def refusal(me: Employment, level: Level, about: Party) -> tuple[str, str] | None:
    """Say why somebody may not answer a complaint, in Chinese and English; None: they may."""
    if about.staff_id is not None and me.staff_id == about.staff_id:
        return "投诉对象是您本人，须由他人答复", "it is about yourself: somebody else answers it"
    if about.organisation_id is not None and me.organisation_id == about.organisation_id:
        return "投诉对象是您所在的机构，须由上级答复", "it is about your own organisation: the level above answers it"
    if not at_least(me.level, level):
        zh, en = _LEVELS[level]
        return f"已转{zh}级办理，由{zh}级答复", f"it has gone up: the {en} answers it"
    return None


def sees_author(me: Employment, about: Party, *, answers: bool, recorded: bool, told: bool) -> bool:
    """Whether somebody learns who complained.

    ``answers``: their role answers complaints; ``recorded``: they wrote it down, or it is their own; ``told``: the
    complainant allows it. The person complained about, and their organisation, learn it with that alone.
    """
    return recorded or told or (answers and not about_own(me, about))


def about_own(me: Employment, about: Party) -> bool:
    """Whether a complaint is about somebody's own work or organisation."""
    return (about.staff_id is not None and me.staff_id == about.staff_id) or (
        about.organisation_id is not None and me.organisation_id == about.organisation_id
    )
