"""Notifications of alerts: to whom, by which message and channel, every attempt; spent links, preferences, browsers."""

from database.migrations.run import run_sql

revision = "0031"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0031_notifications")
