"""The conditions of which policies are made: whose row it is, and what the viewer may.

Conditions on the viewer stand in sub-selects of their own, so that PostgreSQL asks them once a statement and not once
a row.
"""

ALL = "(SELECT viewer_sees_all())"
STAFF = "(SELECT viewer_is_staff())"
LIVE = "(SELECT viewer_account()) IS NOT NULL"


def may(action: str) -> str:
    return f"(SELECT viewer_may('{action}'))"


def home(column: str) -> str:
    return f"({ALL} OR EXISTS (SELECT FROM household anchor WHERE anchor.id = {column}))"


def person(column: str) -> str:
    return f"({ALL} OR EXISTS (SELECT FROM resident anchor WHERE anchor.id = {column}))"


def seen(anchor: str, condition: str) -> str:
    """Whether the viewer sees such a row of ``anchor``."""
    return f"EXISTS (SELECT FROM {anchor} anchor WHERE {condition})"


def by(table: str, anchor: str, condition: str) -> str:
    """Rows whose anchor the viewer sees: the anchor's own policy holds within."""
    return f"({ALL} OR EXISTS (SELECT FROM {anchor} anchor WHERE {condition.format(table=table)}))"


ACCOUNTS = "IN (SELECT viewer_accounts())"
ME = "(SELECT viewer_account())"
AREA = "(SELECT viewer_area())"
PROVIDER = "(SELECT viewer_provider())"
"""The organisation of whoever runs their own provider; NULL for everybody else."""
SERVING = "= ANY ((SELECT viewer_organisations())::integer[])"
"""Organisations in the viewer's area, and those around it that serve it."""


def worker(column: str) -> str:
    return f"({ALL} OR EXISTS (SELECT FROM staff anchor WHERE anchor.id = {column}))"


def named_gateway(column: str) -> str:
    return f"({ALL} OR EXISTS (SELECT FROM gateway anchor WHERE anchor.name = {column}))"


def written(condition: str, *, of_staff: bool = False) -> dict[str, str]:
    """Rows that hold nobody's data: read by the console whoever asks, written on a condition."""
    condition = f"({STAFF} AND {condition})" if of_staff else condition
    return {"SELECT": "true", "INSERT": condition, "UPDATE": condition, "DELETE": condition}
