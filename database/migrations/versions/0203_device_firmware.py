"""The version of each device's own program."""

from database.migrations.run import run_sql

revision = "0203"
down_revision = "0201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0203_device_firmware")
