"""Every adapter against a real peer: what it sends, and what it makes of the answers."""

import base64
import hashlib
import hmac
import json
import re
import uuid
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from database.pool import make_pool
from database.settings import DatabaseSettings
from dispatch.channels import config
from dispatch.channels.adapters.base import (
    Adapter,
    ConfigError,
    Outgoing,
    PermanentError,
    RetryableError,
    Subscription,
)
from dispatch.channels.adapters.webpush import WebPush, WebPushOptions, create_key
from tests.support.peers import Answer, HttpPeer, http_peer, smtp_peer

pytestmark = pytest.mark.integration
DEPLOY = Path(__file__).parents[4] / "deploy"
KEY = uuid.UUID("11111111-2222-5333-8444-555555555555")


def message(address: str, **changes: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "key": KEY, "message_id": 7, "channel": "x", "address": address, "name": "许晴", "language": "zh",
        "severity": "emergency", "title": "【守望】紧急", "text": "陈女士 {address}", "link": "https://c/a/t",
    }  # fmt: skip
    return Outgoing(**{**fields, **changes})


def adapter(text: str) -> Adapter:
    channels = config.parse(text + "\n[order]\n", {"TOKEN": "s3cret"})
    with make_pool(DatabaseSettings(pool_min=0), "test") as pool:
        return config.build(channels, pool, Browsers([]))["x"]


class Browsers:
    def __init__(self, found: list[Subscription]) -> None:
        self.found = found
        self.gone: list[str] = []

    def of(self, _account_id: int) -> list[Subscription]:
        return self.found

    def forget(self, endpoint: str) -> None:
        self.gone.append(endpoint)


def outcome(peer: HttpPeer, tried: Adapter, answer: Answer, address: str = "a") -> str:
    peer.answer = lambda _: answer
    try:
        tried.send(message(address), 3)
    except RetryableError:
        return "later"
    except PermanentError:
        return "never"
    return "sent"


def test_http_templates_and_answers() -> None:
    with http_peer() as peer:
        tried = adapter(f"""
            [channels.x]
            adapter = "http"
            [channels.x.options]
            url = "{peer.url}/send/{{address}}"
            headers = {{ Authorization = "env:TOKEN" }}
            json = {{ to = ["{{address}}"], text = "{{title}}: {{text}}" }}
            success = {{ "result.code" = [0, "OK"] }}
            later = {{ "result.code" = [7] }}
            provider_id = "result.ids.0"
            signature_key = "k"
            address_pattern = '^1\\d+$'
            """)
        assert tried.reaches("139")
        assert not tried.reaches("0755")
        peer.answer = lambda _: Answer(200, {"result": {"code": "OK", "ids": [42]}})
        assert tried.send(message("1/3"), 3).provider_id == "42"
        request = peer.requests[0]
        assert request.path == "/send/1%2F3"
        assert request.headers["authorization"] == "s3cret"
        assert request.key == str(KEY)
        # what was filled in is not filled again
        assert request.json() == {"to": ["1/3"], "text": "【守望】紧急: 陈女士 {address}"}
        assert request.headers["x-shouwang-signature"] == hmac.new(b"k", request.body, hashlib.sha256).hexdigest()
        for status, code, wanted in [
            (200, 7, "later"), (200, 3, "never"), (200, None, "later"), (503, 0, "later"), (429, 0, "later"),
            (400, 0, "never"), (302, 0, "never"),
        ]:  # fmt: skip
            assert outcome(peer, tried, Answer(status, {"result": {"code": code}})) == wanted, (status, code)
        peer.answer = lambda _: Answer(429, None, {"Retry-After": "17"})
        with pytest.raises(RetryableError) as caught:
            tried.send(message("1"), 3)
        assert caught.value.after_s == 17
        peer.stall = lambda _: True
        assert outcome(peer, tried, Answer()) == "later"
    assert outcome(peer, tried, Answer()) == "later"  # nobody listens any more


@pytest.mark.parametrize("name", ["wecom", "dingtalk", "feishu"])
def test_group_robots(name: str) -> None:
    code = "code" if name == "feishu" else "errcode"
    with http_peer() as peer:
        tried = adapter(f"""
            [channels.x]
            adapter = "{name}"
            [channels.x.options.robots.center]
            url = "{peer.url}/robot?key=1"
            secret = "env:TOKEN"
            """)
        assert tried.reaches("center")
        assert not tried.reaches("elsewhere")
        for answer, wanted in [({code: 0}, "sent"), ({code: -1}, "later"), ({code: 93000}, "never"), ({}, "later")]:
            if name == "feishu" and answer == {code: -1}:
                answer = {code: 11232}
            assert outcome(peer, tried, Answer(200, answer), "center") == wanted
        request = peer.requests[0]
        assert "陈女士" in request.body.decode()
        if name == "dingtalk":
            query = parse_qs(urlsplit(request.path).query)
            signed = f"{query['timestamp'][0]}\ns3cret".encode()
            assert base64.b64decode(query["sign"][0]) == hmac.digest(b"s3cret", signed, "sha256")
        if name == "feishu":
            body = request.json()
            assert base64.b64decode(body["sign"]) == hmac.digest(f"{body['timestamp']}\ns3cret".encode(), b"", "sha256")


def test_mail() -> None:
    with smtp_peer() as (box, port):
        tried = adapter(f"""
            [channels.x]
            adapter = "smtp"
            options = {{ host = "127.0.0.1", port = {port}, security = "none", sender = "shouwang@example.org" }}
            """)
        assert not tried.reaches("许晴")
        box.refuse = {"never@example.org": "550 no such user", "later@example.org": "450 greylisted"}
        assert tried.send(message("x@example.org"), 5).provider_id == str(KEY)
        mail = message_from_bytes(cast("bytes", box.mails[0].content), policy=default)
        assert mail["Subject"] == "【守望】紧急"
        assert str(KEY) in mail["Message-ID"]
        assert mail.get_content().strip() == "陈女士 {address}"
        with pytest.raises(PermanentError, match="550"):
            tried.send(message("never@example.org"), 5)
        with pytest.raises(RetryableError, match="450"):
            tried.send(message("later@example.org"), 5)
    with pytest.raises(RetryableError):
        tried.send(message("x@example.org"), 1)


def test_web_push_is_encrypted_for_the_browser(tmp_path: Path) -> None:
    browser = ec.generate_private_key(ec.SECP256R1())
    secret = b"0123456789abcdef"
    point = browser.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    create_key(tmp_path / "push.pem")

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    with http_peer() as peer:
        browsers = Browsers([Subscription(f"{peer.url}/{n}", text(point), text(secret)) for n in range(2)])
        tried = WebPush(
            WebPushOptions(str(tmp_path / "push.pem"), "mailto:duty@example.org", (peer.url.removeprefix("http://"),)),
            browsers,
        )
        peer.answer = lambda request: Answer(410 if request.path == "/0" else 201)
        assert tried.send(message("5"), 5).provider_id == "1/2"
        assert browsers.gone == [f"{peer.url}/0"]
        request = peer.requests[1]
        plain = http_ece.decrypt(request.body, private_key=browser, auth_secret=secret, version="aes128gcm")
        assert json.loads(plain)["body"] == "陈女士 {address}"
        assert request.headers["authorization"].startswith("vapid t=")
        assert request.headers["urgency"] == "high"
        assert outcome(peer, tried, Answer(500), "5") == "later"
        assert outcome(peer, tried, Answer(413), "5") == "never"
        asked = len(peer.requests)
        assert outcome(peer, tried, Answer(302, headers={"Location": f"{peer.url}/elsewhere"}), "5") == "later"
        assert {one.path for one in peer.requests[asked:]} <= {"/0", "/1"}, "no redirect is followed"
        foreign = Subscription("https://127.0.0.1:1/x", text(point), text(secret))
        browsers.found = [foreign]
        with pytest.raises(PermanentError, match="push service"):
            tried.send(message("5"), 5)
        assert browsers.gone[-1] == foreign.endpoint
        browsers.found = []
        assert not tried.reaches("5")
        with pytest.raises(PermanentError):
            tried.send(message("5"), 5)


def test_apprise() -> None:
    with http_peer() as peer:
        place = peer.url.removeprefix("http://")
        tried = adapter(f"""
            [channels.x]
            adapter = "apprise"
            [channels.x.options.urls]
            center = "json://{place}/hook"
            """)
        assert not tried.reaches("elsewhere")
        assert outcome(peer, tried, Answer(200), "center") == "sent"
        assert peer.requests[0].json()["message"] == "陈女士 {address}"
        assert outcome(peer, tried, Answer(500), "center") == "later"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[channels.x]\nadapter = "pigeon"', "pigeon"),
        ('[channels.x]\nadapter = "http"', "url"),
        ('[channels.x]\nadapter = "http"\noptions = { url = "ftp://a" }', "https://"),
        ('[channels.x]\nadapter = "http"\noptions = { url = "http://a/{phone}" }', "{phone}"),
        ('[channels.x]\nadapter = "smtp"\noptions = { host = "h", sender = "me" }', "sender"),
        ('[channels.x]\nadapter = "wecom"\noptions = { robots = { a = { url = "env:NOBODY" } } }', "NOBODY"),
        ('[channels.x]\nadapter = "webpush"\noptions = { private_key_file = "/no", contact = "mailto:a" }', "push-key"),
        ('[channels.x]\nadapter = "apprise"\noptions = { urls = { a = "what" } }', "apprise"),
        ('[channels.x]\nadapter = "outbox"\ntimeout_s = 0', "timeout_s"),
        ('[channels.x]\nadapter = "outbox"\ncolour = 1', "colour"),
    ],
)
def test_wrong_settings_say_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("{", r"\{")):
        adapter(text)


def test_an_order_names_channels_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"order\.staff"):
        config.parse('[channels]\n[order]\nstaff = ["sms"]', {})


def test_the_example_of_deployment_is_right(tmp_path: Path) -> None:
    create_key(tmp_path / "push.pem")
    text = (DEPLOY / "channels.toml").read_text().replace("/etc/shouwang/keys/push.pem", str(tmp_path / "push.pem"))
    names = re.findall(r"env:(SHOUWANG_\w+)", text.replace("enabled = false\n", ""))
    assert len(names) == 10
    secrets = dict.fromkeys(names, "https://example.org/hook")
    secrets["SHOUWANG_APPRISE_HAISHAN"] = "json://example.org/hook"
    everything = config.check(config.parse(text.replace("enabled = false\n", ""), secrets))
    assert len(everything.channels) == 10
    assert not everything.left_out
    shipped = config.check(
        config.parse(text, {"SHOUWANG_SMS_URL": "https://sms.example.org/", "SHOUWANG_SMS_TOKEN": "x"})
    )
    assert sorted(shipped.channels) == ["console", "sms"]
    assert not shipped.left_out
    assert shipped.order["contact"] == ["sms"]


TWO = """
    [channels.console]
    adapter = "console"
    [channels.sms]
    adapter = "http"
    options = {{ url = "env:SMS_URL" }}
    [channels.push]
    adapter = "webpush"
    {push}
    options = {{ private_key_file = "/nowhere", contact = "mailto:a@example.org" }}
    [order]
    staff = ["sms", "push", "console"]
"""


def test_a_channel_without_its_secret_leaves_the_others_at_work() -> None:
    channels = config.check(config.parse(TWO.format(push=""), {}))
    assert channels.order["staff"] == ["console"]
    assert sorted(channels.left_out) == ["push", "sms"]
    assert "SMS_URL" in channels.left_out["sms"]
    assert "push-key" in channels.left_out["push"]


def test_a_channel_that_is_switched_off_is_no_fault() -> None:
    channels = config.check(config.parse(TWO.format(push="enabled = false"), {"SMS_URL": "https://sms.example.org/"}))
    assert channels.order["staff"] == ["sms", "console"]
    assert not channels.left_out


def test_without_any_channel_there_is_no_service() -> None:
    with pytest.raises(ConfigError, match="SMS_URL"):
        config.parse('[channels.sms]\nadapter = "http"\noptions = { url = "env:SMS_URL" }\n[order]', {})
    with pytest.raises(ConfigError, match="enable one"):
        config.parse('[channels.a]\nadapter = "console"\nenabled = false\n[order]', {})
