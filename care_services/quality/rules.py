"""The rules of quality control: who may check whom, who closes a finding, and the draw by lot. Pure."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from care_services.core.employment import Employment, at_least
from care_services.quality.checklists import LEVEL_OF, Kind
from care_services.quality.words import KINDS

Said = tuple[str, str]
"""A refusal in Chinese and English."""


def check_refusal(me: Employment, kind: Kind, provider: int) -> Said | None:
    """Say why somebody may not make a check of a provider; None: they may.

    A provider's own check is made by its own people; every other by somebody who is not of it, of the check's level or
    above. An account of no member of staff is of no provider.
    """
    if kind == "own":
        if me.organisation_id != provider:
            return "机构自查由本机构人员进行", "a provider's own check is made by its own people"
        return None
    if me.organisation_id == provider:
        return "不能检查自己所在的机构，须由他人检查", "nobody inspects their own organisation: somebody else has to"
    if not at_least(me.level, LEVEL_OF[kind]):
        zh, en = KINDS[kind]
        return f"{zh}须由相应层级的人员进行", f"{en} is made by people of that level"
    return None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The side of a finding that is asked for before somebody looks at it again. People are numbers of accounts."""

    kind: Kind
    provider: int
    found_by: int | None
    mended_by: int | None


def recheck_refusal(me: Employment, account: int, of: Finding) -> Said | None:
    """Say why somebody may not look again whether a finding was mended; None: they may.

    It is another person than who found it and than who mended it, and nobody of the provider, unless it is of the
    provider's own check.
    """
    if account == of.mended_by:
        return "报告整改的人不能复查", "who reported it mended does not look at it again"
    if account == of.found_by:
        return "复查须由另一人进行", "another person than who found it looks at it again"
    if of.kind == "own":
        if me.organisation_id == of.provider or at_least(me.level, "street"):
            return None
        return (
            "机构自查的问题由本机构另一人或街道、区级复查",
            "its own people, the street or the district look at it again",
        )
    return check_refusal(me, of.kind, of.provider)


Case = tuple[str, str]
"""A case of the frame, and its stratum."""


def draw(frame: Iterable[Case], seed: str, share: float) -> list[str]:
    """Draw by lot from each stratum its share, at least one; the same frame, seed and share give the same cases.

    Each case has the place of sha256 of seed and case: the draw hangs on nothing else, and anybody can repeat it.
    """
    if not 0 < share <= 1:
        raise ValueError("a share is above 0, and 1 at most")
    strata: dict[str, list[str]] = {}
    for case, stratum in frame:
        strata.setdefault(stratum, []).append(case)
    drawn: list[str] = []
    for _, cases in sorted(strata.items()):
        ordered = sorted(set(cases), key=lambda case: hashlib.sha256(f"{seed}\x00{case}".encode()).digest())
        drawn += sorted(ordered[: math.ceil(round(len(ordered) * share, 9))])
    return drawn


def strata_of(frame: Sequence[Case], drawn: Iterable[str]) -> list[tuple[str, int, int]]:
    """(stratum, cases, of these drawn), by stratum."""
    chosen = set(drawn)
    counted: dict[str, list[int]] = {}
    for case, stratum in frame:
        row = counted.setdefault(stratum, [0, 0])
        row[0] += 1
        row[1] += case in chosen
    return [(stratum, n, k) for stratum, (n, k) in sorted(counted.items())]


def score(verdicts: Mapping[str, str]) -> tuple[int, int, int]:
    """(passed, failed, not seen) of a check."""
    listed = list(verdicts.values())
    return listed.count("pass"), listed.count("fail"), listed.count("not_seen")


def rate(passed: int, failed: int) -> float | None:
    """The share of what was looked at that passed; None where nothing was looked at."""
    return None if passed + failed == 0 else passed / (passed + failed)
