"""What the official SDKs of hosted providers share: they are made by one generator, over one HTTP library."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx2

from app.models.endpoint import Endpoint
from app.models.http_errors import Errors


def connect(
    sdk: ModuleType, client: type[Any], failure: type[Exception], *, provider: str, endpoint: Endpoint, connections: int
) -> tuple[Any, Errors]:
    """Return a `client` of `sdk` that makes one attempt at a time, and what translates its errors.

    `failure` is the base of the SDK's own errors; at most `connections` are open at once.
    """
    made = client(
        api_key=endpoint.api_key,
        base_url=endpoint.base_url,
        default_headers=endpoint.headers,
        max_retries=0,
        http_client=sdk.DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=connections),
            follow_redirects=False,  # a redirect could carry the key to another host
        ),
    )
    expected = (failure, httpx2.HTTPError, OSError, RuntimeError)  # the last: used after close
    return made, Errors(provider, sdk, endpoint.secrets, expected)
