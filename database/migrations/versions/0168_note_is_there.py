"""Tell whether somebody has a medical note, to whoever may not read it."""

from database.migrations.run import run_sql

revision = "0168"
down_revision = "0167"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0168_note_is_there")
