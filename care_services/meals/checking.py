"""Hold a set of dishes against what is known of a resident's diet: what forbids it, and what is worth knowing. Pure."""

from collections.abc import Iterable

import msgspec

from care_services.meals.words import ALLERGENS, TEXTURES

FIRMNESS = tuple(TEXTURES)
"""Textures from the firmest to the softest."""


class Diet(msgspec.Struct, frozen=True, kw_only=True):
    """The food of a resident as somebody said it. None: nobody has asked yet, which is not the same as 'none'."""

    allergies: frozenset[str] | None = None
    other_allergies: str = ""
    """Allergies that the eight groups do not name, in words: no program can look for it in a menu."""
    diets: frozenset[str] | None = None
    texture: str | None = None


UNASKED = Diet()
"""Of a resident without any record."""


class Dish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dish. ``allergens``: None where the canteen has not said which it holds."""

    zh: str
    en: str = ""
    allergens: tuple[str, ...] | None = None
    marks: tuple[str, ...] = ()
    texture: str = "regular"


class Contents(msgspec.Struct, frozen=True):
    """Everything that a set of dishes holds. ``unstated``: of some dish nobody has said which allergens it holds."""

    allergens: frozenset[str]
    unstated: bool
    marks: frozenset[str]
    texture: str
    """That of its firmest dish."""


class Finding(msgspec.Struct, frozen=True):
    """A thing that speaks against a set for a resident. ``refuses``: only staff may order it, with a reason."""

    kind: str
    """'unasked', 'allergen', 'unstated', 'other', 'texture', 'texture_unasked', 'halal', 'diet'."""
    what: str
    """The code of the allergen, texture or diet; of 'other' the words."""
    refuses: bool


def contents(dishes: Iterable[Dish]) -> Contents:
    """Sum dishes up: every allergen of any, the marks that all of them bear, and the firmest texture."""
    listed = tuple(dishes)
    marks = frozenset.intersection(*(frozenset(one.marks) for one in listed)) if listed else frozenset()
    firmest = min((FIRMNESS.index(one.texture) for one in listed), default=0)
    return Contents(
        allergens=frozenset(code for one in listed for code in one.allergens or ()),
        unstated=not listed or any(one.allergens is None for one in listed),
        marks=marks,
        texture=FIRMNESS[firmest],
    )


def findings(diet: Diet, of: Contents) -> tuple[Finding, ...]:
    """Everything that speaks against a set for somebody of that diet, what refuses it first.

    Allergens, a texture that is too firm (it can choke) and a meal that is not halal refuse; salt and sugar are told.
    """
    found: list[Finding] = []
    if diet.allergies is None:
        found.append(Finding("unasked", "", refuses=True))
    else:
        found += [
            Finding("allergen", code, refuses=True) for code in ALLERGENS if code in diet.allergies & of.allergens
        ]
        if of.unstated and (diet.allergies or diet.other_allergies):
            found.append(Finding("unstated", "", refuses=True))
    if diet.other_allergies:
        found.append(Finding("other", diet.other_allergies, refuses=True))
    if diet.texture is None:
        found.append(Finding("texture_unasked", "", refuses=False))
    elif FIRMNESS.index(of.texture) < FIRMNESS.index(diet.texture):
        found.append(Finding("texture", diet.texture, refuses=True))
    for code in sorted(diet.diets or ()):
        if code not in of.marks:
            found.append(Finding("halal" if code == "halal" else "diet", code, refuses=code == "halal"))
    return tuple(sorted(found, key=lambda one: not one.refuses))


def refused(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that refuse."""
    return tuple(one for one in found if one.refuses)
