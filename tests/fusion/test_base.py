from __future__ import annotations

from app.fusion.base import Candidate, ranked


def branches(*names: str, order: tuple[str, ...]) -> list[str]:
    return [candidate.branch for candidate in ranked([Candidate(name, "") for name in names], order)]


def test_the_given_order_comes_first_then_names() -> None:
    assert branches("z", "b", "a", "c", order=("c", "b")) == ["c", "b", "a", "z"]


def test_a_branch_named_twice_has_its_first_place() -> None:
    assert branches("a", "b", order=("b", "a", "b")) == ["b", "a"]
