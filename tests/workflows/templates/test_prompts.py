from __future__ import annotations

import pytest
from pydantic import BaseModel

from app.errors import ConfigurationError, PromptError
from app.workflows.templates.prompts import Prompt
from topics.retrieval_results import Chunk

CHUNK = Chunk(id="c", document_id="d", source="d.md", heading="Why", lines=(1, 2), text="Because.")
CONTEXT = {"input": {"question": "why?", "n": 5}, "chunk": CHUNK, "chunks": (CHUNK,)}


def _render(source: str) -> str:
    return Prompt(source, where="workflow w: steps.s.prompt").render(CONTEXT)


def test_that_names_fields_and_loops_are_filled_in() -> None:
    source = (
        "{% for c in chunks %}\n[{{ loop.index }}] {{ c.heading }}: {{ c.text }}\n{% endfor %}\n{{ input.question }}"
    )
    assert _render(source) == "[1] Why: Because.\nwhy?"


def test_that_what_is_absent_can_be_asked_for() -> None:
    assert _render("{{ 'yes' if metadata is defined else 'no' }}") == "no"
    assert _render("{{ input.other | default('none') }}") == "none"


@pytest.mark.parametrize("source", ["{{ nothing }}", "{{ input.nothing }}", "{{ chunk.nothing }}", "{{ input.a.b.c }}"])
def test_that_an_unknown_name_is_refused_with_the_place(source: str) -> None:
    with pytest.raises(PromptError, match=r"^workflow w: steps\.s\.prompt: "):
        _render(source)


def test_that_a_hint_for_an_unknown_name_is_given() -> None:
    with pytest.raises(
        PromptError, match=r"there is no `nothing`; give a stand-in, as in {{ name \| default\('none'\) }}$"
    ):
        _render("{{ input.nothing }}")
    assert _render("{{ input.nothing | default('none') }}") == "none"


@pytest.mark.parametrize("source", ["{{ open", "{% for %}", "{{ x | no_such_filter }}", "{% endif %}"])
def test_that_a_malformed_template_is_refused_before_it_is_used(source: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^workflow w: steps\.s\.prompt: "):
        _render(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ input.q", "`{{` or `{%` is not closed; end it with `}}` or `%}`"),
        ("{{ input.q }", "`}` is not expected here; a value ends with `}}`"),
        ("{{ a b }}", "`}}` is expected before `b`"),
        ("{{ }}", "an expression is expected before `}}`"),
        ("{{ a | }}", "a name is expected before `}}`"),
        ("{{ a..b }}", "a name is expected after the dot"),
        ('{{ input["a }}', "a quote is opened and never closed"),
        ("{% for x y %}{% endfor %}", "`in` is expected before `y`"),
        ("{% if a %}b", "`{% if … %}` is not closed; end it with `{% endif %}`"),
        ("{% if a %}{% endfor %}", "`{% endfor %}` is not expected here; `{% if … %}` must end first"),
        ("{% else %}", "`{% else %}` is not expected here; nothing is open that it belongs to"),
        ("{% foo %}", "there is no tag `foo`; to print a value, write it as in {{ input.text }}"),
        ("{# x", "a comment is not closed; end it with `#}`"),
        ("{% raw %}x", "`{% raw %}` is not closed; end it with `{% endraw %}`"),
        ("{{ a | uper }}", "there is no filter `uper`; did you mean `upper`?"),
        ("{{ a is defned }}", "there is no test `defned`; did you mean `defined`?"),
        ("{% include 'a' %}", "a template stands alone: it cannot include, import or extend another"),
        ("{% from 'a' import b %}", "a template stands alone: it cannot include, import or extend another"),
    ],
)
def test_that_what_is_malformed_is_said_with_its_line_and_how_to_write_it(source: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _render(f"First.\n{source}")

    assert str(raised.value) == f"workflow w: steps.s.prompt: line 2: {said}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ input.__class__ }}",
        "{{ input['__class__'] | attr('__mro__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(input) }}",
        "{{ input.update({'a': 1}) }}",
        "{{ input.pop('question') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(10 ** 9) | list }}",
        "{{ chunk.__class__ }}",
        "{{ chunk.parse_file('/etc/passwd') }}",
        "{{ chunk.parse_raw('cos\\ngetcwd\\n(tR.'.encode(), proto='pickle', allow_pickle=True) }}",
        "{{ chunk.model_construct() }}",
        "{{ chunk['parse_file']('/etc/passwd') }}",
        "{{ (chunk | attr('parse_file'))('/etc/passwd') }}",
        "{{ [chunk] | map(attribute='parse_file') | list | first }}{{ nothing }}",
    ],
)
def test_that_the_sandbox_has_no_way_out(source: str) -> None:
    with pytest.raises((PromptError, ConfigurationError)):
        _render(source)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what pydantic still has, but hides from us too
def test_that_a_model_shows_its_fields_and_nothing_else() -> None:
    hidden = {name for name in dir(Chunk) if name not in Chunk.model_fields}
    assert "parse_file" in hidden
    for name in sorted(hidden | set(dir(BaseModel))):
        assert _render(f"{{{{ chunk.{name} is defined }}}}") == "False"
    for name in Chunk.model_fields:
        assert _render(f"{{{{ chunk.{name} is defined }}}}") == "True"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ [] | first | upper }}",
        "{{ 5 | dictsort }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_that_whatever_goes_wrong_is_the_prompts_error(source: str) -> None:
    with pytest.raises(PromptError):
        _render(source)


@pytest.mark.parametrize("source", ["{{ [1, 2, 3] | random }}", "{{ lipsum() }}"])
def test_that_nothing_is_left_to_chance(source: str) -> None:
    with pytest.raises((PromptError, ConfigurationError)):
        _render(source)


@pytest.mark.parametrize(
    ("source", "roots", "steps"),
    [
        ("{{ input.question }}", {"input"}, set()),
        ("{{ steps.triage.output }} {{ steps['search'].chunks }}", {"steps"}, {"triage", "search"}),
        (
            "{% if steps.search is defined %}{% for c in steps.search.chunks %}{{ c }}{% endfor %}{% endif %}",
            {"steps"},
            {"search"},
        ),
        ("{% for i in range(3) %}{{ i }}{{ loop.index }}{% endfor %}", set(), set()),
        ("{% set x = item %}{{ x.y }}{{ metadata.a | default('b') }}", {"item", "metadata"}, set()),
        ("plain", set(), set()),
    ],
)
def test_that_a_prompt_knows_what_it_uses(source: str, roots: set[str], steps: set[str]) -> None:
    prompt = Prompt(source, where="w")
    assert set(prompt.roots) == roots
    assert set(prompt.steps) == steps


def test_that_a_called_method_is_no_part_of_what_is_used() -> None:
    prompt = Prompt(
        "{% for k, v in input.order.items() %}{{ k }}{{ v.x }}{% endfor %}{{ input['a'].b[0].c }}", where="w"
    )
    assert prompt.paths == {("input", "order"), ("input", "a", "b")}


@pytest.mark.parametrize("source", ["{{ steps }}", "{{ steps[input.question] }}", "{% for s in steps %}{% endfor %}"])
def test_that_a_step_must_be_named(source: str) -> None:
    with pytest.raises(ConfigurationError, match=r"name the step, as in `steps\.answer\.output`"):
        Prompt(source, where="w")


def test_that_json_is_written_as_it_is() -> None:
    assert _render("{{ {'a': '<é>', 'n': input.n} | json }}") == '{"a": "<é>", "n": 5}'
    assert '"lines": [1, 2]' in _render("{{ chunks | json }}")


def test_that_what_has_no_json_is_the_prompts_error() -> None:
    with pytest.raises(PromptError, match="inserts the function `cycler` itself"):
        _render("{{ cycler | json }}")
