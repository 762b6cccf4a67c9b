"""Whether somebody lives alone, in one place."""

from database.migrations.run import run_sql

revision = "0370"
down_revision = "0364"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0370_alone_is_one_fact")
