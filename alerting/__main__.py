"""``python -m alerting``: the alerting service, settings from the environment."""

import sys
import threading

import structlog

from alerting.service.direct import DirectChannels, DirectSender
from alerting.service.receiving.mailbox import sessions
from alerting.service.service import run
from alerting.service.settings import AlertingSettings
from database.settings import DatabaseSettings
from dispatch.channels.adapters.base import ConfigError
from dispatch.channels.config import load
from dispatch.channels.settings import NotifySettings
from firmware_profiles.link.mqtt import end_sessions
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve

log = structlog.get_logger(__name__)


def main(*, ending: bool = False) -> bool:
    """Run until SIGINT or SIGTERM; with ``ending`` end this worker's sessions at the broker instead (False where that
    failed): another worker has heard what waits in them. Raises SystemExit where a part of it ended by a fault."""
    if ending:
        return end_sessions(BrokerSettings().broker(), sessions(AlertingSettings().worker))
    serve("alerting", _work)
    return True


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
    sys.exit(0 if main(ending="--retire" in sys.argv[1:]) else 1)
