from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.routing import registry
from app.routing.router import Router
from app.vectors import encode
from tests.routing.asks import ask, policy

#: Questions with more than one question mark need the strong model.
BY_TEXT = Router(intercept=-1.0, features={"questions": 1.0}, threshold=0.5)
#: So do those whose embedding points up.
BY_MEANING = Router(intercept=0.0, embedding=(0.0, 5.0), embedder="e", threshold=0.6)


def _learned(router: Router, **options: Any) -> Any:
    return policy("learned", **{"weak": "a", "strong": "b", "model": router.model_dump(), **options})


@pytest.mark.parametrize(("text", "models"), [("why?", ("a",)), ("why? how? who?", ("b",))])
def test_one_of_the_two_is_asked_and_the_others_are_reserves(text: str, models: tuple[str, ...]) -> None:
    choice = _learned(BY_TEXT).choose(ask(text=text))
    assert choice.models == models
    assert choice.reserves == tuple(m for m in ("a", "b", "c") if m not in models)


def test_a_threshold_of_the_options_goes_before_that_of_the_router() -> None:
    assert _learned(BY_TEXT, threshold=0.0).choose(ask(text="why?")).models == ("b",)
    assert _learned(BY_TEXT, threshold=1.0).choose(ask(text="why? how? who?")).models == ("a",)


def test_the_embedding_is_looked_up_only_where_it_is_used() -> None:
    lookup = _learned(BY_MEANING).lookup(ask(text="hello"))
    assert lookup is not None
    assert (lookup.connector, lookup.arguments) == ("embed", {"text": "hello"})
    assert _learned(BY_TEXT).lookup(ask()) is None
    assert _learned(BY_MEANING).lookup(ask("a", "c")) is None


@pytest.mark.parametrize(("vector", "models"), [([0.0, 1.0], ("b",)), ([1.0, 0.0], ("a",))])
def test_the_embedding_decides(vector: list[float], models: tuple[str, ...]) -> None:
    choice = _learned(BY_MEANING).choose(ask(looked_up=encode(np.array(vector))))
    assert choice.models == models


def test_the_reason_tells_score_and_threshold() -> None:
    reasons = [
        _learned(BY_MEANING).choose(ask(looked_up=encode(np.array(vector)))).reason for vector in ([0, 1.0], [1.0, 0])
    ]
    assert reasons == [
        "b needed with probability 0.99 ≥ 0.6, so b",
        "b needed with probability 0.50 < 0.6, so a",
    ]


@pytest.mark.parametrize("looked_up", [None, 3, "not base64", encode(np.zeros(3)), {"a": 1}])
def test_without_an_embedding_the_strong_model_is_asked(looked_up: Any) -> None:
    choice = _learned(BY_MEANING).choose(ask(looked_up=looked_up))
    assert choice.models == ("b",)
    assert choice.reason == "there is no embedding to judge by, so b"


def test_what_is_left_of_the_two_is_asked() -> None:
    choice = _learned(BY_TEXT).choose(ask("c", "a", text="why? how? who?"))
    assert (choice.models, choice.reserves) == (("a",), ("c",))
    assert choice.reason == "a is the only one left of the two"
    assert _learned(BY_TEXT).choose(ask("c", text="why?")).models == ("c",)


def test_both_must_be_models_of_the_step() -> None:
    assert _learned(BY_TEXT).check(("a", "b")) is None
    assert _learned(BY_TEXT).check(("b",)) == "weak names a, but the step's models are b"
    assert _learned(BY_TEXT).check(("a",)) == "strong names b, but the step's models are a"


def test_a_file_is_put_in_when_the_workflow_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "routers").mkdir()
    (tmp_path / "routers" / "mine.json").write_text(BY_TEXT.model_dump_json(), encoding="utf-8")
    options = {"weak": "a", "strong": "b", "file": "routers/mine.json"}
    inlined = registry.inline("learned", options, tmp_path)
    assert "file" not in inlined
    assert registry.get("learned", inlined).choose(ask(text="why?")) == _learned(BY_TEXT).choose(ask(text="why?"))
    with pytest.raises(ConfigurationError, match=r"routers/mine.json is read only when a workflow is loaded"):
        registry.get("learned", options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../secret.json", "outside of the workflow's folder"),
        ("/etc/hostname", "outside of the workflow's folder"),
        ("absent.json", "cannot be read: No such file"),
        ("wrong.json", "is not a router as `meta-ai routing fit` writes it: intercept: is required"),
        ("link.json", "outside of the workflow's folder"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(name: str, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "workflows"
    folder.mkdir()
    (tmp_path / "secret.json").write_text(BY_TEXT.model_dump_json(), encoding="utf-8")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "wrong.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        registry.inline("learned", {"weak": "a", "strong": "b", "file": name}, folder)


@pytest.mark.parametrize(
    "options", [{}, {"file": "x", "model": BY_TEXT.model_dump()}, {"weak": "b", "model": BY_TEXT.model_dump()}]
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="routing policy learned"):
        policy("learned", **{"weak": "a", "strong": "b", **options})
