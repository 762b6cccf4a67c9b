"""Entry point of Alembic: migrate on the connection of ``database.migrate``, one transaction a migration."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
