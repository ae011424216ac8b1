"""From the training data to the page: every example, in every runtime, answers as Python does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import (
    QuantizeOptions,
    Tolerances,
    VerifyOptions,
    quantize,
    verify,
)
from edge_deploy.api.demo import build_demo
from edge_deploy.api.run import run
from edge_deploy.examples import EXAMPLES
from edge_deploy.web.browser import Browser
from tests.page import conftest
from tests.page.conftest import raw
from tests.support import PATIENCE
from tests.support.picture_files import KINDS

pytestmark = pytest.mark.slow

Visit = Callable[[str], Any]


@pytest.fixture(scope="module")
def artifacts(example_artifact: Callable[[str], Path]) -> dict[str, Path]:
    """Every example, trained and converted."""
    return {name: example_artifact(name) for name in EXAMPLES}


@pytest.fixture(scope="module")
def served(
    browser: Browser, artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Browser, str]]:
    root = tmp_path_factory.mktemp("site")
    build_demo(list(artifacts.values()), root / "site", compare=True)
    with conftest.served(root / "site") as url:
        yield browser, url


@pytest.fixture(scope="module")
def visit(served: tuple[Browser, str]) -> Iterator[Visit]:
    browser, url = served
    page = browser.new_page(service_workers="block")

    def go(query: str) -> Any:
        page.goto(f"{url}{query}&lang=en")
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        return page

    yield go
    page.close()


FILES = {
    "tfjs on webgl": "backend=webgl",
    "tfjs on wasm": "backend=wasm",
    "tflite": "file=tflite/{name}_float32.tflite",
    "onnx": "file=onnx/{name}_float32.onnx",
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_answers_on_the_page(visit: Visit, name: str, file: str) -> None:
    query = FILES[file].format(name=name)
    page = visit(f"?model={name}&{query}")
    shown = page.evaluate("({...document.documentElement.dataset})")
    assert shown["check"] == "pass"
    assert shown["backend"] == ("webgl" if "webgl" in file else "wasm")
    assert query.partition("=")[2] in (shown["file"], shown["backend"])
    page.click("#samples button")
    values = [v for o in raw(page)["outputs"].values() for v in o["values"]]
    assert values
    assert np.isfinite(values).all()


PICTURES = [
    "jpeg 4:2:2", "jpeg 4:2:0, wide", "jpeg progressive", "jpeg grey", "jpeg cmyk", "jpeg icc",
    "jpeg exif 5", "jpeg exif 8", "png 1 x 1", "png 1 x 9", "png large", "png alpha",
    "png palette, alphas", "png 16 bit, alpha", "png exif 7", "webp lossy, alpha", "webp exif 6",
    "gif clear colour", "gif animated", "bmp palette",
]  # fmt: skip


@pytest.mark.parametrize("name", ["chihuahua-vs-muffin", "digits-mlp"])
def test_twenty_pictures_give_python_s_probabilities(
    visit: Visit, artifacts: dict[str, Path], tmp_path: Path, name: str
) -> None:
    assert len(PICTURES) == 20
    files = []
    for n, kind in enumerate(PICTURES):
        files.append(tmp_path / f"{n:02d}.{kind.split()[0]}")
        files[-1].write_bytes(KINDS[kind]())
    theirs = run(artifacts[name], [str(file) for file in files])
    page = visit(f"?model={name}")
    seen = set()
    for kind, file, expected in zip(PICTURES, files, theirs, strict=True):
        page.set_input_files(".drop input", file)
        page.wait_for_selector(
            f"#history li:first-child .what:text-is('{file.name}')", state="attached"
        )
        mine = raw(page)
        assert mine["input"] == file.name
        (output,) = mine["outputs"].values()
        (wanted,) = expected.outputs.values()
        shares = dict(zip(output["classes"], output["values"], strict=True))
        for label, share in wanted["probabilities"].items():
            assert shares[label] == pytest.approx(share, abs=1e-5), (kind, label)
        seen.add(round(max(shares.values()), 4))
    assert len(seen) > 10  # the pictures do not all look the same to the model


def test_comparison_runs_every_file_in_its_runtime(visit: Visit) -> None:
    page = visit("?model=digits-mlp")
    page.click("#compare-start")
    page.wait_for_selector("#compare[data-state=done]", timeout=120_000)
    rows = page.locator("#compare tbody tr").all_inner_texts()
    cells = [row.split("\t") for row in rows]
    assert [(c[0], c[1]) for c in cells] == [
        ("TFLite float32", "LiteRT.js · wasm"),
        ("TF.js float32", "TF.js · webgl"),
        ("TF.js float32", "TF.js · wasm"),
        ("ONNX float32", "ONNX Runtime Web · wasm"),
    ]
    for _, _, download, first, median, distance in cells:
        assert download.endswith("KB")
        assert first.endswith(("ms", "s"))
        assert median.endswith("ms")
        assert distance.endswith("%")
    assert page.locator("#compare figure").count() == 2
    assert page.locator("#compare .chart .fill").count() == 4 + 3


# The insurance model loses 0.03 of its R² in int8: more than the usual budget, less than 0.05.
BUDGETS = {
    "the usual one": (Tolerances({}, {}), "fail"),
    "--max-drop 0.05": (Tolerances({}, {}, max_drop=0.05), "pass"),
    "--max-drop 0.001": (Tolerances({}, {}, max_drop=0.001), "fail"),
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_page_s_verdict_is_verify_s_with_a_budget(
    served: tuple[Browser, str], artifacts: dict[str, Path], tmp_path: Path, budget: str
) -> None:
    tolerances, wanted = BUDGETS[budget]
    folder = tmp_path / "insurance"
    shutil.copytree(artifacts["insurance"], folder)
    quantize(folder, QuantizeOptions(to=("tflite=int8",)))
    found = verify(folder, VerifyOptions(only=("tflite",), **vars(tolerances)))
    statuses = {verdict.precision: verdict.status for verdict in found.verdicts}
    assert statuses == {"float32": "pass", "int8": wanted}
    build_demo([folder], tmp_path / "site", compare=True)
    with conftest.served(tmp_path / "site") as url:
        page = served[0].new_page(service_workers="block")
        for precision, status in statuses.items():
            page.goto(f"{url}?lang=en&file=tflite/insurance_{precision}.tflite")
            page.wait_for_selector("html[data-check]", state="attached", timeout=60_000)
            shown = page.evaluate("({...document.documentElement.dataset})")
            assert (shown["check"], shown["backend"]) == (status, "wasm")
            assert ("costs more than it may" in page.text_content("#check")) is (status == "fail")
        page.close()


# Counts the shaders that the page's own thread compiles: while it does, no click is answered. A gap
# in a timer would say the same only on an idle machine.
COMPILED = """() => {
  globalThis.compiled = 0;
  for (const context of [WebGLRenderingContext, WebGL2RenderingContext]) {
    const compile = context.prototype.compileShader;
    context.prototype.compileShader = function (...shader) {
      globalThis.compiled += 1;
      return compile.apply(this, shader);
    };
  }
}"""


def test_page_answers_while_a_model_compiles(served: tuple[Browser, str]) -> None:
    browser, url = served
    page = browser.new_page(service_workers="block")
    page.add_init_script(f"({COMPILED})()")
    page.goto(f"{url}?model=cat-vs-dog&backend=webgl&lang=en")
    page.wait_for_selector("html[data-check=pass]", state="attached", timeout=120_000)
    backend, compiled = page.evaluate("[document.documentElement.dataset.backend, compiled]")
    page.evaluate(
        "(() => { const gl = document.createElement('canvas').getContext('webgl2');"
        " gl.compileShader(gl.createShader(gl.VERTEX_SHADER)); })()"
    )
    counted = page.evaluate("compiled")
    page.close()
    assert (backend, compiled) == ("webgl", 0)
    assert counted == 1  # so the count sees what the page's thread compiles


# Cancels when the model answers the reference samples, which is over too soon for a driver.
CANCELS = """() => {
  new MutationObserver((changes, observer) => {
    if (!document.querySelector('#status')?.textContent.includes('Comparing')) return;
    observer.disconnect();
    document.querySelector('#cancel').click();
  }).observe(document, {subtree: true, childList: true, characterData: true});
}"""


def test_cancel_ends_a_model_that_compares(served: tuple[Browser, str]) -> None:
    browser, url = served
    page = browser.new_page(service_workers="block")
    page.add_init_script(f"({CANCELS})()")
    page.goto(f"{url}?model=cat-vs-dog&backend=webgl&lang=en")
    page.wait_for_selector("html[data-state=stopped]", state="attached", timeout=60_000)
    assert page.inner_text("#status") == "Stopped."
    deadline = time.monotonic() + PATIENCE
    while page.workers:  # the thread that computes is ended, not waited for
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)
    page.click("#cancel")  # now it says "Load again"
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=120_000)
    assert page.evaluate("document.documentElement.dataset.check") == "pass"
    page.close()
