"""Sessions by device, recovery codes, passkeys, news of one's own account."""

from database.migrations.run import run_sql

revision = "0170"
down_revision = "0168"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0170_own_accounts")
