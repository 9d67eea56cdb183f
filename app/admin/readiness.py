"""Ask a worker over HTTP whether it is ready."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from json import loads as parse_json

_TIMEOUT = 5.0
_MAX_BYTES = 64 * 1024
_MAX_METRICS = 8 * 1024 * 1024


def readiness(http: str) -> tuple[bool, str]:
    """Return whether the worker at host:port is ready, and a sentence about it."""
    connection = HTTPConnection(http, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = parse_json(answer.read(_MAX_BYTES))
        return answer.status == HTTPStatus.OK, str(body.get("status") or body.get("detail"))
    except (OSError, HTTPException, ValueError, AttributeError):
        return False, "no orchestrator is reachable at this address"
    finally:
        connection.close()


def fetch_metrics(http: str) -> str | None:
    """Return the metrics of the worker at host:port as Prometheus text; None if it does not give any."""
    connection = HTTPConnection(http, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(_MAX_METRICS + 1)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return text.decode(errors="replace") if answer.status == HTTPStatus.OK and len(text) <= _MAX_METRICS else None
