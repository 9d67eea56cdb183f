from __future__ import annotations

import pytest

from app.errors import SourceError
from app.sources.links import Link, links_in

SITEMAP = b"""\xef\xbb\xbf<?xml version="1.0"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc> https://a/1 </loc><lastmod>2026-01-01</lastmod></url><url><loc>https://a/2</loc></url><url/></urlset>"""
INDEX = b"<sitemapindex><sitemap><loc>https://a/s.xml</loc></sitemap></sitemapindex>"
RSS = b"<rss><channel><link>https://a</link><item><link>https://a/1</link><pubDate>d</pubDate></item></channel></rss>"
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><link rel="self" href="https://a/x"/>
<link href="https://a/1"/><updated>d</updated></entry></feed>"""


def test_that_links_are_found() -> None:
    assert links_in(SITEMAP) == [Link("https://a/1", "2026-01-01"), Link("https://a/2")]
    assert links_in(INDEX) == [Link("https://a/s.xml", sitemap=True)]
    assert links_in(RSS) == links_in(ATOM) == [Link("https://a/1", "d")]


@pytest.mark.parametrize("data", [b"", b"# Title", b"<html><body><rss></body></html>" * 0 + b"<html/>", b"\xff\xfe<"])
def test_that_other_content_is_a_page(data: bytes) -> None:
    assert links_in(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><urlset><url><loc>&a;</loc></url></urlset>',
        b"<urlset><url><loc>x</loc></url></urlset><!ENTITY",
        b"<urlset><url>",
    ],
)
def test_that_a_bomb_or_a_broken_sitemap_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="XML"):
        links_in(data)
