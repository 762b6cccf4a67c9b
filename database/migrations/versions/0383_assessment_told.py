"""Tell a family of an ability assessment, and nothing of its answers."""

from database.migrations.run import run_sql

revision = "0383"
down_revision = "0380"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0383_assessment_told")
