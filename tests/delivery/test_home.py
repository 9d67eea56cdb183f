from __future__ import annotations

from app.delivery.home import way_home
from app.partitioner import partition_of
from tests.agents.deps import received
from topics import DEFINITIONS, DOCUMENTS
from topics.documents import Document

DOCUMENT = Document(id="guide", text="Why")


def test_that_an_event_at_home_stays() -> None:
    home = partition_of("guide", 8)
    assert way_home(DOCUMENTS, "guide", received(DOCUMENT, partition=home), 8) is None


def test_that_an_event_elsewhere_is_sent_home_under_its_id_as_it_was() -> None:
    home = partition_of("guide", 8)
    for partition in set(range(8)) - {home}:
        moved = way_home(DOCUMENTS, "guide", received(DOCUMENT, partition=partition, value=b"{ }"), 8)
        assert moved
        assert (moved.topic, moved.key, moved.partition, moved.id) == (DOCUMENTS, "guide", home, "cause")
        assert (moved.event, moved.value) == (DOCUMENT, b"{ }")


def test_that_events_of_one_owner_stay_together_under_their_own_keys() -> None:
    home = partition_of("w", 8)
    moved = way_home(DEFINITIONS, "w/3", received(DOCUMENT, partition=(home + 1) % 8), 8, owner="w")
    assert moved
    assert (moved.key, moved.partition) == ("w/3", home)
