from __future__ import annotations

import base64
import struct
import zlib

from app.models.conformance.sample_image import png
from topics.model_requests import Image


def test_it_is_a_png_of_that_size_and_colour() -> None:
    address = png(3, 2, (255, 0, 128))
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    parts, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + content),)
        parts[kind] = content
        at += 12 + size

    assert Image(url=address)
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">II", parts[b"IHDR"][:8]) == (3, 2)
    assert zlib.decompress(parts[b"IDAT"]) == (b"\0" + bytes((255, 0, 128)) * 3) * 2
