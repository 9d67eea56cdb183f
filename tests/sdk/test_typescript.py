"""The TypeScript client: built, packed, and tested with Node's own runner."""

from __future__ import annotations

import base64
import json
import re
import secrets
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.brokers.ports import free_port
from tests.docs.pages import blocks
from tests.e2e.commands import Cli
from tests.sdk.node import install, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sdk" / "typescript"
GUIDE = "docs/sdk-typescript.md"
TSC = "node_modules/typescript-7/bin/tsc"
_CONFIG = """\
app_id: typescript
topics: {{partitions: 2}}
models:
  sound: {{provider: scripted, options: {{default: "This is the answer.", piece_delay: 0.1}}}}
ask: {{models: [sound], retrieve: false, stream: true}}
retrieval: {{embedder: hashing}}
server: {{port: 0}}
gateway:
  security: {{enabled: true}}
  cors: {{origins: ["http://127.0.0.1:{page_port}"]}}
webhooks:
  endpoints:
    here: {{url: "http://127.0.0.1:{port}/", signing_keys: ["{key}"]}}
workflows: [refund.yaml, ticket-resolution.yaml]
"""
_WORKFLOWS = {
    "refund": "id: refund\ndeadline: 5m\nsteps:\n  approval: {kind: wait, signal: approval, timeout: 4m}\n",
    "ticket-resolution": """\
id: ticket-resolution
input:
  type: object
  required: [subject, body]
steps:
  draft: {kind: ask, models: [sound], prompt: "{{ input.subject }}: {{ input.body }}"}
  done: {kind: transform, value: "{'reply': steps.draft.output, 'of': input.subject}"}
""",
}


@pytest.fixture(scope="module")
def package() -> Path:
    """The folder of the package, which is built, and so are its tests."""
    install(FOLDER)
    run(FOLDER, "node", "scripts/build.mjs")
    run(FOLDER, "node", TSC, "-p", "tsconfig.test.json")
    return FOLDER


def test_its_own_tests_pass(package: Path) -> None:
    tests = sorted(str(path.relative_to(package)) for path in (package / "build/test").glob("*.test.js"))
    assert len(tests) == len(list((package / "test").glob("*.test.ts")))
    said = run(package, "node", "--test", "--test-concurrency=4", "--test-reporter=spec", *tests, PYTHON=sys.executable)
    assert "fail 0" in said


@pytest.mark.parametrize(
    "command", [("deno", "test", "--allow-all", "--no-check"), ("bun", "test")], ids=["deno", "bun"]
)
def test_they_pass_elsewhere(package: Path, command: tuple[str, ...]) -> None:
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"not installed here: {command[0]}")
    tests = [f"./build/test/{name}.test.js" for name in ("batch", "client", "stream", "webhooks")]
    run(package, program, *command[1:], *tests, DENO_NO_UPDATE_CHECK="1")


def test_it_is_formatted(package: Path) -> None:
    run(package, "node", "node_modules/prettier/bin/prettier.cjs", "--check", "src", "test", "scripts")


def test_its_types_are_those_of_the_gateway(package: Path, tmp_path: Path) -> None:
    run(package, "node", "scripts/generate.mjs", str(tmp_path / "generated.ts"))
    fresh = (tmp_path / "generated.ts").read_text(encoding="utf-8")
    assert (package / "src/generated.ts").read_text(encoding="utf-8") == fresh, "call `npm run generate`"


def test_what_is_published_can_be_imported_and_required_with_types(package: Path) -> None:
    for old in (package / "build").glob("*.tgz"):
        old.unlink()
    run(package, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", "build")
    (packed,) = (package / "build").glob("*.tgz")
    assert "All good" in run(package, "node", "node_modules/publint/src/cli.js", "--strict", str(packed))
    assert "No problems" in run(package, "node", "node_modules/@arethetypeswrong/cli/dist/index.js", str(packed))
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    built = {path.relative_to(package).as_posix() for path in (package / "dist").rglob("*") if path.is_file()}
    assert names == built | {"LICENSE", "README.md", "package.json"}


def test_it_needs_no_other_package_and_is_of_one_version(package: Path) -> None:
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert not manifest.keys() & {"dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"}
    assert f'"{manifest["version"]}"' in (package / "src/version.ts").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a program that uses a gateway, with its worker, a key, and where its webhooks go."""
    folder = tmp_path_factory.mktemp("typescript")
    port, page_port = free_port(), free_port()
    signing_key = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    config = _CONFIG.format(port=port, page_port=page_port, key=signing_key)
    (folder / "meta-ai.yaml").write_text(config, encoding="utf-8")
    for name, text in _WORKFLOWS.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    cli = Cli(folder)
    with cli.hosted():
        address = json.loads((folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]
        key = re.search(r"mao_\w+", cli("keys", "create", "sdk", "--role", "admin"))
        assert key
        named = {"META_AI_BASE_URL": f"http://{address}/v1", "META_AI_API_KEY": key[0]}
        yield named | {"WEBHOOK_PORT": str(port), "WEBHOOK_KEY": signing_key, "PAGE_PORT": str(page_port)}


def test_it_works_with_a_gateway(package: Path, gateway: dict[str, str]) -> None:
    run(package, "node", "--test", "--test-reporter=spec", "build/test/gateway.e2e.js", **gateway)


def test_it_works_in_a_browser(package: Path, gateway: dict[str, str]) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("not installed here: chromium")
    run(package, "node", "--test", "--test-reporter=spec", "build/test/browser.e2e.js", CHROMIUM=browser, **gateway)


def test_the_examples_of_the_guide_are_right_and_work(package: Path, gateway: dict[str, str]) -> None:
    assert {block.page for block in blocks("ts")} == {GUIDE}
    (package / "build/pages").mkdir(parents=True, exist_ok=True)
    for name, page in (("guide", GUIDE), ("readme", "sdk/typescript/README.md")):
        program = "".join(block.text for block in blocks("ts", pages=(page,)))
        (package / f"build/pages/{name}.ts").write_text(program, encoding="utf-8")
    strict = ("--module", "NodeNext", "--target", "ES2022", "--strict", "--types", "node", "--ignoreConfig")
    run(package, "node", TSC, *strict, "build/pages/guide.ts", "build/pages/readme.ts")
    said = run(package, "node", "build/pages/guide.js", **gateway)
    assert said.count("This is the answer.") >= 4  # two runs, the last piece and the result of a stream
    assert "422 unknown_workflow" in said
    assert "This is the answer." in run(package, "node", "build/pages/readme.js", **gateway)
