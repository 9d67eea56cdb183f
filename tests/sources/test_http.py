from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.sources.base import Item
from app.sources.http import HttpSource
from tests.sources.site import Site, serving
from tests.test_addresses import Resolver

LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as found:
        urls = "".join(f"<url><loc>{found.address}/{name}</loc></url>" for name in ("b", "a", "private/x"))
        found.put("/sitemap.xml", f"<urlset>{urls}<url><loc>http://other.example/c</loc></url></urlset>")
        found.put("/a", "Alpha")
        found.put("/b", "Beta")
        found.put("/private/x", "Secret")
        yield found


def source(url: str, *, resolver: Any = None, **options: Any) -> HttpSource:
    given = {"allow_networks": LOOPBACK, **options}
    settings = SourceSettings.model_validate(
        {"kind": "http", "url": url, "options": given, "credentials": {"authorization": "Bearer t"}, "timeout": 5}
    )
    return HttpSource.from_settings("web", settings, resolver=resolver)


async def paths(found: HttpSource, position: str | None = None) -> list[str]:
    try:
        return [URL(item.id).path async for item in found.items(position)]
    finally:
        await found.close()


async def read(found: HttpSource, url: str) -> bytes:
    try:
        return (await found.read(Item(url))).data
    finally:
        await found.close()


async def test_that_the_pages_of_a_sitemap_on_its_host_are_found(site: Site) -> None:
    url = f"{site.address}/sitemap.xml"
    assert await paths(source(url)) == ["/a", "/b", "/private/x"]
    assert await paths(source(url), f"{site.address}/a") == ["/b", "/private/x"]
    assert await paths(source(url, exclude=["*/private/*"])) == ["/a", "/b"]
    assert await paths(source(url, include=["*/b"], pages=[f"{site.address}/c"])) == ["/b", "/c"]
    assert await read(source(url), f"{site.address}/a") == b"Alpha"


async def test_that_a_sitemap_of_sitemaps_and_a_page_are_followed(site: Site) -> None:
    index = "".join(f"<sitemap><loc>{site.address}/{name}</loc></sitemap>" for name in ("sitemap.xml", "index.xml"))
    site.put("/index.xml", f"<sitemapindex>{index}</sitemapindex>")
    assert await paths(source(f"{site.address}/index.xml")) == ["/a", "/b", "/private/x"]
    assert await paths(source(f"{site.address}/a")) == ["/a"]
    with pytest.raises(SourceError, match="more than 2 pages"):
        await paths(source(f"{site.address}/sitemap.xml", max_pages=2))


async def test_that_robots_are_obeyed(site: Site) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/")
    with pytest.raises(SourceError, match=r"robots\.txt forbids it"):
        await read(source(site.address), f"{site.address}/private/x")
    assert "/private/x" not in site.asked
    site.put("/robots.txt", "", status=503)
    with pytest.raises(SourceUnavailable, match=r"robots\.txt cannot be read: HTTP 503"):
        await read(source(site.address), f"{site.address}/a")
    assert await read(source(site.address, robots=False), f"{site.address}/private/x") == b"Secret"


async def test_that_a_sitemap_that_is_away_is_no_empty_one(site: Site) -> None:
    for status, kind in ((404, SourceError), (500, SourceUnavailable), (403, SourceError)):
        site.put("/sitemap.xml", "", status=status)
        with pytest.raises(kind):
            await paths(source(f"{site.address}/sitemap.xml"))


async def test_that_private_addresses_are_not_called(site: Site) -> None:
    with pytest.raises(SourceError, match=r"sources\.web\.options\.allow_networks"):
        await paths(source(f"{site.address}/a", allow_networks=[]))
    port = URL(site.address).port
    with pytest.raises(SourceError, match="not a public address"):
        await paths(source(f"http://site.example:{port}/a", allow_networks=[], resolver=Resolver("127.0.0.1")))
    assert site.asked == []


async def test_that_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere(site: Site) -> None:
    class Rebinding(Resolver):
        calls = 0

        async def resolve(self, *given: Any, **more: Any) -> list[Any]:
            self.calls += 1
            self._addresses = ("127.0.0.1",) if self.calls > 2 else ("127.0.0.2",)
            return await super().resolve(*given, **more)

    port = URL(site.address).port
    found = source(f"http://site.example:{port}/a", allow_networks=["127.0.0.2/32"], resolver=Rebinding(), robots=False)
    for _ in range(2):  # nobody is there
        with pytest.raises(SourceUnavailable):
            await found.read(Item(f"http://site.example:{port}/a"))
    assert site.asked == []
    with pytest.raises(SourceError, match="not a public address"):
        await read(found, f"http://site.example:{port}/a")
    assert site.asked == []


@pytest.mark.parametrize("to", ["http://other.example/", "http://169.254.169.254/latest", "file:///etc/passwd", "//x/"])
async def test_that_a_redirect_leads_to_no_other_host(site: Site, to: str) -> None:
    site.put("/away", to, status=302)
    with pytest.raises(SourceError, match=r"see options\.hosts"):
        await read(source(site.address), f"{site.address}/away")


async def test_that_redirects_end(site: Site) -> None:
    site.put("/loop", "/loop", status=302)
    site.put("/moved", "/a", status=301)
    assert await read(source(site.address), f"{site.address}/moved") == b"Alpha"
    with pytest.raises(SourceError, match="too often"):
        await read(source(site.address), f"{site.address}/loop")
    with pytest.raises(SourceError, match="larger than 3 bytes"):
        await read(source(site.address, max_bytes=3, robots=False), f"{site.address}/a")


@pytest.mark.parametrize("url", ["ftp://a/b", "nonsense", "http://"])
def test_that_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.web\.url"):
        source(url)
