from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.chain import ChainHead, next_link
from app.audit.verification import Anchor, PartitionReport, PartitionVerifier
from topics.audit_chain import AuditLink

SECRET = b"0123456789abcdef"
RECORDS = {offset: (b"k", f"record {offset}".encode()) for offset in range(6)}
NOW = 1_700_000_000.0


def chain(records: dict[int, tuple[bytes, bytes]] = RECORDS, secret: bytes = b"") -> list[AuditLink]:
    """Return the links that workers make."""
    links: list[AuditLink] = []
    head = None
    for offset, (key, value) in records.items():
        links.append(next_link(head, 0, offset, key=key, value=value, secret=secret))
        head = ChainHead(offset, links[-1].digest)
    return links


def report(
    links: Sequence[AuditLink],
    records: dict[int, tuple[bytes, bytes]] = RECORDS,
    *,
    secrets: Sequence[bytes] = (),
    **about: Any,
) -> PartitionReport:
    verifier = PartitionVerifier(0, secrets)
    for link in links:
        verifier.add_link(link, NOW)
    for offset, (key, value) in records.items():
        verifier.add_record(offset, key, value)
    return verifier.report(**{"begin": 0, "chain_begin": 0, "expired": 0.0} | about)


def problems(found: PartitionReport) -> list[tuple[int, str]]:
    return [(one.offset, one.problem) for one in found.findings]


def test_that_an_untouched_audit_is_verified() -> None:
    found = report(links := chain())
    assert (found.verified, found.pending, found.last, found.digest) == (6, 0, 5, links[-1].digest)
    assert not found.findings


def test_that_an_edited_record_is_found() -> None:
    assert problems(report(chain(), RECORDS | {3: (b"k", b"another")})) == [(3, "edited")]
    assert problems(report(chain(), RECORDS | {3: (b"x", RECORDS[3][1])})) == [(3, "edited")]


def test_that_a_missing_record_is_found() -> None:
    assert problems(report(chain(), {at: one for at, one in RECORDS.items() if at != 2})) == [(2, "missing")]


def test_that_swapped_records_are_found_with_where_they_were() -> None:
    found = report(chain(), RECORDS | {1: RECORDS[4], 4: RECORDS[1]})
    assert problems(found) == [(1, "edited"), (4, "edited")]
    assert found.findings[0].text.endswith("the record that was at offset 4")


def test_that_a_truncated_end_is_found() -> None:
    assert problems(report(chain(), {at: RECORDS[at] for at in range(4)})) == [(4, "missing"), (5, "missing")]


def test_that_a_removed_beginning_is_found_unless_its_time_was_over() -> None:
    kept = {at: RECORDS[at] for at in range(2, 6)}
    assert problems(report(chain(), kept, begin=2, expired=NOW - 1)) == [(0, "missing"), (1, "missing")]
    found = report(chain(), kept, begin=2, expired=NOW + 1)
    assert (found.findings, found.verified) == ((), 4)


def test_that_an_added_record_is_found_and_a_new_one_waits_for_its_link() -> None:
    found = report(chain(), RECORDS | {6: (b"k", b"new")})
    assert (problems(found), found.pending) == ([], 1)
    links = chain({at: one for at, one in RECORDS.items() if at != 3})
    assert problems(report(links)) == [(3, "unchained")]


def test_that_a_record_and_its_link_cannot_go_together() -> None:
    links, records = chain(), dict(RECORDS)
    del links[2], records[2]
    assert problems(report(links, records)) == [(3, "broken")]


def test_that_a_record_and_its_link_cannot_be_changed_together() -> None:
    links = chain()
    links[2] = next_link(ChainHead(1, links[1].digest), 0, 2, key=b"k", value=b"x", secret=b"")
    assert problems(report(links, RECORDS | {2: (b"k", b"x")})) == [(3, "broken")]
    links = chain()
    links[2] = links[2].model_copy(update={"record": "00"})
    assert problems(report(links)) == [(2, "forged"), (2, "unchained"), (3, "broken")]


def test_that_the_links_before_the_first_were_not_removed_by_hand() -> None:
    kept = {at: RECORDS[at] for at in range(2, 6)}
    assert problems(report(chain()[2:], kept)) == [(2, "broken")]
    found = report(chain()[2:], chain_begin=2)
    assert (found.findings, found.verified, found.older) == ((), 4, 2)


def test_that_a_chain_that_starts_anew_is_found() -> None:
    later = {at: RECORDS[at] for at in range(3, 6)}
    assert problems(report([*chain()[:3], *chain(later)])) == [(3, "restarted")]


def test_that_links_that_were_made_twice_are_one_and_two_different_ones_are_found() -> None:
    assert not report([*chain(), *chain()[1:4]]).findings
    other = next_link(None, 0, 3, key=b"k", value=b"x", secret=b"")
    assert problems(report([*chain(), other])) == [(3, "forged")]


def test_that_nobody_without_the_key_can_make_a_keyed_chain_anew() -> None:
    assert not report(chain(secret=SECRET), secrets=[SECRET]).findings
    assert not report(chain(secret=SECRET), secrets=[b"the next key 0001", SECRET]).findings
    changed = RECORDS | {2: (b"k", b"x")}
    forged = chain(changed, secret=b"guessed key 00001")
    assert {one for _, one in problems(report(forged, changed, secrets=[SECRET]))} == {"forged"}
    without = [*chain(secret=SECRET)[:2], *chain(changed)[2:]]
    assert (2, "unkeyed") in problems(report(without, changed, secrets=[SECRET]))
    assert report(chain(changed), changed, secrets=[SECRET]).unkeyed == 6


def test_that_an_anchor_shows_a_chain_that_was_made_anew() -> None:
    anchors = [Anchor(at=datetime.now(UTC), topic="audit", heads={0: (3, chain()[3].digest), 7: (1, "00")})]
    assert not report(chain(), anchors=anchors).findings
    changed = RECORDS | {2: (b"k", b"x")}
    assert not report(chain(changed), changed).findings  # without one, nothing shows it
    assert problems(report(chain(changed), changed, anchors=anchors)) == [(3, "anchor")]
    short = {at: RECORDS[at] for at in range(3)}
    assert problems(report(chain(short), short, anchors=anchors)) == [(3, "anchor")]
    assert problems(report([], {}, anchors=anchors)) == [(3, "anchor")]
    assert not report(chain()[4:], chain_begin=4, begin=4, anchors=anchors).findings  # it is older than the chain


@given(st.data())
def test_that_whatever_is_changed_is_found(data: st.DataObject) -> None:
    offset = data.draw(st.sampled_from(sorted(RECORDS)))
    records = dict(RECORDS)
    match data.draw(st.sampled_from(["edit", "remove", "copy"])):
        case "edit":
            records[offset] = (b"k", data.draw(st.binary()))
        case "remove":
            del records[offset]
        case _:
            records[offset] = records[data.draw(st.sampled_from(sorted(RECORDS)))]
    found = report(chain(), records).findings
    assert {one.offset for one in found} == {at for at in RECORDS if records.get(at) != RECORDS[at]}


@pytest.mark.parametrize("partition", [1, 2])
def test_that_a_link_of_another_partition_is_none(partition: int) -> None:
    foreign = next_link(None, partition, 0, key=b"k", value=RECORDS[0][1], secret=b"")
    assert (0, "forged") in problems(report([foreign]))
