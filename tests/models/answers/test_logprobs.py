from __future__ import annotations

import pytest

from app.models.answers.logprobs import Token, logprobs
from topics.model_responses import Alternative, TokenLogprob


def test_each_token_has_its_alternatives() -> None:
    token = Token.model_validate(
        {"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": [{"token": "Ho", "logprob": -2.5}]}
    )

    assert logprobs([token, Token(token=".", logprob=0.0)]) == (
        TokenLogprob(token="Hi", logprob=-0.1, top=(Alternative(token="Ho", logprob=-2.5),)),
        TokenLogprob(token=".", logprob=0.0),
    )


def test_none_are_no_list() -> None:
    assert logprobs([]) is None


@pytest.mark.parametrize("theirs", ["-Infinity", "NaN", "-1e300"])
def test_what_json_cannot_say_does_not_go_on(theirs: str) -> None:
    token = Token.model_validate_json(f'{{"token": "x", "logprob": {theirs}}}')

    assert logprobs([token]) == (TokenLogprob(token="x", logprob=-9999.0),)
