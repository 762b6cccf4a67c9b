"""Quarantine that a storm can not fill, the pairing list, SenML arrivals, versions of ingest's marks."""

from database.migrations.run import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0005_quarantine")
