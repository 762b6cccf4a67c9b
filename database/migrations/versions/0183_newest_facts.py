"""An index by which the lists behind the figures begin with the newest alert."""

from database.migrations.run import run_sql

revision = "0183"
down_revision = "0182"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0183_newest_facts")
