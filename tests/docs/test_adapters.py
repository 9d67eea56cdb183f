from __future__ import annotations

from app.models.conformance.probe import probe
from app.models.registry import build
from app.models.scripted.adapter import ScriptedOptions
from app.settings import ModelSettings
from tests.docs.pages import ROOT, blocks, first_codes

PAGE = "docs/adapters.md"
TUTORIAL = "docs/tutorials/write-an-adapter.md"
TEMPLATE = ROOT / "examples" / "adapter-template"


async def test_every_check_is_described_in_its_order() -> None:
    model = build("m", ModelSettings(provider="scripted"))
    made = [check.name async for check in probe(model)]

    assert first_codes(PAGE, "check", "what must be") == made


def test_every_option_of_the_double_is_described() -> None:
    described = set(first_codes(PAGE, "option", "what it does"))
    assert described == set(ScriptedOptions.model_fields)


def test_what_the_tutorial_shows_is_the_template() -> None:
    files = [path.read_text(encoding="utf-8") for path in TEMPLATE.rglob("*.*") if path.suffix in {".py", ".yaml"}]
    shown = [block for block in blocks("python", "yaml", pages=(TUTORIAL,)) if block.mark == "template"]

    assert len(shown) == 3
    for block in shown:
        assert any(block.text in file for file in files), f"{block} is not in the template"


def test_the_entry_point_that_the_tutorial_shows_is_the_templates() -> None:
    (block,) = blocks("toml", pages=(TUTORIAL,))
    assert block.text in (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8")
