"""The ground of the map, and files that wait for their storing."""

from database.migrations.run import run_sql

revision = "0150"
down_revision = "0142"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0150_ground_map")
