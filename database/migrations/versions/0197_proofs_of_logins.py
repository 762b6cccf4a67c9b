"""Enrolment at the login, codes of a colleague, and proofs of what opens a session."""

from database.migrations.run import run_sql

revision = "0197"
down_revision = "0195"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0197_proofs_of_logins")
