"""One HTTP service as a connector: the settings say which, a workflow says what to ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr
from pydantic_core import from_json, to_json

from app.connectors.base import parse_arguments, parse_options
from app.errors import (
    ConfigurationError,
    ConnectorError,
    ConnectorTimeout,
    ConnectorUnavailable,
    MissingDependency,
)
from app.redaction import redactor
from app.settings import ConnectorSettings

try:
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL
except ImportError:  # this module is imported by whoever has such a connector, and by nobody else
    raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None

from app.connectors.http_request import HttpRequestArguments, header_problem

_TRANSIENT = frozenset({408, 425, 429})
_EXCERPT = 300


class HttpConnectorOptions(BaseModel):
    """A longer answer than `max_bytes` is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=512 * 1024, ge=1)


class HttpConnector:
    """Makes requests to one service; the connections are opened by the first of them."""

    def __init__(self, base: URL, headers: Mapping[str, SecretStr], *, max_bytes: int, connections: int) -> None:
        self._base = base
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._max_bytes = max_bytes
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        """Return the service that the configuration calls `name`.

        Raises:
            ConfigurationError: `url` is no address of an HTTP service, or a header or an option is wrong.
        """
        chosen = parse_options(name, settings, HttpConnectorOptions)
        base = _base(f"connectors.{name}.url", settings.url)
        for header, value in settings.headers.items():
            if problem := header_problem(header, value.get_secret_value()):
                raise ConfigurationError(f"connectors.{name}.headers.{header}: {problem}")
        return cls(base, settings.headers, max_bytes=chosen.max_bytes, connections=settings.max_concurrency)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Make the request, and return the body: JSON if the service says that it is, or else text; null if empty.

        Raises:
            ConnectorError: an argument is wrong, or the service refuses (`status` says how).
            ConnectorUnavailable: it cannot be reached, is too busy, or answers 5xx.
            ConnectorTimeout: no answer within `timeout` seconds.
        """
        request = parse_arguments(arguments, HttpRequestArguments)
        url, headers = request.url(self._base), self._merged(request.headers)
        body = to_json(request.body) if request.has_body else None
        if request.has_body:
            headers.setdefault("content-type", "application/json")
        limits = aiohttp.ClientTimeout(total=timeout)
        try:
            # A redirect could carry the credentials, or what the workflow asks, to another host.
            async with self._open().request(
                request.verb, url, headers=headers, data=body, timeout=limits, allow_redirects=False
            ) as response:
                return await self._read(response)
        except TimeoutError:
            raise ConnectorTimeout(f"no answer within {timeout:.3g} s") from None
        except (aiohttp.ClientError, OSError) as problem:
            raise ConnectorUnavailable(self._clean(f"{type(problem).__name__}: {problem}")) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),  # what one task was given must not go out with another's
            )
        return self._session

    def _merged(self, given: Mapping[str, str]) -> CIMultiDict[str]:
        for header, value in given.items():
            problem = header_problem(header, value)
            if header.lower() in self._headers:
                problem = "the settings of the connector give it"
            if problem:
                raise ConnectorError(f"arguments.headers.{header[:60]!r}: {problem}")
        own = {header: value.get_secret_value() for header, value in self._headers.items()}
        return CIMultiDict({**given, **own})

    async def _read(self, response: aiohttp.ClientResponse) -> JsonValue:
        body = await self._limited(response)
        if 300 <= response.status < 400:  # noqa: PLR2004  # the class of 3xx
            raise ConnectorError(f"HTTP {response.status}: redirects are not followed", status=response.status)
        if response.status >= 400:  # noqa: PLR2004  # from here on they are failures
            raise self._refused(response.status, body)
        if not body:
            return None
        kind = response.content_type
        return _parsed(body) if kind == "application/json" or kind.endswith("+json") else _text(body, response.charset)

    async def _limited(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the body as far as it may go, counted after decompression."""
        body = bytearray()
        async for part in response.content.iter_chunked(64 * 1024):
            body += part
            if len(body) > self._max_bytes:
                raise ConnectorError(f"the answer is longer than options.max_bytes ({self._max_bytes})")
        return bytes(body)

    def _refused(self, status: int, body: bytes) -> ConnectorError:
        kind = ConnectorUnavailable if status in _TRANSIENT or status >= 500 else ConnectorError  # noqa: PLR2004  # the class of 5xx
        said = " ".join(body.decode(errors="replace").split())
        return kind(self._clean(f"HTTP {status}: {said}" if said else f"HTTP {status}"), status=status)

    def _clean(self, message: str) -> str:
        secrets = [value.get_secret_value() for value in self._headers.values()]
        # `Bearer x`: the service may quote x alone.
        return redactor([*secrets, *(secret.rpartition(" ")[2] for secret in secrets)])(message)[:_EXCERPT]


def _base(key: str, url: str | None) -> URL:
    try:
        base = URL(url or "")
    except ValueError:
        raise ConfigurationError(f"{key}: this is no URL") from None
    if base.scheme not in {"http", "https"} or not base.host:
        raise ConfigurationError(f"{key}: give the address of the service, as in https://tickets.example.com/api")
    if base.user is not None or base.password is not None or base.raw_query_string or base.raw_fragment:
        raise ConfigurationError(f"{key}: credentials go into `headers`, a query into the step's arguments")
    return base


def _parsed(body: bytes) -> JsonValue:
    try:
        parsed: JsonValue = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ConnectorUnavailable("the answer says that it is JSON, and is not") from None
    return parsed


def _text(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", errors="replace")
    except LookupError:  # a charset that nobody knows
        return body.decode(errors="replace")
