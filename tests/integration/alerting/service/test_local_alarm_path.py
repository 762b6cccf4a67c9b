"""From the button to the modem and back: a real agent, a real broker, real alerting and database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from device_simulators.homes import demo_home
from device_simulators.peripherals.modem import SimulatedModem
from dispatch.alerts import lifecycle, lookup
from dispatch.core import history
from dispatch.core.history import Actor
from edge_agent.alarm.channels import CALLING, COMING
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.signed_command import CommandSigner
from shouwang.gateways.signing import make_key
from shouwang.platform.homes import write_home
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.release import either_broker
from tests.support.services import Service, service, wait_for

pytestmark = pytest.mark.integration
GATEWAY = "gw-alarm-1"


@contextmanager
def home(
    broker: TestBroker,
    folder: Path,
    modem: SimulatedModem,
    scenarios: list[dict[str, object]],
    command_keys: dict[str, list[str]] | None = None,
) -> Iterator[Service]:
    """An agent with a modem and a voice that writes what it says into the file ``said``."""
    file = folder / "home.toml"
    devices = tuple(d for d in demo_home(1).devices if d.name in ("sos-button", "pendant", "radar"))
    write_home(file, GATEWAY, broker.settings(GATEWAY), devices, {"seed": 1, "scenarios": scenarios}, command_keys)
    speak = 'echo "$0" >> ' + str(folder / "said")
    with file.open("a") as out:
        out.write(
            f"""
            [local_alarm]
            wait_s = 3
            home = "张奶奶家"
            contacts = [{{ name = "女儿", by = ["sms", "call"], phone = "+8613800138000" }}]
            modem = {{ port = "{modem.path}", talk_s = 0 }}
            voice = {{ command = ["sh", "-c", '{speak}', "{{text}}"] }}
            """.replace("\n            ", "\n")
        )
    agent = Service("edge_agent", broker.settings(GATEWAY), folder)
    agent.start("--config", str(file))
    try:
        yield agent
    finally:
        agent.stop()


def said(folder: Path) -> list[str]:
    file = folder / "said"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def stories(url: str) -> list[tuple[str, str, int, list[str]]]:
    """(rule, state, version, notes) of each alert."""
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT id, rule, state, version FROM alert ORDER BY onset").fetchall()
        return [
            (rule, state, version, [step["note"] for step in history.events_of(conn, id_) if step["note"]])
            for id_, rule, state, version in rows
        ]


def test_the_district_answers_and_the_resident_hears_that_help_is_coming(
    broker: TestBroker, database_url: str, tmp_path: Path
) -> None:
    add_homes(database_url, [GATEWAY])
    replies: list[wire.Reply] = []
    desk = mqtt.make_client(broker.settings("svc-console"), "desk", clean=True)
    desk.on_connect = lambda client, *_: client.subscribe(wire.subscription("replies"), 1)
    desk.on_message = lambda _c, _u, message: replies.append(wire.decode(wire.Reply, bytes(message.payload)))
    mqtt.start(desk, broker.settings("svc-console"))
    key = tmp_path / "command-alerting.key"
    public = {"alerting": [make_key(key)]}  # nothing else is heard
    settings = {"SHOUWANG_DATABASE_URL": database_url, "SHOUWANG_BROKER_COMMAND_KEY": str(key)}
    with (
        SimulatedModem() as modem,
        service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting,
    ):
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, alerting.log)
        with home(broker, tmp_path, modem, [{"kind": "sos", "at_s": 1}], public) as agent:
            wait_for(lambda: [s[:2] for s in stories(database_url)] == [("sos", "raised")], 30, agent.log)
            wait_for(lambda: bool(replies), 30, agent.log)
            assert [(reply.ok, reply.detail) for reply in replies] == [(True, "noted")]
            with psycopg.connect(database_url) as conn:
                (alert,) = lookup.list_open(conn)
                person = Actor(None, "刘调度", "test")
                lifecycle.act(
                    conn, alert["id"], "acknowledge", person, alert["raised_at"], expected_version=alert["version"]
                )
            wait_for(lambda: said(tmp_path) == [COMING[0]], 30, lambda: f"{replies} {agent.log()} {alerting.log()}")
            wait_for(lambda: [reply.detail for reply in replies] == ["noted", "announced"], 30, agent.log)
            # longer than the gateway would have waited: it has not called anybody
            wait_for(lambda: agent.log().count("contact tried") == 0 and len(replies) == 2, 30, agent.log)
    mqtt.stop(desk)
    assert modem.calls == []
    assert modem.messages == []


@either_broker
def test_a_stolen_identity_of_alerting_can_not_silence_a_home_and_it_is_told(
    broker: TestBroker, database_url: str, tmp_path: Path
) -> None:
    """Of the thief's answers the gateway takes none: it calls the family, and the district hears of the forgery."""
    add_homes(database_url, [GATEWAY])
    public = {"alerting": [make_key(tmp_path / "alerting's own.key")]}
    stolen = broker.settings("svc-alerting")
    thief = mqtt.make_client(stolen, "thief", clean=True)
    signer = CommandSigner(tmp_path / "thief.key")
    make_key(tmp_path / "thief.key")
    heard: list[wire.Event] = []

    def answer(_client: object, _userdata: object, message: mqtt.paho.MQTTMessage) -> None:
        event = wire.decode(wire.Event, bytes(message.payload))
        heard.append(event)
        args: dict[str, wire.Scalar] = {"device": event.device, "kind": event.kind, "time_us": event.time_us}
        for kind in ("alert_received", "help_coming"):
            command = wire.Command(wire.VERSION, f"{kind}-{event.seq}", kind, event.time_us, args)
            for payload in (wire.encode(command), signer.message(GATEWAY, command)):
                thief.publish(wire.topic(GATEWAY, "alarm"), payload, qos=1)

    thief.on_connect = lambda client, *_: client.subscribe(wire.subscription("events"), 1)
    thief.on_message = answer
    mqtt.start(thief, stolen)
    try:
        with (
            SimulatedModem() as modem,
            home(broker, tmp_path, modem, [{"kind": "sos", "at_s": 1}], public) as agent,
        ):
            wait_for(lambda: bool(modem.calls), 30, agent.log)
            told = [event for event in heard if event.kind == "device_fault"]
            assert [event.values["driver"] for event in told] == ["commands"]
            assert "refused" in str(told[0].values["reason"])
            assert COMING[0] not in said(tmp_path)
            assert CALLING[0] in said(tmp_path)
    finally:
        mqtt.stop(thief)


def test_with_the_line_cut_the_gateway_calls_and_tells_it_afterwards(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    settings = {"SHOUWANG_DATABASE_URL": postgres.url}
    with (
        SimulatedModem() as modem,
        service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting,
    ):
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, alerting.log)
        broker.stop()
        with home(broker, tmp_path, modem, [{"kind": "sos", "at_s": 0.5}]) as agent:
            wait_for(lambda: "nobody in the district answers" in agent.log(), 20, agent.log)
            agent.kill()  # in the middle of it: a restart must not forget
            agent.start("--config", str(tmp_path / "home.toml"))
            wait_for(lambda: bool(modem.calls), 30, agent.log)
            assert "张奶奶家：老人按了呼叫按钮" in modem.messages[0][1]
            assert CALLING[0] in said(tmp_path)
            broker.start()
            wait_for(lambda: len(stories(postgres.url)) > 0, 60, lambda: agent.log() + alerting.log())
            wait_for(
                lambda: any("联系人已接听：女儿 sms ok; 女儿 call ok" in " ".join(s[3]) for s in stories(postgres.url)),
                40,
                lambda: f"{stories(postgres.url)} {agent.log()}",
            )


@either_broker
def test_a_long_press_takes_it_back_everywhere(broker: TestBroker, database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, [GATEWAY])
    settings = {"SHOUWANG_DATABASE_URL": database_url}
    with (
        SimulatedModem() as modem,
        service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting,
    ):
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, alerting.log)
        scenarios = [{"kind": "sos", "at_s": 1}, {"kind": "held", "at_s": 3}]
        with home(broker, tmp_path, modem, scenarios) as agent:
            wait_for(
                lambda: [s[:2] for s in stories(database_url)] == [("sos", "cancelled")],
                30,
                lambda: f"{stories(database_url)} {agent.log()}",
            )
            assert stories(database_url)[0][3] == ["老人长按按钮取消"]
    assert modem.calls == []
