"""``python -m dispatch.escalation``: the dispatch service, settings from the environment."""

from database.settings import DatabaseSettings
from dispatch.escalation.service import run
from dispatch.escalation.settings import DispatchSettings
from observability.process import serve


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("dispatch", lambda stop, liveness: run(DispatchSettings(), DatabaseSettings(), stop, liveness))


if __name__ == "__main__":
    main()
