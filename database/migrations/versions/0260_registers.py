"""Identity numbers, registers and their differences, residents who left."""

from database.migrations.run import run_sql

revision = "0260"
down_revision = "0250"
down_revision = "0250"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0260_registers")
