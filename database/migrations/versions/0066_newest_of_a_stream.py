"""Numbers that a gateway gives for a second time are told from repetitions."""

from database.migrations.run import run_sql

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0066_newest_of_a_stream")
