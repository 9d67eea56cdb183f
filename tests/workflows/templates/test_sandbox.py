from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import PromptError
from app.workflows.templates.prompts import Prompt
from app.workflows.templates.text import NotData
from topics.retrieval_results import Chunk

CHUNK = Chunk(id="c", document_id="d", source="d.md", heading="Why", lines=(1, 2), text="Because.")
#: What Python's own values have methods for, and what a task may say all the same.
METHODS = sorted({name for kind in (dict, list, str, tuple, int, object) for name in dir(kind)})
NAMES = st.sampled_from(METHODS) | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
#: What the text of an object of the program has in it; no data of these tests has.
ADDRESSES = (" at 0x", "<built-in", "<function", "<class", "<generator", "<bound", "Undefined", "<Macro", "<Namespace")


def _render(source: str, **context: Any) -> str:
    return Prompt(source, where="w").render(context)


@pytest.mark.parametrize("name", METHODS)
def test_that_data_come_before_methods_whatever_their_name(name: str) -> None:
    data = {name: "X"}
    assert (
        _render(f"{{{{ input.{name} }}}}{{{{ input['{name}'] }}}}{{{{ input | attr('{name}') }}}}", input=data) == "XXX"
    )
    assert (
        _render(f"{{% set n = '{name}' %}}{{{{ input[n] }}}}{{{{ '{{0.{name}}}'.format(input) }}}}", input=data) == "XX"
    )


@given(NAMES, st.text(alphabet="xyz", min_size=1))
def test_that_every_look_up_finds_the_data(name: str, value: str) -> None:
    rows = [{name: value}]
    for source in (
        f"{{{{ rows[0].{name} }}}}",
        f"{{{{ (rows | first).{name} }}}}",
        f"{{% for row in rows %}}{{{{ row.{name} }}}}{{% endfor %}}",
        f"{{% macro m(row) %}}{{{{ row['{name}'] }}}}{{% endmacro %}}{{{{ m(rows[0]) }}}}",
        f"{{{{ rows | map(attribute='{name}') | join }}}}",
        f"{{{{ rows | join(attribute='{name}') }}}}",
        f"{{{{ (rows | selectattr('{name}') | list)[0].{name} }}}}",
        f"{{{{ (rows | selectattr('{name}', 'equalto', '{value}') | first)['{name}'] }}}}",
        f"{{{{ (rows | sort(attribute='{name}') | last).{name} }}}}",
        f"{{{{ (rows | groupby('{name}') | first).grouper }}}}",
        f"{{{{ (rows | unique(attribute='{name}') | list)[0].{name} }}}}",
        f"{{{{ (rows | max(attribute='{name}')).{name} }}}}",
        f"{{% set ns = namespace(row=rows[0]) %}}{{{{ ns.row.{name} }}}}",
    ):
        assert _render(source, rows=rows) == value


@given(NAMES)
def test_that_a_name_without_data_is_never_a_method(name: str) -> None:
    for owner in ({"a": 1}, [1], "text", 5, None, CHUNK):
        if name in Chunk.model_fields:
            continue
        for source in (
            f"{{{{ x.{name} }}}}",
            f"{{{{ x['{name}'] }}}}",
            f"{{{{ [x.{name}] }}}}",
            f"{{{{ x.{name} ~ '' }}}}",
        ):
            if owner == {"a": 1} and name == "a":
                continue
            with pytest.raises(PromptError):
                _render(source, x=owner)
        assert _render(f"{{{{ x.{name} | default('none') }}}}", x={"a": 1}) == ("1" if name == "a" else "none")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for k, v in input.items() %}{{ k }}={{ v }};{% endfor %}", "items=X;keys=Y;"),
        ("{{ input.get('items') }}{{ input.get('none', '-') }}{{ input['get']('keys') }}", "X-Y"),
        ("{{ input.keys() | list }}{{ input.items.upper() }}{{ input['items'].lower() }}", "['items', 'keys']Xx"),
        ("{{ 'a,b'.split(',') | last }}{{ '{}!'.format(input.items) }}{{ '-'.join(['a', 'b']) }}", "bX!a-b"),
        ("{% for x in [1, 2] %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ loop.last }}{% endfor %}", "1aFalse2bTrue"),
        ("{% set n = namespace(items=1) %}{% set n.items = n.items + 1 %}{{ n.items }}", "2"),
        ("{% block b %}x{% endblock %}{{ self.b() }}{% set f = [range] %}{{ f[0](2) | list }}", "xx[0, 1]"),
        ("{% for g in [input] | groupby('items') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}", "X1"),
    ],
)
def test_that_what_is_called_is_a_method(source: str, text: str) -> None:
    assert _render(source, input={"items": "X", "keys": "Y"}) == text


def test_that_a_number_finds_the_name_that_it_is() -> None:
    assert (
        _render(
            "{{ input.2024 }}{{ input[2024] }}{{ rows | map(attribute='2024') | join }}",
            input={"2024": "a"},
            rows=[{"2024": "b"}],
        )
        == "aab"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ input.qestion }}", r"there is no `qestion`; did you mean `question`\?"),
        ("{{ input.values }}", r"there is no `values`; for the method of this name, write `values\(\)`"),
        ("{{ input.question.upper }}", r"there is no `upper`; for the method of this name, write `upper\(\)`"),
        ("{{ input.update }}", r"there is no `update`; give a stand-in"),
        ("{{ input.none.total }}", "null has no `total`; test it first, as in {% if … is not none %}"),
        ("{{ input.question() }}", "`question` is data, which cannot be called: leave out the parentheses"),
        ("{{ chunk.copy }}", "there is no `copy`; give a stand-in"),
        ("{{ [input.missing] | tojson }}", "there is no `missing`"),
    ],
)
def test_that_what_is_not_there_is_said_with_what_to_write(source: str, said: str) -> None:
    with pytest.raises(PromptError, match=f"^w: {said}"):
        _render(source, input={"question": "why?", "none": None}, chunk=CHUNK)


#: Expressions whose text would have an address in it, each with its own data.
FOREIGN = (
    "range", "dict", "cycler", "joiner()", "namespace(a=1)", "cycler('a')", "[range]", "{'a': [range]}", "(range,)",
    "rows | map('upper')", "rows | batch(2)", "rows | slice(2)", "rows | select", "rows | unique", "rows | reverse",
    "d | items", "[rows | map('upper')]", "[rows | reverse]", "rows | map('reverse') | list", "dict(a=range)",
    "rows | map(attribute='zz') | list", "[d.zz]", "{'a': d.zz}", "d.zz",
)  # fmt: skip
#: Ways to make text of an expression.
WAYS = (
    "{{{{ {0} }}}}",
    "{{{{ ({0}) ~ '' }}}}",
    "{{{{ 'x' ~ ({0}) }}}}",
    "{{{{ ({0}) | string }}}}",
    "{{{{ [{0}] | join }}}}",
    "{{{{ '%s' % [{0}] }}}}",
    "{{{{ '%r' % ({0},) }}}}",
    "{{{{ '{{}}'.format({0}) }}}}",
    "{{{{ '{{!r}}'.format({0}) }}}}",
    "{{{{ ({0}) | pprint }}}}",
    "{{{{ [{0}] | e }}}}",
    "{{{{ [{0}] | replace('<', '') }}}}",
    "{{{{ [{0}] | upper }}}}",
    "{{{{ [{0}] | truncate(9) }}}}",
    "{{{{ '%s' | format({0}) }}}}",
    "{{{{ [{0}] | map('string') | list }}}}",
    "{{% set x = {0} %}}{{{{ x }}}}",
    "{{% set x %}}{{{{ {0} }}}}{{% endset %}}{{{{ x }}}}",
    "{{% macro m(x) %}}{{{{ x }}}}{{% endmacro %}}{{{{ m({0}) }}}}",
    "{{% for x in [{0}] %}}{{{{ x }}}}{{% endfor %}}",
    "{{{{ {0} if true else '' }}}}",
    "{{{{ ({0}) or 'x' }}}}",
    "{{{{ {{'a': {0}}} | xmlattr }}}}",
    "{{{{ [{0}] | json }}}}",
)


@pytest.mark.parametrize("way", WAYS)
def test_that_no_address_gets_into_a_prompt(way: str) -> None:
    for expression in FOREIGN:
        try:
            text = _render(way.format(expression), rows=["a", "b"], d={"k": "v"})
        except Exception:  # noqa: BLE001, S112  # refused, when it is compiled or rendered
            continue
        assert not any(sign in text for sign in ADDRESSES), (expression, text)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "{{ rows | reverse }}",
            r"inserts items one by one, not their text: end it with `\| list` or `\| join\(', '\)`",
        ),
        ("{{ [range] }}{{ x }}", "inserts the function `range` itself, not what it gives: call it, as in `range"),
        ("{% set m = namespace() %}{{ m }}", "inserts the template's own namespace, which is not data"),
        ("{% for x in [cycler] %}{{ x }}{% endfor %}", "inserts the function `cycler` itself"),
    ],
)
def test_that_what_is_not_data_is_refused_with_what_to_write(source: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        _render(source, rows=[1, 2], x=1)
    with pytest.raises(NotData):
        _render("{{ rows | reverse }}", rows=[1, 2])


def test_that_a_text_of_the_task_may_say_what_an_address_says() -> None:
    said = "<built-in method values of dict object at 0x7f3d> Undefined"
    assert _render("{{ input.log }}|{{ [input.log] }}|{{ input.log | upper | lower }}", input={"log": said}) == (
        f"{said}|['{said}']|{said.lower()}"
    )


def test_that_items_that_were_made_are_inserted() -> None:
    source = "{{ l | map('string') | join('+') }} {{ l | reverse | list }} {{ l | map('string') | default('x') }}"
    assert _render(source, l=[1, 2]) == "1+2 [2, 1] ['1', '2']"
    assert (
        _render("{{ d.values() | join('+') }}{{ range(2) | list }}{{ range(2) }}", d={"a": 1, "b": 2})
        == "1+2[0, 1]range(0, 2)"
    )
