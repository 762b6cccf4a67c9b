"""Facts about a person and a home: alone, language, floor, lift, way in, key safe."""

from database.migrations.run import run_sql

revision = "0120"
down_revision = "0117"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0120_people_and_homes")
