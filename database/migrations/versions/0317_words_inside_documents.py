"""The words inside the files of documents, as they are searched."""

from database.migrations.run import run_sql

revision = "0317"
down_revision = "0316"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0317_words_inside_documents")
