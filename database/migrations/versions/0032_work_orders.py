"""Work orders: who is sent, every step of it, photos and ratings; targets missed; languages that residents speak."""

from database.migrations.run import run_sql

revision = "0032"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0032_work_orders")
