"""The access lists, and that deploy/ holds what is tested."""

from pathlib import Path

import pytest

from firmware_profiles import wire
from shouwang.brokers.config import SERVICE_RIGHTS, Tls, mosquitto_acl, mosquitto_config, nats_users
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki

DEPLOY = Path(__file__).parents[4] / "deploy"


def test_nobody_is_left_without_a_limit_on_nats() -> None:
    # An empty list of allowed subjects means all of them to NATS.
    for user in nats_users(["gw-a"]):
        for granted in user["permissions"].values():
            assert granted.get("allow") or granted["deny"] == [">"], user
        assert user["allowed_connection_types"] == ["MQTT"]


def test_a_gateway_is_held_to_its_own_shard_and_name() -> None:
    gateway = next(user for user in nats_users(["gw-a"]) if user["user"] == "gw-a")
    shard = wire.shard_of("gw-a")
    assert gateway["permissions"]["publish"]["allow"] == [
        *(f"care.v1.{shard}.gw-a.{leaf}" for leaf in ("readings", "events", "status", "replies", "certificates")),
        "senml.v1.gw-a",
        f"share.v1.*.*.*.*.*.*.*.*.*.care.v1.{shard}.gw-a.readings",  # NATS asks for the right after its mapping
        "share.v1.*.*.*.*.*.*.*.*.*.senml.v1.gw-a",
    ]
    assert gateway["permissions"]["subscribe"]["allow"] == [
        f"care.v1.{shard}.gw-a.commands",
        f"care.v1.{shard}.gw-a.alarm",
        "$MQTT.sub.>",
    ]


def test_the_access_list_in_deploy_is_the_tested_one() -> None:
    assert (DEPLOY / "mosquitto" / "acl").read_text() == mosquitto_acl()
    tls = Tls(*(Path("/etc/shouwang/tls") / name for name in ("ca.crt", "broker.crt", "broker.key")))
    acl = Path("/etc/shouwang/broker/acl")
    crl = Path("/etc/shouwang/broker/crl.pem")
    tested = mosquitto_config(8883, None, tls, acl, crl=crl, address="0.0.0.0")  # noqa: S104 - homes come from outside
    assert (DEPLOY / "mosquitto" / "shouwang.conf").read_text() == tested


@pytest.mark.parametrize("name", [*SERVICE_RIGHTS, "svc-new", "gw/+/x", "#", ""])
def test_no_gateway_can_be_given_a_services_name(tmp_path: Path, name: str) -> None:
    broker = EmbeddedBroker(tmp_path / "broker", Pki(tmp_path / "pki"))
    with pytest.raises(ValueError, match="gateway's name"):
        broker.allow_gateways(["gw-a", name])
    assert not (tmp_path / "broker" / "gateways.json").exists()
