"""The orchestrator's `ask` as a LangGraph graph, with instant fakes: `langgraph_process.py KIND TASKS CONCURRENCY`.

It runs in an environment of its own (requirements/bench.txt). KIND is `memory` or `sqlite`, the place of
the checkpoints. For each line on its input it runs the tasks, each under a thread id of its own, and prints
the seconds and the processor seconds that they took.
"""

from __future__ import annotations

import asyncio
import operator
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from typing import Annotated, Any, TypedDict

import uvloop
from langgraph.checkpoint.memory import InMemorySaver  # type: ignore[import-not-found]  # in an environment of its own
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # type: ignore[import-not-found]  # likewise
from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found]  # likewise

MODELS = ("a", "b", "c")


class State(TypedDict, total=False):
    """The state shared by the nodes."""

    question: str
    chunks: list[str]
    answers: Annotated[list[str], operator.add]
    answer: str


async def retrieve(_state: State) -> State:
    """Find nothing, as in an empty store."""
    return {"chunks": []}


async def ask(state: State) -> State:
    """Return the answer of the scripted model."""
    return {"answers": [f"Question: {state['question']}"]}


async def fuse(state: State) -> State:
    """Take the most frequent answer."""
    return {"answer": Counter(state["answers"]).most_common(1)[0][0]}


def build(saver: Any) -> Any:
    """Return the compiled graph: one retrieval, the models in parallel, one fusion."""
    graph = StateGraph(State)
    graph.add_node("retrieve", retrieve)
    graph.add_node("fuse", fuse)
    graph.add_edge(START, "retrieve")
    for model in MODELS:
        graph.add_node(model, ask)
        graph.add_edge("retrieve", model)
    graph.add_edge(list(MODELS), "fuse")
    graph.add_edge("fuse", END)
    return graph.compile(checkpointer=saver)


def checkpoints(kind: str, folder: str) -> AbstractAsyncContextManager[Any]:
    """Return the checkpointer, as a context manager."""
    kinds: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
        "sqlite": lambda: AsyncSqliteSaver.from_conn_string(str(Path(folder, "checkpoints.db"))),
        "memory": lambda: nullcontext(InMemorySaver()),
    }
    return kinds[kind]()


async def measure(graph: Any, tasks: int, concurrency: int) -> None:
    """Run the tasks, no more than `concurrency` at once, and print what it took."""
    slots = asyncio.Semaphore(concurrency)

    async def one(number: int) -> None:
        async with slots:
            config = {"configurable": {"thread_id": uuid.uuid4().hex}}
            done = await graph.ainvoke({"question": f"What is said about number {number}?"}, config)
            assert len(done["answers"]) == len(MODELS)  # noqa: S101  # a graph that skips work must not win

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(number) for number in range(tasks)))
    print("took", time.perf_counter() - wall, time.process_time() - cpu, flush=True)


async def main(kind: str, tasks: int, concurrency: int) -> None:
    """Measure on each request."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        graph = build(await stack.enter_async_context(checkpoints(kind, folder)))
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            await measure(graph, tasks, concurrency)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
