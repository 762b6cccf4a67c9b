"""Lines of devices that do not know since when they count are counted anew."""

from database.migrations.run import run_sql

revision = "0207"
down_revision = "0206"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0207_devices_anew")
