"""Secrets taken out of text: the one place where that is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

REDACTED = "[redacted]"
#: Characters; a shorter value (a version, a flag) is not a secret, and replacing it would garble every message.
SHORTEST = 6

Redact = Callable[[str], str]


def redactor(secrets: Iterable[str]) -> Redact:
    """Return a function that replaces every secret of at least `SHORTEST` characters, also as JSON writes it."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in (secret, *_as_json(secret))}
    if not forms:
        return str
    # The longest first: one secret may begin like another. All at once: what replaces one may hold another.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(REDACTED, text)


def _as_json(secret: str) -> tuple[str, str]:
    return json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
