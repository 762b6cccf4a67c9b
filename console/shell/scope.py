"""Decide which alerts an account may see: staff those of their area, family those of their own parent."""

from collections.abc import Sequence
from typing import Any

import psycopg

from care_network.access.accounts import Account
from care_network.access.permissions import Role
from care_network.access.visible import visible_households, visible_residents


class Scope:
    """The alerts that an account may see, as they were when it was read."""

    def __init__(self, households: frozenset[int], residents: frozenset[int], role: str) -> None:
        self._households, self._residents, self._role = households, residents, role

    def sees(self, alert: Any) -> bool:
        """Whether the account may see an alert (notice). Technical alerts are not for the family."""
        if self._role == Role.FAMILY:
            return alert.resident_id in self._residents and alert.severity != "technical"
        return alert.household_id in self._households


def scope_of(conn: psycopg.Connection[Any], account: Account, among: Sequence[int] | None = None) -> Scope:
    """Read the account's scope anew: a consent or an area that was taken back ends at once.

    ``among``: the households that will be asked for, where these are known.
    """
    nobody: frozenset[int] = frozenset()
    if account.role == Role.FAMILY:
        return Scope(nobody, visible_residents(conn, account), account.role)
    return Scope(visible_households(conn, account, among), nobody, account.role)
