"""A connector whose secrets may change while it is used: see `app.rotation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from pydantic import JsonValue

from app.connectors.base import Connector
from app.errors import ConnectorError
from app.rotation import Live, Rotating
from app.settings import ConnectorSettings

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class RotatingConnector:
    """The connector as its secrets are now; a refused request reads them again, and is repeated if one has changed."""

    def __init__(
        self, name: str, live: Live[ConnectorSettings], build: Callable[[ConnectorSettings], Connector]
    ) -> None:
        self._rotating = Rotating(f"the connector {name}", live, build)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Do what the component does.

        Raises:
            ConnectorError: as the component.
        """
        return await self._rotating.call(
            lambda connector, left: connector.run(arguments, timeout=left), timeout, is_refusal=_is_refusal
        )

    async def close(self) -> None:
        """Release connections."""
        await self._rotating.close()


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, ConnectorError) and error.status in _REFUSED
