"""The doctor speaks with every identity of the machine, ``svc-broker`` of a NATS server's machine among them."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from shouwang.brokers.config import BESIDE_BROKER
from shouwang.brokers.pki import Pki
from shouwang.doctor.broker import broker_checks
from shouwang.doctor.settings import identities
from tests.support.brokers import HOW_TO_GET_MOSQUITTO, make_broker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", ["mosquitto", "nats"])
def test_the_identity_beside_the_broker_is_looked_at(tmp_path: Path, kind: str) -> None:
    broker = make_broker(kind, tmp_path / "broker", Pki(tmp_path / "pki"))
    if broker is None:
        pytest.skip(HOW_TO_GET_MOSQUITTO)
    etc = tmp_path / "etc"
    (etc / "tls").mkdir(parents=True)
    with broker:
        own = broker.settings(BESIDE_BROKER)
        (etc / "common.env").write_text(
            f"SHOUWANG_BROKER_HOST={own.host}\nSHOUWANG_BROKER_PORT={own.port}\nSHOUWANG_BROKER_CA={own.ca}\n"
        )
        assert identities(etc) == {}
        for file, suffix in ((own.cert, "crt"), (own.key, "key")):
            assert file is not None
            shutil.copy(file, etc / "tls" / f"{BESIDE_BROKER}.{suffix}")
        (found,) = identities(etc).items()
        rows = {row.what: row for row in broker_checks(*found, dt.datetime.now(dt.UTC))}
        assert rows["broker as svc-broker"].good, rows
        assert {row.good for row in rows.values()} == {True}, "its certificate and those of the broker"
        (etc / "tls" / f"{BESIDE_BROKER}.crt").unlink()
        other, _ = Pki(tmp_path / "foreign").client(BESIDE_BROKER)
        shutil.copy(other, etc / "tls" / f"{BESIDE_BROKER}.crt")
        (wrong, *_) = broker_checks(*found, dt.datetime.now(dt.UTC))
        assert not wrong.good
