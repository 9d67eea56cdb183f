"""`mcp`: tools of a server of the Model Context Protocol, over streamable HTTP."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_json

from app.connectors.base import Arguments, parse_arguments, parse_options
from app.errors import ConfigurationError, ConnectorError, ConnectorUnavailable, MissingDependency
from app.redaction import redactor
from app.settings import ConnectorSettings

try:
    import httpx2
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client
except ImportError:  # this module is only imported if such a connector is configured
    raise MissingDependency('pip install "meta-ai-orchestrator[mcp]"') from None

_LONGEST = 300

log = logging.getLogger(__name__)


class McpConnectorOptions(BaseModel):
    """The tools that steps may call, and how large a result may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: tuple[str, ...] = Field(min_length=1)
    max_bytes: int = Field(default=512 * 1024, ge=1)


class McpArguments(Arguments):
    """The name of a `tool`, and its `arguments`."""

    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class McpConnector:
    """Calls tools of one server, each in a session of its own: nothing of one call is known to the next."""

    def __init__(self, url: str, headers: Mapping[str, str], options: McpConnectorOptions) -> None:
        self._url = url
        self._headers = dict(headers)
        self._options = options
        self._redact = redactor(headers.values())

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        """Return the server that the configuration calls `name`.

        Raises:
            ConfigurationError: it has no URL, or an option is not valid.
        """
        if not settings.url or not settings.url.startswith(("http://", "https://")):
            raise ConfigurationError(f"connectors.{name}.url: give the address of a server, as in https://host/mcp")
        headers = {key: value.get_secret_value() for key, value in settings.headers.items()}
        return cls(settings.url, headers, parse_options(name, settings, McpConnectorOptions))

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Return what the tool returns: its structured content, or else its text.

        Raises:
            ConnectorError: the tool is not among those that may be called, or has failed.
        """
        given = parse_arguments(arguments, McpArguments)
        if given.tool not in self._options.tools:
            raise ConnectorError(f"arguments.tool: only {', '.join(self._options.tools)} may be called")
        result = await self._call(given, timeout)
        output: JsonValue = result.structured_content
        if output is None:
            output = "\n".join(part.text for part in result.content if part.type == "text")
        if result.is_error:
            raise ConnectorError(self._shown(f"{given.tool} failed: {output}"))
        if (size := len(to_json(output, inf_nan_mode="null"))) > self._options.max_bytes:
            raise ConnectorError(f"the result is {size} bytes: raise options.max_bytes, or have it return less")
        return output

    async def close(self) -> None:
        """Hold nothing."""

    async def _call(self, given: McpArguments, timeout: float) -> Any:
        try:
            async with (
                httpx2.AsyncClient(headers=self._headers, timeout=timeout) as http,
                Client(streamable_http_client(self._url, http_client=http), read_timeout_seconds=timeout) as client,
            ):
                return await client.call_tool(given.tool, given.arguments)
        except MCPError as error:
            raise ConnectorError(self._shown(str(error))) from None
        except (httpx2.HTTPError, OSError, ExceptionGroup) as error:
            raise ConnectorUnavailable(f"the server cannot be reached: {_cause(error)}") from None

    def _shown(self, text: str) -> str:
        return self._redact(text)[:_LONGEST]


def _cause(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
