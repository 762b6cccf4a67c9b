"""Old programs run on the new schema: migrations since the first set of a release take nothing away that is read."""

import re
from pathlib import Path

SQL = Path(__file__).parents[2] / "database" / "migrations" / "sql"
ALLOWED = {
    ("0060_roster_holes_are_told", "constraint"), ("0072_ends_are_told", "constraint"),
    ("0083_ratings_at_the_door", "constraint"),  # each names more values than the one that it replaces
    ("0117_closed_alerts", "constraint"), ("0141_station_role", "constraint"), ("0160_more_roles", "constraint"),
    ("0157_orders_that_are_off", "constraint"), ("0167_checked_tables", "constraint"),  # so do these
    ("0210_rules_and_traits", "constraint"), ("0295_providers_and_doors", "constraint"),
    ("0281_assessments_kept_and_erased", "constraint"),
    ("0175_channel_tests", "constraint"),  # so does this, and a notification may be about one more thing
    ("0315_notices", "constraint"),  # and this
    ("0342_presses_by_link", "not null"),  # a column may now be empty
    ("0340_buttons_and_the_gone", "constraint"), ("0340_buttons_and_the_gone", "not null"),
    ("0091_duty_tests", "constraint"),  # so does this, and a notification may be about one more thing
    ("0060_roster_holes_are_told", "not null"),  # a column may now be empty
    ("0081_audit_chain", "constraint"),  # the reference to an account: an entry outlives it
    ("0090_synthetic_homes", "trigger"),  # made again in the same migration, with one exception
    ("0130_field_presses", "index"),  # made again in the same migration, as strict for orders that support no other
    ("0200_around_the_chain", "index"),  # made again in the same migration, with the moment in them
    ("0430_minutes_earned_anew", "index"),  # its rule is held by the unique keys of earnings
    ("0442_readings_packed", "rename"),  # a view of the old name is read, stored into and deleted from as the table was
}  # fmt: skip
"""What a migration drops and old programs do not miss, with the reason."""
FIRST = "0060"
"""The first migration that a district with data may have ahead of it."""
_COMMENT = re.compile(r"--[^\n]*")
_TAKES_AWAY = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|VIEW|FUNCTION|INDEX|TYPE|CONSTRAINT|TRIGGER|NOT\s+NULL)|\b(RENAME)\b|\bALTER\s+COLUMN\s+\w+"
    r"\s+(?:SET\s+DATA\s+)?(TYPE)\b|\b(SET\s+NOT\s+NULL)\b",
    re.IGNORECASE,
)
NEWER = sorted(file for file in SQL.glob("*.sql") if file.name >= FIRST)


def test_a_migration_takes_nothing_away() -> None:
    taken = {
        (file.stem, " ".join(next(filter(None, found)).lower().split()))
        for file in NEWER
        for found in _TAKES_AWAY.findall(_COMMENT.sub("", file.read_text()))
    }
    assert NEWER
    assert not taken - ALLOWED


def test_a_new_column_of_an_old_table_may_be_left_out() -> None:
    for file in NEWER:
        text = _COMMENT.sub("", file.read_text())
        own = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", text))
        for table, columns in re.findall(r"ALTER TABLE (?:ONLY )?(\w+)([^;]*);", text):
            for column in re.findall(r"ADD COLUMN ([^,;]*)", columns):
                needed = "NOT NULL" in column and "DEFAULT" not in column and "GENERATED" not in column
                assert table in own or not needed, (file.stem, column)
