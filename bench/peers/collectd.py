"""Configure and start collectd: plugin ``mqtt`` (subscribe) → plugin ``postgresql`` (writer).

Our configuration, with what collectd.conf(5) offers for speed: many updates in one transaction (``CommitInterval``), no
rates, only these two plugins, no limit that would drop values, QoS 1 and a persistent session. The statement calls a
function, as in its documentation (so its plan is cached), which stores the five values of a message at once. collectd
acknowledges a message when it has it in memory: after a crash those messages are lost.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from bench.peers import rows
from bench.peers.cache import Command, folder_of
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker

NAME = "collectd"
SESSION = "bench-collectd"
FILTER = f"{rows.TEXT_TOPIC}/+/+/+"
FORMS: dict[rows.Shape, rows.Form] = {"moments": rows.as_collectd_text}
COMMIT_S = 2
"""It commits with the next value after this time, or when it stops: the last rows are stored then, and not measured."""

_CONFIGURATION = """
Hostname "bench"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
PluginDir "{home}/usr/lib/collectd"
TypesDB "{folder}/types.db"
WriteThreads {threads}
LoadPlugin logfile
<Plugin logfile>
  LogLevel warning
  File STDERR
</Plugin>
LoadPlugin mqtt
<Plugin mqtt>
  <Subscribe "bench">
    Host "{broker.host}"
    Port "{broker.port}"
    CACert "{broker.ca}"
    CertificateFile "{broker.cert}"
    CertificateKeyFile "{broker.key}"
    ClientId "{client}"
    QoS 1
    CleanSession false
    Topic "{filter}"
  </Subscribe>
</Plugin>
LoadPlugin postgresql
<Plugin postgresql>
  <Writer vitals>
    Statement "SELECT collectd_insert($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    StoreRates false
  </Writer>
  <Database "{database}">
    Host "{host}"
    Port "{port}"
    User "{user}"
    Password "{password}"
    SSLMode "disable"
    Writer vitals
    CommitInterval {commit}
  </Database>
</Plugin>
"""
THREADS = 5
"""collectd's own default."""
_FUNCTION = """
CREATE OR REPLACE FUNCTION collectd_insert(
    at timestamptz, host text, plugin text, plugin_instance text, type text, type_instance text,
    names text[], types text[], vals float8[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reading_row (time, series_id, value)
    SELECT at, plugin_instance::int + place - 1, one FROM unnest(vals) WITH ORDINALITY AS v (one, place);
END $$
"""


def missing() -> bool:
    return folder_of("collectd") is None


def prepare(folder: Path, _shape: rows.Shape, broker: Broker, database_url: str) -> Command:
    """Write its files into ``folder``, and return the command that starts it."""
    home = folder_of("collectd")
    if home is None:
        raise RuntimeError("collectd is not installed: run bench/peers/setup.sh")
    sources = ", ".join(f"{code}:GAUGE:U:U" for code in rows.CHANNEL_CODES)
    (folder / "types.db").write_text(f"vitals\t{sources}\n")
    with psycopg.connect(database_url) as conn:
        conn.execute(_FUNCTION)
    url = urlsplit(database_url)
    text = _CONFIGURATION.format(
        folder=folder,
        home=home,
        broker=broker,
        client=mqtt.session_name(broker, SESSION),
        filter=FILTER,
        host=url.hostname,
        port=url.port,
        user=url.username,
        password=unquote(url.password or ""),
        database=url.path.lstrip("/"),
        commit=COMMIT_S,
        threads=THREADS,
    )
    (folder / "collectd.conf").write_text(text)
    libraries = ":".join(str(path) for path in sorted((home / "usr/lib").glob("*-linux-gnu*")))
    argv = [str(home / "usr/sbin/collectd"), "-f", "-C", str(folder / "collectd.conf")]
    return argv, {"LD_LIBRARY_PATH": libraries}
