"""``python -m dispatch.orders``: the sweeper of work orders and of the service level, settings from the environment."""

from database.settings import DatabaseSettings
from dispatch.orders.sweeper import run
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("orders", lambda stop, liveness: run(DatabaseSettings(), stop, liveness))


if __name__ == "__main__":
    main()
