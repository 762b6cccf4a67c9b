"""Programs for gateways, ring by ring."""

from database.migrations.run import run_sql

revision = "0098"
down_revision = "0095"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0098_gateway_programs")
