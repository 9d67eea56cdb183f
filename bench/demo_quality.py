"""How good are the demo's answers? `python -m bench.demo_quality`: no broker, some minutes.

The demo's pages are cut, embedded and searched as a worker does it. Its models answer the demo's questions, and others
about the same pages. For comparison: the same model with the built-in prompt, two sources and plain sampling, as a
large model is asked. The exit code is 1 if an answer of the demo's is not whole, or repeats itself.

Each answer is held to four criteria, which a program can check:

- fact: it has the words without which it is wrong;
- whole: it is nothing but whole sentences;
- once: no six words in a row occur twice in it;
- grounded: of its words of four letters or more, seven in ten are in the source or in the question.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli.demo.commands import PAGES
from app.cli.event_loop import run
from app.configuration import load
from app.errors import ModelError
from app.models.base import Prompt as ModelPrompt
from app.models.registry import build
from app.models.sentences import sentences
from app.retrieval.base import SearchableStore, SearchScope
from app.retrieval.files import read_documents
from app.retrieval.ingest import prepare_chunks
from app.retrieval.registry import build_embedder, build_store
from app.settings import AskSettings, ModelSettings, Settings
from app.workflows.definition.builtin import ask
from app.workflows.definition.steps import AskStep
from app.workflows.templates.prompts import Prompt
from bench.support.figures import table
from topics.model_requests import Message
from topics.retrieval_results import Chunk

ROOT = Path(__file__).resolve().parents[1]
#: By the demo's questions, by id: what an answer cannot do without.
SHOWN = {
    "demo-offsets": r"acknowledged",
    "demo-garbage": r"dead.letter",
    "demo-replay": r"dead-letters replay",
    "demo-ingest": r"ingest",
    "demo-known": r"dead.letter|duplicate_id",
    "demo-broker": r"forgets|gone|lost",
}
OTHERS = {
    "Which broker is used by default?": r"embedded",
    "What happens to a task that is delivered twice?": r"same result|exactly one",
    "From which topic does every worker build its index?": r"chunks",
    "Where does the embedded broker keep its data?": r"memory",
    "How are documents found by meaning?": r"cosine",
    "What does the first start of the local Kafka fetch?": r"43 MB",
    "What do request agents turn a request into?": r"response",
    "What do stateful agents own?": r"state of runs",
    "How often does a worker save its index?": r"ten seconds",
    "How many working workers can there be?": r"partitions",
    "Which ranking finds chunks by words?": r"BM25",
    "What does every worker build from the topic chunks?": r"index",
}
_GROUNDED = 0.7
_ROW = 6


@dataclass(frozen=True, slots=True)
class Way:
    """A model, and how it is asked."""

    name: str
    model: ModelSettings
    ask: AskSettings


@dataclass(frozen=True, slots=True)
class Score:
    """Which of the criteria an answer meets."""

    fact: bool
    whole: bool
    once: bool
    grounded: bool


def score(answer: str, fact: str, known: str) -> Score:
    """Return how `answer` does; `fact` is a pattern, `known` what the answer could be drawn from."""
    words = _words(answer)
    rows = [tuple(words[at : at + _ROW]) for at in range(len(words) - _ROW + 1)]
    there, long = set(_words(known)), [word for word in words if len(word) >= 4]  # noqa: PLR2004  # as described above
    return Score(
        fact=re.search(fact, answer, re.IGNORECASE) is not None,
        whole=bool(answer) and "".join("".join(sentences(answer)).split()) == "".join(answer.split()),
        once=len(set(rows)) == len(rows),
        grounded=bool(long) and sum(word in there for word in long) >= _GROUNDED * len(long),
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def ways(settings: Settings) -> Iterator[Way]:
    """Yield the plain way first, then those of the demo."""
    plain = ModelSettings(
        provider="local",
        sampling={"temperature": 0, "max_tokens": 48},
        options={"cache_prompt": True, "dry_multiplier": 0},
    )
    yield Way("built-in prompt, 2 sources", plain, AskSettings(chunks=2))
    for name, model in settings.models.items():
        yield Way(f"demo: {name}", model, settings.ask)


@asynccontextmanager
async def searching(settings: Settings) -> AsyncIterator[SearchableStore]:
    """Yield the demo's pages, indexed."""
    embedder = build_embedder(settings.retrieval)
    store = build_store(settings.retrieval, embedder)
    words, overlap = settings.retrieval.chunk_tokens, settings.retrieval.chunk_overlap
    for document in read_documents([ROOT / page for page in PAGES], root=ROOT):
        for part in await prepare_chunks(document, embedder=embedder, words=words, overlap=overlap):
            await store.apply(part)
    yield store
    await store.close()
    await embedder.close()


async def answers(
    way: Way, store: SearchableStore, questions: Sequence[str]
) -> AsyncIterator[tuple[str, Sequence[Chunk]]]:
    """Yield the answer to each question, and the sources that it was given; a failure is an empty answer."""
    step = ask(way.ask).steps["answer"]
    if not isinstance(step, AskStep):
        raise TypeError("the built-in workflow answers by another kind of step")
    prompt, model = Prompt(step.prompt, where="prompt"), build("m", way.model)
    for question in questions:
        found = await store.search(question, limit=way.ask.chunks, scope=SearchScope())
        context = {"input": {"question": question}, "steps": {"retrieve": {"chunks": found}}}
        said = [Message(role="system", content=step.system or ""), Message(role="user", content=prompt.render(context))]
        try:
            answer = await model.complete(ModelPrompt(tuple(said)), timeout=600)
        except ModelError as error:
            yield f"({error})", found
        else:
            yield answer.text.strip(), found
    await model.close()


def questions() -> Mapping[str, str]:
    """Return what is asked, with what an answer cannot do without: the demo's first."""
    lines = (ROOT / "examples/questions.jsonl").read_text(encoding="utf-8").splitlines()
    shown = {line["question"]: SHOWN[line["id"]] for line in map(json.loads, filter(str.strip, lines))}
    return {**shown, **OTHERS}


async def main(options: Namespace) -> int:
    """Ask, score, and print."""
    settings, asked = load(ROOT / "examples/config.yaml", {}), questions()
    rows, broken = [], 0
    async with searching(settings) as store:
        for way in ways(settings):
            scores: list[Score] = []
            async for answer, found in answers(way, store, list(asked)):
                question, fact = list(asked.items())[len(scores)]
                scores.append(score(answer, fact, " ".join([question, *(one.heading + one.text for one in found)])))
                if options.answers:
                    print(f"{question}\n  {answer}\n  {scores[-1]}")
            shown, others = scores[: len(SHOWN)], scores[len(SHOWN) :]
            rows += [(way.name, "the demo's", *_counted(shown)), (way.name, "others", *_counted(others))]
            broken += sum(not (one.whole and one.once) for one in scores if way.name.startswith("demo"))
    print(table(("asked", "questions", "fact", "whole", "once", "grounded"), rows))
    return 1 if broken else 0


def _counted(scores: Sequence[Score]) -> list[str]:
    columns = zip(*((one.fact, one.whole, one.once, one.grounded) for one in scores), strict=True)
    return [f"{sum(column)} of {len(scores)}" for column in columns]


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--answers", action="store_true", help="print each question, its answer and its score")
    raise SystemExit(run(main(parser.parse_args())))
