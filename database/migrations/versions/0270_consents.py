"""The register of consents, beside the tables that running programs read."""

from database.migrations.run import run_sql

revision = "0270"
down_revision = "0261"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0270_consents")
