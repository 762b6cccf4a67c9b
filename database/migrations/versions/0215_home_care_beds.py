"""Home care beds with their equipment, and grants."""

from database.migrations.run import run_sql

revision = "0215"
down_revision = "0211"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0215_home_care_beds")
