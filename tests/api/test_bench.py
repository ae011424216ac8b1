"""``bench``: size and latency of files, and what may be called faster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_deploy import ConvertOptions, UsageError, bench, convert
from edge_deploy.api.bench import _against_float
from edge_deploy.api.options import BenchOptions
from edge_deploy.verification.benchmark_report import BenchRow
from tests.support.models import randomize, save

slow = pytest.mark.slow


def row(precision: str, quartiles: tuple[float, float] | None, runtime: str = "litert") -> BenchRow:
    median = None if quartiles is None else sum(quartiles) / 2
    return BenchRow("a 1", f"{precision}.tflite", "tflite", precision, runtime, None, 9, 8, 7,
                    median_ms=median, quartiles_ms=quartiles)  # fmt: skip


# the float32 file's quartiles, the other's -> what is said
SPEEDS = [
    ((1.9, 2.1), (0.9, 1.1), "2.00× faster"),
    ((0.9, 1.1), (1.9, 2.1), "2.00× slower"),
    ((0.9, 2.1), (0.5, 1.0), "no difference"),  # the halves overlap
    ((1.00, 1.01), (0.96, 0.97), "no difference"),  # apart, by less than a tenth
    (None, (0.9, 1.1), ""),
    ((0.9, 1.1), None, ""),
]


@pytest.mark.parametrize(("whole", "small", "said"), SPEEDS)
def test_what_is_not_faster_is_not_called_faster(whole, small, said: str) -> None:
    rows = [row("float32", whole), row("int8", small), row("float32", (9, 10), "other")]
    assert _against_float(rows[1], rows).speed == said
    assert _against_float(rows[0], rows).speed == ""


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense network large enough that its time is not all overhead."""
    import keras

    folder = tmp_path_factory.mktemp("bench")
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((256,), name="x"), layers.Dense(512, activation="relu"), layers.Dense(3)]
    )
    randomize(model)
    x = np.random.default_rng(0).normal(size=(40, 256)).astype(np.float32)
    np.savez(folder / "reference.npz", x=x)
    options = ConvertOptions(
        quantize=("float32", "tflite=dynamic", "onnx=float16"), output=folder, name="dense"
    )
    return convert(save(model, folder / "dense.keras"), options).artifact.folder


@slow
def test_bench_times_every_file_in_every_runtime_without_tensorflow(artifact: Path) -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = None; "
        f"sys.argv = ['edge-deploy', 'bench', {str(artifact)!r}, '--json', '--seconds', '0.1', "
        "'--runtime', 'litert,ort,tfjs,litert-web,ort-web']; "
        "from edge_deploy import cli; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(r["runtime"], r["backend"], r["precision"]) for r in rows] == [
        ("litert", None, "float32"), ("litert-web", "wasm", "float32"),
        ("litert", None, "dynamic"), ("litert-web", "wasm", "dynamic"),
        ("tfjs", "webgl", "float32"), ("tfjs", "wasm", "float32"),
        ("ort", None, "float32"), ("ort-web", "wasm", "float32"),
        ("ort", None, "float16"), ("ort-web", "wasm", "float16"),
    ]  # fmt: skip
    manifest = json.loads((artifact / "manifest.json").read_text())
    sizes = {e["files"][0]["path"]: sum(f["brotli_bytes"] for f in e["files"])
             for e in manifest["artifacts"]}  # fmt: skip
    for r in rows:
        low, high = r["quartiles_ms"]
        assert 0 < low <= r["median_ms"] <= high and r["runs"] >= 5 and r["first_ms"] > 0
        assert r["brotli_bytes"] == sizes[r["path"]]
        assert (r["against_float"] is None) == (r["precision"] == "float32")


@slow
def test_bench_draws_a_page_that_needs_nothing_else(run, artifact: Path) -> None:
    result = run("bench", artifact, "--only", "tflite,onnx", "--seconds", "0.05")
    assert result.code == 0
    assert "dynamic" in result.out and "median ms" in result.out
    page = Path("bench.html").read_text()
    assert page.count('<rect class="time"') == 4 and "overlap, no difference" in page
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page
    again = run("bench", artifact, "--only", "tflite", "--seconds", "0.05")
    assert again.code == 0 and Path("bench.html").read_text() != page
    Path("mine.html").write_text("<p>mine</p>")
    refused = run("bench", artifact, "--page", "mine.html")
    assert (refused.code, "was not written by bench" in refused.err) == (2, True)


REFUSED = [
    ({"only": ("coreml",)}, "no target is called 'coreml'. There are: tflite, tfjs, onnx"),
    (
        {"runtimes": ("cuda",)},
        "no runtime is called 'cuda'. There are: litert, tfjs, ort, litert-web, ort-web",
    ),
    ({"backends": ("cuda",)}, "no backend is called 'cuda'"),
    ({"only": ("onnx",), "runtimes": ("litert",)}, "No file is left"),
    ({"seconds": 0.0}, "seconds=0"),
]


@slow
@pytest.mark.parametrize(("asked", "message"), REFUSED, ids=[m[:12] for _, m in REFUSED])
def test_bench_refuses_what_it_cannot_mean(artifact: Path, asked: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        bench([artifact], BenchOptions(**asked))
