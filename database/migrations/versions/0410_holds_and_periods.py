"""Legal holds on people and classes of tables, and rules that remove what is over its period."""

from database.migrations.run import run_sql

revision = "0410"
down_revision = "0390"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0410_holds_and_periods")
