from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.streamed_text import StreamedText
from tests.docs.pages import blocks, text
from topics.result_chunks import ResultChunk

PAGE = "docs/streaming.md"


def program() -> str:
    """Return the page's reader."""
    (block,) = blocks("python", pages=(PAGE,))
    return block.text


def reader() -> dict[str, Any]:
    """Return what the page's reader defines."""
    names: dict[str, Any] = {"__name__": "reader"}
    exec(compile(program(), PAGE, "exec"), names)  # noqa: S102  # our own page's
    return names


@st.composite
def logs(draw: st.DrawFn) -> list[ResultChunk]:
    """Return what a topic may hold of one answer: attempts that are cut off anywhere, and repetitions."""
    log: list[ResultChunk] = []
    said = ""
    for attempt in range(1, draw(st.integers(1, 4)) + 1):
        base = draw(st.sampled_from([0, len(said)]))
        texts = draw(st.lists(st.text("abé🙂", max_size=3), min_size=1, max_size=4))
        for index, piece in enumerate(texts):
            given = {"task_id": "t", "step": "s", "branch": "m", "model": "m", "request_id": "r"}
            place = {"stream": f"r#n.{attempt}", "index": index, "base": base}
            log.append(ResultChunk.model_validate({**given, **place, "text": piece, "end": index + 1 == len(texts)}))
        said = said[:base] + "".join(texts)
    for _ in range(draw(st.integers(0, 3))):
        source = draw(st.integers(0, len(log) - 1))
        log.insert(draw(st.integers(source + 1, len(log))), log[source])
    return log


@settings(max_examples=100, deadline=None)
@given(logs())
def test_that_the_pages_reader_reads_what_ours_does(log: list[ResultChunk]) -> None:
    names, ours = reader(), StreamedText()
    state = copy.deepcopy(names["NEW"])
    for chunk in log:
        names["add"](state, chunk.model_dump(mode="json", exclude_none=True))
        ours.add(chunk)
        assert state["text"] == ours.text


def test_that_the_limits_are_those_that_hold() -> None:
    from app.model_calls import stream_publisher  # noqa: PLC0415  # one test's

    shown = text(PAGE)
    assert f"{stream_publisher._PAUSE * 1000:.0f} ms" in shown
    assert f"{stream_publisher._MOST // 1024} KiB" in shown
