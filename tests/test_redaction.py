from __future__ import annotations

from app.redaction import REDACTED, redactor


def test_that_secrets_are_replaced_also_as_json_writes_them() -> None:
    redact = redactor(['k"e\\y-é', "abcdef"])
    assert redact('k"e\\y-é k\\"e\\\\y-\\u00e9 abcdef') == " ".join([REDACTED] * 3)


def test_that_of_two_secrets_the_longer_goes_first_and_no_replacement_is_replaced() -> None:
    assert redactor(["abcdef", "abcdefghi", "redacted"])("abcdefghi abcdef redacted") == " ".join([REDACTED] * 3)


def test_that_a_short_secret_is_redacted_only_where_it_stands_alone() -> None:
    redact = redactor(["app", "a1b2c", "k", "1", ""])
    assert redact("app.test: happy apps, 1 key, application/json, xapp") == (
        f"{REDACTED}.test: happy apps, 1 key, application/json, xapp"
    )
    assert redact("Bearer a1b2c, 'app', p=app&q") == f"Bearer {REDACTED}, '{REDACTED}', p={REDACTED}&q"
