"""What `meta-ai workflows check` says of what authors write: each sentence says how to fix it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.workflows.commands import app

ASK = "id: w\nsteps:\n  a:\n    kind: ask\n    models: [local]\n"
TRANSFORM = "id: w\nsteps:\n  a:\n    kind: transform\n    value: {}\n"
SCHEMA = 'id: w\ninput: {}\nsteps: {{a: {{kind: transform, value: "1"}}}}\n'
QUOTES = 'a value that begins with {{ or {% must be in quotes, as in "{{ input.text }}"'
PATTERN = "look-ahead, look-behind and back-references are not supported, since their time has no bound"
GOES_ON = "text goes on after the end of a value: put the whole value in quotes, or check its indent"
ID = "an id is written as in `triage-2`: a small letter first, then small letters, digits, - and _"
MERGE = "merge keys (<<) are not part of YAML 1.2: write the keys out; an alias can only be a whole value"
ALIAS = "an alias (*name) needs its anchor (&name) before it; a text that begins with * is quoted"
CLOSED = r"close every bracket, and put a \ before a sign that means itself"
COLON = "the line before it lacks a colon, or the space after it, as in `kind: ask`"
KEY = "a key needs a colon and a space after it; a text of several lines begins with |"
MAPPING = "must be a mapping of keys to values"
FEATURES = (
    "'batch', 'images', 'logprobs', 'max_tokens', 'reasoning_effort', 'schema', 'seed', 'stop', 'streaming', "
    "'temperature', 'tools' or 'top_p'"
)
HAS = "`has` takes a field, as in has(input.name); to test for null, compare: input.name != null"
CURLY = "use the quotes ' or \" instead of “ and ”"
NAMELESS = (
    "a name is missing: write what is inserted, as in `{{ input.question }}`, or tested, as in `{% if input.name %}`"
)
ENDIF = "`{% if … %}` is ended by `{% endif %}`"
LOOP = "a loop is written as in `{% for chunk in steps.search.chunks %}`"
CEL = "w.yaml:5: steps.a.value: is not a valid CEL expression: column"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("META_AI_CONFIG", raising=False)


def _said(text: str, *, name: str = "w.yaml") -> str:
    """Return what the command says of a file."""
    Path(name).write_text(text, encoding="utf-8")
    found = CliRunner().invoke(app, ["check", name], catch_exceptions=True)
    return str(found.exception) if found.exception else found.stderr + found.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ASK + "    prompt: {{ input.q }}\n", f"w.yaml:6: steps.a.prompt: {QUOTES}"),
        (ASK + "    prompt: {{ input.q }} please\n", f"w.yaml:6: is not valid YAML: {QUOTES}"),
        (ASK + "    prompt: {% if true %}a{% endif %}\n", f"w.yaml:6: is not valid YAML: {QUOTES}"),
        (ASK + "    prompt: x\n    images: {{ input.image }}\n", f"w.yaml:7: steps.a.images: {QUOTES}"),
        (ASK + "    prompt: x\n    fusion: {strategy: ${{ input.s }}}\n", f"w.yaml:7: is not valid YAML: {QUOTES}"),
        (ASK + "    prompt:\n", "w.yaml:6: steps.a.prompt: is empty; give it a value"),
        (ASK + "    prompt: 4.10\n", "w.yaml:6: steps.a.prompt: must be a string; put quotes around it"),
        (
            ASK + "    prompt: Answer: yes or no\n",
            "w.yaml:6: is not valid YAML: a text with a colon and a space in it must be in quotes",
        ),
        (
            ASK + '    prompt: "Why" is it?\n',
            f"w.yaml:6: is not valid YAML: {GOES_ON}",
        ),
        (
            ASK + "    prompt: @all\n",
            "w.yaml:6: is not valid YAML: a text that begins with % or @ or ` must be in quotes",
        ),
        (
            ASK + "    prompt: *all* is it\n",
            "w.yaml:6: is not valid YAML: a text that begins with * or & must be in quotes",
        ),
        (
            ASK + "    prompt: !now\n",
            "w.yaml:6: steps.a.prompt: tags are not supported; quote a string that begins with !",
        ),
        (ASK + '    prompt: "why\n', "w.yaml:7: is not valid YAML: a quote is opened and never closed"),
        (
            ASK + "    prompt: | why\n",
            "w.yaml:6: is not valid YAML: after | or > the text begins on the next line, indented",
        ),
        (ASK + "    prompt: x\n    prompt: y\n", "w.yaml:7: steps.a.prompt: is set twice, first at w.yaml:6; keep one"),
        (
            ASK + "    prompt: x\n   optional: true\n",
            "w.yaml:7: is not valid YAML: is not indented as the keys before it: align keys of the same section",
        ),
        (ASK + "\tprompt: x\n", "w.yaml:6: is not valid YAML: contains a tab; indent with spaces"),
        (ASK + "    prompt: x\n    stream: maybe\n", "w.yaml:7: steps.a.stream: must be true or false"),
        (
            ASK + "    prompt: x\n    timeout: 5 minutes\n",
            "w.yaml:7: steps.a.timeout: give a duration such as 250ms, 30s, 5m, 12h or 7d",
        ),
        (
            "id: w\nsteps:\n  b: &b {kind: transform, value: '1'}\n  a:\n    <<: *b\n    when: 'true'\nanswer: a\n",
            f"w.yaml:5: steps.a.<<: {MERGE}",
        ),
        ("id: w\nsteps:\n  a:\n", "w.yaml:3: steps.a: is empty; begin with what it does, as in `kind: ask`"),
        (
            "id: w\nsteps:\n  a\n    kind: ask\n",
            f"w.yaml:4: is not valid YAML: {COLON}",
        ),
        (
            "id: w\nsteps:\n  a:\n    kind: ask\n      models: [m]\n",
            "w.yaml:5: is not valid YAML: is indented more than the keys before it: align keys of the same section",
        ),
        (
            ASK + "    prompt: x\n    tools: [{name: look up}]\n",
            "w.yaml:7: steps.a.tools.0.name: may have only letters, digits, `_` and `-`, and at most 64 characters",
        ),
        (ASK + "    prompt hi\n    stream: true\n", f"w.yaml:7: is not valid YAML: {KEY}"),
        (ASK + "    prompt:hi\n    stream: true\n", f"w.yaml:7: is not valid YAML: {KEY}"),
        (
            ASK + '    prompt: [hi]\n    system: ""\n    fusion: vote\n    retry: 3\n    downgrade: [tols]\n',
            "\n".join(
                (
                    f"w.yaml:9: steps.a.retry: {MAPPING}, as in {{attempts: …}}",
                    "w.yaml:6: steps.a.prompt: must be a text, and is a list or a mapping",
                    f"w.yaml:8: steps.a.fusion: {MAPPING}, as in {{strategy: …}}",
                    f"w.yaml:10: steps.a.downgrade.0: should be {FEATURES}; did you mean `tools`?",
                )
            ),
        ),
        (ASK + "    prompt: x\n    when: ''\n", "w.yaml:7: steps.a.when: is empty; give it a value"),
        (
            f"id: w\nsteps:\n  {'a' * 61}: {{kind: transform, value: '1'}}\n",
            f"w.yaml:3: steps.{'a' * 61}: should have at most 60 characters",
        ),
        ("- id: w\n", "w.yaml:1: the file must be a mapping of keys to values, as in `key: value`"),
        ("id: w\nsteps:\n  a: ask\n", "w.yaml:3: steps.a: must be a mapping of keys to values"),
        ("id: w\nsteps:\n", "w.yaml:2: steps: is empty; give it a value"),
        (
            "id: w\nsteps:\n  a: *b\n",
            f"w.yaml:3: is not valid YAML: {ALIAS}",
        ),
        (
            "id: My Flow\nsteps: {a: {kind: transform, value: '1'}}\n",
            f"w.yaml:1: id: {ID}",
        ),
        (
            "id: w\nversion: 1.2.3\nsteps: {a: {kind: transform, value: '1'}}\n",
            "w.yaml:2: version: must be a whole number",
        ),
        (
            "id: w\nversion: 1.5\nsteps: {a: {kind: transform, value: '1'}}\n",
            "w.yaml:2: version: must be a whole number",
        ),
        (
            "id: w\nversion: 007\nsteps: {a: {kind: transform, value: '1'}}\n",
            "w.yaml:2: version: a number cannot begin with 0; leave it out, or put quotes around a text",
        ),
        (
            "id: w\nsteps: {a: {kind: connector, connector: embed, arguments: {n: 1e400}}}\n",
            "w.yaml:2: steps.a.arguments.n: this number is too large; put quotes around a text",
        ),
        (
            "id: w\nsteps: {}\n---\nid: v\n",
            "w.yaml:3: is not valid YAML: has a second document after ---; one file holds one",
        ),
    ],
)
def test_that_yaml_is_refused_with_the_fix(text: str, said: str) -> None:
    assert _said(text) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("has(null)", f"{CEL} 5: {HAS}"),
        ("has(input)", f"{CEL} 5: {HAS}"),
        ("has('a')", f"{CEL} 5: {HAS}"),
        ("has(input.a.null)", f"{CEL} 13: a field called `null` is written in brackets, as in input['null']"),
        ("input.a === 1", f"{CEL} 11: write `==` for `===`"),
        ("input.a !== 1", f"{CEL} 11: write `!=` for `!==`"),
        ("input.a <> 1", f"{CEL} 10: write `!=` for `<>`"),
        ("input.a matches 'x'", f"{CEL} 9: `matches` is called on a value, as in input.name.matches('x')"),
        ("input.a == “x”", f"{CEL} 12: {CURLY}"),
        ("len(input.a) > 1", "w.yaml:5: steps.a.value: unknown function len; did you mean `size`?"),
        (
            "input.a.exists(x)",
            (
                "w.yaml:5: steps.a.value: `exists` takes a name and an expression, as in "
                "input.items.exists(item, item > 0)"
            ),
        ),
        ("has()", f"w.yaml:5: steps.a.value: {HAS}"),
        ("input.a and input.b", f"{CEL} 9: write `&&` for `and`"),
        ("not input.a", f"{CEL} 5: write `!` for `not`"),
        ("'x' if input.a else 'y'", f"{CEL} 5: write `condition ? one : other` for `if`"),
        ("input.a = 1", f"{CEL} 9: write `==` to compare"),
        ("input.a ==", f"{CEL} 11: it ends too early"),
        ("${{ input.a }}", f"{CEL} 1: an expression is written without braces, as in `input.name`"),
        ("12345678901234567890", f"{CEL} 1: a number this large cannot be written; compare texts instead"),
        ("1e400", f"{CEL} 1: a number this large cannot be written; compare texts instead"),
        ("input.a == None", "w.yaml:5: steps.a.value: there is nothing called `None`; write `null`"),
        ("inptu.a", "w.yaml:5: steps.a.value: there is nothing called `inptu`; did you mean `input`?"),
        ("siez(input.a)", "w.yaml:5: steps.a.value: unknown function siez; did you mean `size`?"),
        (
            "input.a.matches('a(?=b)')",
            f"w.yaml:5: steps.a.value: 'a(?=b)' is not a pattern that `matches` can use; {PATTERN}",
        ),
        (
            "input.a.matches('(?<!a)b')",
            f"w.yaml:5: steps.a.value: '(?<!a)b' is not a pattern that `matches` can use; {PATTERN}",
        ),
        ("input.a.matches('(a')", f"w.yaml:5: steps.a.value: '(a' is not a pattern that `matches` can use; {CLOSED}"),
    ],
)
def test_that_an_expression_is_refused_with_the_fix(value: str, said: str) -> None:
    assert _said(TRANSFORM.format(f'"{value}"')) == said


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{properties: {a: {type: strng}}}", "properties.a.type: there is no type strng; did you mean `string`?"),
        (
            "{additionalProperties: no}",
            'additionalProperties: "no" is not of types "boolean", "object"; write true or false',
        ),
        ("{type: array, uniqueItems: on}", 'uniqueItems: "on" is not of type "boolean"; write true or false'),
        (
            "{properties: {a: string}}",
            'properties.a: "string" is not of types "boolean", "object"; write {type: string}',
        ),
        ("{properties: [a]}", 'properties: ["a"] is not of type "object"'),
        ("{type: object, properties: {a: null}}", 'properties.a: null is not of types "boolean", "object"'),
        ("{enum: a}", 'enum: "a" is not of type "array"'),
        (
            "{type: array, items: string}",
            'items: "string" is not of types "boolean", "object"; write {type: string}',
        ),
        ("{pattern: '^(?!x)'}", f'pattern: "^(?!x)" is not a "regex"; {PATTERN}'),
    ],
)
def test_that_a_schema_is_refused_with_the_fix(schema: str, said: str) -> None:
    assert _said(SCHEMA.format(schema)) == f"w.yaml:2: input: is not a JSON Schema: {said}"


@pytest.mark.parametrize(
    ("schema", "key", "hint"),
    [
        ("{type: object, requierd: [a]}", "requierd", "did you mean `required`? Fields belong under `properties`"),
        ("{question: string}", "question", "fields belong under `properties`"),
        ("{q: string}", "q", "fields belong under `properties`"),
        (
            "{properties: {a: {typ: string}}}",
            "properties.a.typ",
            "did you mean `type`? Fields belong under `properties`",
        ),
        (
            "{allOf: [{propertis: {}}]}",
            "allOf.0.propertis",
            "did you mean `properties`? Fields belong under `properties`",
        ),
    ],
)
def test_that_a_keyword_that_json_schema_does_not_have_is_warned_of(schema: str, key: str, hint: str) -> None:
    said = f"warning: w.yaml:2: input.{key}: is no keyword of JSON Schema, and has no effect; {hint}"
    assert _said(SCHEMA.format(schema)).splitlines()[0] == said


@pytest.mark.parametrize(
    "schema",
    [
        "{$schema: 'http://json-schema.org/draft-07/schema#', definitions: {a: true}}",
        "{properties: {requierd: {default: {requierd: 1}, examples: [{b: 1}]}}, x-shown: true}",
    ],
)
def test_that_what_json_schema_has_is_not_warned_of(schema: str) -> None:
    assert _said(SCHEMA.format(schema)) == "w.yaml: the workflow w is valid: 1 step\n"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("'{{ input.q }}'", "input"),
        ("'for {{steps.z.output}}'", "steps"),
        ("'${ input.q }'", "input"),
        ("'${{ input.q }}'", ""),
        ("'$${{ input.q }}'", ""),
        ("'{{ customer }}'", ""),
        ("'{ input }'", ""),
    ],
)
def test_that_a_reference_in_other_braces_is_warned_of(written: str, name: str) -> None:
    text = f"id: w\nsteps:\n  a:\n    kind: connector\n    connector: embed\n    arguments: {{n: [{written}]}}\n"
    said = f"warning: w.yaml:6: steps.a.arguments.n.0: is sent as it is: a value is inserted as in ${{{{ {name}… }}}}\n"
    assert _said(text) == f"{said if name else ''}w.yaml: the workflow w is valid: 1 step\n"


@pytest.mark.parametrize(
    ("model", "hint"), [("locla", "did you mean `local`?"), ("gpt", "there is local"), ("local", "")]
)
def test_that_a_weight_of_a_model_that_is_not_asked_is_warned_of(model: str, hint: str) -> None:
    key = f"w.yaml:7: steps.a.fusion.weights.{model}"
    said = f"warning: {key}: has no effect: the step asks no model {model}; {hint}\n" if hint else ""
    text = f"{ASK}    prompt: x\n    fusion: {{strategy: vote, weights: {{{model}: 2}}}}\n"
    assert _said(text) == f"{said}w.yaml: the workflow w is valid: 1 step\n"


@pytest.mark.parametrize(
    ("code", "hint"),
    [("unavailble", "did you mean `unavailable`?"), ("unavailable", ""), ("too_deep", ""), ("acme_is_closed", "")],
)
def test_that_a_misspelt_code_of_an_error_is_warned_of(code: str, hint: str) -> None:
    said = f"warning: w.yaml:7: steps.a.retry.on.0: is the code of none of the built-in errors; {hint}\n"
    text = f"{ASK}    prompt: x\n    retry: {{on: [{code}]}}\n"
    assert _said(text) == f"{said if hint else ''}w.yaml: the workflow w is valid: 1 step\n"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{{ input.q", "`{{` is never closed by `}}`"),
        ("{{ input.q }", "`{{` is closed by two braces: `}}`"),
        ("{% if input.q", "`{%` is never closed by `%}`"),
        ("{# note", "`{#` is never closed by `#}`"),
        ("{{ }}", f"{NAMELESS}"),
        ("{% if %}x{% endif %}", f"{NAMELESS}"),
        ("{% if input.q %}x", "a tag is never closed: `{% if … %}` is ended by `{% endif %}`"),
        ("{% if input.q %}x{% end if %}", "there is no tag `end`; `{% if … %}` is ended by `{% endif %}`"),
        ("{% endif %}", "`{% endif %}` stands here without its `{% if … %}`"),
        ("{% if input.q %}{% endfor %}", f"`{{% endfor %}}` stands here without its `{{% for … %}}`; {ENDIF}"),
        ("{% elseif input.q %}", "there is no tag `elseif`; did you mean `elif`?"),
        ("{% iff input.q %}", "there is no tag `iff`; did you mean `if`?"),
        ("{{ input.q | uper }}", "there is no filter `uper`; did you mean `upper`?"),
        ("{{ input.q is strig }}", "there is no test `strig`; did you mean `string`?"),
        ("{% if input.q = 'x' %}{% endif %}", "write `==` to compare"),
        ("{{ input.q && input.p }}", "write `and` for `&&`"),
        ("{{ input.q ? 1 : 2 }}", "write `one if condition else other`"),
        ("{{ input['q }}", "a quote is opened and never closed"),
        ("{{ input.q | join(“,”) }}", CURLY),
        ("{{ (input.q }}", "a bracket is opened and never closed"),
        ("{{ input.q) }}", "`)` is not expected here"),
        ("{{ input.q == }}", "ends too early: something is missing before the closing braces"),
        ("{% for x of input.xs %}{% endfor %}", f"{LOOP}"),
        ("{% include 'x' %}", "`include` has no templates to load: write the text out"),
    ],
)
def test_that_a_template_is_refused_with_the_fix(prompt: str, said: str) -> None:
    text = f"{ASK}    prompt: |\n      first\n      {prompt}\n"
    assert _said(text).splitlines()[0] == f"w.yaml:6: steps.a.prompt: line 2: {said}"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("models: [locla]\n    prompt: x", "5: steps.a.models.0: no model is called locla; did you mean `local`?"),
        ("models: [local]\n    promt: x\n    prompt: x", "6: steps.a.promt: unknown key; did you mean `prompt`?"),
        (
            "models: [local]\n    prompt: x\n    fusion: {strategy: vot}",
            "7: steps.a.fusion: no fusion strategy is called vot; did you mean `vote`?",
        ),
        (
            "models: [local]\n    prompt: x\n    routing: {policy: weighted, wieghts: {local: 1}}",
            "7: steps.a.routing: routing policy weighted: there is no option wieghts; did you mean `weights`?",
        ),
        (
            "models: [local]\n    prompt: x\n    sampling: {temprature: 1}",
            "7: steps.a.sampling: there is no temprature; did you mean `temperature`?",
        ),
        (
            (
                "models: [local]\n    prompt: x\n    tools: [{name: look_up}]\n    tool_choice: lookup\n"
                "    downgrade: [tools]"
            ),
            "8: steps.a.tool_choice: there is no tool called lookup; did you mean `look_up`?",
        ),
        (
            "models: [local]\n    prompt: '{{ inptu.a }}'",
            "6: steps.a.prompt: there is nothing called `inptu`; did you mean `input`?",
        ),
    ],
)
def test_that_a_misspelt_name_is_refused_with_the_one_that_was_meant(more: str, said: str) -> None:
    assert _said(f"id: w\nsteps:\n  a:\n    kind: ask\n    {more}\n") == f"w.yaml:{said}"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{{ range }}", "inserts the function `range` itself, not what it gives: call it, as in `range(…)`"),
        (
            "{{ input.rows | map('upper') }}",
            "inserts items one by one, not their text: end it with `| list` or `| join(', ')`",
        ),
        (
            "{% set x = input.rows | select %}{{ x }}",
            "inserts items one by one, not their text: end it with `| list` or `| join(', ')`",
        ),
        ("{{ 'x' ~ [cycler] }}", "inserts the function `cycler` itself, not what it gives: call it, as in `cycler(…)`"),
        (
            "{% macro m() %}{% endmacro %}{{ m }}",
            "inserts the function `m` itself, not what it gives: call it, as in `m(…)`",
        ),
        (
            "{% for x in input.rows %}{{ loop }}{% endfor %}",
            "inserts `loop` itself: name one of its fields, as in `loop.index`",
        ),
        ("{{ 'a'.upper }}", "there is no `upper`; for the method of this name, write `upper()`"),
    ],
)
def test_that_a_template_that_would_insert_an_address_is_refused(prompt: str, said: str) -> None:
    text = f"{ASK}    prompt: |\n      {prompt}\n"
    assert _said(text) == f"w.yaml:6: steps.a.prompt: line 1: {said}"


def test_that_what_is_known_of_the_input_tells_more() -> None:
    schema = "input: {type: object, properties: {rows: {type: array, items: {type: string}}, q: {type: string}}}\n"
    reverse = _said(f"{schema}{ASK}    prompt: '{{{{ input.rows | reverse }}}}'\n")
    assert reverse == (
        "w.yaml:7: steps.a.prompt: inserts items one by one, not their text: end it with `| list` or `| join(', ')`"
    )
    assert _said(f"{schema}{ASK}    prompt: '{{{{ input.q.upper }}}}'\n") == (
        "w.yaml:7: steps.a.prompt: `input.q` is a text and has no `upper`"
    )
    assert "valid: 1 step" in _said(
        f"{schema}{ASK}    prompt: '{{{{ input.rows | join }}}}{{{{ input.q.upper() }}}}'\n"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("yes", "`yes` is a text in YAML 1.2: write true or false, or put quotes around the text"),
        ("OFF", "`OFF` is a text in YAML 1.2: write true or false, or put quotes around the text"),
        ("1.10", "`1.10` is the number 1.1: put quotes around it if it is a version"),
        ("'yes'", ""),
        ("true", ""),
        ("1.0", ""),
        ("1.25", ""),
        ("1.10.2", ""),
    ],
)
def test_that_a_value_that_may_be_meant_otherwise_is_warned_of(written: str, said: str) -> None:
    text = f"id: w\nsteps:\n  a:\n    kind: connector\n    connector: embed\n    arguments: {{n: {written}}}\n"
    warning = f"warning: w.yaml:6: steps.a.arguments.n: {said}\n" if said else ""
    assert _said(text) == f"{warning}w.yaml: the workflow w is valid: 1 step\n"


@pytest.mark.parametrize(
    "text",
    [
        ASK + "    prompt: '{{ input.values }} {{ input.items }} {{ input[\"keys\"] }}'\n",
        ASK + "    prompt: x\n    optional: yes\n    stream: on\n    timeout: 60s\n",
        ASK + "    prompt: x\n    timeout: 1m30s\n    cache: 90\n",
        "\ufeff" + ASK + "    prompt: x\n",
        "id: w\nsteps:\n  a: &a {kind: transform, value: \"size('a😀é') == 3\"}\n  b: *a\nanswer: b\n",
        ASK + "    prompt: x\n    retry: {on: [unavailable]}\n",
    ],
)
def test_that_what_is_right_stays_right(text: str) -> None:
    assert "is valid" in _said(text)
