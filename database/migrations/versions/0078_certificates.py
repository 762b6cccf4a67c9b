"""Certificates of gateways: enrolment, issue, revocation, expiry."""

from database.migrations.run import run_sql

revision = "0078"
down_revision = "0074"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0078_certificates")
