"""What reads text or data of others takes a time in proportion to it: every such function, with the worst it can get.

A function that is new, and reads what comes from a task, an answer, a document, an event or a file, gets a line here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from yarl import URL

from app.admin.support_bundle import redact_by_form
from app.cli.layout import wrap
from app.cli.output import one_line, visible
from app.cli.tasks.task_lines import parse as parse_line
from app.configuration.editing import add_entry
from app.configuration.substitution import SecretReader, substitute
from app.connectors.http_request import header_problem, url_below
from app.decoding import decode, parse_json
from app.errors import ConfigurationError, SourceError
from app.expressions import extent
from app.expressions.conversion import JsonConverter, select
from app.expressions.cost import Cost
from app.expressions.expression import Expression
from app.expressions.interpolation import split_template as insertions
from app.expressions.lexer import tokenize as lex
from app.expressions.program import Program
from app.fusion.base import Candidate, Panel
from app.fusion.delimiters import Delimiter
from app.fusion.extraction import ExtractionOptions, extractor
from app.fusion.judge_parsing import score, winner
from app.fusion.merging import Rules, merge
from app.gateway.answers.live_text import LiveText
from app.gateway.anthropic.message_request import MessageRequest
from app.gateway.batches.batch_lines import InvalidLine
from app.gateway.batches.batch_lines import parse_line as parse_batch_line
from app.gateway.files.upload import Upload
from app.gateway.guard import depth
from app.gateway.json_lines import read_lines
from app.gateway.openai.chat_request import ChatRequest
from app.gateway.openai.response_request import ResponseRequest
from app.gateway.problems import Refusal
from app.json_text import parse, strict
from app.models.answers.assembler import read_answer
from app.models.answers.characters import Characters
from app.models.answers.verdict import is_empty
from app.models.anthropic.message_answer import MessageAssembler
from app.models.base import Prompt as Asked
from app.models.batching.batcher import batch_item_name
from app.models.calling.continuation import RepetitionFilter
from app.models.http.batch_files import read_answers
from app.models.http.errors import ErrorTranslator, retry_after
from app.models.http.rate_limit_headers import parse_rate_limit_headers
from app.models.http.sse import EventReader, events
from app.models.local.grammar import grammar_schema
from app.models.openai.chat_answer import ChatAssembler
from app.models.openai.responses_answer import ResponsesAssembler
from app.models.paid import answer_in
from app.models.scripted.adapter import Scripted, ScriptedOptions
from app.models.usage import UsageReports, read_usage
from app.normalization import answer_form, canonical, normalize
from app.patterns import Pattern
from app.redaction import redactor
from app.retrieval.base import searchable
from app.retrieval.chunking.chunker import chunk_document
from app.retrieval.chunking.document_text import DocumentText
from app.retrieval.chunking.outline import of_code
from app.retrieval.context.planning import plan_context
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.index import lexical
from app.retrieval.index.lexical import LexicalIndex, stems
from app.retrieval.index.metadata_index import MetadataIndex
from app.retrieval.parsing import decoding
from app.retrieval.parsing.tables import read_csv
from app.retrieval.tokenizer import tokenize, unmarked
from app.routing.text_features import features
from app.schemas import Schema
from app.security.api_keys import KeyRing
from app.security.oidc import InvalidToken, TokenVerifier
from app.security.permissions import Roles
from app.settings import OidcSettings
from app.source.problems import Problem
from app.source.syntax import Document as Source
from app.source.syntax import parse as parse_yaml
from app.sources.links import links_in
from app.suggestions import closest_match
from app.telemetry.logs import JsonFormatter, TextFormatter
from app.telemetry.traceparent import parse as parse_trace
from app.workflows.checks import Names
from app.workflows.definition.loading import load_bytes
from app.workflows.structured_output import read
from app.workflows.templates.prompts import Prompt
from meta_ai_orchestrator._client.sse import EventParser
from tests.contracts.growth import MOST, growth
from tests.security.tokens import AUDIENCE, ISSUER, Known
from topics import TASKS
from topics.documents import Document
from topics.metadata_filters import MetadataFilter, seconds
from topics.model_requests import Message, Sampling
from topics.result_chunks import ResultChunk
from topics.retrieval_results import Chunk
from topics.tasks import salvage

pytestmark = pytest.mark.alone  # other tests beside it slow down one measurement and not the next

Make = Callable[[int], Any]
#: Within its bounds, a condition or template may take the square of a list; PyYAML looks 1024 characters ahead.
BEYOND_BOUNDS = 4096
#: Small pieces are packed into one chunk until it is full; a table that blank lines cut is put together again.
STARTS = {"cel: ": BEYOND_BOUNDS, "template: ": BEYOND_BOUNDS, "source.yaml": BEYOND_BOUNDS, "chunking.tables": 1 << 14}
#: The function, and the inputs of size n that it likes least.
Case = tuple[Callable[[Any], object], tuple[Make, ...]]

MARKS = "\u0300\u0316"
ERRORS = ErrorTranslator("host", None, ("sk-aaaaaaaaaaaaaaaab",))
OBJECT = Schema({"type": "object"}, where="w")
RECURSIVE = Schema(
    {"anyOf": [{"required": [name], "properties": {"a": {"$ref": "#"}}} for name in ("x", "y")]}, where="w"
)


def of(*pieces: str) -> tuple[Make, ...]:
    """Return the makers of texts that are a piece again and again; what stands before a NUL only once."""
    return tuple(_repeated(piece) for piece in pieces)


def _repeated(piece: str) -> Make:
    first, _, again = piece.rpartition("\0")
    return lambda n: first + again * (n // max(1, len(again)) + 1)


def _cut(form: Any) -> Callable[[str], object]:
    return lambda text: chunk_document(Document(id="d", text=text, format=form), words=20, overlap=2)


def _fused(**options: Any) -> Callable[[str], object]:
    read_one = extractor(ExtractionOptions.model_validate(options))
    return lambda text: hash(read_one(Candidate("a", text)))


def _linked(text: str) -> None:
    with suppress(SourceError):
        links_in(f"<urlset>{text}</urlset>".encode())


def _form(text: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode()

    class Writer:
        size = 0

        async def add(self, data: bytes) -> None:
            self.size += len(data)

    writer: Any = Writer()
    with suppress(Refusal):
        asyncio.run(Upload("multipart/form-data; boundary=b", writer, 1 << 30).read(pieces()))


def _batch_line(text: str) -> None:
    with suppress(InvalidLine):
        parse_batch_line(text.encode(), "/v1/responses")


def _lines(size: int) -> Callable[[str], object]:
    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    async def consume(text: str) -> None:
        async for _ in read_lines(pieces(text.encode()), len(text) // 2):
            pass

    return lambda text: asyncio.run(consume(text))


def _streamed(size: int) -> Callable[[str], object]:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    async def consume(text: str) -> None:
        async for _ in events(chunks(text.encode()), EventReader()):
            pass

    return lambda text: asyncio.run(consume(text))


def _assembled(make: Callable[[ErrorTranslator], Any]) -> Callable[[list[str]], object]:
    def run(data: list[str]) -> None:
        assembly = make(ERRORS)
        for one in data:
            assembly.add("message", one)
        assembly.close(framed=True)
        assembly.completion()

    return run


def _reported(reports: list[object]) -> object:
    usage = UsageReports()
    for report in reports:
        usage.add(report)
    return usage.usage


def _calls(n: int) -> list[str]:
    call = '{"choices": [{"delta": {"tool_calls": [{"index": %d, "function": {"arguments": "a"}}]}}]}'
    return [call % at for at in range(n)]


def _fragments(n: int) -> list[str]:
    """Return fragments of one call, each of which has its name, and might be another."""
    call = '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{\\"a"}}]}}]}'
    return [call] * n


def _read_whole(text: str) -> object:
    return read_answer(text.encode(), ChatAssembler(ERRORS))


def _characters(pieces: list[str]) -> str:
    characters = Characters()
    return "".join(map(characters.add, pieces)) + characters.close()


def _repeated_beginning(said: str) -> str:
    repetition = RepetitionFilter(said)
    return "".join(map(repetition.add, said)) + repetition.close()


def _texts(n: int) -> list[str]:
    return ['{"choices": [{"delta": {"content": "a", "reasoning_content": "b"}}]}'] * n


def _parts(n: int) -> list[str]:
    part = json.dumps({"type": "response.reasoning_summary_part.added"})
    return [json.dumps({"type": "response.output_text.delta", "delta": "a"})] * n + [part] * n


def _items(n: int) -> list[str]:
    """Return pieces of the arguments of one call, and of ever more others, which no last event lists."""
    delta = {"type": "response.function_call_arguments.delta", "delta": "a", "output_index": 0}
    begun = [{"type": "response.output_item.added", "output_index": at, "item": {"type": "x"}} for at in range(n)]
    end = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    return [json.dumps(event) for event in (*begun, *[delta] * n, end)]


def _choices(n: int) -> list[str]:
    choice = '{"choices": [{"index": %d, "delta": {"content": "a"}}]}'
    return [choice % (1 + at % 9) for at in range(n)]


def _same_ids(n: int) -> list[str]:
    call = '{"choices": [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "%s"}}]}}]}'
    return [call % "a"] * n + [call % "{}"] + [call % ""] * n


def _blocks(n: int) -> list[str]:
    start = '{"type": "content_block_start", "index": %d, "content_block": {"type": "tool_use", "name": "b"}}'
    return [start % at for at in range(n)]


@cache
def _template(source: str) -> Prompt:
    return Prompt(source, where="w")


def _rendered(source: str) -> Callable[[Any], object]:
    return lambda context: _template(source).render(context)


def _evaluated(source: str) -> Callable[[Any], object]:
    expression = Expression(source, where="w")
    return expression.evaluate


def _formatted(kind: type[TextFormatter | JsonFormatter]) -> Callable[[str], object]:
    formatter = kind(redactor(["sk-aaaaaaaaaaaaaaaab", "sk-aaaaaaaaaaaaaaaac"]))
    return lambda text: formatter.format(logging.LogRecord("app", 20, "p", 1, "%s", (text,), None))


def _header(name: str) -> Callable[[str], object]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return lambda text: (parse_rate_limit_headers({name: text}, now=now), retry_after({"retry-after": text}, now=now))


def _scripted(text: str) -> object:
    model = Scripted(ScriptedOptions.model_validate({"rules": [{"pattern": "why", "answer": "so"}]}), Sampling())
    return asyncio.run(model.complete(Asked((Message(role="user", content=text),)), timeout=60))


def _deep(n: int) -> Any:
    value: Any = {}
    for _ in range(min(n, 180)):
        value = {"a": value}
    return value


def _repeated_alias(n: int) -> str:
    return f"a: &x {'y' * min(n, 100_000)}\nb: [{', '.join(['*x'] * min(n // 4, 9_000))}]"


def _lists(n: int) -> Mapping[str, Any]:
    return {"input": {"a": [f"t{i}" for i in range(n)], "b": [f"b{i}" for i in range(n)], "t": "x" * n}}


def _read_filter(value: Any) -> None:
    with suppress(ValueError):  # there is a limit
        MetadataFilter.model_validate(value)


def _records(n: int) -> list[Any]:
    return [{"k": i, "v": {"w": [i, f"text {i}"]}} for i in range(n)]


ANSWERS = of(
    "```json\0\n",
    "```\n",
    "```json\n",
    "```json \0 \n",
    "{[",
    "[1,",
    '{"a":',
    "``` \n\n",
    '"\\u00e9',
    " ",
    "`",
    "[1]\n",
    "}{",
)
WORDS = of(
    MARKS,
    "\u0344\u0316",
    "a ",
    "the a ",
    '"',
    "**a",
    ". ",
    "a.",
    "\ufdfa",
    "\uff9e\u0316",
    "\u1100\u1161",
    "\u00df",
    *("a'", "\u0e01\u0e49", "\u1780\u17d2", "\u0f40\u0f0b", "\u0e01\u200b", "\u064e", "\u00e9 ", "\u0915\u093c\u094d"),
)
DOCUMENTS = of(
    *("Contents \0.", "a.)", ".) ", "a.b", "?!", "x", "\u3002", "a ", "a\n", "\n", "\r", "a\n\n", MARKS, "\u00a0"),
    *("[", "# \0[", "# \0*a ", "# \0`a``", "![", "> ```\na\n", "> a\n", "> ", "- a\n", "- ", "* ", "1. a\n", "  - a\n"),
    *("[a]: b\n", "[a]: \0%", "[\0a", "[a](\0<", "[a]: <b>\n'x", "```\n", "~~~a\n\n", "|a|b|\n|-|-|\n", "|", "a\n=\n"),
    *(
        "<table>\n\n",
        "<table><tr>",
        "<tr>\n\n",
        "<th>\0<tr>",
        "</table>\n\n",
        "|a\n",
        "> |a|\n",
        "a,b,c\n",
        '"a",\n',
        "a\tb\n",
    ),
    *(
        "+-+\n",
        "+-+\n|a|\n+=+\n",
        "= =\n",
        "= =\na\n",
        "```csv\na,b\n",
        "|-|\n",
        "* a\n b\n",
        "\u0e01\u0e49",
        "e\u0301",
    ),
    *("<div>\n", "<!--\n", "<a ", "    c\n\n", "---\n\0a: b\n", "---\na\n", "# h\n", "\t", "- ```\n", "a\n---\n", "&#"),
)
VERDICTS = of(
    *(
        "winner ",
        "winner \0a ",
        "winner is ",
        "winner\0 ",
        "winner: A\0 ",
        "[[A",
        "[[A]] ",
        "verdict a",
        " ",
        " \0A",
        "A\0 ",
    ),
    *(
        "score ",
        "score \0is ",
        "score \x001.",
        "score 1.",
        "1 ",
        "1/",
        "1 /\0 ",
        "1\0 ",
        "9",
        "1.1",
        "answer ",
        "answer\0 ",
    ),
)
NUMBERS = of("1", "1,111", "1,", "1e", "-", "1.", "answer ", "answer\0 ", "answer is\0 ", "A", "A ", "a'", " \0a", "(")
YAML = of(
    *("[", "{a: ", "- ", "a: b\n", "'", '"', '"\\x', "? ", ": ", "!", "*a ", "&a ", "%", "|", "a: |\n  b\n", "#", "\n"),
    *("a", "1", "1.", "[a, ", "[[],", "- [a]\n", "a: *b\n", "a: '", 'a: "\0\\u12', "--- ", "a\n", "<<: ", "a: !\0b "),
)

JSON_PIECES = ("1", "-1.", "1e", "[", '{"a":1,', '"\\', '"\ud800')


def _nulls(number: int) -> bytes:
    return json.dumps({"input": {}, "metadata": dict.fromkeys(map(str, range(number)))}).encode()


def _steps(step: str) -> Make:
    return lambda n: "steps:\n" + "".join(f"  s{at}: {step}\n" for at in range(n // len(step)))


def _load(text: str) -> None:
    with suppress(ConfigurationError):
        load_bytes(text.encode(), "w", Names(frozenset("m"), frozenset(), frozenset()), json=False)


def _chat(text: str) -> None:
    turns = [{"role": "user", "content": part} for part in text.split("\n")]
    asked = ChatRequest.model_validate({"model": "m", "messages": [*turns, {"role": "user", "content": text}], text: 1})
    asked.conversation()
    asked.question()
    list(asked.unsupported())


def _responses(text: str) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    items = [call if part == "call" else {"role": "user", "content": part} for part in text.split("\n")]
    asked = ResponseRequest.model_validate({"model": "m", "input": items, text: 1})
    asked.conversation()
    list(asked.unsupported())


def _messages(text: str) -> None:
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    blocks = [call if part == "call" else {"type": "text", "text": part} for part in text.split("\n")]
    turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": text}]
    asked = MessageRequest.model_validate({"model": "m", "max_tokens": 1, "messages": turns, text: 1})
    asked.conversation()
    asked.question()
    list(asked.unsupported())


def _live(text: str) -> None:
    live = LiveText()
    one = ResultChunk(task_id="t", step="s", branch="m", model="m", request_id="r", stream="r#1.1", index=0)
    for index, character in enumerate(text):
        live.add(one.model_copy(update={"index": index, "text": character}))
    live.finish(text)


def _begun_anew(text: str) -> None:
    """Show an answer that was cut off, and then starts over."""
    live = LiveText()
    one = ResultChunk(task_id="t", step="s", branch="m", model="m", request_id="r", stream="r#1.1", index=0)
    live.add(one.model_copy(update={"text": text[: len(text) // 2]}))
    for index, character in enumerate(text):
        live.add(one.model_copy(update={"stream": "r#2.1", "index": index, "text": character}))
    live.finish(text)


def _unknown(number: int) -> bytes:
    return json.dumps({"input": {}, **dict.fromkeys(map(str, range(number)))}).encode()


def _fed(parts: list[bytes]) -> None:
    parser = EventParser()
    for part in parts:
        list(parser.feed(part))


def _token_verifier() -> Callable[[str], object]:
    oidc = OidcSettings(issuer=ISSUER, audience=AUDIENCE, tenant="claims.tenant", roles="claims.roles")
    verifier = TokenVerifier(oidc, Roles({}), Known(), time.time)

    async def refused(text: str) -> None:
        with suppress(InvalidToken):
            await verifier.verify(text)

    return lambda text: asyncio.run(refused(text))


def _with_entry(text: str) -> None:
    with suppress(ConfigurationError):
        add_entry(text, "models", "mine", {"provider": "scripted"}, "c.yaml")


CASES: dict[str, Case] = {
    "sdk.events": (lambda text: _fed([text.encode()]), of("data: a\n", "data: a\n\n", "\r", ":", "a")),
    "sdk.events.parts": (_fed, (lambda n: [b"a"] * n, lambda n: [b"\r\n"] * n)),
    "json_text.parse": (parse, ANSWERS),
    "json_text.strict": (strict, of(*JSON_PIECES)),
    "decoding.decode": (
        lambda text: [decode(text.encode("utf-8", "surrogatepass"), one) for one in (None, "utf-16", "utf-7", "hz")],
        of("a", "\ufeff", "\ud800", "\0", "+", "~{", "é"),
    ),
    "decoding.parse_json": (
        lambda text: parse_json(text.encode("utf-8", "surrogatepass")),
        of(*JSON_PIECES, '["\0a",', '[\x00{"a":1,"a":2},', '{\0"a":1,', "[\x001.5,", '"\0\\ud800', "[\0[],", "0.\x001"),
    ),
    "support_bundle.redact_by_form": (
        redact_by_form,
        of("://a", "eyJ-", "eyJa.", "sk-", "bearer ", "cookie: ", "cookie ", "authorization", "basic =", "@"),
    ),
    "configuration.add_entry": (_with_entry, of("a: 1\n", "# x\n", "models: {a: {}}\n", " # y\n")),
    "topics.nulls": (lambda number: TASKS.parse(_nulls(number), max_bytes=1 << 30), (lambda n: n,)),
    "topics.unknown": (lambda number: TASKS.decode(_unknown(number), max_bytes=1 << 30), (lambda n: n,)),
    "tasks.salvage": (lambda text: salvage(text.encode(), None), of("{", '{\0"id":1,', "\x00", '"{')),
    "structured.read": (lambda text: read(text, OBJECT), ANSWERS),
    "schema.complaint": (Schema({"items": {"type": "string"}}, where="w").complaint, (lambda n: list(range(n)),)),
    "schema.unique": (Schema({"uniqueItems": True}, where="w").complaint, (_records,)),
    "schema.pattern": (Schema({"pattern": "(x+x+)+y"}, where="w").complaint, of("x", "y")),
    "schema.recursive": (RECURSIVE.complaint, (_deep,)),
    "schema.formats": (
        lambda text: [
            Schema({"format": one}, where="w").complaint(text) for one in ("email", "uri", "date-time", "regex")
        ],
        of("a.", "a@", "(", "[", "%7", "\\"),
    ),
    "normalise": (normalize, WORDS),
    "answer_form": (answer_form, (*ANSWERS, *WORDS)),
    "canonical": (canonical, (_records, lambda n: {f"k{i}": 1.0 for i in range(n)})),
    "fusion.merge": (
        lambda value: merge([value, value], Rules()),
        (_records, lambda n: dict.fromkeys(map(str, range(n)))),
    ),
    "fusion.number": (_fused(extract="number"), NUMBERS),
    "fusion.letter": (_fused(extract="letter"), NUMBERS),
    "fusion.pattern": (_fused(pattern="x*y|x"), of("x", "xy", MARKS)),
    "fusion.nested_pattern": (_fused(pattern=r"(\w+\s*)+:"), of("a", "a ", "a: ")),
    "fusion.fence": (
        lambda text: Delimiter(Panel((), (), text, key="k"), (text,)).around("A", text),
        of("<<<END ", "\ud800"),
    ),
    "patterns.found_in": (Pattern("(x+x+)+y|(.*a){9}z", ignore_case=True).found_in, of("x", "a", "\ud800")),
    "verdicts.winner": (winner, VERDICTS),
    "verdicts.score": (lambda text: score(text, top=10), VERDICTS),
    "routing.features": (features, of("a ", ".", "[", "1")),
    "chunking.text": (_cut("text"), DOCUMENTS),
    "chunking.markdown": (_cut("markdown"), DOCUMENTS),
    "chunking.tables": (_cut("markdown"), of("<table>\n\n", "<table>\n\n<tr>")),
    "context.plan": (
        lambda text: plan_context([Chunk(id="a", document_id="a", source="a", lines=(1, 1), text=text)] * 2, 50),
        of("a. ", "a", "\n", "1"),
    ),
    "filters.read": (
        _read_filter,
        (
            lambda n: {"field": "a", "in": ["x"] * n},
            lambda n: {"any": [{"not": {"field": "a", "lt": "2026-01-01"}}] * n},
        ),
    ),
    "filters.date": (seconds, of("2026-01-01T00:00:00.\0001", "1", "2026-01-01\0 ")),
    "filters.index": (
        lambda documents: MetadataIndex(documents).wanted(MetadataFilter(field="a", lt=3)),
        (
            lambda n: [{"a": number % 7} for number in range(n)],
            lambda n: [{"a": f"2026-01-{number % 28 + 1:02}"} for number in range(n)],
            lambda n: [{"a": tuple(range(n))}],
            lambda n: [{str(number): number for number in range(n)}],
        ),
    ),
    "terms": (tokenize, WORDS),
    "terms.unmarked": (lambda text: [unmarked(term) for term in tokenize(text)], WORDS),
    "lexical.search": (
        lambda text: lexical.scores([LexicalIndex([text, "caf\u00e9"])], text),
        of("a ", "\u00e9 ", "caf\u00e9 cafe "),
    ),
    "lexical.stems": (lambda text: stems([text]), (*WORDS, *of("y", "ational", "ing ", "s"))),
    "outline.code": (
        lambda text: of_code(DocumentText(text)),
        of("def a():\n", "export ", "public static\n", "// a\n", "// a\n\0def a()\n", "\n", "@a\n", "create or "),
    ),
    "parsing.decode": (
        lambda text: decoding.decode(text.encode("latin-1", errors="replace")),
        of("\xe9 ", "\xe9\xc3", "<meta ", "<meta charset=", "\xff", "a\xe9\xe9"),
    ),
    "parsing.csv": (
        lambda text: read_csv(text, max_cells=10**9),
        of("a,b\n", '"', '"a","', ",", "\n", "a;b\n", 'a,"b\n'),
    ),
    "retrieval.searchable": (
        lambda text: searchable(Chunk(id="c", document_id="d", source="d", lines=(1, 1), text=text)),
        of("<tr", "<tr ", "<tr>", "</", "<th\0 a"),
    ),
    "hashing.embed": (lambda text: asyncio.run(HashingEmbedder().embed([text])), WORDS),
    "sse.whole": (
        _streamed(1 << 16),
        of("data: x\n", "data:\n", "data: x\n\n", "\r", "\n", "data: \0x", "event: x\n", " ", "\ufeff", "data "),
    ),
    "sse.pieces": (_streamed(7), of("data: x\n", "data:\n", "\r", "data: \0x", "x\r")),
    "usage.reports": (_reported, (lambda n: [{"prompt_tokens": n, "completion_tokens": one} for one in range(n)],)),
    "usage.report": (read_usage, (lambda n: {"prompt_tokens": "1" * n}, lambda n: {"total_tokens": 10**n})),
    "paid.answer": (
        lambda value: answer_in(json.dumps(value).encode(), "host"),
        (
            lambda n: {"choices": _records(n)},
            lambda n: {"content": [{"text": "a"}] * n},
            lambda n: {"output": _deep(n)},
        ),
    ),
    "sse.unframed": (
        _streamed(1 << 16),
        of("{\n", "{}\n", '{"a":\n\0x\n', "[\n\n", "{}\ndata: {}\n\n", "{\ndata:\n", "<p>\n", "data: {}\n"),
    ),
    "chat.stream": (_assembled(ChatAssembler), (_calls, _fragments, _texts, _choices, _same_ids)),
    "chat.whole": (
        _read_whole,
        of('{"choices": [{"message": {"content": "\0\\ud83d', '{"choices": [\0{}, ', "[", "{}\n", "{}", "{}}", "{}\0x"),
    ),
    "characters": (_characters, (lambda n: ["\ud83d"] * n, lambda n: ["\udcf0"] * n, lambda n: ["\ude00\ud83d"] * n)),
    "verdict": (
        is_empty,
        of(" ", "\u200b", "[THINK]", "<think></think>", "<thought> ", "<think>", "<think>\0a", "<think>\0</", " <"),
    ),
    "repetition": (_repeated_beginning, of("a ", "a", "ab ", " ", "one two three four ")),
    "batch.lines": (
        lambda text: list(read_answers(text.encode(), lambda _: ERRORS.broken("x"), ERRORS)),
        of('{"custom_id": "a"}\n', '{"custom_id": "', '"custom_id"', "{\n", "\n", '"custom_id":\0 '),
    ),
    "responses.stream": (_assembled(ResponsesAssembler), (_parts, _items)),
    "anthropic.stream": (_assembled(MessageAssembler), (_blocks,)),
    "errors.malformed": (
        lambda text: ERRORS.malformed(text.encode()),
        of("[", '{"error":', "sk-aaaaaaaaaaaaaaaa", "a", "{}", "{}data:", '{"error": "\0{\\"', '{"errors": [\0"{}", '),
    ),
    "errors.clean": (ERRORS.clean, of("sk-aaaaaaaaaaaaaaaa", "sk-", "a")),
    "headers.reset": (_header("x-ratelimit-reset-tokens"), of("1", "1s", "1ms", "1.", "s", "1e")),
    "headers.count": (_header("x-ratelimit-remaining-tokens"), of("1", "-1")),
    "batching.name": (batch_item_name, of("a", "\u00e9", "a b")),
    "grammar.plain": (lambda text: grammar_schema({"pattern": f"^{text}$"}), of("[", "\\d", "[\\d", "[a]")),
    "scripted": (_scripted, of("a ", "a", " ")),
    "logs.text": (_formatted(TextFormatter), of("sk-aaaaaaaaaaaaaaaa", "sk-", "\n", "\x1b")),
    "logs.json": (_formatted(JsonFormatter), of("sk-aaaaaaaaaaaaaaaa", "\\", "\n")),
    "a form": (_form, of("a", "\r\n", "\r\n--", "\r\n--b", '--b\r\nContent-Disposition: form-data; name="')),
    "a header of a form": (_form, of("--b\r\n\0a", "--b\r\nContent-Disposition: \0;", '--b\r\nA: \0"')),
    "a line of a batch": (_batch_line, of("{", '{\0"a":1,', '"{', "[")),
    "lines of a body": (_lines(1), of("a", "\n", "a\n")),
    "long lines of a body": (_lines(100), of("a", "\n")),
    "tokens.verify": (_token_verifier(), of("a", "a.", ".", "eyJ", "é", "a.b.\0c")),
    "api_keys.find": (lambda text: KeyRing().find(text, datetime.now(UTC)), of("mao_", "a", "mao_a_\0b", "_")),
    "depth of a body": (lambda text: depth(text.encode()), of('"\0\\"', '"', "[", '["', "\\", '"a\\')),
    "chat.request": (_chat, of("a", "\0\n", "\x00")),
    "messages.request": (_messages, of("a", "\0\n", "call\n")),
    "responses.request": (_responses, of("a", "\0\n", "call\n")),
    "chat.live text": (_live, of("a", "\0ab")),
    "chat.live text begun anew": (_begun_anew, of("a", "\0ab")),
    "traceparent": (parse_trace, of("0", "00-", f"01-{'a' * 32}-{'b' * 16}-01-\x00a")),
    "cel.tokens": (
        lambda text: list(lex(text)),
        of("'\\'", "'''\\'''a", "r'''a", "//", "a.", "1.", "0x", "(", '"\\"'),
    ),
    "cel.insertions": (
        lambda text: list(insertions(text, where="w")),
        of("${{ 'a' }}", "$${{", "${{\0'\\'", "${{\0{", "}}"),
    ),
    "cel.cost": (lambda text: Cost(text).of({}), of("a.", "-", "a + ", "a || ", "[", "a ? b : ", "(", "a[0]", "{a:")),
    "cel.extent": (extent.of, (_records, _deep)),
    "cel.select": (lambda value: select({"input": value}, [("input",)]), (_records,)),
    "cel.json": (lambda value: JsonConverter().of(value), (_records,)),
    **{
        f"cel: {source}": (_evaluated(source), (_lists,))
        for source in (
            "input.a.exists(x, x in input.b)",
            "input.a.existsOne(x, input.b.existsOne(y, x == y + 'a'))",
            "input.a.filter(x, !(x in input.b))",
            "input.a.map(x, input.b)",
            "input.a.map(x, input.t)",
            "input.a.all(x, sort(input.b) != input.a)",
            "input.a.all(x, input.a + input.b != [])",
            "input.a.exists(x, input.t.contains(x + '!'))",
            "input.a.exists(x, input.t.matches('(x+x+)+y'))",
            "input.t.split('').map(x, input.t.split('')).size()",
            "[input.a, input.b].map(x, x.map(y, y + input.t))",
        )
    },
    **{
        f"template: {source}": (_rendered(source), (_lists,))
        for source in (
            "{{ input.t }}{{ input.a | join(', ') }}",
            "{% for x in input.a %}{% for y in input.b %}{{ x }}{{ y }}{% endfor %}{% endfor %}",
            "{% for x in input.a %}{% if x in input.b %}{{ x }}{% endif %}{% endfor %}",
            "{% for x in input.a %}{{ input.t }}{% endfor %}",
            "{% for x in input.a %}{{ input.b | join }}{% endfor %}",
            "{% set n = namespace(t='a') %}{% for x in input.a %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
            "{% set n = namespace(t='a') %}{% for x in input.a %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
            "{% macro m(l) %}{% if l %}{{ m(l[1:]) }}{{ m(l[1:]) }}{% endif %}{% endmacro %}{{ m(input.a[:200]) }}",
            "{{ input.t * (input.a | length) }}",
            "{{ input.t.replace('x', input.t) }}{{ input.t | replace('x', input.t) }}",
            "{{ input.t | center((input.a | length) ** 3) }}",
            "{{ ('%' ~ (input.a | length) ** 3 ~ 'd') | format(1) }}",
            "{{ input.a | map('replace', 't', input.t) | join }}",
            "{{ input.a | select('in', input.b) | list }}",
            "{{ input.t | striptags }}{{ input.t | title }}{{ input.t | wordcount }}{{ input.t | truncate(9) }}",
            "{{ input.t | wordwrap(3) }}",
            "{{ input | json(indent=2) }}",
            "{{ input.a | sort | join }}{{ input.a | unique | join }}{{ input.a | groupby(0) | length }}",
        )
    },
    "source.yaml": (lambda text: parse_yaml(text, "w.yaml"), YAML),
    "source.aliases": (lambda text: parse_yaml(text, "w.yaml"), (_repeated_alias,)),
    "workflows.sent": (_load, (_steps("{kind: ask}"), _steps("{kind: ask, models: [x], prompt: a, after: [s0]}"))),
    "source.nearest": (lambda text: closest_match(text, [text + "a", "a" * 50]), of("a", "ab")),
    "source.problem": (lambda text: str(Problem("w", (), text)), of("\x1b", "a")),
    "configuration.substitute": (
        lambda text: substitute(Source({"a": text}), SecretReader({})),
        of("${a:-", "${a:-b}", "$${", "${", "$", "${a:b", "${a:", "${a:b:-", ":-", "${env:A:-b}"),
    ),
    "connectors.path": (lambda text: url_below(URL("http://h/a"), text), of("a/", "a", "%2e", "/", "..", "\u00e9")),
    "connectors.header": (lambda text: (header_problem(text, "a"), header_problem("a", text)), of("a", ":", "\n")),
    "sources.links": (_linked, of("<url><loc>", "<url>", "<url><loc>a</loc></url>", "&amp;", "<!--")),
    "cli.line": (lambda text: parse_line(1, text.encode(), max_bytes=1 << 30), of('{"question":', '"question"', "[")),
    "cli.wrap": (lambda text: wrap(text, 80), of("a ", " ", "任", "a" * 99 + "  ")),
    "cli.visible": (lambda text: (visible(text), one_line(text, 160)), of("\x1b", "\u202e", " \n")),
    "events.task": (
        lambda text: TASKS.parse(text.encode(), max_bytes=1 << 30),
        of("[", '{"input":', '{"input": {"a": \x001', '{"a":1,', "\ud7ff"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_that_time_grows_in_proportion(name: str) -> None:
    run, makers = CASES[name]
    start = next((start for prefix, start in STARTS.items() if name.startswith(prefix)), 64)
    found = [growth(run, make, start=start) for make in makers]
    assert max(found) <= MOST, f"{name}: the input {found.index(max(found))} multiplies the time by {max(found):.1f}"


@pytest.mark.parametrize(
    "source",
    [
        "input.a.exists(x, x in input.b)",
        "input.a.exists(x, input.b.exists_one(y, x == y + 'a'))",
        "input.a.existsOne(x, input.b.existsOne(y, x == y + 'a'))",
        "input.a.filter(x, !(x in input.b))",
        "input.a.map(x, x + input.t)",
        "input.a.all(x, sort(input.b) != input.a)",
        "input.a.all(x, input.a + input.b != [])",
        "input.a.exists(x, input.t.contains(x + '!'))",
        "input.a.exists(x, input.t.matches('(x+x+)+y'))",
        "input.a.exists(x, {'k': input.b, 'l': [input.a]} == {})",
        "input.a.exists(x, (input.t + x).split('x').size() == 1)",
        "input.a.exists(x, sum([1, 2]) == size(input.b))",
    ],
)
def test_that_the_cost_of_a_condition_grows_with_its_time(source: str) -> None:
    program, cost = Program(source, where="w"), Cost(source)

    def seconds(n: int) -> float:
        return _least(lambda: program.run(dict(_lists(n))))

    size = 32
    while seconds(size) < 0.002:
        size *= 2
    reckoned = cost.of(_lists(4 * size)) / cost.of(_lists(size))
    least, most = [math.inf, math.inf], MOST**2 / 4 * reckoned
    for _ in range(5):  # a busy machine slows down one measurement, but not all
        least = [min(least[0], seconds(size)), min(least[1], seconds(4 * size))]
        if least[1] / least[0] <= most:
            break
    assert least[1] / least[0] <= most


def test_that_a_square_is_seen_to_grow() -> None:
    def square(values: range) -> int:
        return sum(1 for x in values for y in values if x == y)

    assert growth(square, range) > MOST
    assert growth(sum, range) <= MOST


def _least(run: Callable[[], object]) -> float:
    def once() -> float:
        begun = time.thread_time()
        run()
        return time.thread_time() - begun

    return min(once() for _ in range(5))
