"""The TypeScript client: built, packed, and tested with Node's own runner."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.sdk.node import install, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sdk" / "typescript"


@pytest.fixture(scope="module")
def package() -> Path:
    """The folder of the package, which is built, and so are its tests."""
    install(FOLDER)
    run(FOLDER, "npm", "run", "build")
    run(FOLDER, "node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json")
    return FOLDER


def test_its_own_tests_pass(package: Path) -> None:
    tests = sorted(str(path.relative_to(package)) for path in (package / "build/test").glob("*.test.js"))
    assert len(tests) == len(list((package / "test").glob("*.test.ts")))
    said = run(package, "node", "--test", "--test-concurrency=4", "--test-reporter=spec", *tests)
    assert "fail 0" in said


def test_its_types_are_those_of_the_gateway(package: Path, tmp_path: Path) -> None:
    run(package, "node", "scripts/generate.mjs", str(tmp_path / "generated.ts"))
    fresh = (tmp_path / "generated.ts").read_text(encoding="utf-8")
    assert (package / "src/generated.ts").read_text(encoding="utf-8") == fresh, "call `npm run generate`"


def test_what_is_published_can_be_imported_and_required_with_types(package: Path) -> None:
    for old in (package / "build").glob("*.tgz"):
        old.unlink()
    assert "No problems found" in run(package, "npm", "run", "check")
    (packed,) = (package / "build").glob("*.tgz")
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    built = {path.relative_to(package).as_posix() for path in (package / "dist").rglob("*") if path.is_file()}
    assert names == built | {"LICENSE", "README.md", "package.json"}


def test_it_needs_no_other_package_and_is_of_one_version(package: Path) -> None:
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert not manifest.keys() & {"dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"}
    assert f'"{manifest["version"]}"' in (package / "src/version.ts").read_text(encoding="utf-8")
