from __future__ import annotations

import pytest

from app.audit.chain import ChainHead, is_genuine, next_link, record_digest

SECRET = b"0123456789abcdef"


def test_that_a_link_follows_from_the_record_and_the_link_before_and_nothing_else() -> None:
    first = next_link(None, 3, 7, key=b"k", value=b"v", secret=b"")
    assert (first.partition, first.offset, first.previous, first.keyed) == (3, 7, "", False)
    assert first == next_link(None, 3, 7, key=b"k", value=b"v", secret=b"")
    second = next_link(ChainHead(7, first.digest), 3, 8, key=b"k", value=b"v", secret=b"")
    assert second.previous == first.digest
    others = [
        next_link(ChainHead(7, first.digest), partition, offset, key=key, value=value, secret=secret)
        for partition, offset, key, value, secret in (
            (2, 8, b"k", b"v", b""),
            (3, 9, b"k", b"v", b""),
            (3, 8, b"x", b"v", b""),
            (3, 8, b"k", b"w", b""),
            (3, 8, b"k", b"v", SECRET),
        )
    ]
    assert len({second.digest, *(one.digest for one in others)}) == 6


def test_that_no_byte_can_move_from_the_key_into_the_value() -> None:
    assert record_digest(b"ab", b"c") != record_digest(b"a", b"bc")
    assert record_digest(None, b"") == record_digest(b"", None)


@pytest.mark.parametrize("secret", [b"", SECRET])
def test_that_a_link_is_genuine_until_a_field_is_changed(secret: bytes) -> None:
    link = next_link(None, 0, 1, key=b"k", value=b"v", secret=secret)
    assert is_genuine(link, SECRET)
    for change in ({"offset": 2}, {"partition": 1}, {"record": "00"}, {"previous": "00"}, {"digest": "00"}):
        assert not is_genuine(link.model_copy(update=change), SECRET)
    assert is_genuine(link, b"another key") is not bool(secret)
