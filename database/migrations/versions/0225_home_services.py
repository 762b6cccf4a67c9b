"""Services at home, requests by one tap, and the rounds."""

from database.migrations.run import run_sql

revision = "0225"
down_revision = "0215"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0225_home_services")
