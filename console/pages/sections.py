"""Pages listed by group, with a sentence each and the permissions that open them."""

from collections.abc import Iterable

import msgspec

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do


class Section(msgspec.Struct, frozen=True):
    """A page. An account with one of ``needs`` finds it in the list."""

    address: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    needs: tuple[Action, ...]


class Group(msgspec.Struct, frozen=True):
    """Pages that belong together, under one heading."""

    zh: str
    en: str
    sections: tuple[Section, ...]


def open_to(account: Account, groups: Iterable[Group]) -> list[Group]:
    """The groups with the pages that the account may open; a group without any is left out."""
    kept = (
        Group(
            group.zh, group.en, tuple(one for one in group.sections if any(may_do(account, need) for need in one.needs))
        )
        for group in groups
    )
    return [group for group in kept if group.sections]
