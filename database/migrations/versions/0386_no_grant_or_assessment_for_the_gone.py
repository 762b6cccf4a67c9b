"""No grant is applied for, and no assessment begun, for somebody who is gone."""

from database.migrations.run import run_sql

revision = "0386"
down_revision = "0383"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0386_no_grant_or_assessment_for_the_gone")
