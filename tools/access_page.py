"""Print the tables of docs/access.md, actions by role and rows by viewer: python tools/access_page.py"""

from collections.abc import Iterable

from care_network.access.permissions import ACTIONS_ZH, PERMISSIONS, ROLES_ZH, Action, Role
from database.rights.decisions import DECISIONS, others


def table() -> str:
    """A line for each action, a column for each role."""
    roles = list(Role)
    rows = [
        "| action | " + " | ".join(f"{role.value} {ROLES_ZH[role]}" for role in roles) + " |",
        "| --- |" + " :-: |" * len(roles),
    ]
    for action in Action:
        cells = ("✓" if action in PERMISSIONS[role] else "" for role in roles)
        rows.append(f"| {action.value.replace('_', ' ')} {ACTIONS_ZH[action]} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def decisions() -> str:
    """A line for each answer to the question whose rows a viewer sees, with its tables."""
    rows = [
        "| a row is seen | tables |",
        "| --- | --- |",
        *(f"| {who} | {_listed(tables.split())} |" for who, tables in DECISIONS.items()),
        f"| not at all: of other services, and of the owner | {_listed(others())} |",
    ]
    return "\n".join(rows) + "\n"


def _listed(tables: Iterable[str]) -> str:
    return ", ".join(f"`{table}`" for table in sorted(tables))


if __name__ == "__main__":
    print(table(), decisions(), sep="\n", end="")
