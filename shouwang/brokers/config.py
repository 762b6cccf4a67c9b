"""Configuration of NATS and mosquitto: listeners, certificates, and the rights of each identity.

The identity is the common name of the client certificate. A gateway may publish under its own name only and read its
own commands only; a service gets what its job needs. ``deploy/`` holds what these functions give.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_profiles import senml, wire
from firmware_profiles.link import shares

MAX_MESSAGE = 8 * 1024 * 1024
"""Bytes. Far above what ingest accepts, so that an oversized message ends in quarantine with a reason, not in a mute
disconnection that the gateway would repeat for ever."""

ALERTS = "desk/v1/alerts"
SENDS: tuple[wire.Leaf, ...] = ("readings", "events", "status", "replies", "certificates")
READS: tuple[wire.Leaf, ...] = ("commands", "alarm")

IN_FLIGHT = 10_000
"""Messages a consumer may hold unacknowledged, by subscription. The defaults (NATS 1024, mosquitto 20) would throttle
ingest, which acknowledges after its commit. NATS takes 65,535 for all subscriptions of a session."""
QUEUED = 500_000
"""Messages that mosquitto keeps at most for one session, beyond those in flight: 190 MB at 379 bytes each, all of it in
memory and written every 10 s. At a district's peak (2,400 frames/s) readings last 3.5 minutes, events for days, because
they have a session of their own. The rest is asked for again from the gateways (docs/scaling.md)."""
FORGOTTEN_DAYS = 7
"""A session that nobody came for in so long is ended by the broker: its service went without being retired."""
KEPT_PER_TOPIC = 30_000
"""Waiting messages that NATS keeps for one topic of one gateway; the oldest go. A day of readings at a frame every 3 s,
64 GB for 7,198 homes; a gateway's events have a topic of their own, and are not thrown away for readings."""
BOUND_TOPIC = "$JS/API/STREAM/UPDATE/$MQTT_msgs"
"""Where ``svc-broker`` sets that bound: nats.conf has no place for it. (A bound of the whole store, ``max_file_store``,
would be worse than none: once it is reached NATS lets nobody connect, not even who would empty it.)"""
ACK_WAIT = "10s"
"""NATS delivers again what was not acknowledged for so long, also to a service that comes back: a fall that a crashed
alerting had in its hands waits for this, so not longer. Not shorter either: while the database is away, ingest gets
everything it holds once more in every such interval."""
SYNC_INTERVAL = "1s"
"""How often NATS flushes to the disk itself. A killed broker loses nothing (the kernel has the data); a power cut
loses at most this. 'always' costs two thirds of the throughput; a cluster of three machines protects better."""
SYNC_INTERVAL_SINCE = (2, 10)
"""The first version that knows it: 2.9, which Debian 12 has, flushes every two minutes and refuses the word."""


@dataclass(frozen=True)
class Rights:
    """MQTT topics and topic filters."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


BESIDE_BROKER = "svc-broker"
"""The identity of ``shouwang certificates follow-nats`` and ``follow-mosquitto``, which run beside each server."""
LOG_TOPIC = "$SYS/broker/log/N"
"""Where mosquitto tells its notices (``log_dest topic``): every client that comes and goes. Nobody else may read it."""

_WORK: dict[str, Rights] = {
    "svc-ingest": Rights(
        ("care/v1/+/+/commands",),
        (
            "care/v1/+/+/readings",
            "care/v1/+/+/events",
            "care/v1/+/+/status",
            "care/v1/+/+/replies",
            "care/v1/+/+/observations",
            senml.SUBSCRIPTION,
        ),
    ),
    "svc-alerting": Rights(
        (ALERTS, "care/v1/+/+/alarm"),
        (
            "care/v1/+/+/readings",
            "care/v1/+/+/events",
            "care/v1/+/+/status",
            "care/v1/+/+/panel",
            "care/v1/+/+/observations",
        ),
    ),
    "svc-exchange": Rights(("care/v1/+/+/observations",), ()),
    "svc-console": Rights(
        ("care/v1/+/+/commands", "care/v1/+/+/panel"), (ALERTS, "care/v1/+/+/replies", "care/v1/+/+/status")
    ),
    BESIDE_BROKER: Rights((BOUND_TOPIC,), (LOG_TOPIC,)),
    "svc-issuer": Rights(("care/v1/+/+/commands",), ("care/v1/+/+/certificates",)),
}


def probe_topic(identity: str) -> str:
    """The topic on which a service writes to itself: ``shouwang doctor`` sees whether the broker takes and gives."""
    return f"probe/v1/{identity}"


SERVICE_RIGHTS: dict[str, Rights] = {
    identity: Rights((*work.publish, probe_topic(identity)), (*work.subscribe, probe_topic(identity)))
    for identity, work in _WORK.items()
}


@dataclass(frozen=True)
class Tls:
    """Certificate and key of the broker, and the authority that signed its clients'."""

    ca: Path
    cert: Path
    key: Path


def gateway_rights(gateway: str) -> Rights:
    """The rights of one gateway."""
    return Rights(
        (*(wire.topic(gateway, leaf) for leaf in SENDS), senml.topic(gateway)),
        tuple(wire.topic(gateway, leaf) for leaf in READS),
    )


DIVIDED = (wire.subscription("readings"), senml.SUBSCRIPTION)
"""Topics that NATS divides among several workers of ingest: nearly all that there is. Events and statuses do not depend
on it; the broker keeps statuses by their topic, too."""


def nats_mappings() -> dict[str, str]:
    """The ``mappings`` of NATS that write into a topic whose share it is, by the gateway's name."""
    found = {}
    for topic in DIVIDED:
        parts = _subject(topic).split(".")
        wildcards = [f"{{{{wildcard({number})}}}}" for number in range(1, parts.count("*") + 1)]
        fill = iter(wildcards)
        original = ".".join(next(fill) if part == "*" else part for part in parts)
        levels = ".".join(f"{{{{partition({count},{len(wildcards)})}}}}" for count in shares.COUNTS)
        found[".".join(parts)] = f"share.v1.{levels}.{original}"
    return found


def _with_shares(topics: tuple[str, ...]) -> tuple[str, ...]:
    """These topics and what NATS makes of them: it checks the right to publish after its mapping."""
    divided = [shares.share_filter(one) for one in topics if one.startswith("senml/") or one.endswith("/readings")]
    return (*topics, *divided)


def nats_users(gateways: Iterable[str]) -> list[dict[str, Any]]:
    """The ``authorization.users`` of NATS: every service and these gateways."""
    rights = SERVICE_RIGHTS | {gateway: gateway_rights(gateway) for gateway in sorted(gateways)}
    return [
        {
            "user": identity,
            # QoS 1 deliveries arrive on subjects of the server's own below $MQTT.sub. An MQTT client cannot ask for
            # these by itself; over the native protocol it could, so that is closed to everyone.
            "allowed_connection_types": ["MQTT"],
            "permissions": {
                "publish": _permission(_with_shares(granted.publish)),
                "subscribe": _permission((*_with_shares(granted.subscribe), "$MQTT/sub/#")),
            },
        }
        for identity, granted in rights.items()
    ]


@dataclass(frozen=True)
class Member:
    """One server of a NATS cluster on loopback; ``routes``: the cluster ports of all; ``tls``: of the authority that
    signs for routes alone."""

    name: str
    port: int
    routes: tuple[int, ...]
    tls: Tls


def nats_config(
    port: int,
    store: Path,
    tls: Tls,
    gateways: Iterable[str],
    *,
    member: Member | None = None,
    version: tuple[int, ...] = (),
    divides: bool = False,
) -> dict[str, Any]:
    """A NATS server for MQTT over TLS on loopback, alone or ``member`` of a cluster that keeps every session and
    message on each of its servers; NATS reads JSON. ``version``: of the server; empty for a new one. ``divides``: among
    several workers of ingest."""
    secured = {
        "cert_file": str(tls.cert),
        "key_file": str(tls.key),
        "ca_file": str(tls.ca),
        "verify_and_map": True,
        "timeout": 10,
    }
    alone: dict[str, Any] = {
        "server_name": "shouwang",  # MQTT asks for a name
        "host": "127.0.0.1",
        "port": -1,  # the native protocol cannot be switched off; no user may use it
        "tls": secured,
        "max_payload": MAX_MESSAGE,
        "max_pending": 8 * MAX_MESSAGE,
        "jetstream": {
            "store_dir": str(store),
            **({"sync_interval": SYNC_INTERVAL} if knows_sync_interval(version) else {}),
        },
        "mqtt": {
            "host": "127.0.0.1",
            "port": port,
            "tls": secured,
            "ack_wait": ACK_WAIT,
            "max_ack_pending": IN_FLIGHT,
            "consumer_inactive_threshold": f"{24 * FORGOTTEN_DAYS}h",
        },
        "authorization": {"users": nats_users(gateways)},
        **({"mappings": nats_mappings()} if divides else {}),
    }
    if member is None:
        return alone
    return alone | {
        "server_name": member.name,
        "mqtt": alone["mqtt"] | {"stream_replicas": len(member.routes)},
        "cluster": {
            "name": "shouwang",
            "host": "127.0.0.1",
            "port": member.port,
            "routes": [f"tls://127.0.0.1:{route}" for route in member.routes],
            # an authority of its own: a route is a server, and a server is everybody
            "tls": {
                "cert_file": str(member.tls.cert),
                "key_file": str(member.tls.key),
                "ca_file": str(member.tls.ca),
                "verify": True,
                "timeout": 10,
            },
        },
    }


def knows_sync_interval(version: tuple[int, ...]) -> bool:
    """Whether a NATS server of this version (empty: unknown, taken for a new one) takes ``sync_interval``."""
    return not version or version >= SYNC_INTERVAL_SINCE


def mosquitto_config(
    port: int,
    store: Path | None,
    tls: Tls,
    acl: Path,
    *,
    crl: Path | None = None,
    address: str = "127.0.0.1",
    user: str = "",
) -> str:
    """Write the text of mosquitto.conf. ``user``: its account when root starts it (empty: Debian's ``mosquitto``);
    ``crl``: revocation lists of every authority that signs for clients.

    ``store``: the folder of its sessions; None where another file names it, as Debian's own mosquitto.conf does: a
    second line of that kind is an error to mosquitto.
    """
    lines = [
        "per_listener_settings false",
        f"listener {port} {address}",
        f"cafile {tls.ca}",
        f"certfile {tls.cert}",
        f"keyfile {tls.key}",
        *(["# Read again at SIGHUP.", f"crlfile {crl}"] if crl else []),
        "# The certificate's common name is the identity; nobody comes in without one.",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        f"acl_file {acl}",
        "# Sessions and messages are written every 10 s and at an orderly stop: a crash loses up to 10 s of what",
        "# services have not fetched. NATS loses nothing; choose it where that matters.",
        "persistence true",
        *([] if store is None else [f"persistence_location {store}/"]),
        "autosave_interval 10",
        "# The default of 20 unacknowledged messages would throttle ingest, which acknowledges after its commit;",
        "# without a bound, a service that stands still would fill the memory.",
        f"max_inflight_messages {IN_FLIGHT}",
        f"max_queued_messages {QUEUED}",
        f"persistent_client_expiration {FORGOTTEN_DAYS}d",
        f"max_packet_size {MAX_MESSAGE}",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "# For the program beside it, which bounds the sessions of a gateway (docs/security.md).",
        "log_dest topic",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if user:
        lines.append(f"user {user}")
    return "\n".join(lines) + "\n"


def mosquitto_acl(revoked: Iterable[str] = ()) -> str:
    """The access list: %u stands for the identity, so that a new gateway changes nothing here.

    The shard is left open: a sender under a wrong one is still known by its name, and receivers refuse the topic.
    ``revoked`` identities lose every right, also on the connection that they have open.
    """
    lines = ["# Every gateway: under its own name only."]
    lines += [f"pattern write care/v1/+/%u/{leaf}" for leaf in SENDS]
    lines += [f"pattern write {senml.topic('%u')}"]
    lines += [f"pattern read care/v1/+/%u/{leaf}" for leaf in READS]
    for identity, granted in SERVICE_RIGHTS.items():
        lines += ["", f"user {identity}"]
        lines += [f"topic write {topic}" for topic in granted.publish]
        lines += [f"topic read {topic}" for topic in granted.subscribe]
    for identity in sorted(revoked):
        lines += ["", f"user {identity}", "topic deny #"]
    return "\n".join(lines) + "\n"


def _permission(topics: Iterable[str]) -> dict[str, list[str]]:
    allowed = [_subject(topic) for topic in topics]
    # An empty list of what is allowed means everything to NATS.
    return {"allow": allowed} if allowed else {"deny": [">"]}


def _subject(topic: str) -> str:
    """The NATS subject of an MQTT topic filter."""
    return topic.replace("/", ".").replace("+", "*").replace("#", ">")
