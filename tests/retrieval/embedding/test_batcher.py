from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RetrievalError
from app.retrieval.base import Vectors
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.telemetry.metrics import Metrics


class Upstream:
    """Gives each text the vector of its length and first letter, when it is let; refuses what has a `!` in it."""

    name = "upstream"
    dimensions = 2

    def __init__(self, *, held: bool = False, turns: int = 0) -> None:
        self.calls: list[list[str]] = []
        self.ended = 0
        self.under_way = self.most = 0
        self.closed = self.warmed = False
        self.open = asyncio.Event()
        self._turns = turns
        if not held:
            self.open.set()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
            for _ in range(self._turns):
                await asyncio.sleep(0)
            return self._answer(texts)
        finally:
            self.under_way -= 1
            self.ended += 1

    def _answer(self, texts: Sequence[str]) -> Vectors:
        if refused := [text for text in texts if "!" in text]:
            raise RetrievalError(f"{refused[0]} is refused")
        return vectors(*texts)

    async def warm(self) -> None:
        self.warmed = True

    async def close(self) -> None:
        self.closed = True


def vectors(*texts: str) -> Vectors:
    return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32).reshape(len(texts), 2)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def ask_all(batching: BatchingEmbedder, *asked: Sequence[str]) -> list[Vectors | BaseException]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*(batching.embed(texts) for texts in asked), return_exceptions=True)


def errors(found: Sequence[object]) -> list[str]:
    return [str(one) if isinstance(one, Exception) else "" for one in found]


async def test_that_what_is_asked_for_at_the_same_time_goes_in_one_call() -> None:
    upstream = Upstream()
    found = await ask_all(BatchingEmbedder(upstream, size=8), ["a"], ["bb", "c"], ["d"])
    assert upstream.calls == [["a", "bb", "d", "c"]]
    assert [one.tolist() for one in found if isinstance(one, np.ndarray)] == [
        vectors("a").tolist(),
        vectors("bb", "c").tolist(),
        vectors("d").tolist(),
    ]


async def test_that_texts_gather_while_a_call_is_under_way() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=8)
    asking = []
    for text in "abcd":
        asking.append(asyncio.create_task(batching.embed([text])))
        await settle()
    assert upstream.calls == [["a"]]
    upstream.open.set()
    await asyncio.gather(*asking)
    assert upstream.calls == [["a"], ["b", "c", "d"]]


async def test_that_no_more_calls_are_under_way_than_may_be_and_no_call_is_larger() -> None:
    upstream = Upstream(turns=3)
    await ask_all(BatchingEmbedder(upstream, size=4, calls=2), *([f"{number}"] for number in range(21)))
    assert upstream.most == 2
    assert [len(call) for call in upstream.calls] == [4, 4, 4, 4, 4, 1]


async def test_that_a_document_does_not_keep_a_query_waiting() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=2)
    document = asyncio.create_task(batching.embed([f"{number}" for number in range(9)]))
    await settle()
    query = asyncio.create_task(batching.embed(["query"]))
    await settle()
    upstream.open.set()
    await query
    assert upstream.calls[:2] == [["0", "1"], ["2", "query"]]
    assert (await document).shape == (9, 2)


async def test_that_equal_texts_are_asked_once() -> None:
    upstream = Upstream()
    await ask_all(BatchingEmbedder(upstream, size=2), ["a", "b", "a"], ["b"], ["a"])
    assert upstream.calls == [["a", "b"]]


async def test_that_each_caller_has_an_array_of_its_own() -> None:
    first, second = await ask_all(BatchingEmbedder(Upstream(), size=2), ["a"], ["a"])
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    first[:] = 0
    assert second.tolist() == vectors("a").tolist()


async def test_that_a_refused_text_is_the_error_of_who_asked_it() -> None:
    upstream = Upstream()
    found = await ask_all(BatchingEmbedder(upstream, size=8), ["a", "b"], ["c!"], ["d"], ["b", "e!"])
    assert errors(found) == ["", "c! is refused", "", "e! is refused"]
    assert sorted(upstream.calls[1:]) == [["a", "b"], ["b", "e!"], ["c!"], ["d"]]


async def test_that_the_error_of_one_caller_is_not_tried_again() -> None:
    upstream = Upstream()
    batching = BatchingEmbedder(upstream, size=2)
    assert errors(await ask_all(batching, ["a!", "b", "c", "d"])) == ["a! is refused"]
    await settle()
    assert upstream.calls == [["a!", "b"]]
    assert errors(await ask_all(batching, ["a"])) == [""]


async def test_that_what_is_not_an_error_of_ours_is_handed_on_as_it_is() -> None:
    class Broken(Upstream):
        def _answer(self, texts: Sequence[str]) -> Vectors:
            raise ZeroDivisionError(texts[0])

    assert errors(await ask_all(BatchingEmbedder(Broken(), size=8), ["a"], ["b"])) == ["a", "b"]


@pytest.mark.parametrize("more", [-1, 1])
async def test_that_an_answer_of_another_shape_is_an_error(more: int) -> None:
    class Miscounting(Upstream):
        def _answer(self, texts: Sequence[str]) -> Vectors:
            return vectors(*["x"] * (len(texts) + more))

    (error,) = errors(await ask_all(BatchingEmbedder(Miscounting(), size=8), ["a", "b"]))
    assert error == f"upstream returned an array of shape {(2 + more, 2)} for 2 texts"


async def test_that_who_goes_away_takes_nobody_along() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=8)
    asking = [asyncio.create_task(batching.embed([text])) for text in "aab"]
    await settle()
    asking[0].cancel()
    asking[2].cancel()
    await settle()
    assert upstream.ended == 0
    upstream.open.set()
    assert (await asking[1]).tolist() == vectors("a").tolist()


async def test_that_a_call_is_cancelled_when_nobody_is_left() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=1)
    asking = [asyncio.create_task(batching.embed([text])) for text in "abc"]
    await settle()
    asking[0].cancel()
    asking[1].cancel()
    await settle()
    assert (upstream.calls, upstream.ended) == ([["a"], ["c"]], 1)
    upstream.open.set()
    assert (await asking[2]).tolist() == vectors("c").tolist()


async def test_that_a_try_alone_of_one_who_has_gone_is_cancelled_too() -> None:
    class SlowWithOne(Upstream):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            if len(texts) == 1:
                self.open.clear()
            return await super().embed(texts)

    upstream = SlowWithOne()
    batching = BatchingEmbedder(upstream, size=8)
    asking = [asyncio.create_task(batching.embed([text])) for text in ("a", "b!")]
    await settle()
    assert upstream.under_way == 2
    asking[0].cancel()
    await settle()
    assert upstream.under_way == 1
    upstream.open.set()
    with pytest.raises(RetrievalError, match="b! is refused"):
        await asking[1]


async def test_that_a_call_that_its_embedder_ends_leaves_nobody_waiting() -> None:
    class Ending(Upstream):
        def _answer(self, texts: Sequence[str]) -> Vectors:
            raise asyncio.CancelledError(texts)

    batching = BatchingEmbedder(Ending(), size=8)
    assert errors(await ask_all(batching, ["a"], ["b"])) == ["upstream broke the call off"] * 2


async def test_that_one_wait_is_for_company_and_ends_when_the_call_is_full() -> None:
    upstream = Upstream()
    batching = BatchingEmbedder(upstream, size=3, wait=0.05)
    first = asyncio.create_task(batching.embed(["a"]))
    await settle()
    second = asyncio.create_task(batching.embed(["b"]))
    await asyncio.gather(first, second)
    assert upstream.calls == [["a", "b"]]
    endless = BatchingEmbedder(upstream, size=3, wait=3600)
    first = asyncio.create_task(endless.embed(["a"]))
    await settle()
    await asyncio.wait_for(endless.embed(["b", "c"]), 5)
    assert upstream.calls[1:] == [["a", "b", "c"]]
    await first


async def test_that_the_end_of_a_call_does_not_end_a_wait() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=2, calls=2, wait=3600)
    full = asyncio.create_task(batching.embed(["a", "b"]))
    await settle()
    third = asyncio.create_task(batching.embed(["c"]))
    await settle()
    upstream.open.set()
    await full
    await settle()
    assert upstream.calls == [["a", "b"]]
    await asyncio.gather(third, batching.embed(["d"]))
    assert upstream.calls == [["a", "b"], ["c", "d"]]


async def test_that_who_has_gone_may_have_been_the_one_who_was_refused() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=2)
    there, gone = (asyncio.create_task(batching.embed([text])) for text in ("a", "b!"))
    await settle()
    gone.cancel()
    upstream.open.set()
    assert (await there).tolist() == vectors("a").tolist()
    assert upstream.calls == [["a", "b!"], ["a"]]


async def test_that_nothing_is_no_call() -> None:
    upstream = Upstream()
    assert (await BatchingEmbedder(upstream, size=8).embed([])).shape == (0, 2)
    assert upstream.calls == []


async def test_that_the_sizes_of_calls_are_measured() -> None:
    class Sizes(Metrics):
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def embedding_batch(self, texts: int) -> None:
            self.sizes.append(texts)

    measured = Sizes()
    await ask_all(BatchingEmbedder(Upstream(), size=3, metrics=measured), ["a"], ["b", "c", "d"])
    assert measured.sizes == [3, 1]


async def test_that_it_is_what_it_wraps() -> None:
    upstream = Upstream()
    batching = BatchingEmbedder(upstream, size=8)
    assert (batching.name, batching.dimensions) == ("upstream", 2)
    await batching.warm()
    assert upstream.warmed


async def test_that_it_is_warm_where_there_is_nothing_to_load() -> None:
    class Cold:
        name, dimensions = "cold", 2

        async def embed(self, texts: Sequence[str]) -> Vectors:
            return vectors(*texts)

        async def close(self) -> None:
            """Hold nothing."""

    batching = BatchingEmbedder(Cold(), size=8)
    await batching.warm()
    assert (await batching.embed(["a"])).tolist() == vectors("a").tolist()


async def test_that_closing_tells_who_waits_and_leaves_nothing_behind() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=1)
    asking = [asyncio.create_task(batching.embed([text])) for text in "ab"]
    await settle()
    await batching.close()
    assert errors(await asyncio.gather(*asking, return_exceptions=True)) == ["upstream was closed"] * 2
    assert (upstream.under_way, upstream.closed) == (0, True)
    with pytest.raises(RetrievalError, match="upstream is closed"):
        await batching.embed(["a"])
    await batching.close()


@dataclass(frozen=True)
class Caller:
    """Asks for `texts` after so many turns of the loop, and goes away after `patience` more of them."""

    texts: tuple[str, ...]
    after: int
    patience: int | None


TEXTS = st.lists(st.sampled_from(["a", "b", "cc", "ddd", "e!", "f!"]), max_size=6).map(tuple)
CALLERS = st.builds(Caller, TEXTS, st.integers(0, 8), st.none() | st.integers(0, 8))


async def _go_through(batching: BatchingEmbedder, caller: Caller) -> Vectors | str:
    """Return what the caller got: its vectors, its error's text, or that it went away."""
    for _ in range(caller.after):
        await asyncio.sleep(0)
    asking = asyncio.create_task(batching.embed(caller.texts))
    for _ in range(caller.patience or 0):
        await asyncio.sleep(0)
    if caller.patience is not None:
        asking.cancel()
    try:
        return await asking
    except RetrievalError as error:
        return str(error)
    except asyncio.CancelledError:
        return "gone"


def _right(caller: Caller, found: Vectors | str) -> bool:
    """Whether it is what the embedder itself would have said."""
    if isinstance(found, str):
        refused = {f"{text} is refused" for text in caller.texts if "!" in text}
        return found in refused or (found == "gone" and caller.patience is not None)
    return not any("!" in text for text in caller.texts) and np.array_equal(found, vectors(*caller.texts))


@given(
    st.lists(CALLERS, max_size=12),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.0005]),
)
def test_that_each_gets_what_the_embedder_says_for_its_texts(
    cast: list[Caller], size: int, calls: int, turns: int, wait: float
) -> None:
    async def play() -> None:
        upstream = Upstream(turns=turns)
        batching = BatchingEmbedder(upstream, size=size, calls=calls, wait=wait)
        async with asyncio.timeout(10):
            found = await asyncio.gather(*(_go_through(batching, caller) for caller in cast))
            assert [(caller, one) for caller, one in zip(cast, found, strict=True) if not _right(caller, one)] == []
            assert all(0 < len(call) <= size and len(set(call)) == len(call) for call in upstream.calls)
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name().startswith("embed with")))
            assert (await batching.embed(["a"])).tolist() == vectors("a").tolist()  # no call is held for ever
        await batching.close()
        assert upstream.under_way == 0

    asyncio.run(play())


def test_what_the_other_embedder_says_of_itself_is_passed_on() -> None:
    class English(Upstream):
        trusts_unnamed = False

        def understands(self, text: str) -> bool:
            return text.isascii()

    embedder = BatchingEmbedder(English(), size=2)
    assert (embedder.understands("day"), embedder.understands("दिन"), embedder.trusts_unnamed) == (True, False, False)
    silent = BatchingEmbedder(Upstream(), size=2)
    assert (silent.understands("दिन"), silent.trusts_unnamed) == (True, True)


async def test_that_the_background_comes_after_all_that_somebody_waits_for() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=2)
    asking = [asyncio.create_task(batching.embed(["first"]))]
    await settle()
    asking.append(asyncio.create_task(batching.background.embed(["d1", "d2", "d3", "d4"])))
    await settle()
    asking += [asyncio.create_task(batching.embed([text])) for text in ("q1", "q2", "q3")]
    await settle()
    upstream.open.set()
    await asyncio.gather(*asking)
    assert upstream.calls == [["first"], ["q1", "q2"], ["q3"], ["d1", "d2"], ["d3", "d4"]]


async def test_that_the_background_goes_on_however_much_else_there_is() -> None:
    upstream = Upstream(held=True)
    batching = BatchingEmbedder(upstream, size=2)
    asking = [asyncio.create_task(batching.embed(["first"]))]
    await settle()
    background = asyncio.create_task(batching.background.embed(["document"]))
    asking += [asyncio.create_task(batching.embed([f"query {number}"])) for number in range(100)]
    await settle()
    upstream.open.set()
    await asyncio.gather(*asking, background)
    assert ["document"] in upstream.calls[:20]
    assert upstream.calls.index(["document"]) > 5


class Telling(Upstream):
    """Embeds queries in another way than passages."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[list[str]] = []

    async def embed_query(self, texts: Sequence[str]) -> Vectors:
        self.queries.append(list(texts))
        return -vectors(*texts)


async def test_that_queries_go_in_calls_of_their_own_where_the_embedder_tells_them_apart() -> None:
    upstream = Telling()
    batching = BatchingEmbedder(upstream, size=8)
    query, passage = await asyncio.gather(batching.embed_query(["same"]), batching.embed(["same"]))
    assert (upstream.queries, upstream.calls) == ([["same"]], [["same"]])
    assert np.array_equal(query, -passage)


async def test_that_queries_share_calls_where_it_does_not() -> None:
    upstream = Upstream()
    batching = BatchingEmbedder(upstream, size=8)
    await asyncio.gather(batching.embed_query(["one"]), batching.embed(["two"]))
    assert upstream.calls == [["one", "two"]]
