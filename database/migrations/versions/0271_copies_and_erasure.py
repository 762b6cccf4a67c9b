"""Copies of a person's data, and erasure that keeps what law keeps."""

from database.migrations.run import run_sql

revision = "0271"
down_revision = "0270"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0271_copies_and_erasure")
