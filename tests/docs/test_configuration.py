from __future__ import annotations

import re

from app.configuration.environment import CREDENTIALS, VARIABLES
from app.configuration.keys import known_keys
from app.source.problems import dotted
from tests.docs import reference
from tests.docs.pages import ROOT, first_codes, table, text

PAGE = reference.PAGE


def test_every_key_appears_with_its_default_and_description() -> None:
    assert text(PAGE) == reference.page(text(PAGE)), "write it anew: python -m tests.docs.reference"


def test_the_reference_leaves_no_key_out() -> None:
    assert sorted(first_codes(PAGE, "key", "default", "what it is")) == sorted(map(dotted, known_keys()))


def test_every_environment_variable_appears_with_what_it_sets() -> None:
    shown = {row[0].strip("`"): row[1] for row in table(PAGE, "variable", "what it sets")}
    assert shown.keys() == {*VARIABLES, CREDENTIALS, "META_AI_CONFIG"}
    assert all(f"`{dotted(key)}`" in shown[name] for name, key in VARIABLES.items())


def test_every_variable_that_the_code_reads_appears() -> None:
    named = re.compile(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"")
    read = {name for path in (ROOT / "app").rglob("*.py") for name in named.findall(path.read_text(encoding="utf-8"))}
    shown = {*first_codes(PAGE, "variable", "what it sets"), *first_codes(PAGE, "variable", "what it does")}
    assert read - {"XDG_CACHE_HOME"} <= shown  # that one is everybody's
