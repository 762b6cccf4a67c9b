"""Alembic's entry: SQL only, one transaction per migration, no ini file."""

import sqlalchemy
from alembic import context
from sqlalchemy.pool import NullPool

url = sqlalchemy.make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
engine = sqlalchemy.create_engine(url, poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
