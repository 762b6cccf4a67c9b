"""The rows of the doctor."""

from database.migrations.run import run_sql

revision = "0087"
down_revision = "0083"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0087_doctor")
