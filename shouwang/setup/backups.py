"""Make the settings of the backups: what a machine saves, by its parts, and the key that opens it."""

import re
import secrets
from collections.abc import Collection

import pyrage

from firmware_profiles.signed_command import COMMANDERS

IDENTITY = "/etc/shouwang/keys/backup.identity"
"""Made once; people take it away, and it is not made again."""
PGBACKREST = "/etc/pgbackrest/pgbackrest.conf"
"""Read before Debian's /etc/pgbackrest.conf, which stays as the package has it."""
UNITS = tuple(
    f"{unit}.{sort}"
    for unit in ("shouwang-backup", "shouwang-backup-check", "shouwang-backup-verify")
    for sort in ("service", "service.d/reads.conf", "timer")
)
BELONGS = {
    "pki": "authority",
    "pgbackrest": "database",
    "broker_store": "broker",
    **dict.fromkeys(
        (*(f"command_{one}" for one in COMMANDERS), "medical_keys", "identity_keys", "report_key"), "services"
    ),
    **dict.fromkeys(("link_key", "push_key"), "services"),
    **dict.fromkeys(("channels", "channel_secrets", "alerting", "alerting_1"), "services"),
}
"""The part of a machine that has a part of the backup; what is not here is on every machine."""
STORES = {"mosquitto": "/var/lib/mosquitto", "nats": "/var/lib/nats"}


def identity() -> bytes:
    """Make a key of age, as ``age-keygen`` writes it."""
    made = pyrage.x25519.Identity.generate()
    return f"# public key: {made.to_public()}\n{made}\n".encode()


def recipient(identity_file: bytes) -> str:
    """The public key of an identity. Raises ValueError where there is none."""
    found = re.search(r"^AGE-SECRET-KEY-\S+$", identity_file.decode(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{IDENTITY} holds no key of age")
    return str(pyrage.x25519.Identity.from_str(found[0]).to_public())


def settings(template: str, public_key: str, parts: Collection[str], broker: str) -> str:
    """Fill ``deploy/backup.toml`` for a machine with these parts."""
    text = template.replace("recipients = []", f'recipients = ["{public_key}"]')
    text = text.replace(STORES["mosquitto"], STORES[broker])
    away = [name for name, part in BELONGS.items() if part not in parts]
    for name in away:
        text = re.sub(rf"(?m)^{name} = .*$", f'{name} = ""', text)
    return text if "database" in parts else re.sub(r"(?m)^stanza = .*$", 'stanza = ""', text)


def data_folder(cluster: str, configuration: str) -> str:
    """The folder of PostgreSQL's data. ``cluster``: of its configuration, whose text is ``configuration``."""
    named = re.search(r"(?m)^\s*data_directory\s*=\s*'([^']+)'", configuration)
    return named[1] if named else cluster.replace("/etc/", "/var/lib/", 1)


def pgbackrest(template: str, cluster: str, configuration: str, *, port: int, cores: int) -> str:
    """Fill ``deploy/pgbackrest/pgbackrest.conf``. ``cluster``: the folder of PostgreSQL's configuration, whose text is
    ``configuration``; ``cores`` restore at the same time."""
    head, section, restore = template.partition("[global:restore]")
    text = head + section + re.sub(r"(?m)^process-max=.*$", f"process-max={cores}", restore)
    for name, value in {
        "pg1-path": data_folder(cluster, configuration),
        "pg1-port": port,
        "repo1-cipher-pass": secrets.token_urlsafe(48),
    }.items():
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", text)
    return text
