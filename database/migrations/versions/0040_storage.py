"""Storage that lasts years: retention as data, roll-ups that outlive the readings, late data right at every grade."""

from database.grade import Grade
from database.migrations.run import grade, run_sql

revision = "0040"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0040_storage")
    if grade() is Grade.COMMUNITY:
        run_sql("0040_policies")
        return
    run_sql("0040_rollups")
    if grade() is Grade.PLAIN:
        # Old readings are found by series, like everything else.
        run_sql("0040_plain")
