"""Changes of rosters, each as one step that can be taken back."""

from database.migrations.run import run_sql

revision = "0178"
down_revision = "0177"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0178_roster_changes")
