"""Meals: canteens, menus, diets, orders, delivery rounds."""

from database.migrations.run import run_sql

revision = "0235"
down_revision = "0226"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0235_meals")
