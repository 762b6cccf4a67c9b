"""A cancelled request for help opens again where somebody was wrongly said to be gone."""

from database.migrations.run import run_sql

revision = "0325"
down_revision = "0317"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0325_requests_open_again")
