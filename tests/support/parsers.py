"""Every parser that meets the outside, with the errors that it may raise and examples to begin from.

The property test runs each on inputs near its examples; ``tools/fuzz.py`` runs the same list by coverage, for longer.
"""

import datetime as dt
import io
import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from openpyxl import Workbook
from PIL import Image

from care_network.errors import ProvisioningError
from care_network.importing.tables import read_table
from care_network.records import records
from care_network.records.records import NewArea, NewDevice, NewGateway, NewHousehold, NewOrganisation, NewResident
from dispatch.channels import config as channels
from dispatch.channels.adapters import http_request
from dispatch.channels.adapters.base import ConfigError
from dispatch.core.links import LinkError, LinkKeys
from dispatch.core.push_services import PushServiceError, check_endpoint
from dispatch.ladders import policy
from dispatch.orders import photos
from dispatch.orders.states import OrderError
from edge_agent.alarm.modem import _fields
from edge_agent.config import HomeConfigError, parse_home
from edge_agent.updates.signed_config import HomeUpdate, SignatureError, seal, unseal
from firmware_profiles import esphome, gatt, imu, senml, serial_radar, signal, wire, zigbee2mqtt
from firmware_profiles.decoding import glucose_records
from firmware_profiles.devices import MODELS, DeviceModel, load_model
from firmware_profiles.errors import DecodeError, ProfileError
from firmware_profiles.event_reading import read_event
from shouwang.brokers.pki import Pki
from shouwang.certificates.enrolment import Enrolment
from shouwang.certificates.issuer import Issuer, RequestRefusedError
from shouwang.setup import answers, environment
from vocabulary.text import TextError, check_text
from vocabulary.toml import read_toml

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
NOW_US = 1_795_000_000_000_000
LINKS = LinkKeys([bytes(32)])


class Parser(msgspec.Struct, frozen=True):
    """A parser. ``read`` may raise ``errors`` and nothing else; ``examples`` are good inputs."""

    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    examples: tuple[bytes, ...]


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Of bytes their text: wrong UTF-8 comes as lone surrogates, which are a danger of their own."""
    return lambda data: read(data.decode("utf-8", "surrogateescape"))


def _plain(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Of bytes their text, as a file is read that has to be UTF-8."""
    return lambda data: read(data.decode("utf-8", "replace"))


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def of_bytes(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.write_bytes(data)
            return read(file)

    return of_bytes


def _radar(data: bytes) -> object:
    parser = serial_radar.FrameParser()
    frames = [*parser.feed(data[: len(data) // 2]), *parser.feed(data[len(data) // 2 :]), *parser.settle()]
    return [_or_none(serial_radar.decode, model, frame) for frame in frames for model in _models("serial")]


def _or_none(read: Callable[..., object], *given: object) -> object:
    """One of many parts: that it is refused says nothing of the others."""
    try:
        return read(*given)
    except DecodeError:
        return None


def _senml(data: bytes) -> object:
    return [_or_none(senml.measure, record) for record in senml.decode(data, NOW_US).records]


def _models(transport: str) -> list[DeviceModel]:
    return [model for model in MODELS.values() if model.transport == transport]


def _zigbee(data: bytes) -> object:
    zigbee2mqtt.last_seen(data)
    zigbee2mqtt.available(data)
    for model in _models("zigbee2mqtt"):
        for key in [*model.keys, *model.events]:
            _or_none(zigbee2mqtt.decode_attribute, model, key, data)
    return [zigbee2mqtt.decode(model, data) for model in _models("zigbee2mqtt")]


def _esphome(data: bytes) -> object:
    return [esphome.decode(model, name, data) for model in _models("esphome") for name in [*model.keys, *model.events]]


def _gatt(data: bytes) -> object:
    glucose_records.sequence_number(data)
    glucose_records.refusal(data)
    _or_none(gatt.decode_clock, data)
    uuids = {uuid for model in MODELS.values() for uuid in model.characteristics} | {gatt.BATTERY_LEVEL}
    return [_or_none(gatt.hear, uuid, data) for uuid in sorted(uuids)]


def _district(data: bytes) -> object:
    tables = read_toml(data.decode("utf-8", "replace"))
    kinds = (NewArea, NewHousehold, NewResident, NewOrganisation, NewGateway, NewDevice)
    for entry in [entry for table in tables.values() if isinstance(table, list) for entry in table]:
        for kind in kinds if isinstance(entry, dict) else ():
            with suppress(ProvisioningError):
                records.parse(kind, entry)
    return tables


def _enrolment(data: bytes) -> object:
    return Enrolment.model_validate_json(data)


def _workbook() -> bytes:
    book, out = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["编号", "姓名"], ["R1", "陈"], ["R2", 3.5]):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def _picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (9, 5), "steelblue").save(out, form)
    return out.getvalue()


@cache
def _authority() -> Issuer:
    pki = Pki(Path(tempfile.mkdtemp(prefix="shouwang-fuzz-")))
    try:
        return Issuer(*pki.issuing)
    finally:
        shutil.rmtree(pki.folder)


def _request() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(KEY, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


KEY = ec.derive_private_key(0x5357, ec.SECP256R1())
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNAL = signal.encode_signal(NOW_US, 50.0, np.zeros((20, 3), np.int16))
EVENT = wire.Event(1, "gw-1", 1, 1, 1, NOW_US, "button", "sos_pressed", {"note": "a", "battery": 3.5})
FALL = wire.Event(1, "gw-1", 1, 1, 2, NOW_US, "wrist", "fall_confirmed", {}, SIGNAL)
FRAME = wire.Frame(1, "gw-1", 1, 1, "live", 1, NOW_US, [wire.Series("radar", "heart_rate", bytes(8), bytes(8))])
STATUS = wire.Status(version=1, gateway="gw-1", state="online", time_us=NOW_US, epoch=1, boot=1)
COMMAND = wire.Command(1, "c1", "update_config", NOW_US, {"a": 1}, b"x")
REPLY = wire.Reply(1, "c1", "gw-1", True, NOW_US, "done")
HOME = (ROOT / "deploy/edge/home.example.toml").read_bytes()
SEALED = seal(HomeUpdate(1, "gw-1", 1, NOW_US, HOME.decode()), SIGNER.sign)
DEEP = b"[" * 3000
SENML = json.dumps([{"bn": "urn:dev:mac:0024befffe804ff1:", "bt": 1.7e9, "n": "heart_rate", "u": "beat/min", "v": 70}])
Z2M = b'{"contact":false,"occupancy":true,"battery":87,"linkquality":60,"action":"single","last_seen":"2026-11-28"}'
DECODE = (DecodeError,)

PARSERS: dict[str, Parser] = {
    "wire frame": Parser(lambda data: wire.decode(wire.Frame, data), DECODE, (wire.encode(FRAME),)),
    "wire event": Parser(lambda data: wire.decode(wire.Event, data), DECODE, (wire.encode(EVENT), wire.encode(FALL))),
    "wire status": Parser(lambda data: wire.decode(wire.Status, data), DECODE, (wire.encode(STATUS),)),
    "wire command": Parser(lambda data: wire.decode(wire.Command, data), DECODE, (wire.encode(COMMAND),)),
    "wire reply": Parser(lambda data: wire.decode(wire.Reply, data), DECODE, (wire.encode(REPLY),)),
    "wire certificate request": Parser(
        lambda data: wire.decode(wire.CertificateRequest, data),
        DECODE,
        (wire.encode(wire.CertificateRequest(1, "gw-1", b"x")),),
    ),
    "topic": Parser(
        _text(wire.parse_topic), DECODE, (wire.topic("gw-1", "events").encode(), b"care/v1/00/\xff/events")
    ),
    "topic of a gateway": Parser(_text(wire.gateway_in), (), (b"senml/v1/gw-1",)),
    "event, piece by piece": Parser(
        lambda data: read_event(data, "gw-1"), DECODE, (wire.encode(EVENT), wire.encode(FALL))
    ),
    "fall signal": Parser(signal.decode_signal, DECODE, (SIGNAL,)),
    "SenML": Parser(_senml, DECODE, (SENML.encode(), DEEP)),
    "GATT": Parser(_gatt, (), (bytes((0x16, 70, 0, 1)), bytes(range(20)))),
    "Zigbee2MQTT": Parser(_zigbee, DECODE, (Z2M, b"online", b'{"state":"online"}', DEEP)),
    "ESPHome": Parser(_esphome, DECODE, (b"ON", b"21.5", b"nan")),
    "serial radar": Parser(_radar, (), (serial_radar.encode(serial_radar.RadarFrame(0x80, 1, b"\1")) * 2,)),
    "motion samples": Parser(imu.decode, DECODE, (imu.encode(imu.Samples(5, np.ones((4, 3), np.float32), None)),)),
    "modem": Parser(_plain(_fields), (), (b"+CSQ: 20,99",)),
    "signed configuration": Parser(lambda data: unseal(data, [SIGNER.public_key()]), (SignatureError,), (SEALED,)),
    "home configuration": Parser(
        _plain(lambda text: parse_home(text, {}, "home.toml")), (HomeConfigError,), (HOME, b"a = " + DEEP)
    ),
    "device model": Parser(
        _plain(lambda text: load_model(text, "own")),
        (ProfileError,),
        ((ROOT / "firmware_profiles/devices/aqara-mccgq11lm.toml").read_bytes(), b"a = " + DEEP),
    ),
    "channels file": Parser(
        _plain(lambda text: channels.parse(text, {})),
        (ConfigError,),
        ((ROOT / "deploy/channels.toml").read_bytes(), b"a = " + DEEP),
    ),
    "ladders file": Parser(
        _plain(policy.parse),
        (policy.PolicyError,),
        ((ROOT / "dispatch/ladders/default_policies.toml").read_bytes(), b"a = " + DEEP),
    ),
    "answers to setup": Parser(
        _plain(answers.parse), (ValueError,), ((ROOT / "deploy/setup.example.toml").read_bytes(), b"a = " + DEEP)
    ),
    "environment file": Parser(_plain(environment.parse), (ValueError,), (b'A=1\nB="x y"\n',)),
    "district file": Parser(
        _district, (tomllib.TOMLDecodeError,), ((ROOT / "deploy/district.example.toml").read_bytes(), b"a = " + DEEP)
    ),
    "CSV": Parser(
        _file("people.csv", read_table),
        (ProvisioningError,),
        ("编号,姓名\nR1,陈\n".encode(), "a;b\n".encode("utf-16"), '"a"\t"b\n'.encode("gb18030")),
    ),
    "XLSX": Parser(_file("people.xlsx", read_table), (ProvisioningError,), (_workbook(),)),
    "link": Parser(
        _text(lambda token: LINKS.read(token, "ack", NOW)),
        (LinkError,),
        (LINKS.sign("ack", "1", "staff:S1", NOW + dt.timedelta(days=1)).encode(),),
    ),
    "enrolment": Parser(
        _enrolment, (ValueError,), (json.dumps({"gateway": "gw-1", "code": "a" * 32, "request": "x"}).encode(),)
    ),
    "certificate request": Parser(
        lambda data: _authority().sign(data, "gw-1", dt.datetime.now(dt.UTC)), (RequestRefusedError,), (_request(),)
    ),
    "photo": Parser(photos.read_photo, (OrderError,), (_picture("JPEG"), _picture("PNG"), _picture("WEBP"))),
    "text of a person": Parser(_text(check_text), (TextError,), ("陈\r\na\tb".encode(),)),
    "push endpoint": Parser(
        _text(check_endpoint), (PushServiceError,), (b"https://fcm.googleapis.com/fcm/send/x", b"https://[::1")
    ),
    "answer of an SMS gateway": Parser(http_request._decoded, (), (b'{"code":0,"data":[{"id":"7"}]}', DEEP)),
}
"""By name."""
