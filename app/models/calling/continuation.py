"""Continue an interrupted answer, possibly with another model."""

from __future__ import annotations

import re
from dataclasses import replace

from app.models.base import Prompt
from topics.model_requests import Message

_CONTINUE_INSTRUCTION = (
    "Your answer was cut off. Go on with it exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat any of it, and do not comment on the interruption."
)
#: Characters at the end of what was said of which a repetition is looked for, and the fewest that are one.
_LOOKED_AT, _FEWEST = 200, 12
#: The beginnings of words behind which there is another word.
_WORD = re.compile(r"(?<!\S)\S+(?=\s+\S)")
#: A word amid which an answer may have been cut off; of fewer letters, or of digits, it may well stand twice.
_LAST_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]{3,}\Z")


def can_continue(prompt: Prompt) -> bool:
    """Whether a partial answer can be continued: structured output and tool calls start over."""
    return prompt.schema is None and not prompt.tools


def continuation_prompt(prompt: Prompt, said: str) -> Prompt:
    """Return the prompt for the rest of an answer that starts with `said`; the prompt itself if that is empty.

    It is a turn of the conversation, which every provider supports; not all of them still allow prefilling the answer.
    """
    if not said:
        return prompt
    turns = (Message(role="assistant", content=said), Message(role="user", content=_CONTINUE_INSTRUCTION))
    return replace(prompt, messages=(*prompt.messages, *turns))


class RepetitionFilter:
    """Drops what the rest of an answer repeats of what was `said`: all of it, or its end from the start of a word.

    Models often begin again. Text is held back only while it may be a repetition, and how it is cut into pieces makes
    no difference.
    """

    def __init__(self, said: str) -> None:
        whole = said.strip()
        end = whole[-_LOOKED_AT:]
        ends = [one for found in _WORD.finditer(end) if len(one := end[found.start() :]) >= _FEWEST]
        cut = _LAST_WORD.search(said)
        self.dropped = False
        self._spaced = said != said.rstrip()
        self._length = 0
        self._beyond = int(self._spaced)  # characters after a repetition that tell whether its last word ends there
        self._held: list[str] = []
        self._space = ""  # before it
        # What may be repeated, the longest first.
        self._repeatable = [*([whole] if len(whole) > 1 else ()), *ends, *([cut[0]] if cut else ())]
        self._decided = not self._repeatable
        self._at_space = False  # whether white space is dropped that was said already

    def add(self, text: str) -> str:
        """Return what can be shown of the rest."""
        if self._decided:
            return self._without_space(text)
        if not self._held:
            body = text.lstrip()
            self._space += text[: len(text) - len(body)]
            text = body
        if not text:
            return ""
        self._repeatable = [one for one in self._repeatable if self._goes_on(one, text)]
        self._length += len(text)
        self._held.append(text)
        return "" if any(len(one) + self._beyond > self._length for one in self._repeatable) else self._decide()

    def close(self) -> str:
        """Return what was held back to the end, and is no repetition."""
        if self._decided:
            return ""
        begun = self._repeatable and self._length >= _FEWEST  # it ended while it repeated
        return self._decide(self._length if begun else None)

    def _goes_on(self, repeatable: str, text: str) -> bool:
        rest = repeatable[self._length : self._length + len(text)]
        return text.startswith(rest)

    def _decide(self, length: int | None = None) -> str:
        text, self._decided = "".join(self._held), True
        repeated = length or next((len(one) for one in self._repeatable if self._ends(one, text)), 0)
        if not repeated:
            return self._space + text
        self.dropped, self._at_space = True, self._spaced
        return self._without_space(text[repeated:])

    def _ends(self, repeatable: str, text: str) -> bool:
        """Whether a text repeats all of this, to the end of its last word if white space was said after that."""
        following = text[len(repeatable) : len(repeatable) + 1]
        return len(repeatable) <= len(text) and not (self._spaced and following and not following.isspace())

    def _without_space(self, text: str) -> str:
        if self._at_space:
            text = text.lstrip()
            self._at_space = not text
        return text


def without_repetition(said: str, text: str) -> str:
    """Return the rest of an answer without what it repeats of what was `said`."""
    repetition = RepetitionFilter(said)
    return repetition.add(text) + repetition.close()
