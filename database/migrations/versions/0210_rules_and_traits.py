"""Rules that are data, traits of residents, and three more kinds of organisations."""

from database.migrations.run import run_sql

revision = "0210"
down_revision = "0208"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0210_rules_and_traits")
