from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import build

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    Path("meta-ai.yaml").write_text("retrieval:\n  embedder: hashing\n  vector_weight: 0.6\n", encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["eval", "retrieval", *arguments])


def test_each_ranking_is_a_line_with_its_difference_to_the_first() -> None:
    shown = _run(str(ROOT / "examples/eval/docs"))
    assert shown.exit_code == 0, shown.output
    head, *rows = shown.stdout.splitlines()[:5]
    assert head.split()[:2] == ["ranking", "nDCG@10"]
    names = ["configured", "vectors only", "BM25 only", "reciprocal rank"]
    assert [row[: len(name)] for row, name in zip(rows, names, strict=True)] == names
    assert "223 documents, 83 queries" in shown.stdout


def test_programs_get_one_object_for_each_ranking_and_for_the_fit() -> None:
    shown = _run(str(ROOT / "examples/eval/docs"), "--fit", "--json")
    *rankings, fitted = map(json.loads, shown.stdout.splitlines())
    means = {one["configuration"]: one["measures"]["nDCG@10"]["interval"]["mean"] for one in rankings}
    assert means["vectors only"] < means["configured"]  # the vectors know words only, and those worse than BM25
    assert all(one["measures"]["MRR"]["p"] is not None for one in rankings[1:])
    assert 0 <= fitted["fitted"]["vector_weight"] <= 1
    assert fitted["fitted"]["expected"]["low"] <= fitted["fitted"]["expected"]["high"]


def test_a_folder_that_is_no_collection_is_refused() -> None:
    shown = _run(".")
    assert shown.exit_code == 1
    assert "corpus.jsonl cannot be read: No such file" in shown.stderr


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    shown = _run(str(ROOT / "examples/eval/docs"))
    assert (shown.exit_code, shown.stderr) == (1, 'meta-ai: pip install "meta-ai-orchestrator[eval]"\n')
