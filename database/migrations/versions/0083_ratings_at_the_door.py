"""A rating at the door is told apart."""

from database.migrations.run import run_sql

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0083_ratings_at_the_door")
