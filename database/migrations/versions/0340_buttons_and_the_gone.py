"""A button in a home asks for a service; nothing new is made for somebody who is gone."""

from database.migrations.run import run_sql

revision = "0340"
down_revision = "0334"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0340_buttons_and_the_gone")
