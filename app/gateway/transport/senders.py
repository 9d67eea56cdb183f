"""Whose requests are answered at all: those that name this gateway, and come from no web page of elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from app.gateway.problems import Refusal
from app.settings import GatewaySettings

_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class Senders:
    """Knows the names of a gateway, and the pages that may use it.

    Its names are those of this machine and `gateway.hosts`. So a web page that is open in a browser here may not ask,
    though every program may: its requests name another host (also after DNS rebinding), or another origin. Where the
    gateway asks for credentials and no hosts are set, any host may be named, as a browser adds no credentials by
    itself; then only a page of the host and port that are named is one of the gateway's own.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._hosts = _LOCAL_HOSTS | {host.lower() for host in settings.hosts}
        self._any_host = settings.secured and not settings.hosts
        self._origins = frozenset(settings.cors.origins)

    def check(self, given: Headers) -> None:
        """Return if a request with these headers is answered.

        Raises:
            Refusal: it is not.
        """
        hosts = given.getlist("host")
        if len(hosts) > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid_http", "the request has several Host headers")
        own = hosts[0].lower() if hosts else ""
        if (name := _host(f"//{own}")) is None or not (self._any_host or name in self._hosts):
            text = "the Host header does not name this gateway: use 127.0.0.1, ::1, localhost or one of gateway.hosts"
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "wrong_host", text)
        for origin in given.getlist("origin"):
            is_own = origin.lower().partition("://")[2] == own if self._any_host else _host(origin) in self._hosts
            if not is_own and origin not in self._origins:
                text = "web pages of other hosts may not use the gateway, except those of gateway.cors.origins"
                raise Refusal(HTTPStatus.FORBIDDEN, "foreign_origin", text)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
