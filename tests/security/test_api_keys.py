from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.security.api_keys import KeyRing, looks_like_key, new_id, new_secret, restricted, rotated
from app.security.permissions import ROLES, Roles
from topics.api_keys import ApiKey, ApiKeyEvent, HashedSecret

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def granting(*secrets: HashedSecret, **fields: Any) -> ApiKey:
    return ApiKey(owner="me", roles=("viewer",), created_at=NOW, created_by="me", secrets=secrets, **fields)


def ring_with(api_key: ApiKey, key_id: str = "abc") -> KeyRing:
    ring = KeyRing()
    ring.add(ApiKeyEvent(kind="key", id=key_id, at=NOW, api_key=api_key))
    return ring


def test_that_a_key_is_recognized_and_no_part_of_it_is_kept() -> None:
    key, kept = new_secret(key_id := new_id())
    assert re.fullmatch(rf"mao_{key_id}_[A-Za-z0-9]{{43}}", key)
    assert looks_like_key(key)
    assert key.rpartition("_")[2] not in kept.model_dump_json()
    ring = ring_with(granting(kept, tenant="acme", workflows=("ask",)), key_id)
    found = ring.find(key, NOW)
    assert found
    principal = found.principal(Roles({}))
    assert (principal.id, principal.tenant, principal.workflows) == (f"key:{key_id}", "acme", ("ask",))
    assert principal.actions == ROLES["viewer"]


def test_that_keys_differ() -> None:
    assert len({new_secret("abc")[0] for _ in range(100)} | {new_id() for _ in range(100)}) == 200


@pytest.mark.parametrize("change", ["", "x", " ", "\n"])
def test_that_anything_else_is_not(change: str) -> None:
    key, kept = new_secret("abc")
    ring = ring_with(granting(kept))
    other, _ = new_secret("abc")
    wrong = [other, key + change if change else key[:-1], key.replace("abc", "abd"), key.upper(), "mao_abc_", "é" * 60]
    assert [ring.find(one, NOW) for one in wrong] == [None] * len(wrong)


def test_that_an_expired_key_is_refused() -> None:
    key, kept = new_secret("abc")
    ring = ring_with(granting(kept, expires_at=LATER))
    assert ring.find(key, NOW)
    assert not ring.find(key, LATER)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_that_a_revocation_stays_in_whatever_order_events_come(order: tuple[int, ...]) -> None:
    key, kept = new_secret("abc")
    events = [
        ApiKeyEvent(kind="key", id="abc", at=NOW, api_key=granting(kept)),
        ApiKeyEvent(kind="revoked", id="abc", at=NOW),
        ApiKeyEvent(kind="key", id="abc", at=LATER, api_key=granting(kept)),
    ]
    ring = KeyRing()
    for place in order:
        ring.add(events[place])
    assert not ring.find(key, NOW)
    assert len({event.key for event in events}) == 2  # so that compaction keeps the revocation


def test_that_a_rotated_key_is_accepted_beside_the_new_one_for_a_while() -> None:
    old, old_kept = new_secret("abc")
    new, new_kept = new_secret("abc")
    ring = ring_with(rotated(granting(old_kept), new_kept, now=NOW, overlap=3600))
    assert ring.find(old, NOW)
    assert ring.find(new, NOW)
    assert not ring.find(old, LATER)
    assert ring.find(new, LATER)


def test_that_rotation_without_overlap_ends_the_old_key_and_two_rotations_leave_two_secrets() -> None:
    old, old_kept = new_secret("abc")
    _, new_kept = new_secret("abc")
    assert not ring_with(rotated(granting(old_kept), new_kept, now=NOW, overlap=0)).find(old, NOW)
    twice = rotated(rotated(granting(old_kept), new_kept, now=NOW, overlap=60), new_kept, now=NOW, overlap=60)
    assert len(twice.secrets) == 2
    assert not ring_with(twice).find(old, NOW)


def test_that_all_keys_are_listed_with_when_they_were_used() -> None:
    ring = ring_with(granting(), "b")
    ring.add(ApiKeyEvent(kind="key", id="a", at=NOW, api_key=granting()))
    ring.add(ApiKeyEvent(kind="used", id="b", at=LATER))
    ring.add(ApiKeyEvent(kind="used", id="gone", at=LATER))
    assert [(one.id, one.used_at) for one in ring.all()] == [("a", None), ("b", LATER)]


@pytest.mark.parametrize(
    ("workflows", "models", "allowed"),
    [
        (None, None, (None, None)),
        (("ask",), None, (("ask",), ())),
        (None, ("gpt",), ((), ("gpt",))),
        (("ask",), ("gpt",), (("ask",), ("gpt",))),
        ((), None, ((), ())),
    ],
)
def test_that_what_is_restricted_in_one_way_is_so_in_the_other(workflows: Any, models: Any, allowed: Any) -> None:
    assert restricted(workflows, models) == allowed
