"""Accounts of people of providers and canteens, doors that nobody opened, and a provider's yes to a request."""

from database.migrations.run import run_sql

revision = "0295"
down_revision = "0293"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0295_providers_and_doors")
