"""How a model starts on WebGL: it compiles while its weights are on their way."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import numpy as np
import pytest

from edge_deploy.web import server as server_module
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from edge_deploy.web.server import address, start
from tests.support.tfjs_files import write_model

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)
W, B = (RNG.normal(size=shape).astype(np.float32) for shape in ((256, 300), (300,)))
SHAPE = np.asarray([-1, 30, 10], np.int32)
NODES = [
    ("product", "MatMul", ["x", "w"]),
    ("sum", "AddV2", ["product", "b"]),
    ("y", "Reshape", ["sum", "shape"]),
]
X = np.linspace(-1, 1, 256, dtype=np.float32)

START = """async ([url, bytes]) => {
  const { openHere } = await import('/page/src/runtime-host.js');
  const tf = await import('/page/vendor/tfjs.js');
  const tensor = (name) => [{ name, dtype: 'float32' }];
  const spec = { inputs: tensor('x'), outputs: tensor('y') };
  const weights = new URL('group1-shard1of1.bin', url).href;
  const files = [{ url, bytes: 0, sha256: '' }, { url: weights, bytes, sha256: '' }];
  globalThis.programs = () => Object.keys(tf.engine().backendInstance?.binaryCache ?? {}).length;
  globalThis.flags = () =>
    ['ENGINE_COMPILE_ONLY', 'WEBGL_FLUSH_THRESHOLD'].map((name) => tf.env().get(name));
  globalThis.opening = openHere('tfjs', new URL(url), 'webgl', spec, { files });
}"""
ANSWER = """async (x) => {
  const model = await opening;
  const before = [programs(), model.tensors()];
  const { y } = await model.predict({ x: { data: Float32Array.from(x), shape: [1, 256] } });
  const after = [programs(), model.tensors()];
  return { before, after, y: [...y.data], shape: y.shape, flags: flags() };
}"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, threading.Event]]:
    """A server that keeps the last byte of weights back until the event is set."""
    release = threading.Event()
    copy = server_module._Handler.copyfile

    def copyfile(handler: Any, source: Any, output: Any) -> None:
        if ".bin?sha256=" in handler.path:
            data = source.read()
            output.write(data[:-1])
            output.flush()
            release.wait(60)
            output.write(data[-1:])
        else:
            copy(handler, source, output)

    monkeypatch.setattr(server_module._Handler, "copyfile", copyfile)
    server = start(tmp_path, mounts={"page": shell_folder()})
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield address(server), release
    release.set()
    server.shutdown()
    server.server_close()


def test_code_that_a_visitor_waits_for_is_small() -> None:
    """Explanations, own data, marks and the quality view come after the answer."""
    page = shell_folder() / "vendor/page"
    waited = {name: (page / name).read_bytes() for name in ("main.js", "worker.js", "preload.js")}
    sizes = {name: len(brotli.compress(data, quality=11)) for name, data in waited.items()}
    assert sum(sizes.values()) <= 45_000, sizes
    later = {"why.js", "own_data.js", "marks.js", "quality.js", "selftest.js"}
    assert later <= {file.name for file in page.glob("*.js")}
    for name in later:  # and takes what there is from main.js, so that nothing is loaded twice
        assert "main.js" in imports_of(page, name)


def imports_of(page: Path, name: str) -> set[str]:
    """All modules that one imports, and those that these do."""
    found = {name}
    queue = [name]
    while queue:
        code = (page / queue.pop()).read_text(encoding="utf-8")
        new = set(re.findall(r'(?:from|import)"\./([\w-]+\.js)"', code)) - found
        found |= new
        queue += new
    return found


@pytest.mark.parametrize(
    ("order", "early"),
    [
        ("shape w b", True),
        ("w b shape", False),  # an older file: what steers comes last, with the last byte
    ],
)
def test_webgl_compiles_before_the_weights_are_there(
    browser: Browser,
    tmp_path: Path,
    slow: tuple[str, threading.Event],
    order: str,
    early: bool,
) -> None:
    url, release = slow
    constants = {"w": W, "b": B, "shape": SHAPE}
    weights = {name: constants[name] for name in order.split()}
    write_model(tmp_path / "model", [("x", "DT_FLOAT", 256)], NODES, weights)
    size = (tmp_path / "model/group1-shard1of1.bin").stat().st_size
    page = browser.new_page()
    page.goto(f"{url}page/harness.html")
    page.evaluate(START, [f"{url}model/model.json", size])
    if early:
        page.wait_for_function("() => programs() > 0", timeout=60_000)
    else:
        page.wait_for_timeout(1500)
        assert page.evaluate("() => programs()") == 0
    release.set()
    answer = page.evaluate(ANSWER, X.tolist())
    page.close()
    assert answer["before"] == answer["after"]  # nothing was left to compile, nothing is left over
    assert answer["before"][0] > 0
    assert answer["before"][1] == len(weights)
    assert answer["shape"] == [1, 30, 10]
    assert np.abs(np.asarray(answer["y"]) - (X @ W + B)).max() <= 1e-4
    assert answer["flags"] == [False, -1]
