"""Print docs/settings.md from the settings classes: python tools/settings_page.py > docs/settings.md"""

import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec
from pydantic_settings import BaseSettings

from alerting.service.settings import AlertingSettings
from care_services.rounds.exchange import ExchangeKeys
from console.settings import ConsoleSettings
from database.city.settings import FeedSettings
from database.rights.settings import AuditSettings
from database.settings import DatabaseSettings
from dispatch.channels.settings import NotifySettings
from dispatch.escalation.settings import DispatchSettings
from exchange.settings import ExchangeSettings
from firmware_profiles.settings import BrokerSettings
from ingest.settings import IngestSettings
from observability.settings import LogSettings, ProbeSettings
from shouwang.certificates.settings import IssuerSettings
from shouwang.path.settings import PathSettings

PAGES: dict[str, type[BaseSettings] | type[ProbeSettings] | type[LogSettings]] = {
    "Database (every service)": DatabaseSettings,
    "Broker (every service)": BrokerSettings,
    "Probes and metrics (every service)": ProbeSettings,
    "Log (every service)": LogSettings,
    "Ingest": IngestSettings,
    "Alerting": AlertingSettings,
    "Dispatch (escalation)": DispatchSettings,
    "Notifications": NotifySettings,
    "Console": ConsoleSettings,
    "Exchange": ExchangeSettings,
    "Rounds of care (sweeper of work orders)": ExchangeKeys,
    "Feed for the city (maintenance)": FeedSettings,
    "Checkpoints of the audit (maintenance)": AuditSettings,
    "Certificates": IssuerSettings,
    "Proof of the path": PathSettings,
}

HEAD = """\
# Settings

Every service reads its settings from the environment; `deploy/environment/` has an example of each. A setting that
cannot be understood stops the service at its start, with its name. The home gateway's settings are in its
configuration file (`shouwang edge --config FILE --check`)."""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, settings in PAGES.items():
        rows = ["| setting | default | what |", "| --- | --- | --- |"]
        for variable, value, description in _fields(settings):
            # The address in a default is an example; a password never is one.
            default = re.sub(r":[^:@/]+@", ":…@", str(value)).replace("None", "")
            default = f"`{default}`" if default else ""
            rows.append(f"| `{variable}` | {default} | {description} |")
        parts += [f"## {title}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def _fields(
    settings: type[BaseSettings] | type[ProbeSettings] | type[LogSettings],
) -> Iterator[tuple[str, Any, str | None]]:
    """Variable, default and description of each setting."""
    if issubclass(settings, BaseSettings):
        for name, field in settings.model_fields.items():
            variable = str(field.validation_alias or f"{settings.model_config.get('env_prefix', '')}{name}".upper())
            yield variable, field.default, field.description
        return
    kinds = get_type_hints(settings, include_extras=True)
    for one in msgspec.structs.fields(settings):
        yield f"{settings.prefix}{one.name}".upper(), one.default, kinds[one.name].__metadata__[-1].description


if __name__ == "__main__":
    print(page(), end="")
