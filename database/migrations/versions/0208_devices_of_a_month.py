"""An index of the devices of a month by the time that they were silent."""

from database.migrations.run import run_sql

revision = "0208"
down_revision = "0207"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0208_devices_of_a_month")
