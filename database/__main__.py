"""``python -m database``: the maintenance service, settings from the environment."""

from database.maintenance import run
from database.settings import DatabaseSettings
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("maintain", lambda stop, liveness: run(DatabaseSettings(), stop, liveness))


if __name__ == "__main__":
    main()
