"""A word on whether homes lie outside an area, for a role that does not see them."""

from database.migrations.run import run_sql

revision = "0180"
down_revision = "0179"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0180_homes_beyond")
