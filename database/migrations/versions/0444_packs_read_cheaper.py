"""Packs are read back a quarter cheaper, at the grades that have packs."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0444"
down_revision = "0443"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if grade() is not Grade.COMMUNITY:
        run_sql("0444_packs_read_cheaper")
