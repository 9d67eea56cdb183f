from __future__ import annotations

from app.redaction import REDACTED, redactor


def test_that_secrets_are_replaced_also_as_json_writes_them() -> None:
    redact = redactor(['k"e\\y-é', "abcdef"])
    assert redact('k"e\\y-é k\\"e\\\\y-\\u00e9 abcdef') == " ".join([REDACTED] * 3)


def test_that_of_two_secrets_the_longer_goes_first_and_no_replacement_is_replaced() -> None:
    assert redactor(["abcdef", "abcdefghi", "redacted"])("abcdefghi abcdef redacted") == " ".join([REDACTED] * 3)


def test_that_what_is_too_short_for_a_secret_stays() -> None:
    assert redactor(["a", "12345", ""])("a 12345") == "a 12345"
