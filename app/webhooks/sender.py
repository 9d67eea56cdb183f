"""Calls of webhooks: one signed request, which the receiver accepts or not."""

from __future__ import annotations

import re
import time
from hashlib import blake2b

import aiohttp
from aiohttp.abc import AbstractResolver

from app.addresses import Addresses, CheckedResolver, ForbiddenAddress
from app.errors import WebhookError
from app.settings import WebhookSettings
from app.webhooks.receivers import Receiver, receiver
from app.webhooks.signing import signed_headers
from topics.webhook_requests import WebhookRequest

_SECONDS = re.compile(r"\d{1,9}")
_MOST_CONNECTIONS = 200
_GONE = 410


class WebhookSender:
    """Calls webhooks; connections are opened by the first call. `resolver` is what names are resolved with."""

    def __init__(self, settings: WebhookSettings, *, resolver: AbstractResolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(self, request: WebhookRequest) -> None:
        """Return when the receiver has accepted it.

        Raises:
            WebhookError: it may not be called, cannot be reached, or has not accepted it.
        """
        to = receiver(self._settings, request.webhook, request.tenant)
        body = request.body.to_json()
        headers = {
            "content-type": "application/json",
            "user-agent": "meta-ai-orchestrator",
            **signed_headers(message_id(request.task_id), int(time.time()), body, to.keys),
        }
        try:
            # A redirect could lead where the first address may not.
            async with self._session(to).post(to.url, data=body, headers=headers, allow_redirects=False) as answer:
                _check(answer)
        except TimeoutError:
            raise WebhookError(f"no answer within {self._settings.timeout:g} s", retryable=True) from None
        except (aiohttp.ClientError, OSError) as problem:
            cause = getattr(problem, "os_error", problem)
            if isinstance(cause, ForbiddenAddress):
                raise WebhookError(str(cause)) from None
            raise WebhookError(f"it cannot be reached: {type(problem).__name__}", retryable=True) from None

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    def _session(self, to: Receiver) -> aiohttp.ClientSession:
        """Return the session for receivers of this kind: no connection to one that may be anywhere serves others."""
        if to.trusted not in self._sessions:
            inner = self._resolver or aiohttp.ThreadedResolver()
            checked = CheckedResolver(Addresses(self._settings.allow_networks), inner)
            self._sessions[to.trusted] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_MOST_CONNECTIONS, use_dns_cache=False, resolver=inner if to.trusted else checked
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
            )
        return self._sessions[to.trusted]


def message_id(task_id: str) -> str:
    """Return the id by which a receiver knows a repetition: that of a header, whatever characters the task's has."""
    return f"msg_{blake2b(task_id.encode(errors='replace'), digest_size=16).hexdigest()}"


def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 300:  # noqa: PLR2004  # the class of 3xx: a redirect is not followed
        return
    after = answer.headers.get("retry-after", "")
    seconds = float(after) if _SECONDS.fullmatch(after) else None
    raise WebhookError(f"HTTP {answer.status}", retryable=answer.status != _GONE, retry_after=seconds)
