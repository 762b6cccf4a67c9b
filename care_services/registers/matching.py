"""Match the lines of a register with residents, and name what differs. Pure.

By identity number first; without one by two of name, date of birth and telephone, as candidates on which a person
decides. A difference is an *addition* (we know nothing), an *update* (the register changed what we had from it) or a
*conflict*; none of them changes a record by itself.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

from care_services.registers.catalogue import COMPARED, LEFT, TRAIT, Register
from care_services.registers.reading import Said, Unread, alike

VERDICTS = ("new", "same", "changed", "conflict", "candidate", "unreadable", "gone")
YES, NO = "yes", "no"


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """A resident as our records have it."""

    id: int
    code: str
    fields: dict[str, str]
    """By field of a register; '' where we do not know."""
    has_identity: bool
    traits: dict[str, bool]
    left: str = ""
    """'died', 'moved', 'other'; '': lives here."""


class Before(msgspec.Struct, frozen=True):
    """The same register's words on one resident the time before, and what was decided on them, by field."""

    said: Mapping[str, str] = {}
    kept_ours: Mapping[str, str] = {}
    """Values of the register against which a person decided for ours: the same again is not asked again."""


class Difference(msgspec.Struct, frozen=True):
    """A field in which line and record differ."""

    field: str
    kind: str
    ours: str
    theirs: str
    before: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for a line."""

    number: int
    verdict: str
    resident: int | None = None
    candidates: tuple[int, ...] = ()
    differences: tuple[Difference, ...] = ()
    zh: str = ""
    en: str = ""


class Known:
    """Residents of an area, to be found by what a line says."""

    def __init__(self, residents: Iterable[Ours], by_digest: Mapping[bytes, int]) -> None:
        self.residents = {one.id: one for one in residents}
        self._by_digest = by_digest
        self._pairs: dict[tuple[str, ...], list[int]] = {}
        for one in self.residents.values():
            for pair in _pairs(one.fields):
                self._pairs.setdefault(pair, []).append(one.id)

    def by_digest(self, digest: bytes | None) -> Ours | None:
        """The resident with this identity number."""
        number = None if digest is None else self._by_digest.get(digest)
        return None if number is None else self.residents.get(number)

    def candidates(self, said: Said) -> tuple[int, ...]:
        """Residents who may be meant; whoever has another identity number is somebody else."""
        found = {number for pair in _pairs(said.fields) for number in self._pairs.get(pair, ())}
        return tuple(sorted(one for one in found if said.identity is None or not self.residents[one].has_identity))


def _pairs(fields: Mapping[str, str]) -> list[tuple[str, ...]]:
    name = "".join(fields.get("name", "").split())
    born, phone = fields.get("birth_date", ""), "".join(filter(str.isdigit, fields.get("phone", "")))[-11:]
    phone = phone if len(phone) >= 7 else ""
    return [
        (kind, *pair) for kind, *pair in (("nb", name, born), ("np", name, phone), ("bp", born, phone)) if all(pair)
    ]


def judge(
    register: Register, said: Said | Unread, digest: bytes | None, known: Known, before: Mapping[int, Before], *,
    older: bool = False,
) -> Verdict:  # fmt: skip
    """Decide what a line is. ``older``: a register of a later day was taken in before, so that what this one says
    otherwise is no update but a conflict."""
    if isinstance(said, Unread):
        return Verdict(number=said.number, verdict="unreadable", zh=said.zh, en=said.en)
    ours = known.by_digest(digest)
    if ours is None:
        candidates = known.candidates(said)
        return Verdict(number=said.number, verdict="candidate" if candidates else "new", candidates=candidates)
    found = differences(register, said, ours, before.get(ours.id, Before()))
    if older:
        found = tuple(msgspec.structs.replace(one, kind="conflict") if one.kind == "update" else one for one in found)
    return Verdict(number=said.number, verdict=verdict_of(found), resident=ours.id, differences=found)


def verdict_of(found: Iterable[Difference]) -> str:
    """'same', 'changed' or 'conflict', by the differences."""
    kinds = {one.kind for one in found}
    return "conflict" if "conflict" in kinds else "changed" if kinds else "same"


def differences(register: Register, said: Said, ours: Ours, before: Before) -> tuple[Difference, ...]:
    """All fields in which a line and a resident differ, and nobody has decided yet."""
    found = []
    for field in COMPARED:
        theirs, mine, then = said.fields.get(field, ""), ours.fields.get(field, ""), before.said.get(field, "")
        if not theirs or (mine and alike(field, mine, theirs)):
            continue
        if field in before.kept_ours and alike(field, before.kept_ours[field], theirs):
            continue  # decided for ours, and the register says nothing new
        kind = "addition" if not mine else "update" if then and alike(field, then, mine) else "conflict"
        found.append(Difference(field, kind, mine, theirs, then))
    state = said.fields.get("state", "")
    theirs = f"{state} {said.fields['state_on']}" if "state_on" in said.fields else state
    gone = state in ("died", "moved") and ours.left != state
    if (gone or (state == "here" and ours.left)) and before.kept_ours.get(LEFT) != theirs:
        found.append(Difference(LEFT, "conflict", ours.left, theirs))
    if register.trait and state not in ("died", "moved"):
        holds = ours.traits.get(register.trait)
        if not holds and before.kept_ours.get(TRAIT) != YES:
            kind = "addition" if holds is None else "conflict"
            found.append(Difference(TRAIT, kind, "" if holds is None else NO, YES))
    return tuple(found)


def missing(register: Register, before: Iterable[int], named: Iterable[int], known: Known, first: int) -> list[Verdict]:
    """Those of the complete register of the time before whom this one names no more; ``first``: number of the first."""
    gone = sorted(set(before) - set(named))
    found = []
    for place, number in enumerate(one for one in gone if one in known.residents):
        ours = known.residents[number]
        holds = register.trait and ours.traits.get(register.trait)
        found.append(
            Verdict(
                number=first + place, verdict="gone", resident=number,
                differences=(Difference(TRAIT, "conflict", YES, NO, YES),) if holds else (),
                zh="上次名册中有，本次没有", en="in the register the time before, and not in this one",
            )
        )  # fmt: skip
    return found


def first_day(said: Mapping[str, str], taken_on: dt.date) -> dt.date:
    """The day from which a trait holds: as the register says, else the day of which it tells."""
    return min(dt.date.fromisoformat(said["since"]), taken_on) if "since" in said else taken_on
