"""``shouwang doctor``: all checks of this machine, in the order in which a message passes through the district."""

import datetime as dt
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg

from database.reports.doctor_rows import Row, load
from database.settings import DatabaseSettings
from dispatch.channels.settings import NotifySettings
from firmware_profiles.settings import BrokerSettings
from shouwang.doctor import broker, database, feed, files, services, settings
from shouwang.doctor.check import Check
from shouwang.setup.answers import parse
from shouwang.setup.machine import look, templates
from shouwang.setup.plan import SETTINGS_FILE, Plan


def checks() -> Iterator[Check]:
    """Check all that this machine and its environment name. Nothing is changed but the rows that the console shows."""
    now = dt.datetime.now(dt.UTC)
    rows: list[Check] = []
    for check in (*_machine(), *_brokers(now), detectors_check()):
        rows.append(check)
        yield check
    url = DatabaseSettings().url
    for check in database.database_checks(url):
        rows.append(check)
        yield check
    if _migrated(url):
        yield from _in_database(url, now, rows)


def _in_database(url: str, now: dt.datetime, rows: list[Check]) -> Iterator[Check]:
    units = settings.enabled_units()
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5, application_name="shouwang-doctor") as conn:
            machine = socket.gethostname()
            elsewhere: list[Row] = [row for row in load(conn) if row.machine != machine]
            found = [*database.content_checks(conn, now), *services.unit_checks(units)]
            if settings.ETC.exists():
                found += [*services.missing_services(units, elsewhere), database.lists_check(conn)]
                found += files.open_files_checks(database.gateways(conn))
            feed_url = feed.feed_url()
            if feed_url is not None:
                found += feed.feed_checks(feed_url)
            channels = _channels_file()
            if channels is not None:
                found.append(services.channels_check(channels))
            yield from found
            yield database.write_check(conn, machine, [*rows, *found])
    except psycopg.Error as error:
        yield Check("database", False, f"does not answer: {' '.join(str(error).split())}")


def _migrated(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5) as conn:
            return conn.execute("SELECT to_regclass('doctor_check')").fetchone() != (None,)
    except psycopg.Error:
        return False


def _machine() -> Iterator[Check]:
    answers = Path(SETTINGS_FILE)
    if answers.exists() and os.geteuid() == 0:
        plan = Plan(parse(answers.read_text("utf-8")), look(Path("/"), templates()))
        yield from files.file_checks(plan.items())
    yield from files.disk_checks()
    yield files.clock_check()


def _brokers(now: dt.datetime) -> Iterator[Check]:
    own = BrokerSettings().broker()
    environments = settings.service_environments()
    identities = {
        name: found for name, values in environments.items() if (found := settings.broker_of(values)) is not None
    }
    if own.cert is not None or not identities:
        identities["this environment"] = own
        if own.key is not None:
            yield from files.private_key(own.key)
    seen: set[str] = set()
    for name, one in identities.items():
        who = f"svc-{name}" if name in environments else name
        for check in broker.broker_checks(who, one, now):
            if check.what not in seen:
                seen.add(check.what)
                yield check


def _channels_file() -> Path | None:
    named = os.environ.get("SHOUWANG_NOTIFY_CHANNELS_FILE")
    shipped = settings.ETC / "channels.toml"
    return NotifySettings().channels_file if named else shipped if shipped.exists() else None


def detectors_check() -> Check:
    """Check that no plug-in with detectors is left out: it would watch nobody."""
    from alerting.detection.detectors import all_detectors, all_plugins

    left_out = [
        f"{plugin.name} ({plugin.package}) is left out: {plugin.fault}" for plugin in all_plugins() if plugin.fault
    ]
    return Check("detectors", not left_out, "; ".join(left_out) or f"{len(all_detectors())} detectors")
