"""A TF.js file on the kernels that `demo` ships for it alone, and nothing else of TF.js."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
            paths[part] = f"kernels-{Path(folder).name}/{name}"
        # Named as the folder, which none had before: the page's cache knows nothing of it.
        own = Path(folder).name
        browser._mounts |= {f"kernels-{own}": Path(folder), f"model-{own}": model.parent}

        def heard(request: Any) -> None:
            if "/vendor/tfjs" in request.url:
                taken.append(request.url)

        try:
            with browser.reused_page() as page:
                page.on("request", heard)
                page.goto(f"{browser.url}harness.html")
                page.wait_for_selector("html[data-state=ready]", state="attached")
                page.evaluate(USE, paths)
                runner = PageRunner(page, f"{model} on {backend}", spec)
                runner.start("tfjs", f"model-{own}/{model.name}", backend)
                yield runner
                runner.close()
                page.remove_listener("request", heard)
        finally:
            for mount in ("kernels", "model"):
                del browser._mounts[f"{mount}-{own}"]
    modules = [url for url in taken if url.endswith(".js")]
    if whole is None:
        assert modules == []
    else:
        whole.extend(modules)
