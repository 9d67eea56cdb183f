"""A tenant that is bound to a region: whatever a workflow does, a provider in another region sees nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.commands import Cli
from tests.e2e.recording_provider import RecordingProvider, recording_provider
from tests.e2e.test_gateway import post, ready

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: residency
topics: {{partitions: 2}}
models:
  here: {{provider: openai, model: m, base_url: "{here}", api_key: k, region: eu, price: {{input: 2, output: 2}}}}
  abroad: {{provider: openai, model: m, base_url: "{abroad}", api_key: k, region: us, price: {{input: 1, output: 1}}}}
  broken: {{provider: openai, model: m, base_url: "http://127.0.0.1:1/v1", api_key: k, region: eu, attempts: 1}}
  plain: {{provider: scripted, options: {{default: "Quite another answer."}}}}
residency: {{region: eu, tenants: {{acme: [eu]}}}}
retrieval: {{embedder: hashing}}
ask: {{models: [here]}}
server: {{port: 0}}
workflows: [workflows]
"""

_WORKFLOW = """\
id: {name}
steps:
  answer:
    kind: ask
    prompt: "{{{{ input.question }}}}"
{step}"""

#: What the step of each workflow says, and the error of the tenant's run, if it fails: it then has nobody to ask.
WORKFLOWS = {
    "named": ("models: [abroad]", "residency"),
    "panel": ("models: [abroad, here]\nfusion: {strategy: vote}", None),
    "first": ("models: [abroad, here]\nfusion: {strategy: first}", None),
    "cheapest": ("models: [here, abroad]\nrouting: {policy: cost, choose: 1}", None),
    "fallback": ("models: [broken, abroad]\nrouting: {policy: fixed, choose: 1}", "unavailable"),
    "cascade": ("models: [here, abroad]\nrouting: {policy: cascade, doubt: [It]}", None),
    "judged": ("models: [here, plain]\nfusion: {strategy: best-of-n, judge: abroad}", None),
    "cached": ("models: [abroad]\ncache: 1h", "residency"),
    "streamed": ("models: [abroad]\nstream: true", "residency"),
}


@dataclass
class Scene:
    address: str
    here: RecordingProvider
    abroad: RecordingProvider


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("residency")
    (folder / "workflows").mkdir()
    for name, (said, _) in WORKFLOWS.items():
        step = "".join(f"    {line}\n" for line in said.split("\n"))
        (folder / "workflows" / f"{name}.yaml").write_text(_WORKFLOW.format(name=name, step=step), encoding="utf-8")
    with recording_provider() as here, recording_provider() as abroad:
        (folder / "meta-ai.yaml").write_text(_CONFIG.format(here=here.url, abroad=abroad.url), encoding="utf-8")
        with Cli(folder).hosted():
            address = json.loads((folder / ".meta-ai" / "run.json").read_text(encoding="utf-8"))["gateway"]
            yield Scene(address, here, abroad)


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_that_a_provider_abroad_sees_nothing_of_a_bound_tenant(scene: Scene, name: str) -> None:
    await ready(scene.address)
    body = {"workflow": name, "input": {"question": f"Why {name}?"}}
    _, other = await post(scene.address, {**body, "tenant": "umbrella"}, Prefer="wait=30")
    assert (other["status"], name) == ("succeeded", name)
    assert scene.abroad.bodies, "else nothing is shown"
    scene.abroad.bodies.clear()
    _, own = await post(scene.address, {**body, "tenant": "acme"}, Prefer="wait=30")
    assert scene.abroad.bodies == []
    error = WORKFLOWS[name][1]
    assert own["status"] == ("failed" if error else "succeeded")
    if error:
        assert own["error"]["code"] == error
