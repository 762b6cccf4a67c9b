"""The residents who are gone, schedules of registers and reports, decisions on many lines."""

from database.migrations.run import run_sql

revision = "0305"
down_revision = "0300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0305_who_is_gone")
