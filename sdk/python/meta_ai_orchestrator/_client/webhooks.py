"""The signatures of webhooks.

Source: the specification of Standard Webhooks, https://www.standardwebhooks.com.
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from meta_ai_orchestrator._client.errors import UsageError, WebhookVerificationError

#: Seconds by which a webhook may be older or newer, by the clock of this machine.
TOLERANCE = 300


class Webhook:
    """Verifies webhooks by their signing keys, as in `whsec_…`; while a key is replaced, give both."""

    def __init__(self, *keys: str) -> None:
        if not keys:
            raise UsageError("give the signing key of the webhook")
        self._keys = [_decoded(key) for key in keys]

    def verify(self, body: bytes | str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return what a webhook says. `body` must be as it was received, not JSON that was written again.

        A webhook may come more than once: ignore a `webhook-id` that you have seen.

        Raises:
            WebhookVerificationError: it was not sent by the orchestrator, or too long ago.
        """
        content = body.encode() if isinstance(body, str) else body
        named = {name.lower(): value for name, value in headers.items()}
        try:
            message_id, sent, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        except KeyError as error:
            raise WebhookVerificationError(f"the header {error.args[0]} is missing") from None
        if not sent.isdecimal() or abs(time.time() - int(sent)) > TOLERANCE:
            raise WebhookVerificationError("it is too old, or the clock of this machine is wrong")
        signed = f"{message_id}.{sent}.".encode() + content
        expected = [f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}".encode() for key in self._keys]
        given = [one.encode() for one in signatures.split()]
        if not any(hmac.compare_digest(one, other) for one in given for other in expected):
            raise WebhookVerificationError(
                "no signature is right: is it the key of this webhook, and the body as it came?"
            )
        event: dict[str, Any] = json.loads(content)
        return event


def _decoded(key: str) -> bytes:
    try:
        decoded = b64decode(key.removeprefix("whsec_"), validate=True)
    except ValueError:
        decoded = b""
    if not decoded:  # anybody could sign with an empty one
        raise UsageError("a signing key is whsec_ and Base64")
    return decoded
