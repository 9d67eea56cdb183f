from __future__ import annotations

from typing import Any

import pytest

from app.errors import PromptError
from app.workflows.templates.limits import MOST_CHARACTERS, MOST_TURNS
from app.workflows.templates.prompts import Prompt

TURNS = f"^w: takes more than {MOST_TURNS} turns of its loops and calls"
CHARACTERS = f"^w: handles more than {MOST_CHARACTERS} characters"


def _render(source: str, **context: Any) -> str:
    return Prompt(source, where="w").render(context)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for x in l %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/3 2/3 3/3"),
        ("{% for x in l recursive %}{{ x }}{{ loop(l[3:]) }}{% else %}.{% endfor %}", "1.2.3."),
        ("{% for x in l if x > 1 %}{{ x }}{% else %}none{% endfor %}", "23"),
        ("{% macro m(a) %}<{{ a }}{{ caller() }}>{% endmacro %}{% call m(2) %}b{% endcall %}", "<2b>"),
        ("{{ 2 in l and l[1:] == [2, 3] }} {{ 'a' ~ 1 ~ none }} {{ t[1:] }}", "True a1None b"),
        ("{{ '%05.1f' | format(2) }} {{ '%s-%s' % (1, 2) }} {{ 'a'.center(3) }}|{{ t * 2 }}", "002.0 1-2  a |abab"),
        ("{{ l | map('string') | join(', ') }} {{ t | replace('a', 'xyz') }} {{ 2 ** 10 }}", "1, 2, 3 xyzb 1024"),
        ("{{ 'a' | default(1700000000000) }} {{ 1700000000000 * 1000 }}", "a 1700000000000000"),
    ],
)
def test_that_what_is_counted_renders_as_ever(source: str, text: str) -> None:
    assert _render(source, l=[1, 2, 3], t="ab") == text


def test_that_a_prompt_of_a_megabyte_of_many_parts_is_rendered() -> None:
    chunks = [{"source": f"s{i}", "text": "x" * 500} for i in range(2000)]
    source = "{% for c in chunks %}[{{ loop.index }}] {{ c.source | upper }}\n{{ c.text | trim }}\n\n{% endfor %}"
    assert len(_render(source, chunks=chunks)) > 1_000_000


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in l %}{% for y in l %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(50) }}",
        "{% for x in l recursive %}{% if loop.depth < 4 %}{{ loop(l) }}{% endif %}{% endfor %}",
        "{% for x in range(99999) %}{% for y in range(9) %}{% endfor %}{% endfor %}",
        "{% for x in l %}{% for y in l %}{{ x.bit_length() }}{% endfor %}{% endfor %}",
    ],
)
def test_that_turns_have_a_bound(source: str) -> None:
    with pytest.raises(PromptError, match=TURNS):
        _render(source, l=list(range(1000)))


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in l %}{{ t }}{% endfor %}",
        "{% for x in range(90000) %}" + "x" * 200 + "{% endfor %}",
        "{{ t * 1000000 }}",
        "{{ l * 1000000 }}",
        "{{ 1000000 * t }}",
        "{{ 10 ** 100000000 }}",
        "{{ t | center(1000000000) }}{{ t.ljust(1000000000) }}",
        "{{ 'a'.rjust(1000000000) }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '%*d' % (999999999, 1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ t | replace('x', t) }}",
        "{{ t.replace('x', t) }}",
        "{{ l | join(t) }}",
        "{{ l | map('string') | join(t) }}",
        "{{ l | json(indent=1000000) }}",
        "{{ l | batch(1000000000, 'x') | list }}",
        "{{ l | select('in', l * 10) | list }}{% for x in l * 20 %}{{ -1 in l }}{% endfor %}",
        "{% set n = namespace(t='a') %}{% for x in l %}{% set n.t = n.t ~ n.t %}{% endfor %}",
        "{% set n = namespace(t='a') %}{% for x in l %}{% set n.t = n.t + n.t %}{% endfor %}",
        "{% set n = namespace(t='a') %}{% for x in l %}{% set n.t %}{{ n.t }}{{ n.t }}{% endset %}{% endfor %}",
        "{% for x in l %}{% set y = t[:-1] %}{% endfor %}",
    ],
)
def test_that_characters_have_a_bound(source: str) -> None:
    with pytest.raises(PromptError, match=CHARACTERS):
        _render(source, l=list(range(1000)), t="x" * 20_000)
