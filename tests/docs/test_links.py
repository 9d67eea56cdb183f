from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, headings, links, text


@pytest.mark.parametrize("page", PAGES)
def test_every_internal_link_leads_somewhere(page: str) -> None:
    for link in links(page):
        if not link.startswith(("http://", "https://")):
            _follow(page, link)


def _follow(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (ROOT / PurePosixPath(page).parent / path).resolve() if path else ROOT / page
    assert target.is_relative_to(ROOT), f"{link} leads out of the project"
    assert target.exists(), f"{link} leads nowhere"
    if anchor:
        assert anchor in headings(target.relative_to(ROOT).as_posix()), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_its_only_title(page: str) -> None:
    source = re.sub(r"(?ms)^```.*?^```$", "", text(page))
    assert source.startswith("# ")
    assert len(re.findall(r"(?m)^# ", source)) == 1


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_a_page_can_be_reached_from_the_readme(page: str) -> None:
    reached, ahead = set[str](), ["README.md"]
    while ahead:
        here = ahead.pop()
        reached.add(here)
        found = {(ROOT / here).parent.joinpath(link.partition("#")[0]).resolve() for link in links(here)}
        pages = {path.relative_to(ROOT).as_posix() for path in found if path.is_file() and path.suffix == ".md"}
        ahead += pages - reached
    assert page in reached


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_in_backticks_exist(page: str) -> None:
    named = re.findall(r"`((?:app|agents|topics|tests|docs|examples|requirements|scripts)/[\w./-]*)`", text(page))
    # `tests/fusion/strategies/test_vote.py` and the like: paths of this project, seen from its root
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_scripts_that_are_shown_can_be_run() -> None:
    lines = [line for block in blocks("sh", "console") for line in block.text.splitlines()]
    scripts = {line.split()[0] for line in lines if line.startswith("scripts/")}
    assert scripts
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)
