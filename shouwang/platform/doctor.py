"""``shouwang doctor``: checks whether database and broker work, with advice where they do not."""

from collections.abc import Iterator

import msgspec

from database.health import examine
from database.settings import DatabaseSettings
from firmware_profiles import tls
from firmware_profiles.settings import BrokerSettings


class Check(msgspec.Struct, frozen=True):
    """The result of one check."""

    what: str
    good: bool
    text: str


def checks() -> Iterator[Check]:
    """Check the database and the broker that the environment names."""
    health = examine(DatabaseSettings().url)
    built = "not migrated: run `shouwang migrate`" if health.built is None else f"schema built for {health.built}"
    yield Check("database", health.reachable, f"{health.server or 'not reachable'}; {built}")
    for text in health.findings:
        yield Check("database", False, text)
    yield _broker()
    yield detectors_check()


def detectors_check() -> Check:
    """Check that no plug-in with detectors is left out: it would watch nobody."""
    from alerting.detection.detectors import all_detectors, all_plugins

    left_out = [
        f"{plugin.name} ({plugin.package}) is left out: {plugin.fault}" for plugin in all_plugins() if plugin.fault
    ]
    return Check("detectors", not left_out, "; ".join(left_out) or f"{len(all_detectors())} detectors")


def _broker() -> Check:
    broker = BrokerSettings().broker()
    where = f"{broker.host}:{broker.port}"
    fault = tls.explain(broker)
    if fault:
        return Check("broker", False, f"{where}: {fault}; check SHOUWANG_BROKER_… and that the broker runs")
    if broker.ca is None:
        return Check("broker", True, f"{where} answers (plain TCP: for loopback only)")
    until = ", ".join(f"{holder} until {end:%Y-%m-%d}" for holder, end in tls.ends(broker).items())
    return Check("broker", True, f"{where} lets us in over MQTT; certificates: {until}")
