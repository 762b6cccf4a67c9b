"""Each session that makes retention wait has a wait of its own."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0068_waits_apart")
    if grade() is Grade.COMMUNITY:
        run_sql("0068_policies")
