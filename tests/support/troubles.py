"""Databases that answer and refuse to store: (the statement that begins it, the one that ends it)."""

from psycopg.conninfo import conninfo_to_dict


def read_only(url: str) -> tuple[str, str]:
    """As after a fail-over, on the standby; for connections made from then on."""
    setting = f'ALTER DATABASE "{conninfo_to_dict(url)["dbname"]}" SET default_transaction_read_only = '
    return f"{setting} on", f"{setting} off"


def column_away(table: str, column: str) -> tuple[str, str]:
    """As amid a migration."""
    rename = f"ALTER TABLE {table} RENAME COLUMN {{}} TO {{}}"
    return rename.format(column, "elsewhere"), rename.format("elsewhere", column)
