"""How readings are kept and rolled up, by the grade of the server."""

from database.migrations.run import grade, run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(f"0004_time_series_{grade()}")
