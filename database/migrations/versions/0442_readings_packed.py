"""Readings older than a day are packed by series and day, at the grades without compression of their own."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0442"
down_revision = "0441"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if grade() is Grade.COMMUNITY:
        run_sql("0442_community")
        return
    run_sql("0442_readings_packed")
    if grade() is Grade.APACHE:
        run_sql("0442_apache")
