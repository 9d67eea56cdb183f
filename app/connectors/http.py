"""An HTTP service as a connector: the settings choose the service, a workflow makes the requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr
from pydantic_core import to_json

from app.connectors.base import parse_arguments, parse_options
from app.decoding import NotJson, NotText, decode, parse_json
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
except ImportError:  # this module is only imported if such a connector is configured
    raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None

from app.connectors.http_request import HttpRequestArguments, header_problem

_TRANSIENT = frozenset({408, 425, 429})
_EXCERPT = 300
#: A byte order mark and white space, of which some answers consist.
_BLANK = b"\xef\xbb\xbf \t\r\n"


class HttpConnectorOptions(BaseModel):
    """The options; an answer longer than `max_bytes` is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=512 * 1024, ge=1)


class HttpConnector:
    """Makes requests to one service; connections are opened by the first request."""

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
            ConfigurationError: `url` is not an HTTP address, or a header or an option is invalid.
        """
        chosen = parse_options(name, settings, HttpConnectorOptions)
        base = _base(f"connectors.{name}.url", settings.url)
        for header, value in settings.headers.items():
            if problem := header_problem(header, value.get_secret_value()):
                raise ConfigurationError(f"connectors.{name}.headers.{header}: {problem}")
        return cls(base, settings.headers, max_bytes=chosen.max_bytes, connections=settings.max_concurrency)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Make the request and return the body: parsed if it is declared as JSON, else as text; null if empty.

        Raises:
            ConnectorError: an argument is invalid, or the service refuses the request (see `status`).
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
            # A redirect could send the credentials or the request to another host.
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
                cookie_jar=aiohttp.DummyCookieJar(),  # cookies set for one task must not be sent with another
            )
        return self._session

    def _merged(self, given: Mapping[str, str]) -> CIMultiDict[str]:
        for header, value in given.items():
            problem = header_problem(header, value)
            if header.lower() in self._headers:
                problem = "is already set in the connector's settings"
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
        if kind == "application/json" or kind.endswith("+json"):
            return _parsed(body, response.charset)
        return decode(body, response.charset, errors="replace")

    async def _limited(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the body up to the limit, counted after decompression."""
        body = bytearray()
        async for part in response.content.iter_chunked(64 * 1024):
            body += part
            if len(body) > self._max_bytes:
                raise ConnectorError(f"the answer is longer than options.max_bytes ({self._max_bytes})")
        return bytes(body)

    def _refused(self, status: int, body: bytes) -> ConnectorError:
        kind = ConnectorUnavailable if status in _TRANSIENT or status >= 500 else ConnectorError  # noqa: PLR2004  # the class of 5xx
        said = " ".join(decode(body, errors="replace").split())
        return kind(self._clean(f"HTTP {status}: {said}" if said else f"HTTP {status}"), status=status)

    def _clean(self, message: str) -> str:
        secrets = [value.get_secret_value() for value in self._headers.values()]
        # `Bearer x`: the service may quote x alone.
        return redactor([*secrets, *(secret.rpartition(" ")[2] for secret in secrets)])(message)[:_EXCERPT]


def _base(key: str, url: str | None) -> URL:
    try:
        base = URL(url or "")
    except ValueError:
        raise ConfigurationError(f"{key}: is not a valid URL") from None
    if base.scheme not in {"http", "https"} or not base.host:
        raise ConfigurationError(f"{key}: must be the address of the service, as in https://tickets.example.com/api")
    if base.user is not None or base.password is not None or base.raw_query_string or base.raw_fragment:
        raise ConfigurationError(f"{key}: put credentials in `headers` and the query in the step's arguments")
    return base


def _parsed(body: bytes, charset: str | None) -> JsonValue:
    try:
        return parse_json(body, charset).value if body.strip(_BLANK) else None
    except (NotText, NotJson) as problem:
        raise ConnectorUnavailable(f"the response claims to be JSON but is not valid JSON: {problem}") from None
