"""The answers that ``shouwang setup`` needs: read from a file, or asked for."""

import re
import tomllib
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from vocabulary.toml import read_toml

Part = Literal["authority", "database", "broker", "services", "proxy"]
PARTS: tuple[Part, ...] = ("authority", "database", "broker", "services", "proxy")
HostName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?\Z")]
NATS_NODES = 3
"""As ``stream_replicas`` in deploy/nats/nats.conf: any one server may fail."""


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file ``setup.toml``; deploy/setup.example.toml says what each line means."""

    console_url: str
    broker: Literal["mosquitto", "nats"]
    broker_hosts: Annotated[list[HostName], msgspec.Meta(min_length=1)]
    database_host: HostName
    database_standbys: list[HostName] = []
    database_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 5432
    database_name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}\Z")] = "shouwang"
    parts: list[Part] = msgspec.field(default_factory=lambda: list(PARTS))
    nats_nodes: list[HostName] = []
    this_node: str = ""
    cluster_address: str = ""
    gateways: list[str] = []
    city_feed: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9.:\[\]-]+:[0-9]{1,5}/[a-z][a-z0-9_]{0,62})?\Z")] = ""

    @property
    def database_hosts(self) -> list[str]:
        """The servers of the database; the one that takes writes is found at each connection."""
        return [self.database_host, *self.database_standbys]

    @property
    def console_host(self) -> str:
        """The name in the address of the console."""
        return urlsplit(self.console_url).hostname or ""


class Question(msgspec.Struct, frozen=True):
    """A question to the administrator, and the answer that is offered."""

    name: str
    text: str
    default: str


QUESTIONS = (
    Question("console_url", "Address under which people open the console (https)", "https://care.example.org"),
    Question("broker", "Message broker: mosquitto (one machine) or nats (three)", "mosquitto"),
    Question(
        "broker_hosts", "Names of the broker, as gateways reach it (with commas; the first is used here)",
        "broker.example.org",
    ),
    Question("database_host", "Host of PostgreSQL; localhost where it runs on this machine", "localhost"),
    Question(
        "parts", "What this machine carries: authority, database, broker, services, proxy (with commas)",
        "authority,database,broker,services,proxy",
    ),
)  # fmt: skip
_LISTS = ("broker_hosts", "parts")


def parse(text: str) -> Answers:
    """Read the answers. Raises ValueError, which names the wrong line and what it may be."""
    try:
        answers = msgspec.convert(read_toml(text), Answers)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"the answers cannot be read: {error}; see deploy/setup.example.toml") from error
    return _checked(answers)


def ask(put: Callable[[Question], str]) -> Answers:
    """Put each question; ``put`` returns the answer. Raises ValueError as :func:`parse`."""
    given: dict[str, Any] = {}
    for question in QUESTIONS:
        text = put(question).strip()
        given[question.name] = [part.strip() for part in text.split(",")] if question.name in _LISTS else text
    if given["broker"] == "nats":
        text = put(Question("nats_nodes", "Names of the three NATS servers, as they reach each other", ""))
        given["nats_nodes"] = [part.strip() for part in text.split(",") if part.strip()]
        given["this_node"] = put(Question("this_node", "Which of them is this machine (empty: none)", "")).strip()
        address = Question("cluster_address", "Its address in the network of the three (empty: by its name)", "")
        given["cluster_address"] = put(address).strip()
    try:
        return _checked(msgspec.convert(given, Answers))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def to_toml(answers: Answers) -> str:
    """Write the answers as :func:`parse` reads them."""
    lines = [
        "# The answers of `shouwang setup`; change them and run it again. deploy/setup.example.toml explains each."
    ]
    for name, value in msgspec.structs.asdict(answers).items():
        lines.append(f"{name} = {msgspec.json.encode(value).decode()}")
    return "\n".join(lines) + "\n"


def _checked(answers: Answers) -> Answers:
    if urlsplit(answers.console_url).scheme != "https" or not answers.console_host:
        raise ValueError(f"console_url is {answers.console_url!r}: write https://NAME")
    if re.search(r"[\s\"\\$`]", answers.console_url):
        raise ValueError("console_url holds a character that no address has")
    if answers.broker == "nats":
        if len(answers.nats_nodes) != NATS_NODES:
            raise ValueError(f"nats_nodes: name the {NATS_NODES} servers; with a single machine choose mosquitto")
        if "broker" in answers.parts and answers.this_node not in answers.nats_nodes:
            raise ValueError(f"this_node: which of {', '.join(answers.nats_nodes)} is this machine?")
        if answers.cluster_address and not re.fullmatch(r"[A-Za-z0-9.:-]+", answers.cluster_address):
            raise ValueError(f"cluster_address is {answers.cluster_address!r}: write a name or an address")
    return answers
