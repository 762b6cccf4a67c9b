"""Verify a webhook of Shouwang: who sent it, when, and that nothing was changed. Standard library alone."""

import base64
import hashlib
import hmac
import time

WINDOW_S = 300  # an older message is a replay: refuse it


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the message is genuine and fresh; headers in lower case, the body as it arrived."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    genuine = any(hmac.compare_digest(mine, one) for one in headers["webhook-signature"].split())
    return genuine and abs(time.time() - int(stamp)) <= WINDOW_S
