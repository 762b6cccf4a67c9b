"""Stupor and coma told apart in assessments; what an erasure by law may take of a signed one."""

from database.migrations.run import run_sql

revision = "0281"
down_revision = "0280"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0281_assessments_kept_and_erased")
