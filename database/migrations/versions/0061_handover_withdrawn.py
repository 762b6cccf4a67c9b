"""An offered hand-over can be taken back."""

from database.migrations.run import run_sql

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0061_handover_withdrawn")
