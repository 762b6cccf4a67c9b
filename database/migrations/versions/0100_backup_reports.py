"""Reports of backups, and warnings among the doctor's rows."""

from database.migrations.run import run_sql

revision = "0100"
down_revision = "0098"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0100_backup_reports")
