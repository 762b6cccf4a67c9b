"""Print the table of docs/access.md, roles by actions, from the table of permissions: python tools/access_page.py"""

from care_network.access.permissions import ACTIONS_ZH, PERMISSIONS, ROLES_ZH, Action, Role


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


if __name__ == "__main__":
    print(table(), end="")
