"""Parameters of the detectors by person, home, ability grade and district; pauses; the resident's ability grade."""

from database.migrations.run import run_sql

revision = "0050"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0050_parameters")
