"""`http`: the pages of a sitemap or a feed, or single ones.

Rules of `robots.txt` hold. No address that is not public is called, unless the settings allow its network: each is
checked when it is connected to, so that a name cannot lead elsewhere a moment later. Only the hosts of the settings are
asked, also by redirects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar, Self
from urllib.robotparser import RobotFileParser

import aiohttp
from aiohttp.abc import AbstractResolver
from pydantic import Field, JsonValue
from yarl import URL

from app.addresses import Addresses, CheckedResolver, ForbiddenAddress
from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.settings.values import Network
from app.sources.base import Content, Item, Options, parse_options, required_url
from app.sources.content_types import content_type_of, matches
from app.sources.links import Link, links_in

_MOST_REDIRECTS = 5
_MOST_SITEMAPS = 1000
_NOT_FOUND, _TOO_MANY, _SERVER = 404, 429, 500
#: Bytes of robots.txt that count (RFC 9309).
_ROBOTS_BYTES = 500 * 1024
#: What servers say of a file whose kind they do not know.
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream"}


class HttpOptions(Options):
    """Which pages: those that the URL lists, or itself, and `pages`; like one of `include`, and none of `exclude`.

    Other `hosts` than the URL's are not asked, nor networks that are neither public nor in `allow_networks`.
    """

    pages: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    allow_networks: tuple[Network, ...] = ()
    max_bytes: int = Field(default=20 * 1024 * 1024, ge=1)
    max_pages: int = Field(default=50_000, ge=1)
    user_agent: str = "meta-ai-orchestrator"
    robots: bool = True


class HttpSource:
    """Pages; ids are their addresses. `resolver` is what names are resolved with."""

    incremental: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        url: URL,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._name = name
        self._url = url
        self._options = options
        self._headers = {**headers, "user-agent": options.user_agent}
        self._hosts = {url.raw_host, *options.hosts}
        self._timeout = timeout
        self._resolver = resolver
        self._addresses = Addresses(options.allow_networks, f"sources.{name}.options.allow_networks")
        self._session: aiohttp.ClientSession | None = None
        self._robots: dict[str, RobotFileParser] = {}
        self._turn = asyncio.Lock()
        self._found: list[Link] | None = None

    @classmethod
    def from_settings(cls, name: str, settings: SourceSettings, *, resolver: AbstractResolver | None = None) -> Self:
        """Return the pages of the settings; `credentials` are headers.

        Raises:
            ConfigurationError: the URL or an option is not valid.
        """
        given = required_url(name, settings, "https://example.com/sitemap.xml")
        options = parse_options(name, settings.model_copy(update={"credentials": {}}), HttpOptions)
        try:
            url = URL(given)
            valid = url.scheme in {"http", "https"} and bool(url.raw_host)
        except ValueError:
            valid = False
        if not valid:
            raise ConfigurationError(f"sources.{name}.url: is not an address such as https://example.com/sitemap.xml")
        headers = {key: value.get_secret_value() for key, value in settings.credentials.items()}
        return cls(name, url, options, headers, timeout=settings.timeout, resolver=resolver)

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the pages, in the order of their addresses; the position is the address."""
        for link in await self._links():
            if position is None or link.url > str(position):
                yield Item(id=link.url, position=link.url, version=link.version, address=link.url)

    async def read(self, item: Item) -> Content:
        """Return a page.

        Raises:
            SourceError: it is gone, too large, or nothing that may be asked for.
        """
        content = await self._get(_checked(item.id))
        if content is None:
            raise SourceError("it is not there any more")
        return content

    async def ids(self) -> AsyncIterator[str]:
        """Yield the addresses of all pages."""
        for link in await self._links():
            yield link.url

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _links(self) -> list[Link]:
        """Return the links to all pages, in their order, of which each is there once."""
        if self._found is None:
            found: dict[str, Link] = {page: Link(page) for page in self._options.pages}
            left, seen = [str(self._url)], {str(self._url)}
            while left:
                for link in await self._listed(left.pop(0)):
                    if link.sitemap and link.url not in seen and len(seen) < _MOST_SITEMAPS:
                        left.append(link.url)
                        seen.add(link.url)
                    elif not link.sitemap and self._is_wanted(link.url):
                        found[link.url] = link
                if len(found) > self._options.max_pages:
                    raise SourceError(f"there are more than {self._options.max_pages} pages: see options.max_pages")
            self._found = sorted(found.values(), key=lambda link: link.url)
        return self._found

    async def _listed(self, url: str) -> list[Link]:
        """Return the links of a sitemap or a feed, or the one to the page itself.

        Raises:
            SourceError: it is not there: nobody knows then what is gone.
        """
        content = await self._get(_checked(url))
        if content is None:
            raise SourceError(f"{url} is not there")
        links = links_in(content.data)
        return [Link(url)] if links is None else links

    def _is_wanted(self, url: str) -> bool:
        try:
            host = URL(url).raw_host
        except ValueError:
            return False
        options = self._options
        wanted = not options.include or matches(url, options.include)
        return host in self._hosts and wanted and not matches(url, options.exclude)

    async def _get(self, url: URL) -> Content | None:
        """Return what is at an address; None if nothing is."""
        for _ in range(_MOST_REDIRECTS + 1):
            self._require_allowed(url)
            if self._options.robots:
                await self._obey(url)
            status, headers, data = await self._fetch(url, self._options.max_bytes)
            if status in {301, 302, 303, 307, 308} and "location" in headers:
                url = url.join(_checked(headers["location"]))
                continue
            if status in {_NOT_FOUND, 410}:
                return None
            if status != 200:  # noqa: PLR2004  # OK
                kind = SourceUnavailable if status == _TOO_MANY or status >= _SERVER else SourceError
                raise kind(f"HTTP {status}")
            said = headers.get("content-type", "")
            media = said.partition(";")[0].strip().lower()
            return Content(data, content_type_of(url.path) if media in _UNKNOWN else said, _charset(said))
        raise SourceError("it redirects too often")

    async def _fetch(self, url: URL, limit: int) -> tuple[int, Mapping[str, str], bytes]:
        try:
            # Redirects are followed one by one: each could lead where the first address may not.
            async with self._opened().get(url, headers=self._headers, allow_redirects=False) as answer:
                data = bytearray()
                async for chunk in answer.content.iter_chunked(64 * 1024):
                    data += chunk
                    if len(data) > limit:
                        raise SourceError(f"it is larger than {limit} bytes: raise options.max_bytes, or leave it out")
                return answer.status, answer.headers, bytes(data)
        except TimeoutError:
            raise SourceUnavailable(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as problem:
            cause = getattr(problem, "os_error", problem)
            if isinstance(cause, ForbiddenAddress):
                raise SourceError(str(cause)) from None
            raise SourceUnavailable(f"{url.raw_host} cannot be reached: {type(problem).__name__}") from None

    def _require_allowed(self, url: URL) -> None:
        host = url.raw_host or ""
        if url.scheme not in {"http", "https"} or host not in self._hosts:
            raise SourceError(f"{host[:100]} is none of the hosts of this source: see options.hosts")
        try:
            self._addresses.check(host)
        except ForbiddenAddress as error:
            raise SourceError(str(error)) from None

    async def _obey(self, url: URL) -> None:
        """Return when the page may be asked for.

        Raises:
            SourceError: the rules of its host forbid it.
        """
        origin = str(url.origin())
        async with self._turn:
            rules = self._robots.get(origin)
            if rules is None:
                rules = self._robots[origin] = await self._rules(url)
            if not rules.can_fetch(self._options.user_agent, str(url)):
                raise SourceError("robots.txt forbids it")
            if delay := rules.crawl_delay(self._options.user_agent):
                await asyncio.sleep(min(float(delay), self._timeout))

    async def _rules(self, url: URL) -> RobotFileParser:
        """Return the rules of a host, by RFC 9309: without any, all may be read; while they are away, nothing."""
        status, _, data = await self._fetch(url.origin().with_path("/robots.txt"), _ROBOTS_BYTES)
        if status == _TOO_MANY or status >= _SERVER:
            raise SourceUnavailable(f"robots.txt cannot be read: HTTP {status}")
        rules = RobotFileParser()
        rules.parse(data.decode(errors="replace").splitlines() if status < 300 else [])  # noqa: PLR2004  # the class of 3xx
        return rules

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = CheckedResolver(self._addresses, self._resolver or aiohttp.ThreadedResolver())
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(use_dns_cache=False, resolver=resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
            )
        return self._session


def _checked(url: str) -> URL:
    try:
        return URL(url)
    except ValueError:
        raise SourceError("it is not an address") from None


def _charset(content_type: str) -> str | None:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip()
    return None
