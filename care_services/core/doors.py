"""Doors that nobody opened, at a visit or a meal: what is tried before one goes, and the entry that the rounds tell."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from psycopg import Connection

from care_network.errors import ProvisioningError

TRIED: Mapping[str, tuple[str, str]] = {
    "rang": ("按门铃、敲门并等候", "rang, knocked and waited"),
    "telephone": ("打过老人电话，无人接听", "telephoned the resident, no answer"),
    "neighbour": ("问过邻居或物业", "asked a neighbour or the caretaker"),
    "family": ("联系过家属", "reached the family"),
    "listened": ("听过、看过屋内动静", "listened, and looked for light and movement"),
}
"""Steps that are taken at a shut door, in this order."""
NEEDED: Mapping[str, tuple[str, str]] = {
    "rang": ("按门铃、敲门并等候", "ring and knock, and wait"),
    "telephone": ("给老人打电话", "telephone the resident"),
}
"""Without these nobody goes: what is asked for, in both languages."""


def check(tried: Collection[str], phone: str) -> list[str]:
    """Check what was tried, and put it in order. Raises ProvisioningError with the field ``tried`` for a step left out.

    A home without a telephone number cannot be called. Pure.
    """
    if unknown := [one for one in tried if one not in TRIED]:
        raise ProvisioningError(en=f"there is no step {unknown[0]!r}", zh="请从列表中选择", field="tried")
    for step in NEEDED:
        if step not in tried and (step != "telephone" or phone):
            zh, en = NEEDED[step]
            raise ProvisioningError(en=f"before you go, {en}, and tick it", zh=f"离开前请先{zh}，并勾选", field="tried")
    return [step for step in TRIED if step in tried]


def words(tried: Collection[str]) -> tuple[str, str]:
    """Tell what was tried as a sentence's part, in Chinese and English. Pure."""
    pairs = [TRIED[step] for step in TRIED if step in tried]
    if not pairs:
        return "未记录尝试过什么", "nobody wrote down what was tried"
    return "；".join(zh for zh, _ in pairs), "; ".join(en for _, en in pairs)


def shut(
    conn: Connection[Any], resident_id: int, tried: Collection[str], note: str, who: tuple[int | None, str],
    at: dt.datetime, *, visit_id: int | None = None, meal_id: int | None = None,
) -> None:  # fmt: skip
    """Enter a shut door, to be told to the station by the rounds; once for each visit and meal."""
    conn.execute(
        "INSERT INTO shut_door (resident_id, visit_id, meal_id, at, tried, note, account_id, actor)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (resident_id, visit_id, meal_id, at, list(tried), note.strip()[:400], *who),
    )
