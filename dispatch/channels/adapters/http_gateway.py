"""``adapter = "http"``: any gateway that takes an HTTP request, with templates: SMS, voice, webhooks."""

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from dispatch.channels.adapters.base import ConfigError, Outgoing, PermanentError, RetryableError, Sent
from dispatch.channels.adapters.http_request import call

FIELDS = (
    "key", "message_id", "channel", "address", "name", "language", "severity", "title", "text", "link", "map_link",
    "receipt_url",
)  # fmt: skip
_PLACE = re.compile(r"\{(\w*)\}")


class HttpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every text may hold placeholders: ``{address}``, ``{text}`` … (:data:`FIELDS`)."""

    url: str
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = {}
    json: Any = None
    """The body as JSON; texts in it are filled in."""
    form: dict[str, str] | None = None
    """The body as a form."""
    success: dict[str, list[Any]] = {}
    """Conditions on the JSON answer: path ('result.code') to the values that mean "taken"."""
    later: dict[str, list[Any]] = {}
    """Answers that mean "try again": path to values. Every other answer but success is a refusal."""
    provider_id: str = ""
    """Path of the peer's own number for the message."""
    idempotency_header: str = "Idempotency-Key"
    signature_key: str = ""
    """With it the body's HMAC-SHA-256 (hex) goes into the header X-Shouwang-Signature."""
    address_pattern: str = ""
    """Regular expression for addresses that the gateway takes; others are left to the next channel."""
    proxy: str = ""


class HttpGateway:
    """Sends by templates. Raises ConfigError for an unknown placeholder."""

    def __init__(self, options: HttpOptions) -> None:
        if options.json is not None and options.form is not None:
            raise ConfigError("write either 'json' or 'form', not both")
        if urlsplit(options.url).scheme not in ("http", "https"):
            raise ConfigError("'url' begins with https:// (or http://)")
        for text in _texts([options.url, options.headers, options.json, options.form]):
            for name in _PLACE.findall(text):
                if name not in FIELDS:
                    raise ConfigError(f"there is no placeholder {{{name}}}; choose from {', '.join(FIELDS)}")
        self._options = options
        self._addresses = re.compile(options.address_pattern)

    def reaches(self, address: str) -> bool:
        return self._addresses.search(address) is not None

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        options = self._options
        values = {name: str(getattr(message, name)) for name in FIELDS}
        headers = {name: _filled(text, values) for name, text in options.headers.items()}
        headers[options.idempotency_header] = str(message.key)
        body = None
        if options.json is not None:
            body = json.dumps(_fill(options.json, values), ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        elif options.form is not None:
            body = urlencode({name: _filled(text, values) for name, text in options.form.items()}).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if options.signature_key:
            signed = hmac.digest(options.signature_key.encode(), body or b"", "sha256")
            headers["X-Shouwang-Signature"] = signed.hex()
        url = _filled(options.url, {name: quote(value, safe="") for name, value in values.items()})
        _, answer, _ = call(options.method, url, timeout_s, headers=headers, body=body, proxy=options.proxy)
        excerpt = str(answer)[:300]
        for path, busy in options.later.items():
            if _at(answer, path) in busy:
                raise RetryableError(f"busy: {path} is {_at(answer, path)!r}; {excerpt}")
        for path, wanted in options.success.items():
            value = _at(answer, path)
            if value is None:  # not the gateway's own answer: a proxy in between answered
                raise RetryableError(f"the answer has no {path}; {excerpt}")
            if value not in wanted:
                raise PermanentError(f"refused: {path} is {value!r}; {excerpt}")
        number = _at(answer, options.provider_id) if options.provider_id else None
        return Sent("" if number is None else str(number)[:200])


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else []


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _filled(value, values)
    if isinstance(value, dict):
        return {name: _fill(part, values) for name, part in value.items()}
    return [_fill(part, values) for part in value] if isinstance(value, list) else value


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one pass: a resident's name that looks like a placeholder is not filled again.
    return _PLACE.sub(lambda place: values[place.group(1)], text)


def _at(answer: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(answer, list) and step.isdecimal() and int(step) < len(answer):
            answer = answer[int(step)]
        elif isinstance(answer, dict):
            answer = answer.get(step)
        else:
            return None
    return answer
