from __future__ import annotations

import itertools
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest

from agents.sync import handle
from app.errors import SourceError, SourceUnavailable
from app.partitioner import partition_of
from app.retrieval.parsing.formats import FOUND_IN_FOLDERS, MEDIA_TYPES
from app.security.residency import Residency
from app.settings import Settings
from app.sources.base import Content, Item, Permissions
from app.sources.content_types import DOCUMENTS as DOCUMENT_TYPES
from app.syncs.page import event_id
from tests.agents.deps import received
from tests.syncs.kept import HOME, Feed, Kept, Office
from topics import DOCUMENTS, FILE_PIECES, SOURCE_DOCUMENTS, SOURCES, SYNC_REQUESTS
from topics.documents import Document
from topics.file_pieces import FilePiece
from topics.sources import SourceState
from topics.sync_requests import SyncRequest

TEXTS = {"a": "Alpha", "b": "Beta", "c": "Gamma"}
ALL = [("kb/a", "Alpha"), ("kb/b", "Beta"), ("kb/c", "Gamma")]


@pytest.fixture
def office() -> Office:
    return Office(Kept(dict(TEXTS)), allowed_roles="all")


async def test_that_a_second_sync_changes_nothing_and_a_third_only_what_has_changed(office: Office) -> None:
    state = await office.sync()
    assert (state.status, office.taken()) == ("succeeded", ALL)
    assert state.counts.model_dump() == {"found": 3, "sent": 3, "unchanged": 0, "deleted": 0, "failed": 0}
    assert (state.documents, office.audit[0].action) == (3, "source.synced")
    office.source.read_ids.clear()
    state = await office.sync()
    assert (state.counts.unchanged, state.counts.sent, office.taken(), office.source.read_ids) == (3, 0, [], [])
    office.source.texts |= {"b": "Beta 2", "d": "Delta"}
    del office.source.texts["a"]
    state = await office.sync()
    assert office.taken() == [("kb/b", "Beta 2"), ("kb/d", "Delta"), ("kb/a", None)]
    assert (state.counts.sent, state.counts.deleted, state.counts.unchanged) == (2, 1, 1)
    assert office.source.closed == 3


async def test_that_another_worker_knows_what_was_sent(office: Office) -> None:
    await office.sync()
    office.replace_worker()
    office.taken()
    del office.source.texts["c"]
    await office.sync()
    assert office.taken() == [("kb/c", None)]


@pytest.mark.parametrize("versions", [True, False])
async def test_that_a_change_of_permissions_alone_is_taken_over(office: Office, versions: bool) -> None:  # noqa: FBT001  # a parameter
    office.source.versions = versions
    office.source.permissions["a"] = Permissions(("hr",))
    await office.sync()
    assert [one.allowed_roles for one in office.documents] == [("hr",), None, None]
    office.documents = []
    office.source.permissions["a"] = Permissions(("law",))
    await office.sync()
    assert [(one.id, one.allowed_roles, one.text) for one in office.documents] == [("kb/a", ("law",), "Alpha")]


async def test_that_nobody_finds_what_has_unknown_permissions() -> None:
    office = Office(Kept(dict(TEXTS), permissions={"a": Permissions(), "b": Permissions(("hr",), "acme")}))
    await office.sync()
    assert [(one.tenant, one.allowed_roles) for one in office.documents] == [("", ()), ("acme", ("hr",)), ("", ())]


async def test_that_a_document_that_moves_to_another_tenant_is_deleted_from_the_first(office: Office) -> None:
    await office.sync()
    office.taken()
    office.source.permissions["a"] = Permissions(None, "acme")
    await office.sync()
    assert [(one.id, one.tenant, one.deleted) for one in office.documents] == [
        ("kb/a", "", True),
        ("kb/a", "acme", False),
    ]


async def test_that_a_dry_run_sends_and_records_nothing(office: Office) -> None:
    state = await office.sync(dry_run=True)
    assert (state.counts.sent, office.taken(), office.log[SOURCE_DOCUMENTS], office.source.read_ids) == (3, [], {}, [])
    assert office.audit == []
    await office.sync()
    assert office.taken() == ALL
    office.source.texts.clear()
    assert ((await office.sync(dry_run=True)).counts.deleted, office.taken()) == (3, [])


@pytest.mark.parametrize("stop", range(8))
@pytest.mark.parametrize("acknowledged", [0, 1])
async def test_that_a_worker_that_is_killed_anywhere_loses_nothing(
    stop: int, acknowledged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.syncs.page._CHANGED", 1)
    office = Office(Kept(dict(TEXTS)), allowed_roles="all")
    office.requests = [SyncRequest(id="s", source="kb")]
    ids: list[Any] = []
    for step in itertools.count():
        if not office.requests:
            break
        request = office.requests.pop(0)
        outgoing = await office.handle(request)
        if step == stop:  # a part of what follows is on the broker, and the request is delivered again
            office.record(outgoing[acknowledged::2])
            ids += event_ids(office)
            office.replace_worker()
            office.requests = [request, *office.requests]
        else:
            office.record(outgoing)
    state = office.log[SOURCES]["kb"]
    assert isinstance(state, SourceState)
    assert (state.status, state.documents, set(office.taken())) == ("succeeded", 3, set(ALL))
    assert set(ids + event_ids(office)) == set(EVENT_IDS)
    await office.sync()
    assert office.taken() == []


def event_ids(office: Office) -> list[bytes]:
    return [dict(record.headers)["ce_id"] for record in office.harness.producer.on(DOCUMENTS)]


EVENT_IDS = [event_id("s", Document(id=name, text=text, format="text", actor="sync")).encode() for name, text in ALL]


async def test_that_an_item_that_cannot_be_read_fails_alone_and_keeps_its_document(office: Office) -> None:
    await office.sync()
    office.taken()
    office.source.texts |= {"a": "A2", "b": "\0"}
    office.source.fail = lambda what: SourceError("it is locked") if what == "read a" else None
    state = await office.sync()
    assert [(one.item, one.error.message) for one in state.problems] == [
        ("a", "it is locked"),
        ("b", "it is not text: it has a NUL at character 0"),
    ]
    assert (state.status, state.counts.failed, office.taken()) == ("succeeded", 2, [])
    office.source.fail = lambda _what: None
    office.source.texts["b"] = "Beta"
    await office.sync()
    assert office.taken() == [("kb/a", "A2")]


@pytest.mark.parametrize("when", ["list b", "ids", "read b"])
async def test_that_nothing_is_deleted_when_a_source_cannot_be_read_whole(office: Office, when: str) -> None:
    await office.sync()
    office.taken()
    office.source.texts = {"b": "B2", "c": "Gamma"}
    office.source.fail = lambda what: SourceUnavailable("it is away") if what == when else None
    state = await office.sync()
    assert (state.status, state.error and state.error.code) == ("failed", "source_unavailable")
    assert ("kb/a", None) not in office.taken()
    assert office.audit[-1].action == "source.sync_failed"
    office.source.fail = lambda _what: None
    await office.sync()
    assert ("kb/a", None) in office.taken()


async def test_that_a_source_that_comes_back_is_read_on(office: Office) -> None:
    errors = iter([SourceUnavailable("away"), SourceUnavailable("away")])
    office.source.fail = lambda what: next(errors, None) if what == "read b" else None
    assert (await office.sync()).status == "succeeded"
    assert set(office.taken()) == set(ALL)


async def test_that_a_fault_of_a_source_ends_the_sync_without_its_message(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.source.fail = lambda _what: ValueError("hunter2")
    state = await office.sync()
    assert state.error
    assert (state.status, state.error.message) == ("failed", "kb failed with ValueError; see the worker's log")
    assert "hunter2" not in caplog.text + state.model_dump_json()


def _item(number: int, text: str | None, name: str = "n") -> Item:
    content = None if text is None else Content(text.encode(), "text/plain")
    return Item(name, number, deleted=text is None, content=content)


async def test_that_a_feed_is_read_from_where_it_ended_and_its_changes_are_in_order() -> None:
    feed = Feed(_item(0, "one"), _item(1, None), _item(2, "two"), _item(3, "three", "m"), _item(4, None, "m"))
    office = Office(feed, allowed_roles="all")
    await office.sync()
    assert office.taken() == [
        ("kb/n", "one"),
        ("kb/n", None),
        ("kb/n", "two"),
        ("kb/m", "three"),
        ("kb/m", None),
    ]
    assert feed.forgotten == ["n", "n", "n", "m", "m"]
    feed.found.append(_item(5, "four"))
    assert ((await office.sync()).counts.found, office.taken()) == (1, [("kb/n", "four")])
    assert (await office.sync(full=True)).counts.found == 6


async def test_that_only_the_first_request_of_a_period_begins_a_sync(office: Office) -> None:
    await office.sync(trigger="schedule", slot=7)
    for slot in (7, 6):
        office.requests = [SyncRequest(id=f"again-{slot}", source="kb", trigger="schedule", slot=slot)]
        office.source.texts["e"] = "new"
        await office.run()
    assert office.taken() == ALL
    await office.sync(trigger="schedule", slot=8)
    assert office.taken() == [("kb/e", "new")]


async def test_that_what_is_asked_for_during_a_sync_begins_after_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.syncs.page._CHANGED", 1)
    office.requests = [SyncRequest(id="one", source="kb"), SyncRequest(id="two", source="kb", trigger="change")]
    await office.run()
    last = office.log[SOURCES]["kb"]
    assert isinstance(last, SourceState)
    assert (last.sync, last.status, last.counts.unchanged) == ("two", "succeeded", 3)


async def test_that_a_request_elsewhere_is_sent_home_and_one_for_no_source_is_refused(office: Office) -> None:
    (moved,) = await handle(received(SyncRequest(id="s", source="kb"), partition=HOME + 1), office.deps)
    assert (moved.topic, moved.partition) == (SYNC_REQUESTS, HOME)
    home = partition_of("kc", office.deps.settings.topics.partitions)
    with pytest.raises(SourceError, match="no source is called kc; there is kb"):
        await handle(received(SyncRequest(id="s", source="kc"), partition=home), office.deps)


async def test_that_a_tenants_region_bounds_its_sources() -> None:
    office = Office(Kept(dict(TEXTS)), tenant="acme", allowed_roles="all")
    bound = {"sources": {"kb": {"kind": "kept"}}, "residency": {"region": "us", "tenants": {"acme": ["eu"]}}}
    office.deps = replace(office.deps, residency=Residency(Settings.model_validate(bound)))
    state = await office.sync()
    assert (state.counts.failed, office.taken(), state.problems[0].error.code) == (3, [], "residency")


async def test_that_data_is_sent_and_much_of_it_in_a_file() -> None:
    small, large = b"%PDF-1.7 small", b"%PDF-1.7 " + b"x" * 700_000
    feed = Feed(
        Item("small", 0, content=Content(small, "application/pdf")),
        Item("large", 1, content=Content(large, "application/pdf")),
        Item("image", 2, content=Content(b"\x89PNG", "image/png")),
    )
    office = Office(feed, allowed_roles="all")
    state = await office.sync()
    assert [one.error.message for one in state.problems] == ["image/png cannot be read: leave it out"]
    first, second = office.documents
    assert (first.content_type, b64decode(first.data or ""), first.file) == ("application/pdf", small, None)
    assert second.file
    assert (second.data, second.file.bytes, second.file.filename) == (None, len(large), "large")
    pieces = [FilePiece.model_validate_json(record.value or b"") for record in office.harness.producer.on(FILE_PIECES)]
    assert b"".join(b64decode(piece.data) for piece in pieces) == large
    assert len(second.file.offsets) == len(pieces) == 2


def test_that_what_is_taken_without_being_named_is_what_is_found_in_folders() -> None:
    assert {ending: MEDIA_TYPES[ending] for ending in FOUND_IN_FOLDERS} == DOCUMENT_TYPES
