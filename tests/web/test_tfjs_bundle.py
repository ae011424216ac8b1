"""Each model on the kernels that `demo` takes for it: none is lacking, on WebGL and on wasm."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge_deploy.api.convert import ConvertOptions, convert
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core.spec import ModelSpec, TensorSpec
from edge_deploy.data.reference import Reference
from edge_deploy.verification.compare import judge
from edge_deploy.verification.tolerances import DEFAULT
from edge_deploy.verification.verdicts import Verdict
from edge_deploy.web import tfjs_bundle
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from tests.support.models import GOOD
from tests.support.reduced import open_reduced
from tests.support.tfjs_files import write_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Artifact]:
    @cache
    def make(name: str) -> Artifact:
        folder = tmp_path_factory.mktemp(name)
        options = ConvertOptions(to=("tfjs",), output=folder / "out")
        done = convert(GOOD[name](folder), options)
        assert done.artifact is not None
        return artifact.open_artifact(done.artifact.folder)

    return make


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.filterwarnings("ignore:.*np.asarray:DeprecationWarning")
@pytest.mark.parametrize("backend", tfjs_bundle.BACKENDS)
@pytest.mark.parametrize("name", sorted(set(GOOD) - {"teachable_machine_zip"}))  # as the .h5
def test_model_runs_on_the_kernels_of_its_site(
    converted: Callable[[str], Artifact], browser: Browser, name: str, backend: str
) -> None:
    found = converted(name)
    [entry] = found.manifest.artifacts
    file = found.main_file(entry)
    blank = Verdict("tfjs", "float32", str(file), "tfjs", backend)
    reference = found.reference().take(range(4))
    with open_reduced(browser, file, backend, found.spec) as runner:
        verdict = judge(blank, runner, found.spec, reference, DEFAULT)
    assert (verdict.status, verdict.problems) == ("pass", ())


@pytest.mark.parametrize("backend", tfjs_bundle.BACKENDS)
def test_kernel_that_is_missing_after_all_is_fetched_with_the_rest(
    browser: Browser, tmp_path: Path, backend: str
) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(3, 2)).astype(np.float32)
    nodes = [("flat", "MatMul", ["x", "w"]), ("up", "Relu", ["flat"]), ("y", "Sinh", ["up"])]
    file = write_model(tmp_path / "model", [("x", "DT_FLOAT", 3)], nodes, {"w": w})
    spec = ModelSpec(
        (TensorSpec("x", (None, 3), "float32", "table"),),
        (TensorSpec("y", (None, 2), "float32", "value"),),
    )
    y = np.sinh(np.maximum(x @ w, 0))
    blank = Verdict("tfjs", "float32", str(file), "tfjs", backend)
    whole: list[str] = []
    lacking = open_reduced(browser, file, backend, spec, without=["Relu"], whole=whole)
    with lacking as runner:
        verdict = judge(blank, runner, spec, Reference({"x": x}, {"y": y}, "user"), DEFAULT)
    assert (verdict.status, verdict.problems) == ("pass", ())
    assert {url.rpartition("/")[2] for url in whole} == {"tfjs.js", f"tfjs-{backend}.js"}


def test_operator_that_nobody_knows_takes_the_whole_of_tfjs() -> None:
    assert tfjs_bundle.link(shell_folder(), {"MatMul", "NewestOp"}) is None
