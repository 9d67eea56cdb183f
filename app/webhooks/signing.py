"""Signatures of requests.

Source: the specification of Standard Webhooks, https://www.standardwebhooks.com. Its library would add five packages
for these few lines; the tests verify with it.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

from pydantic import SecretStr


def signed_headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[SecretStr]) -> Mapping[str, str]:
    """Return the headers of a request at `timestamp` (epoch seconds), with a signature of each key."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(content, key) for key in keys),
    }


def _signature(content: bytes, key: SecretStr) -> str:
    secret = b64decode(key.get_secret_value().removeprefix("whsec_"))
    return f"v1,{b64encode(hmac.digest(secret, content, 'sha256')).decode()}"
