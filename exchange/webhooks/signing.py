"""Sign a message in the form of Standard Webhooks: HMAC-SHA256 over id, time and body. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def headers_of(secret: bytes, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers by which a receiver knows the sender, the moment (s since 1970) and a repetition."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
        "user-agent": "Shouwang-Webhook/1",
    }
