"""Readings as a time series, as well as the database can do it."""

from typing import Any

import psycopg
from alembic import op

from database.grade import Grade, detect, timescale_offered
from database.migrate import script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    driver: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    if timescale_offered(driver):
        with op.get_context().autocommit_block():  # its library is loaded by the session's next statement
            op.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        op.execute(script("0004_hypertable"))
    op.execute("CREATE INDEX reading_series_time ON reading (series_id, time DESC)")
    grade = detect(driver)
    if grade is Grade.COMMUNITY:
        with op.get_context().autocommit_block():  # continuous aggregates refuse a transaction
            for statement in script("0004_rollups_community").split(";\n"):
                if statement.strip():
                    op.execute(statement)
        return
    views = script("0004_rollups_views")
    if grade is Grade.APACHE:
        # time_bucket, unlike date_bin, lets the planner turn a filter on the bucket into one on the time
        views = views.replace("date_bin(", "time_bucket(").replace(", TIMESTAMPTZ 'epoch')", ")")
    op.execute(views)
