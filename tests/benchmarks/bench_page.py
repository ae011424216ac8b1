"""The page against a plain one, in one browser: download, first answer, second visit, latency.

Goals, for an image model of at most 2 MB, both pages served with brotli, 10 Mbit/s and 40 ms:
JavaScript at most 160 KB, of which the page's own at most 45; first answer at most 0.7 of a page
that loads tf.min.js, the backend and the same model.json, a second visit at most 0.3 of it (both on
wasm: on WebGL most of the time is the driver's compiling); later answers at most 1.05 of calling
the runtime directly.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from edge_deploy.api.demo import build_demo
from edge_deploy.web import precompress
from edge_deploy.web import server as server_module
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import open_browser
from edge_deploy.web.server import address, start

PLAIN = """<!doctype html>
<meta charset="utf-8" />
<script src="tf.min.js"></script>
<script src="tf-backend-wasm.min.js"></script>
<script type="module">
  const backend = new URLSearchParams(location.search).get('backend');
  tf.wasm?.setWasmPaths('./');
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend(backend);
  const model = await tf.loadGraphModel('model/model.json');
  const shape = SHAPE;
  const size = shape.reduce((a, b) => a * b, 1);
  const ask = async (data = new Float32Array(size)) => {
    const x = tf.tensor(data, shape);
    const y = model.execute(x);
    const answer = await y.data();
    x.dispose();
    y.dispose();
    return answer;
  };
  const started = performance.now();
  await ask();
  globalThis.first = performance.now();
  globalThis.firstRun = globalThis.first - started;
  globalThis.ask = ask;
  document.documentElement.dataset.state = 'ready';
</script>
"""
# Answers before those that count: WebAssembly is compiled anew while it runs.
WARM = {"wasm": 300, "webgl": 5}
# Both in one page and in turn, answer by answer, so that what else the machine does meets both.
LATENCY = """async ([site, backend, shape, name, warm]) => {
  const {open} = await import(new URL('src/model.js', site));
  const folder = new URL('models/' + name + '/', site);
  const spec = await (await fetch(new URL('manifest.json', folder))).json();
  const url = new URL('tfjs/float32/model.json', folder);
  const size = shape.reduce((a, b) => a * b, 1);
  const [input] = spec.inputs;
  const medians = async (options) => {
    const model = await open('tfjs', url, backend, spec, options);
    const ways = [(data) => model.predict({[input.name]: {data, shape}}), ask];
    const times = ways.map(() => []);
    for (let n = 0; n < warm + 101; n += 1) {
      for (const [place, way] of ways.entries()) {
        const data = new Float32Array(size).fill(0.5);
        const started = performance.now();
        await way(data);
        if (n >= warm) times[place].push(performance.now() - started);
      }
    }
    model.dispose();
    return times.map((own) => own.sort((a, b) => a - b)[50]);
  };
  const found = await medians({});
  // As the page does it: what takes less than that is answered in its own thread.
  return backend === 'wasm' && found[1] < 5 ? medians({near: true}) : found;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "artifact", nargs="?", type=Path, help="an image model's, with a TF.js file"
    )
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        compare(options.artifact or example(root), root / "www", options.runs)


def example(root: Path) -> Path:
    """Train and convert an image model."""
    command = [sys.executable, "-m", "edge_deploy.cli"]
    subprocess.run([*command, "examples", "cat-vs-dog", "-q"], cwd=root, check=True)
    model = next((root / "examples/cat-vs-dog").glob("cat-vs-dog.*"))
    subprocess.run([*command, "convert", model, "--to", "tfjs", "-q"], cwd=root, check=True)
    return root / "artifacts/cat-vs-dog/1"


def compare(artifact: Path, www: Path, runs: int) -> None:
    """Build both pages, visit them in turn, print the medians and their ratios."""
    site = build_demo([artifact], www / "ours").folder
    [entry] = json.loads((site / "models/index.json").read_text())["models"]
    manifest = json.loads((artifact / "manifest.json").read_text())
    shape = [1, *manifest["inputs"][0]["shape"][1:]]
    plain(www / "plain", artifact, shape)
    server = start(www, isolated=True)  # a finer clock for pages
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    base = address(server)
    _Link().attach()
    print(f"{entry['key']}: {entry['bytes'] / 1e6:.2f} MB of float32 weights")
    both: dict[str, int] = {}
    with open_browser() as browser:
        for backend in ("wasm", "webgl"):
            ours, second, theirs = [], [], []
            for _ in range(runs):
                cold, again, code = visit(browser, f"{base}ours/?backend={backend}", True)
                ours.append(cold)
                second.append(again)
                theirs.append(visit(browser, f"{base}plain/?backend={backend}", False)[0])
            both |= code
            a, b, c = map(statistics.median, (ours, theirs, second))
            print(
                f"{backend}: first answer {a:.0f} ms, plain page {b:.0f} ms: {a / b:.2f} (0.7); "
                f"second visit {c:.0f} ms: {c / b:.2f} of the plain page (0.3 on wasm), "
                f"{c / a:.2f} of the first; JavaScript {_kilobytes(code)} KB"
            )
            page = browser.new_page()
            page.goto(f"{base}plain/?backend={backend}")
            page.wait_for_selector("html[data-state=ready]", state="attached", timeout=120_000)
            ours_at = [f"{base}ours/", backend, shape, entry["folder"], WARM[backend]]
            pairs = [page.evaluate(LATENCY, ours_at) for _ in range(3)]
            compiled = page.evaluate("() => globalThis.firstRun")
            mine, direct = (statistics.median(column) for column in zip(*pairs, strict=True))
            page.close()
            print(f"{backend}: {mine:.2f} ms, direct {direct:.2f} ms: {mine / direct:.2f} (1.05)")
            # What no page can avoid: on a software GPU most of a second visit.
            print(f"{backend}: the first run, which compiles, takes {compiled:.0f} ms when direct")
    print(f"JavaScript of both visits together: {_kilobytes(both)} KB (160)")
    own = {url: size for url, size in both.items() if "/src/" in url}
    print(f"of it the page's own, until the first answer: {_kilobytes(own)} KB (45)")
    wasm = site / "vendor/tfjs-backend-wasm-simd.wasm.br"
    print(f"wasm file: {wasm.stat().st_size / 1e3:.0f} KB")
    server.shutdown()


def tf_min_js() -> bytes:
    """What others load: one file of npm's package, which nothing but this benchmark needs."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["npm", "pack", "--silent", "@tensorflow/tfjs@4.22.0"]
        packed = subprocess.run(asked, cwd=folder, check=True, capture_output=True, text=True)
        with tarfile.open(Path(folder) / packed.stdout.split()[-1]) as package:
            member = package.extractfile("package/dist/tf.min.js")
            assert member is not None
            return member.read()


def plain(folder: Path, artifact: Path, shape: list[int]) -> None:
    """What people write by hand: tf.min.js, the backend, the model."""
    modules = shell_folder() / "node_modules/@tensorflow"
    files: dict[str, Any] = {
        "index.html": PLAIN.replace("SHAPE", json.dumps(shape)).encode(),
        "tf.min.js": tf_min_js(),
        "tf-backend-wasm.min.js": modules / "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
    }
    for name in ("tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm"):
        files[name] = modules / "tfjs-backend-wasm/dist" / name
    for file in (artifact / "tfjs/float32").iterdir():
        files[f"model/{file.name}"] = file
    for name, file in precompress.with_compressed(files, Path("nowhere")).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, Path):
            shutil.copyfile(file, target)
        else:
            target.write_bytes(file)


def visit(browser: Any, url: str, twice: bool) -> tuple[float, float, dict[str, int]]:
    """Milliseconds to the first answer of a cold visit and of the next; scripts and their bytes."""
    context = browser.new_page().context
    page = context.pages[0]
    code: dict[str, int] = {}

    def arrived(response: Any) -> None:
        path = response.url.partition("?")[0]
        if path.endswith("js") and path not in code:
            code[path] = int(response.headers.get("content-length", 0))

    page.on("response", arrived)
    cold = timed(page, url)
    # What the page asks for once it has answered delays nobody.
    later = page.evaluate(
        "(first) => performance.getEntriesByType('resource').filter((one) => one.startTime > first)"
        ".map(({name}) => name)",
        cold,
    )
    counted = {path: size for path, size in code.items() if path not in later}
    again = 0.0
    if twice:
        page.evaluate("() => navigator.serviceWorker?.ready.then(() => true)")
        again = timed(page, url)
    context.close()
    return cold, again, counted


def _kilobytes(code: dict[str, int]) -> str:
    return f"{sum(code.values()) / 1e3:.0f}"


class _Link:
    """One line of 10 Mbit/s and 40 ms, shared by all connections.

    It is in the server, since DevTools' conditions hold for a page and not for its workers, which
    would favour the page that has one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def attach(self) -> None:
        """Let every answer of the server go through it."""
        send_head = server_module._Handler.send_head

        def late(handler: Any) -> Any:
            time.sleep(0.040)
            return send_head(handler)

        def slowly(handler: Any, source: Any, output: Any) -> None:
            while chunk := source.read(12_500):
                with self._lock:
                    time.sleep(len(chunk) * 8 / 10e6)
                output.write(chunk)

        server_module._Handler.send_head = late  # type: ignore[method-assign]
        server_module._Handler.copyfile = slowly  # type: ignore[method-assign]


def timed(page: Any, url: str) -> float:
    page.goto(url, wait_until="commit")
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=120_000)
    found: float = page.evaluate(
        "() => globalThis.first ?? performance.getEntriesByName('first-answer')[0]?.startTime"
        " ?? performance.now()"
    )
    return found


if __name__ == "__main__":
    main()
