"""Functions by which the maintenance service asks for the steps of the readings' owner."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0082_roles")
    if grade() is Grade.APACHE:
        run_sql("0082_apache")
