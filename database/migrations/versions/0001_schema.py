"""The district, what the homes send, and alerts."""

from alembic import op

from database.migrate import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    for name in ("0001_district", "0002_readings", "0003_alerts"):
        op.execute(script(name))
