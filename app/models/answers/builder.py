"""Collect one answer, whatever the dialect and however it is sent, and say what it is in the end."""

from __future__ import annotations

from pydantic import ValidationError

from app.errors import ModelError, Overloaded
from app.models.answers.characters import Characters
from app.models.answers.logprobs import Token, logprobs
from app.models.answers.tool_calls import ToolCalls
from app.models.base import Completion, Delta
from app.models.http.errors import ErrorTranslator
from app.models.usage import UsageReports
from topics.model_responses import Usage

_WITHHELD = "the provider's content filter withheld the answer"


class AnswerBuilder:
    """Collects the parts of one answer; what was dropped or repaired is noted, by its kind in `docs/models.md`."""

    def __init__(self, errors: ErrorTranslator) -> None:
        self.errors = errors
        self.calls = ToolCalls(self.note)
        self.reports = UsageReports(errors.provider)
        self.thought = False  # whether there is any reasoning
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._tokens: list[Token] | None = []
        self._characters = {name: Characters() for name in ("text", "reasoning")}
        self._repaired: set[str] = set()

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._reasoning)

    @property
    def begun(self) -> bool:
        """Whether anything of it has arrived."""
        return bool(self._text or self._refusal or self.calls or self.usage != Usage())

    def note(self, kind: str) -> None:
        """Note that something of this kind was dropped or repaired."""
        self._repaired.add(kind)

    def show(self, text: str = "", reasoning: str = "") -> Delta | None:
        """Add text and reasoning; return what can be shown of them."""
        return self._shown(self._characters["text"].add(text), self._characters["reasoning"].add(reasoning))

    def show_rest(self, text: str = "", reasoning: str = "") -> Delta | None:
        """Add what is not there yet of a text and a reasoning that should begin with what is."""
        return self.show(_rest(text, self.text), _rest(reasoning, self.reasoning))

    def refuse(self, why: str) -> None:
        """Add to the words with which the model refused, if there are any."""
        if why:
            self._refusal.append(why)

    @property
    def refusal(self) -> str:
        """The words with which the model refused."""
        return "".join(self._refusal)

    def add_logprobs(self, tokens: object) -> None:
        """Add the log-probabilities of tokens; the answer can do without them where one has another form."""
        if not isinstance(tokens, list) or self._tokens is None:
            return
        try:
            self._tokens += [Token.model_validate(token) for token in tokens]
        except ValidationError:
            self._tokens = None
            self.note("fields")

    def close(self) -> Delta | None:
        """Return what is left to show at the end of the answer."""
        return self._shown(self._characters["text"].close(), self._characters["reasoning"].close())

    @property
    def usage(self) -> Usage:
        """What the provider has counted so far."""
        return self.reports.usage

    @property
    def partial(self) -> Completion:
        """All that the model has written so far, for those who have to pay for it."""
        return Completion(self.text or self.refusal, "other", self.usage, self.reasoning, self.calls.made())

    def failed(self, error: ModelError) -> ModelError:
        """Return an error with what has to be paid for all the same."""
        partial = self.partial
        if partial != Completion("", "other"):
            error.answer = partial
        return error

    def completion(self, finish_reason: str) -> Completion:
        """Return the answer that ended for this reason; see `app.models.answers.finish_reasons`.

        Raises:
            ContentFiltered: it was withheld, or the model refused.
            Overloaded: the provider could not complete it.
            Unavailable: likewise, or a tool call does not say what it calls.
        """
        if finish_reason == "filtered" or self._refusal:
            raise self.failed(self.errors.filtered(self.refusal or _WITHHELD))
        if finish_reason == "overloaded":
            raise self.failed(
                Overloaded("the provider ran out of capacity during the answer", provider=self.errors.provider)
            )
        if finish_reason == "error":
            raise self.failed(self.errors.broken("the provider reported an error during the answer"))
        calls = self.calls.made()
        if not all(call.name for call in calls):
            raise self.failed(self.errors.broken("a tool call without a name"))
        if any(characters.repaired for characters in self._characters.values()):
            self.note("characters")
        # Some servers say `stop` even if tools are called.
        reason = "tool_calls" if calls and finish_reason == "stop" else finish_reason
        tokens = logprobs(self._tokens or ())
        repaired = tuple(sorted(self._repaired))
        return Completion(self.text, reason, self.usage, self.reasoning, calls, tokens, repaired=repaired)

    def _shown(self, text: str, reasoning: str) -> Delta | None:
        if not text and not reasoning:
            return None
        self._text.append(text)
        self._reasoning.append(reasoning)
        self.thought = self.thought or bool(reasoning)
        return Delta(text, reasoning)


def _rest(whole: str, shown: str) -> str:
    """Return what follows `shown`: what was shown counts, should the whole differ."""
    return whole.removeprefix(shown) if whole.startswith(shown) else ""
