"""Secrets taken out of text: the one place where that is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

REDACTED = "[redacted]"
#: In characters. A shorter secret (a flag, a digit) stands in every line and guards nothing: it is not redacted.
SHORTEST = 3
#: A shorter one than this is part of ordinary words and numbers: it is redacted only where it stands alone.
_ANYWHERE = 6

Redact = Callable[[str], str]


def redactor(secrets: Iterable[str]) -> Redact:
    """Return a function that replaces every secret, also as JSON writes it.

    One of three to five characters is replaced where no letter or digit is next to it; a shorter one stays.
    """
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in (secret, *_as_json(secret))}
    if not forms:
        return str
    # The longest first: one secret may begin like another. All at once: what replaces one may hold another.
    pattern = re.compile("|".join(_pattern(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(REDACTED, text)


def _as_json(secret: str) -> tuple[str, str]:
    return json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]


def _pattern(form: str) -> str:
    exact = re.escape(form)
    return exact if len(form) >= _ANYWHERE else rf"(?<![^\W_]){exact}(?![^\W_])"
