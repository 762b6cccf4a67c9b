"""The permission table, cell by cell: a change here is a decision, not a side effect."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from care_network.access.accounts import Account
from care_network.access.permissions import (
    ACTIONS_ZH,
    PERMISSIONS,
    ROLES_ZH,
    Action,
    Role,
    in_area,
    may_do,
    require,
)
from care_network.errors import NotPermittedError
from dispatch.alerts.states import AlertAction

# fmt: off
#                       admin disp  lead  mana  stat  carer fam   panel aud   mach  prov
MATRIX = {
    "acknowledge":           "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "respond":               "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "arrive":                "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "resolve":               "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "cancel":                "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "note":                  "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "own":                   "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "merge":                 "no    yes   yes   no    no    no    no    no    no    no    no",
    "snooze":                "no    yes   yes   no    yes   no    no    no    no    no    no",
    "reopen":                "no    yes   yes   no    no    no    no    no    no    no    no",
    "view_alerts":           "yes   yes   yes   yes   yes   yes   yes   no    no    no    no",
    "view_resident":         "yes   yes   yes   yes   yes   yes   yes   no    no    no    no",
    "view_vitals":           "yes   yes   yes   yes   yes   yes   yes   no    no    no    no",
    "view_limits":           "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "set_limits":            "no    yes   yes   no    no    yes   no    no    no    no    no",
    "set_home_limits":       "yes   yes   yes   no    no    yes   no    no    no    no    no",
    "set_district_limits":   "yes   no    no    no    no    no    no    no    no    no    no",
    "pause_alerts":          "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "view_operations":       "yes   yes   yes   yes   no    no    no    no    no    no    no",
    "view_outbox":           "yes   yes   yes   no    no    no    no    no    no    no    no",
    "settle_quarantine":     "yes   no    yes   no    no    no    no    no    no    no    no",
    "export_vitals":         "yes   yes   yes   no    no    no    no    no    no    no    no",
    "provision":             "yes   no    no    yes   no    no    no    no    no    no    no",
    "view_network":          "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "manage_staff":          "yes   yes   yes   yes   yes   no    no    no    no    no    no",
    "edit_contacts":         "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "share_location":        "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "view_medical_note":     "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "edit_medical_note":     "no    yes   yes   no    yes   yes   no    no    no    no    no",
    "view_orders":           "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "dispatch":              "no    yes   yes   no    yes   no    no    no    no    no    no",
    "hand_over":             "no    yes   yes   no    no    no    no    no    no    no    no",
    "set_policies":          "yes   yes   yes   no    no    no    no    no    no    no    no",
    "set_preferences":       "yes   yes   yes   no    no    no    no    no    no    no    no",
    "rate_visit":            "no    no    no    no    no    no    yes   no    no    no    no",
    "manage_accounts":       "yes   no    no    no    no    no    no    no    no    no    no",
    "let_in":                "yes   no    yes   no    no    no    no    no    no    no    no",
    "family_circle":         "no    no    no    no    no    no    yes   no    no    no    no",
    "view_audit":            "yes   no    no    no    no    no    no    no    yes   no    no",
    "view_figures":          "yes   no    yes   yes   no    no    no    no    yes   no    no",
    "operate_devices":       "yes   no    yes   yes   no    no    no    no    no    no    no",
    "set_channels":          "yes   no    yes   no    no    no    no    no    no    no    no",
    "manage_machines":       "yes   no    no    no    no    no    no    no    no    no    no",
    "exchange_read":         "no    no    no    no    no    no    no    no    no    yes    no",
    "exchange_write":        "no    no    no    no    no    no    no    no    no    yes    no",
    "view_notices":          "yes   yes   yes   yes   yes   no    no    no    no    no    no",
    "record_traits":         "yes   no    no    yes   yes   no    no    no    no    no    no",
    "set_care_rules":        "yes   no    no    yes   no    no    no    no    no    no    no",
    "view_care":             "yes   yes   yes   yes   yes   yes   no    no    no    no    no",
    "take_course":           "yes   yes   yes   yes   yes   yes   yes   no    yes   no    no",
    "manage_library":        "yes   no    no    yes   no    no    no    no    no    no    no",
    "assess":                "no    no    no    yes   yes   yes   no    no    no    no    no",
    "approve_proposals":     "no    no    yes   yes   yes   no    no    no    no    no    no",
    "manage_registers":      "yes   no    no    yes   no    no    no    no    no    no    no",
    "report_up":             "yes   no    no    no    no    no    no    no    no    no    no",
    "manage_beds":           "no    no    no    yes   yes   no    no    no    no    no    no",
    "approve_beds":          "yes   no    no    yes   no    no    no    no    no    no    no",
    "accept_devices":        "no    no    no    yes   yes   yes   no    no    no    no    no",
    "manage_time_bank":      "no    no    no    yes   yes   no    no    no    no    no    no",
    "confirm_help":          "no    no    no    no    yes   no    yes   no    no    no    no",
    "view_privacy":          "yes   no    yes   yes   no    no    no    no    yes   no    no",
    "give_consents":         "yes   yes   yes   yes   yes   no    no    no    no    no    no",
    "manage_meals":         "no    no    no    yes   yes   no    no    no    no    no    no",
    "deliver_meals":        "no    no    no    no    yes   yes   no    no    no    no    no",
    "answer_complaints":    "no    no    yes   yes   yes   no    no    no    no    no    no",
    "inspect":              "yes   no    no    yes   yes   no    no    no    no    no    no",
    "manage_privacy":        "yes   no    no    no    no    no    no    no    no    no    no",
    "approve_erasure":       "yes   no    no    yes   no    no    no    no    no    no    no",
    "use_panel":             "no    no    no    no    no    no    no    yes   no    no    no",
    "plan_services":         "no    yes   yes   yes   yes   no    no    no    no    no    no",
    "serve":                 "no    no    no    no    yes   yes   no    no    no    no    no",
    "request_service":       "no    yes   yes   no    yes   no    yes   yes   no    no    no",
    "settle_services":       "yes   no    yes   yes   no    no    no    no    no    no    no",
    "run_provider":          "no    no    no    no    no    no    no    no    no    no    yes",
}
ROLES = ("admin", "dispatcher", "lead", "manager", "station", "carer", "family", "panel", "auditor", "machine",
         "provider")
# fmt: on


@pytest.mark.parametrize("role", ROLES)
def test_cells(role: str) -> None:
    account = Account(
        id=1,
        login="somebody",
        name_zh="某",
        name_en="Somebody",
        role=role,
        area_path=None if role in ("family", "provider") else "c",
        language="zh",
    )
    for action, row in MATRIX.items():
        cells = dict(zip(ROLES, row.split(), strict=True))
        assert may_do(account, action) == (cells[role] == "yes"), action


def test_the_matrix_is_complete() -> None:
    assert set(MATRIX) == {str(action) for action in Action}
    assert set(PERMISSIONS) == set(Role) == {Role(role) for role in ROLES}


def test_an_action_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="fly"):
        may_do(Account(id=1, login="a", name_zh="", name_en="", role="admin", area_path="c", language="zh"), "fly")


@pytest.mark.parametrize("role", ROLES)
def test_require_lets_pass_what_the_table_allows_and_names_the_rest(role: str) -> None:
    account = Account(id=1, login="somebody", name_zh="某", name_en="Somebody", role=role, area_path="c", language="zh")
    for action in Action:
        if may_do(account, action):
            require(account, action)
            require(account, action.value)
            continue
        with pytest.raises(NotPermittedError) as refused:
            require(account, action)
        assert refused.value.message_en == f"'somebody' is {role}, who may not {action.value.replace('_', ' ')}"
        assert refused.value.message_zh == f"账号 somebody（{ROLES_ZH[Role(role)]}）无权{ACTIONS_ZH[action]}"


def test_every_action_and_role_has_a_chinese_name_of_its_own() -> None:
    assert set(ACTIONS_ZH) == set(Action)
    assert set(ROLES_ZH) == set(Role)
    assert len(set(ACTIONS_ZH.values())) == len(Action)


ROOT = Path(__file__).parents[4]
FOLDERS = ("alerting", "care_network", "care_services", "console", "dispatch", "exchange", "figures", "shouwang")
STEPS = {"acknowledge", "respond", "arrive", "resolve", "cancel", "note", "own", "merge", "snooze", "reopen"}
"""Steps of an alert are asked by their name: ``require(account, action)``."""


def test_every_action_is_asked_for_somewhere() -> None:
    asked = set()
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text("utf-8")
            if file.name != "permissions.py":
                asked |= {name.lower() for name in re.findall(r"\bAction\.([A-Z_]+)\b", text)}
        for file in (ROOT / folder).rglob("*.html"):
            asked |= set(re.findall(r"\bmay\(\"(\w+)\"\)", file.read_text("utf-8")))
    assert {action.value for action in Action} - asked <= STEPS
    assert set(get_args(AlertAction)) >= STEPS


def test_an_account_reaches_its_own_area_and_below() -> None:
    account = Account(id=1, login="a", name_zh="", name_en="", role="carer", area_path="sz.yt.hs", language="zh")
    assert in_area(account, "sz.yt.hs")
    assert in_area(account, "sz.yt.hs.pw.c1")
    assert not in_area(account, "sz.yt")
    assert not in_area(account, "sz.yt.hsx")
    assert not in_area(msgspec.structs.replace(account, role="family", area_path=None), "sz.yt.hs")
