"""snippet and bundle: the code is run or parsed, and answers what the original file answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_deploy import ConvertOptions, bundle, convert, run
from edge_deploy.examples import EXAMPLES, build_example

ROOT = Path(__file__).parent.parent
NODE_MODULES = ROOT / "web_demo" / "node_modules"
PICTURES = ("cat-vs-dog", "chihuahua-vs-muffin", "digits-mlp")


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every example model, converted to TFLite."""
    folder = tmp_path_factory.mktemp("snippets")
    made = {}
    for name in EXAMPLES:
        model = build_example(name, folder / name).model
        options = ConvertOptions(to=("tflite",), name=name, output=folder / "artifacts")
        made[name] = convert(model, options).artifact.folder
    return made


@pytest.mark.slow
def test_python_bundles_pass_their_own_tests(examples: dict[str, Path]) -> None:
    """Each in the folder of its bundle, without edge_deploy or TensorFlow."""
    for name, artifact in examples.items():
        bundle(artifact, "python", f"app-{name}")
    (blocked := Path("blocked")).mkdir()
    for package in ("edge_deploy", "tensorflow"):
        (blocked / f"{package}.py").write_text("raise ImportError('not in an app')")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *Path().glob("app-*")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(blocked.resolve())},
    )
    assert (done.returncode, "21 passed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.slow
def test_python_snippets_answer_as_run_does(examples: dict[str, Path]) -> None:
    for name, artifact in examples.items():
        bundle(artifact, "python", name)
        module = name.replace("-", "_")
        pictures = sorted((artifact / "samples").glob("*.png"))[:1]
        done = subprocess.run(
            [sys.executable, f"{module}.py", *pictures], cwd=name, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        if pictures:
            inputs = [str(pictures[0])]
        else:
            row = json.loads((artifact / "samples/samples.json").read_text())[0]
            inputs = [f"{key}={value}" for key, value in row.items()]
        *_, outputs = run(artifact, inputs)[0].outputs.values()
        answer = outputs.get("probabilities", outputs.get("value"))
        assert str(answer) in done.stdout, (answer, done.stdout)


PAGE = """<!doctype html><script type="importmap">{"imports": {
  "@litertjs/core": "/npm/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/npm/@litertjs/wasm-utils/dist/index.js"}}</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A page whose server serves a folder, with LiteRT.js as npm installs it."""
    from edge_deploy.browser import open_browser
    from edge_deploy.server import address, start

    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text(PAGE)
    mounts = {"npm": NODE_MODULES}
    with start(site, mounts=mounts) as server, open_browser() as browser:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        opened = browser.new_page(bypass_csp=True)
        opened.goto(address(server))
        yield opened, site
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_javascript_bundle_passes_its_own_test_in_a_browser(
    page: Any, examples: dict[str, Path], name: str
) -> None:
    opened, site = page
    bundle(examples[name], "js", site / name)
    script = """async ([name, file]) => {
      const {test} = await import(`/${name}/${file}`);
      const model = new URL(`/${name}/${name}_float32.tflite`, location);
      return test(model, new URL('/npm/@litertjs/core/wasm/', location));
    }"""
    assert opened.evaluate(script, [name, f"{name.replace('-', '_')}.test.js"]) == 3
