"""The files of a machine: from the answers, the shipped templates and the machine's own keys and passwords."""

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import quote as percent

from care_network.records.synthetic import GATEWAYS as SYNTHETIC
from database.city.names import WRITER
from database.rights import checkpoints
from database.rights.grants import OF_CONSOLE, role_of
from firmware_profiles.signed_command import COMMANDERS
from shouwang.brokers.config import BESIDE_BROKER, SERVICE_RIGHTS, knows_sync_interval
from shouwang.brokers.pki import Pki
from shouwang.brokers.users import users_file
from shouwang.gateways.signing import key_at
from shouwang.setup import backups, environment, keys
from shouwang.setup.answers import PARTS, Answers, to_toml
from shouwang.setup.database import OWNER, ROLES, SERVICES, superuser_sql
from shouwang.setup.files import Item

ETC = "/etc/shouwang"
TLS = f"{ETC}/tls"
KEYS = f"{ETC}/keys"
PKI = f"{ETC}/pki"
PASSWORDS = f"{ETC}/passwords.env"
SETTINGS_FILE = f"{ETC}/setup.toml"
FEED = f"{ETC}/feed"
"""Passwords of the roles on the feed's server, as ``shouwang city publish --secrets`` reads them."""
SYSTEMD = "/etc/systemd/system"
HARDENING = "shouwang-.service.d/hardening.conf"
DOCTOR = ("shouwang-doctor.service", "shouwang-doctor.service.d/reads.conf", "shouwang-doctor.timer")
LISTS = f"{ETC}/broker"
"""The lists of mosquitto that change while it runs."""
PRIVATE = 0o600
RELOADS = {
    "database": "systemctl reload postgresql",
    "mosquitto": "systemctl reload mosquitto",
    "nats": "systemctl reload nats-server  # here, and at the other servers when they have a copy",
    "web": "systemctl reload nginx",
}
"""By what reads a pair at its start and at SIGHUP alone. Our own programs take renewed pairs by themselves."""


def user_of(service: str) -> str:
    """The user of this machine under which a service runs."""
    return f"shouwang-{service}"


class Machine:
    """A machine as the plan has to know it: where it is (``root``), what is there already."""

    def __init__(
        self,
        root: Path,
        templates: Path,
        *,
        nats_version: tuple[int, ...] = (),
        clusters: tuple[str, ...] = (),
        archives_wal: bool = False,
    ):
        self.root = root
        self.templates = templates
        self.nats_version = nats_version
        self.clusters = clusters
        """Folders of PostgreSQL's configuration, as '/etc/postgresql/15/main'."""
        self.archives_wal = archives_wal
        """Whether pgBackRest is here: without it PostgreSQL would keep all WAL that it cannot archive."""

    def at(self, path: str) -> Path:
        """A file of the machine below the root."""
        return self.root / path.lstrip("/")

    def template(self, name: str) -> str:
        """A file of ``deploy/``."""
        return (self.templates / name).read_text("utf-8")


class Plan:
    """The items of one machine, in the order in which they are put there."""

    def __init__(self, answers: Answers, machine: Machine) -> None:
        self._answers = answers
        self._machine = machine

    def items(self) -> Iterator[Item]:
        """Every file of the parts that this machine carries. Raises ValueError for a damaged authority."""
        yield self._text(SETTINGS_FILE, to_toml(self._answers), mode=PRIVATE, once=True)
        yield self._file(f"{TLS}/ca.crt", self._ca)
        parts = self._answers.parts
        if set(parts) - {"proxy"}:
            yield self._text(PASSWORDS, self._passwords_file(), mode=PRIVATE)
        if "database" in parts:
            yield from self._database()
        if "broker" in parts:
            yield from self._nats() if self._answers.broker == "nats" else self._mosquitto()
        if "services" in parts:
            yield from self._services()
        if "proxy" in parts:
            yield from self._proxy()
        if set(parts) - {"proxy"}:
            yield from self._administration()
            yield from self._backups()
        if "authority" in parts:
            yield from self._for_others()

    def identities(self) -> list[str]:
        """Identities of services and of gateways that a machine with the services has."""
        return [*(name for name in SERVICE_RIGHTS if name != BESIDE_BROKER), *self._gateways()]

    def _gateways(self) -> list[str]:
        """The gateways that are known from the beginning: the synthetic ones, and those of the answers."""
        return list(dict.fromkeys([*SYNTHETIC, *self._answers.gateways]))

    # keys and certificates

    @cached_property
    def _pki(self) -> Pki:
        return Pki(self._machine.at(PKI))

    def _ca(self, *, cluster: bool = False) -> bytes:
        if "authority" in self._answers.parts:
            return (self._pki.cluster if cluster else self._pki).ca.read_bytes()
        return self._brought(f"{TLS}/{'cluster-ca' if cluster else 'ca'}.crt")

    def _identity(self, name: str) -> tuple[Path, Path]:
        """Of a gateway as the issuing service would sign it: so it can be revoked while ``ca.key`` lies in a safe."""
        return self._pki.client(name) if name in SERVICE_RIGHTS else self._pki.gateway(name)

    def _pair(
        self, name: str, issue: Callable[[], tuple[Path, Path]], owner: str, group: str, then: str = ""
    ) -> Iterator[Item]:
        """Certificate and key: issued where the authority is on this machine, otherwise they have to be brought."""
        here = "authority" in self._answers.parts

        def content(number: int, path: str) -> Callable[[], bytes]:
            return lambda: issue()[number].read_bytes() if here else self._brought(path)

        cert, key = f"{TLS}/{name}.crt", f"{TLS}/{name}.key"
        yield self._file(cert, content(0, cert), then=then)
        # mode 0640 where a group reads it (the broker's): a server that gives up root's rights reads it at each reload
        mode = PRIVATE if owner != "root" or group == "root" else 0o640
        yield self._file(key, content(1, key), mode=mode, owner=owner, group=group, then=then)

    def _for_others(self) -> Iterator[Item]:
        """The pairs of parts that other machines alone carry, in ``pki/``: from there they are brought."""
        pairs: dict[str, Callable[[], tuple[Path, Path]]] = {}
        away = [part for part in PARTS if part not in self._answers.parts]
        if "database" in away:
            pairs["database"] = self._issue_database
        if "broker" in away:
            pairs["broker"] = self._issue_broker
            if self._answers.broker == "nats":
                pairs["cluster/route"] = self._issue_route
            pairs[f"clients/{BESIDE_BROKER}"] = lambda: self._pki.client(BESIDE_BROKER)
        if "services" in away:
            pairs |= {f"clients/{one}": lambda one=one: self._identity(one) for one in self.identities()}  # type: ignore[misc]
            pairs |= {"issuing": lambda: self._pki.issuing, "enrolment": self._issue_enrolment}
        if "proxy" in away:
            pairs["web"] = self._issue_web
        for name, issue in pairs.items():
            cert, key = f"{PKI}/{name}.crt", f"{PKI}/{name}.key"
            server = self._answers.broker if name in ("broker", "cluster/route") else name
            then = f"copy {cert} and .key to its machine" + (f"; there {RELOADS[server]}" if server in RELOADS else "")
            yield self._file(cert, lambda issue=issue: issue()[0].read_bytes(), then=then)  # type: ignore[misc]
            yield self._file(key, lambda issue=issue: issue()[1].read_bytes(), mode=PRIVATE, then=then)  # type: ignore[misc]
        if "broker" in away and self._answers.broker == "mosquitto":
            yield self._file(f"{PKI}/crl.pem", self._revoked, once=True)

    def _issue_database(self) -> tuple[Path, Path]:
        return self._pki.server("database", list(dict.fromkeys([*self._answers.database_hosts, "localhost"])))

    def _issue_broker(self) -> tuple[Path, Path]:
        nodes = self._answers.nats_nodes if self._answers.broker == "nats" else []
        return self._pki.server("broker", list(dict.fromkeys([*self._answers.broker_hosts, *nodes])))

    def _issue_route(self) -> tuple[Path, Path]:
        return self._pki.route(self._answers.nats_nodes)

    def _issue_enrolment(self) -> tuple[Path, Path]:
        return self._pki.server("enrolment", self._answers.broker_hosts)

    def _issue_web(self) -> tuple[Path, Path]:
        return self._pki.server("web", [self._answers.console_host])

    def _brought(self, path: str) -> bytes:
        file = self._machine.at(path)
        if not file.exists():
            raise ValueError(
                f"{path} is missing: copy it from the machine of the authority ({PKI} there), or add 'authority' to"
                " parts"
            )
        return file.read_bytes()

    # database

    @cached_property
    def _passwords(self) -> dict[str, str]:
        file = self._machine.at(PASSWORDS)
        known = environment.parse(file.read_text("utf-8")) if file.exists() else {}
        roles = (*ROLES, WRITER) if self._answers.city_feed else ROLES
        return keys.passwords({name.lower(): value for name, value in known.items()}, roles)

    def _passwords_file(self) -> str:
        lines = [f"{role.upper()}={password}" for role, password in self._passwords.items()]
        return "\n".join(["# Written by `shouwang setup`: the passwords of the database's roles.", *lines]) + "\n"

    def _url(self, role: str) -> str:
        at = self._answers
        hosts = [f"[{host}]" if ":" in host else host for host in at.database_hosts]
        servers = ",".join(f"{host}:{at.database_port}" for host in hosts)
        writes = "&target_session_attrs=read-write" if at.database_standbys else ""
        return (
            f"postgresql://{role}:{percent(self._passwords[role], safe='')}@{servers}"
            f"/{at.database_name}?sslmode=verify-full&sslrootcert={TLS}/ca.crt{writes}"
        )

    def _database(self) -> Iterator[Item]:
        sql = superuser_sql(self._answers.database_name, {role: self._passwords[role] for role in ROLES})
        yield self._text(f"{ETC}/database.sql", sql, mode=PRIVATE)
        yield from self._pair("database", self._issue_database, "postgres", "postgres", RELOADS["database"])
        dropin = "postgresql@.service.d/shouwang.conf"
        yield self._text(f"{SYSTEMD}/{dropin}", self._machine.template(f"systemd/{dropin}"))
        for cluster in self._machine.clusters:
            yield self._text(f"{cluster}/conf.d/shouwang.conf", self._machine.template("postgresql/shouwang.conf"))
            if self._machine.archives_wal:
                archive = self._machine.template("pgbackrest/shouwang-archive.conf")
                yield self._text(f"{cluster}/conf.d/shouwang-archive.conf", archive)
            yield self._file(backups.PGBACKREST, lambda cluster=cluster: self._pgbackrest(cluster),  # type: ignore[misc]
                             mode=0o640, owner="postgres", group="postgres", once=True)  # fmt: skip

    def _configuration(self, cluster: str) -> str:
        file = self._machine.at(f"{cluster}/postgresql.conf")
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def _data_of(self, cluster: str) -> str:
        return backups.data_folder(cluster, self._configuration(cluster))

    def _pgbackrest(self, cluster: str) -> bytes:
        configuration = self._configuration(cluster)
        template = self._machine.template("pgbackrest/pgbackrest.conf")
        port, cores = self._answers.database_port, os.cpu_count() or 1
        return backups.pgbackrest(template, cluster, configuration, port=port, cores=cores).encode()

    # broker

    def _mosquitto(self) -> Iterator[Item]:
        yield from self._pair("broker", self._issue_broker, "root", "mosquitto", RELOADS["mosquitto"])
        template = self._machine.template
        yield self._broker_file(f"{LISTS}/acl", template("mosquitto/acl").encode, "mosquitto")
        yield self._broker_file(f"{LISTS}/crl.pem", self._revoked, "mosquitto")
        yield from self._beside("mosquitto")
        yield self._text("/etc/mosquitto/conf.d/shouwang.conf", template("mosquitto/shouwang.conf"))
        dropin = "mosquitto.service.d/shouwang.conf"
        yield self._text(f"{SYSTEMD}/{dropin}", template(f"systemd/{dropin}"))

    def _nats(self) -> Iterator[Item]:
        nodes = self._answers.nats_nodes
        yield from self._pair("broker", self._issue_broker, "root", "nats", RELOADS["nats"])
        yield self._file(f"{TLS}/cluster-ca.crt", lambda: self._ca(cluster=True))
        yield from self._pair("route", self._issue_route, "root", "nats", RELOADS["nats"])
        text = self._machine.template("nats/nats.conf")
        for number, node in enumerate(nodes, start=1):
            text = text.replace(f"//broker-{number}:", f"//{node}:")
        yield self._text("/etc/nats/nats.conf", text)
        yield self._text("/etc/nats/storage.conf", storage_conf(self._machine.nats_version))
        shares = self._machine.template("nats/shares.conf").encode
        yield self._file("/etc/nats/shares.conf", shares, once=True)  # an administrator's, with several workers
        users = users_file(self._gateways()).encode
        yield self._broker_file("/etc/nats/users.conf", users, "nats")
        yield from self._beside("nats")
        dropin = "nats-server.service.d/shouwang.conf"
        address = self._answers.cluster_address or self._answers.this_node
        unit = self._machine.template(f"systemd/{dropin}").replace("10.0.0.1", address)
        unit = unit.replace("broker-1", self._answers.this_node)
        yield self._text(f"{SYSTEMD}/{dropin}", unit)

    def _broker_file(self, path: str, content: Callable[[], bytes], user: str) -> Item:
        """A list that the broker reads and its follower writes: both are this user, to whom the folder belongs."""
        return Item(path=path, content=content, mode=0o640, owner=user, group=user, once=True, own_folder=True)

    def _revoked(self) -> bytes:
        if "authority" not in self._answers.parts:
            return self._brought(f"{LISTS}/crl.pem")
        self._pki.issuing  # noqa: B018 - made first: its empty list stands in the same file
        return self._pki.revoke().read_bytes()

    def _beside(self, broker: str) -> Iterator[Item]:
        """Files of the program beside the broker, which runs as the broker's user."""
        yield from self._pair(BESIDE_BROKER, lambda: self._pki.client(BESIDE_BROKER), broker, broker)
        yield self._text(f"{ETC}/common.env", self._environment("common"))
        yield self._text(f"{ETC}/lists.env", self._environment("lists"), mode=PRIVATE)
        unit = f"shouwang-lists-{broker}.service"
        yield self._text(f"{SYSTEMD}/{unit}", self._machine.template(f"systemd/{unit}"))

    # services

    def _services(self) -> Iterator[Item]:
        for identity in self.identities():
            service = identity.removeprefix("svc-")
            owner = user_of(service) if identity in SERVICE_RIGHTS else "root"
            if identity in SYNTHETIC:
                owner = user_of("path")
            group = owner
            yield from self._pair(identity, lambda name=identity: self._identity(name), owner, group)  # type: ignore[misc]
        yield from self._pair("issuing", lambda: self._pki.issuing, user_of("issuer"), user_of("issuer"))
        yield from self._pair("enrolment", self._issue_enrolment, user_of("issuer"), user_of("issuer"))
        yield self._file(f"{KEYS}/link.key", keys.link_key, mode=PRIVATE, once=True)
        yield self._file(f"{KEYS}/medical.keys", keys.medical_keys, mode=PRIVATE, owner=user_of("console"),
                         group=user_of("console"), once=True)  # fmt: skip
        for name, make in (("identity.keys", keys.identity_keys), ("report.key", keys.report_key)):
            # the console shows and imports, the service of reports makes packages and fetches registers: nobody else
            yield self._file(f"{KEYS}/{name}", make, mode=0o640, owner=user_of("console"),
                             group=user_of("reports"), once=True)  # fmt: skip
        maintain = user_of("maintain")
        yield self._file(f"{KEYS}/audit.key", keys.audit_key, mode=PRIVATE, owner=maintain, group=maintain, once=True)
        yield self._file(f"{KEYS}/audit.key.pub", self._public_audit_key)
        for service in COMMANDERS:
            user = user_of(service)
            yield self._file(f"{KEYS}/command-{service}.key", keys.command_key, mode=PRIVATE, owner=user, group=user,
                             once=True)  # fmt: skip
        yield self._file(f"{KEYS}/commands.toml", self._public_command_keys)
        pair: list[bytes] = []

        def push(number: int) -> bytes:
            pair.extend(() if pair else keys.push_pair())
            return pair[number]

        notify = user_of("notify")
        yield self._file(f"{KEYS}/push.pem", lambda: push(0), mode=PRIVATE, owner=notify, group=notify, once=True)
        yield self._file(f"{KEYS}/push.pem.pub", lambda: push(1), once=True)
        yield self._text(f"{ETC}/channels.toml", self._machine.template("channels.toml"), once=True)
        yield self._text(
            f"{ETC}/channels.env", self._machine.template("environment/channels.env"), mode=PRIVATE, once=True
        )
        yield self._text(
            f"{ETC}/district.toml", self._machine.template("district.example.toml"), mode=PRIVATE, once=True
        )
        for service in SERVICES:
            yield self._text(f"{ETC}/{service}.env", self._environment(service), mode=PRIVATE)
            for unit in sorted(self._machine.templates.glob(f"systemd/shouwang-{service}*.service")):
                yield self._text(f"{SYSTEMD}/{unit.name}", unit.read_text("utf-8"))
        if self._answers.city_feed:
            yield self._text(f"{ETC}/feed.env", self._feed(), mode=PRIVATE)
            yield self._text(f"{FEED}/{WRITER}", f"{self._passwords[WRITER]}\n", mode=PRIVATE)

    # of every machine

    def _administration(self) -> Iterator[Item]:
        """Settings of root's commands, and the doctor."""
        yield self._text(f"{ETC}/common.env", self._environment("common"))
        yield self._text(f"{ETC}/admin.env", self._environment("admin"), mode=PRIVATE)
        for name in (HARDENING, *DOCTOR):
            yield self._text(f"{SYSTEMD}/{name}", self._machine.template(f"systemd/{name}"))

    def _public_audit_key(self) -> bytes:
        """Of the audit's checkpoints: to be kept elsewhere, beside them."""
        key = checkpoints.load_key(self._machine.at(f"{KEYS}/audit.key"))
        return f"{checkpoints.public_of(key)}\n".encode()

    def _public_command_keys(self) -> bytes:
        """Part of every gateway's configuration: the public keys of those that may command it."""
        known = {one: key_at(self._machine.at(f"{KEYS}/command-{one}.key")) for one in COMMANDERS}
        return ("[commands]\n" + "".join(f'{one} = ["{public}"]\n' for one, public in known.items())).encode()

    def _backups(self) -> Iterator[Item]:
        """Settings and units of the backups. The key is made with the settings, and never again."""
        identity, settings = self._machine.at(backups.IDENTITY), self._machine.at(f"{ETC}/backup.toml")
        made: list[bytes] = [identity.read_bytes()] if identity.exists() else []

        def key() -> bytes:
            made.extend(() if made else (backups.identity(),))
            return made[0]

        def toml() -> bytes:
            template, public_key = self._machine.template("backup.toml"), backups.recipient(key())
            return backups.settings(template, public_key, self._answers.parts, self._answers.broker).encode()

        if identity.exists() or not settings.exists():
            yield self._file(backups.IDENTITY, key, mode=PRIVATE, once=True)
        yield self._file(f"{ETC}/backup.toml", toml, once=True)
        for name in backups.UNITS:
            yield self._text(f"{SYSTEMD}/{name}", self._machine.template(f"systemd/{name}"))

    def _feed(self) -> str:
        url = (
            f"postgresql://{WRITER}:{percent(self._passwords[WRITER], safe='')}@{self._answers.city_feed}"
            f"?sslmode=verify-full&sslrootcert={TLS}/ca.crt"
        )
        return environment.fill(self._machine.template("environment/feed.env"), {"SHOUWANG_FEED_URL": url})

    def _environment(self, name: str) -> str:
        values = {}
        if name == "common":
            values["SHOUWANG_BROKER_HOST"] = self._answers.broker_hosts[0]
        else:
            values["SHOUWANG_DATABASE_URL"] = self._url(OWNER if name == "admin" else role_of(name))
        if name == "maintain" and "database" in self._answers.parts and self._machine.clusters:
            values["SHOUWANG_DATABASE_DISK"] = self._data_of(self._machine.clusters[0])
        if name == "notify":
            values["SHOUWANG_NOTIFY_CONSOLE_URL"] = self._answers.console_url
        if name == "exchange":
            values["SHOUWANG_EXCHANGE_PUBLIC_URL"] = f"https://{self._answers.console_host}:8444"
        if name == "console":
            values["SHOUWANG_CONSOLE_ALLOWED_HOSTS"] = self._answers.console_host
            for login in OF_CONSOLE:
                values[f"SHOUWANG_CONSOLE_{login.upper()}_DATABASE"] = self._url(role_of(login))
        return environment.fill(self._machine.template(f"environment/{name}.env"), values)

    def _proxy(self) -> Iterator[Item]:
        host = self._answers.console_host
        yield from self._pair("web", self._issue_web, "root", "root", RELOADS["web"])
        text = self._machine.template("nginx/shouwang.conf").replace("care.example.org", host)
        yield self._text("/etc/nginx/sites-available/shouwang", text, once=True)

    @staticmethod
    def _text(path: str, text: str, *, mode: int = 0o644, owner: str = "root", group: str = "root",
              once: bool = False) -> Item:  # fmt: skip
        return Item(path=path, content=text.encode, mode=mode, owner=owner, group=group, once=once)

    @staticmethod
    def _file(path: str, content: Callable[[], bytes], *, mode: int = 0o644, owner: str = "root", group: str = "root",
              once: bool = False, then: str = "") -> Item:  # fmt: skip
        return Item(path=path, content=content, mode=mode, owner=owner, group=group, once=once, then=then)


def storage_conf(version: tuple[int, ...]) -> str:
    """Write how often NATS flushes to the disk, where its version knows the setting.

    Neither loses anything when a server is killed; it matters when all machines lose their power at once.
    """
    if not knows_sync_interval(version):
        return "# This server is older than 2.10 and does not know sync_interval.\n"
    return 'sync_interval: "1s"\n'
