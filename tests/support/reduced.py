"""A TF.js file on the kernels that `demo` ships for it alone, and nothing else of TF.js."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_deploy.core.spec import ModelSpec, Runner
from edge_deploy.web import tfjs_bundle
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from edge_deploy.web.page_runner import PageRunner

USE = """async (paths) => {
  const {useKernels} = await import(new URL('src/model.js', document.baseURI));
  useKernels(paths);
}"""


@contextmanager
def open_reduced(
    browser: Browser,
    model: Path,
    backend: str,
    spec: ModelSpec,
    without: Collection[str] = (),
    whole: list[str] | None = None,
) -> Iterator[Runner]:
    """Browser.open_file of a TF.js file, on the model's own kernels.

    Args:
        browser: The session's.
        model: model.json.
        backend: webgl or wasm.
        spec: The tensors that are wanted.
        without: Graph operators whose kernels are left out on purpose.
        whole: Is told what was loaded of the whole TF.js; None where nothing may be.
    """
    linked = tfjs_bundle.link(shell_folder(), tfjs_bundle.operators(model) - set(without))
    assert linked is not None, "an operator that demo does not know"
    taken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for part, code in linked.items():
            name = tfjs_bundle.file_name(part, code)
            (Path(folder) / name).write_bytes(code)
            paths[part] = f"own-kernels/{name}"
        page = browser.new_page()
        page.on("request", lambda r: taken.append(r.url) if "/vendor/tfjs" in r.url else None)
        browser._mounts |= {"own-kernels": Path(folder), "own-model": model.parent}
        try:
            page.goto(f"{browser.url}harness.html")
            page.wait_for_selector("html[data-state=ready]", state="attached")
            page.evaluate(USE, paths)
            runner = PageRunner(page, f"{model} on {backend}", spec)
            runner.start("tfjs", f"own-model/{model.name}", backend)
            yield runner
        finally:
            page.close()
            for mount in ("own-kernels", "own-model"):
                del browser._mounts[mount]
    modules = [url for url in taken if url.endswith(".js")]
    if whole is None:
        assert modules == []
    else:
        whole.extend(modules)
