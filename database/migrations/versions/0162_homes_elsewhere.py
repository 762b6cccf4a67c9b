"""Functions that tell of homes and gateways elsewhere that there are some."""

from database.migrations.run import run_sql

revision = "0162"
down_revision = "0161"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0162_homes_elsewhere")
