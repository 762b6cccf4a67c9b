"""Read the purposes for which residents' data is used: data, no code."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

import msgspec

Basis = Literal["consent", "contract", "duty", "vital"]
Store = Literal["contact", "family", "exchange", "register", ""]
BASES: Mapping[str, tuple[str, str]] = {
    "consent": ("本人同意（第十三条第一项）", "consent (article 13, item 1)"),
    "contract": ("履行协议所必需（第十三条第二项）", "needed for the agreement (article 13, item 2)"),
    "duty": ("履行法定职责（第十三条第三项）", "a duty of law (article 13, item 3)"),
    "vital": ("紧急情况下保护生命健康（第十三条第四项）", "life and health in an emergency (article 13, item 4)"),
}
"""Legal bases by article 13 of the Personal Information Protection Law, in words."""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """One use of residents' data, with its legal basis and the words of the form."""

    code: str
    zh: str
    en: str
    basis: Basis
    kept_in: Store
    """Where the running program reads the consent; empty: none is asked."""
    sensitive: bool
    """Sensitive personal information (article 28): a consent of its own is needed (article 29)."""
    version: int
    """Of the words."""
    data_zh: str
    data_en: str
    who_zh: str
    who_en: str
    kept_zh: str
    kept_en: str
    words_zh: str
    words_en: str
    end_zh: str
    """The consequence of a withdrawal; ``{who}`` stands for the recipient."""
    end_en: str

    @property
    def asked(self) -> bool:
        """Whether the resident decides."""
        return self.basis == "consent"

    @property
    def named(self) -> bool:
        """Whether each recipient is agreed to by name."""
        return self.kept_in in ("contact", "family", "exchange")


class _File(msgspec.Struct, frozen=True):
    purpose: tuple[Purpose, ...]


def read_purposes(text: str) -> dict[str, Purpose]:
    """Read purposes from TOML, by code. Raises ValueError where one is not whole, or stands twice."""
    found = msgspec.convert(tomllib.loads(text), _File).purpose
    purposes = {one.code: one for one in found}
    if len(purposes) != len(found):
        raise ValueError("a purpose stands twice")
    for one in found:
        if one.asked != bool(one.kept_in) or one.asked != bool(one.end_zh and one.end_en):
            raise ValueError(f"{one.code}: a consent needs a place and a consequence, and nothing else has them")
    return purposes


PURPOSES: Mapping[str, Purpose] = read_purposes((files(__package__) / "purposes.toml").read_text("utf-8"))
