"""Papers of volunteers, of many at once."""

from database.migrations.run import run_sql

revision = "0364"
down_revision = "0359"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0364_papers_of_many")
