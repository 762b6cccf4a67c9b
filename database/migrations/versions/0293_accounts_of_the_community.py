"""Accounts of the community: those of the time bank that are nobody's, for policies."""

from database.migrations.run import run_sql

revision = "0293"
down_revision = "0292"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0293_accounts_of_the_community")
