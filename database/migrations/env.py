"""Alembic's entry: migrate on the connection that ``database.migrate`` gives, one transaction a migration."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
