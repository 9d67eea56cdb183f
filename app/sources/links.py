"""The addresses in a sitemap (sitemaps.org), in a feed (RSS 2.0, Atom), or of a page itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # what has a document type is refused before

from app.errors import SourceError


@dataclass(frozen=True, slots=True)
class Link:
    """An address, and when what is there has changed last, if that is said; a `sitemap` has further ones."""

    url: str
    version: str | None = None
    sitemap: bool = False


def links_in(data: bytes) -> list[Link] | None:
    """Return the links of a sitemap or a feed; None of anything else.

    Raises:
        SourceError: it is one, but cannot be read, or has a document type, which may refer to itself.
    """
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:2048].lower()
    if not head.startswith(b"<") or not any(tag in head for tag in (b"<urlset", b"<sitemapindex", b"<rss", b"<feed")):
        return None
    if b"<!doctype" in data.lower() or b"<!entity" in data.lower():
        raise SourceError("it is XML with a document type, which is not read")
    try:
        root = ET.fromstring(data)  # noqa: S314  # see above
    except ET.ParseError as problem:
        raise SourceError(f"it is not valid XML: {problem}") from None
    return list(_links(root))


def _links(root: ET.Element) -> Iterator[Link]:
    for element in root.iter():
        match _name(element):
            case "url" | "sitemap":
                if url := _text(element, "loc"):
                    yield Link(url, _text(element, "lastmod"), _name(element) == "sitemap")
            case "item":
                if url := _text(element, "link"):
                    yield Link(url, _text(element, "pubDate"))
            case "entry":
                if url := _atom_link(element):
                    yield Link(url, _text(element, "updated"))


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _text(element: ET.Element, name: str) -> str | None:
    found = next((child.text for child in element if _name(child) == name), None)
    return (found or "").strip() or None


def _atom_link(entry: ET.Element) -> str | None:
    for child in entry:
        if _name(child) == "link" and child.get("rel", "alternate") == "alternate" and child.get("href"):
            return child.get("href")
    return None
