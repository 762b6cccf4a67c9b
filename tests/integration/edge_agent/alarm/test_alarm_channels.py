"""The ways out of a home: a modem on a pseudo-terminal, a real HTTP server, a real program that speaks."""

import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from device_simulators.peripherals.modem import Fault, SimulatedModem
from edge_agent.alarm import modem as modem_module
from edge_agent.alarm.channels import CALLING, sms_text
from edge_agent.alarm.modem import Modem
from edge_agent.alarm.rules import Cause
from edge_agent.alarm.settings import Contact, ModemConfig, SirenConfig, VoiceConfig, WebhookConfig
from edge_agent.alarm.sounders import Siren, Voice
from edge_agent.alarm.webhook import Webhook
from firmware_profiles.link.mqtt import Broker

DAUGHTER = Contact("女儿", ["call", "sms", "webhook"], "+8613800138000")
CAUSE = Cause("sos-button", "sos_pressed", 1_763_942_400_000_000)
TEXT = sms_text("盐田海鲜街12号 张奶奶", CAUSE)


def config(simulated: SimulatedModem) -> ModemConfig:
    return ModemConfig(str(simulated.path), ring_s=2, talk_s=0)


def test_a_call_that_is_answered() -> None:
    with SimulatedModem() as simulated:
        attempt = Modem(config(simulated)).call(DAUGHTER, CAUSE, TEXT)
    assert attempt.reached, attempt.detail
    assert simulated.calls == ["+8613800138000"]


def test_a_text_in_chinese_arrives_as_written() -> None:
    assert TEXT == "【守望】盐田海鲜街12号 张奶奶：老人按了呼叫按钮 08:00，平台无应答，请立即联系老人或前往查看"
    assert len(TEXT) <= 70
    with SimulatedModem() as simulated:
        attempt = Modem(config(simulated)).sms(DAUGHTER, CAUSE, TEXT)
    assert attempt.reached, attempt.detail
    assert simulated.messages == [("+8613800138000", TEXT)]


@pytest.mark.parametrize(
    ("fault", "why"),
    [("busy", "BUSY"), ("no_answer", "not answered"), ("not_registered", "not registered"), ("error", "ERROR")],
)
def test_a_call_that_fails_says_why(fault: Fault, why: str) -> None:
    with SimulatedModem(fault) as simulated:
        attempt = Modem(config(simulated)).call(DAUGHTER, CAUSE, TEXT)
    assert not attempt.reached
    assert why in attempt.detail
    assert "138" not in attempt.detail, "numbers stay out of reports"


def test_a_text_that_the_network_refuses() -> None:
    with SimulatedModem("sms_refused") as simulated:
        attempt = Modem(config(simulated)).sms(DAUGHTER, CAUSE, TEXT)
    assert not attempt.reached
    assert "+CMS ERROR" in attempt.detail


def test_a_silent_modem_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modem_module, "COMMAND_S", 0.3)
    with SimulatedModem("silent") as simulated:
        modem = Modem(config(simulated))
        monkeypatch.setattr(modem_module._Line.ask, "__defaults__", (0.3,))
        assert "does not answer" in modem.call(DAUGHTER, CAUSE, TEXT).detail
        assert "does not answer" in modem.probe()


def test_garbage_between_the_lines_does_not_matter() -> None:
    with SimulatedModem("garbage") as simulated:
        assert Modem(config(simulated)).sms(DAUGHTER, CAUSE, TEXT).reached
        assert Modem(config(simulated)).probe() == ""


def test_no_modem_at_all() -> None:
    attempt = Modem(ModemConfig("/dev/no-such-modem")).call(DAUGHTER, CAUSE, TEXT)
    assert not attempt.reached
    assert "no-such-modem" in attempt.detail


class Hook:
    def __init__(self, status: int) -> None:
        requests: list[tuple[dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                requests.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.requests = requests
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alarm"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("wonderwall\n")
    return file


@pytest.fixture(params=[200, 503])
def hook(request: pytest.FixtureRequest) -> Iterator[tuple[Hook, int]]:
    found = Hook(request.param)
    yield found, request.param
    found.stop()


def test_a_webhook_is_signed_and_its_answer_counts(hook: tuple[Hook, int], secret: Path) -> None:
    server, status = hook
    attempt = Webhook(WebhookConfig(server.url, secret), "gw-1").reach(DAUGHTER, CAUSE, TEXT)
    assert attempt.reached == (status == 200)
    assert attempt.detail == f"HTTP {status}"
    headers, body = server.requests[0]
    signed = headers["X-Shouwang-Timestamp"].encode() + b"." + body
    expected = "sha256=" + hmac.new(b"wonderwall", signed, hashlib.sha256).hexdigest()
    assert headers["X-Shouwang-Signature"] == expected
    assert json.loads(body)["text"] == TEXT
    assert "138" not in body.decode().replace(str(CAUSE.time_us), "")


def test_a_webhook_that_nobody_answers(secret: Path) -> None:
    attempt = Webhook(WebhookConfig("http://127.0.0.1:9/", secret, timeout_s=1), "gw-1").reach(DAUGHTER, CAUSE, TEXT)
    assert not attempt.reached
    missing = WebhookConfig("http://127.0.0.1:9/", secret.with_name("none"))
    assert "secret" in Webhook(missing, "gw-1").reach(DAUGHTER, CAUSE, TEXT).detail
    assert "missing" in Webhook(missing, "gw-1").probe()


def test_the_voice_says_the_text(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2], 'utf-8')"
    voice = Voice(VoiceConfig([sys.executable, "-c", script, str(said), "{text}"]))
    assert voice.say(*CALLING) == ""
    assert said.read_text("utf-8") == CALLING[0]
    assert "no-such-program" in Voice(VoiceConfig(["no-such-program"])).say(*CALLING)
    assert "not installed" in Voice(VoiceConfig(["no-such-program"])).probe()


def test_a_siren_without_its_broker_says_so() -> None:
    assert Siren(SirenConfig("siren", Broker("127.0.0.1", 9))).say(*CALLING) != ""
