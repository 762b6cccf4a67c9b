"""Make one HTTP request to a gateway and interpret its answer; shared by the adapters that speak HTTP."""

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from dispatch.channels.adapters.base import PermanentError, RetryableError

MAX_ANSWER = 64 * 1024
LATER = frozenset({408, 425, 429})
"""Client errors that a later attempt may not meet (RFC 9110, RFC 8470, RFC 6585); 5xx are like them."""


def call(
    method: str,
    url: str,
    timeout_s: float,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    proxy: str = "",
) -> tuple[int, Any, Mapping[str, str]]:
    """Make a request; gives (status, decoded JSON or text, headers) of a 2xx answer.

    Redirects are refused: a gateway's address is in the settings. Raises RetryableError for a peer that is away, slow
    or busy, PermanentError for one that says no.
    """
    deadline = time.monotonic() + timeout_s
    with requests.Session() as session:
        session.trust_env = False  # neither .netrc nor proxies of the shell: the settings alone decide
        try:
            answer = session.request(
                method,
                url,
                data=body,
                headers=dict(headers or {}),
                timeout=(min(timeout_s, 5.0), timeout_s),
                stream=True,
                allow_redirects=False,
                proxies={"http": proxy, "https": proxy} if proxy else None,
            )
            raw = _read(answer, deadline)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.InvalidHeader,
                requests.exceptions.MissingSchema) as error:  # fmt: skip
            raise PermanentError(f"the request cannot be made: {type(error).__name__}") from error
        except requests.RequestException as error:
            # Its text repeats the URL, which is a secret of group robots.
            raise RetryableError(type(error).__name__) from error
    content = _decoded(raw)
    if answer.status_code in LATER or answer.status_code >= 500:
        raise RetryableError(f"HTTP {answer.status_code}: {str(content)[:300]}", _retry_after(answer.headers))
    if not 200 <= answer.status_code < 300:
        raise PermanentError(f"HTTP {answer.status_code}: {str(content)[:300]}")
    return answer.status_code, content, answer.headers


def post_json(url: str, value: object, timeout_s: float) -> dict[str, Any]:
    """Post JSON; gives the JSON object of the answer. Raises as :func:`call`, and RetryableError where it is none."""
    body = json.dumps(value, ensure_ascii=False).encode()
    _, content, _ = call("POST", url, timeout_s, headers={"Content-Type": "application/json"}, body=body)
    if not isinstance(content, dict):
        raise RetryableError(f"not a JSON object: {str(content)[:200]}")
    return content


def _read(answer: requests.Response, deadline: float) -> bytes:
    """Read the body, at most MAX_ANSWER bytes of it. A peer that trickles is given up at the deadline."""
    parts, size = [], 0
    for part in answer.iter_content(8192):
        parts.append(part)
        size += len(part)
        if size >= MAX_ANSWER:
            break
        if time.monotonic() > deadline:
            raise RetryableError("the answer did not end in time")
    return b"".join(parts)[:MAX_ANSWER]


def _decoded(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return min(float(value), 3600.0) if value.isdecimal() else None
