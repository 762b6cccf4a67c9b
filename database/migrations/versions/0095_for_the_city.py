"""The views that hold what a district tells the city."""

from database.migrations.run import run_sql

revision = "0095"
down_revision = "0092"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0095_for_the_city")
