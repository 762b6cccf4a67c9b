"""The policies of rows ask roles by the one table of permissions."""

from care_network.access.permissions import PERMISSIONS, Action
from database.rights.decisions import DECISIONS
from database.rights.grants import BY_VIEWER, GRANTS, OF_CONSOLE
from database.rights.machine_rows import MACHINE, MACHINE_ROWS, UNBOUND
from database.rights.row_security import NOBODYS, ROLES_THAT, ROWS


def test_the_policies_know_the_roles_of_the_table_of_permissions() -> None:
    assert {
        action: {role.value for role, actions in PERMISSIONS.items() if Action(action) in actions}
        for action in ROLES_THAT
    } == {action: set(roles) for action, roles in ROLES_THAT.items()}


def test_every_table_of_the_console_and_the_exchange_has_a_policy_or_is_nobodys() -> None:
    for service, bound, free in ((BY_VIEWER, ROWS, NOBODYS), (MACHINE, MACHINE_ROWS, UNBOUND)):
        named = GRANTS[service].tables()
        assert named - set(bound) - free == set(), f"whose rows does {service} see? database/rights"
        assert not free & set(bound)


def test_the_decision_on_every_table_is_written_down_and_what_the_console_writes_has_a_condition() -> None:
    rights = GRANTS[BY_VIEWER]
    decided = " ".join(DECISIONS.values()).split()
    assert len(decided) == len(set(decided))
    assert set(decided) == set(ROWS) | NOBODYS, "database/rights/decisions.py"
    written = set(f"{rights.insert} {rights.update} {rights.delete}".split())
    written |= {table for right, table, _ in rights.columns if right != "SELECT"}
    assert not written & NOBODYS - {"certificate_expiry"}, "the console writes it: on what condition?"


def test_the_program_of_the_console_has_logins_of_its_own() -> None:
    assert {BY_VIEWER, *OF_CONSOLE} <= GRANTS.keys()
    board = GRANTS["board"]
    assert set(ROWS).isdisjoint(f"{board.insert} {board.update} {board.delete}".split()), "it changes nobody's record"
