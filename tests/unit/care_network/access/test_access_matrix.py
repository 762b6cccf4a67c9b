"""The permission table, cell by cell: a change here is a decision, not a side effect."""

import pytest

from care_network.access.accounts import Account
from care_network.access.permissions import PERMISSIONS, Action, Role, may_do

#                 admin  dispatcher carer  family
MATRIX = {
    "acknowledge": "no   yes  yes  no",
    "respond": "no   yes  yes  no",
    "arrive": "no   yes  yes  no",
    "resolve": "no   yes  yes  no",
    "cancel": "no   yes  yes  no",
    "note": "no   yes  yes  no",
    "view_alerts": "yes  yes  yes  yes",
    "view_resident": "yes  yes  yes  yes",
    "view_vitals": "yes  yes  yes  yes",
    "set_limits": "no   yes  yes  no",
    "set_district_limits": "yes  no   no   no",
    "pause_alerts": "yes  yes  yes  no",
    "view_operations": "yes  yes  no   no",
    "view_outbox": "yes  yes  no   no",
    "settle_quarantine": "yes  no   no   no",
    "export_vitals": "yes  yes  no   no",
    "provision": "yes  no   no   no",
    "view_network": "yes  yes  yes  no",
    "manage_staff": "yes  yes  no   no",
    "edit_contacts": "yes  yes  yes  no",
    "share_location": "no   yes  yes  no",
    "view_medical_note": "no   yes  yes  no",
    "edit_medical_note": "no   yes  yes  no",
    "view_orders": "yes  yes  yes  no",
    "dispatch": "no   yes  no   no",
    "hand_over": "no   yes  no   no",
    "set_preferences": "yes  yes  no   no",
    "set_policies": "yes  yes  no   no",
    "rate_visit": "no   no   no   yes",
}
ROLES = ("admin", "dispatcher", "carer", "family")


@pytest.mark.parametrize(
    ("action", "role", "allowed"),
    [(action, role, cell) for action, row in MATRIX.items() for role, cell in zip(ROLES, row.split(), strict=True)],
)
def test_cell(action: str, role: str, allowed: str) -> None:
    account = Account(1, "somebody", "某", "Somebody", role, None if role == "family" else "c", "zh")
    assert may_do(account, action) == (allowed == "yes")


def test_the_matrix_is_complete() -> None:
    assert set(MATRIX) == {str(action) for action in Action}
    assert set(PERMISSIONS) == set(Role) == {Role(role) for role in ROLES}


def test_an_action_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="fly"):
        may_do(Account(1, "a", "", "", "admin", "c", "zh"), "fly")
