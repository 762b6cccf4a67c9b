"""Decide which alerts an account may see: staff those of their area, family those of their own parent."""

from typing import Any

import psycopg

from care_network.access import permissions
from care_network.access.accounts import Account


class Scope:
    """The households and residents an account may see, as they were when it was read."""

    def __init__(self, households: frozenset[int], residents: frozenset[int], role: str) -> None:
        self.households, self.residents, self.role = households, residents, role

    def sees(self, alert: Any) -> bool:
        """Whether the account may see an alert (notice). Technical alerts are not for the family."""
        if self.role == "family":
            return alert.resident_id in self.residents and alert.severity != "technical"
        return alert.household_id in self.households


def scope_of(conn: psycopg.Connection[Any], account: Account) -> Scope:
    """Read the account's scope anew: a consent or an area that was taken back ends at once."""
    return Scope(
        permissions.visible_households(conn, account), permissions.visible_residents(conn, account), account.role
    )
