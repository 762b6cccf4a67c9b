"""``python -m alerting``: the alerting service, settings from the environment."""

import threading

import structlog

from alerting.service.direct import DirectChannels, DirectSender
from alerting.service.service import run
from alerting.service.settings import AlertingSettings
from database.settings import DatabaseSettings
from dispatch.channels.adapters.base import ConfigError
from dispatch.channels.config import load
from dispatch.channels.settings import NotifySettings
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("alerting", _work)


def _work(stop: threading.Event, liveness: Liveness) -> None:
    database = DatabaseSettings()
    run(AlertingSettings(), database, BrokerSettings().broker(), stop, _direct(database), liveness)


def _direct(database: DatabaseSettings) -> DirectSender | None:
    """The channels of the delivery service, for emergencies while the database is away.

    None where the settings are wrong: that must not stop alerting, and alerts still reach every console.
    """
    file = NotifySettings().channels_file
    try:
        return DirectChannels(load(file), database)
    except ConfigError as error:
        log.error("while the database is away, emergencies reach the consoles alone", reason=str(error))
        return None


if __name__ == "__main__":
    main()
