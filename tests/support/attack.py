"""The verifier attacked: a fault is put into a file, and the numbers alone must tell."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import Array, Runner
from edge_deploy.data.reference import Dataset, Reference
from edge_deploy.formats.base import FLOAT, Runtime
from edge_deploy.formats.registry import default_runtime
from edge_deploy.verification import metrics
from edge_deploy.verification.compare import judge, run_samples
from edge_deploy.verification.tolerances import DEFAULT
from edge_deploy.verification.verdicts import blank
from edge_deploy.web.browser import Browser
from tests.support.faults import CONSTANTS, Constant, faults


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes:
        target: The file's format.
        precision: Its precision.
        kind: Of the fault.
        tensor: Where it was put.
        result: ``caught``, ``harmless`` (no answer moves by more than the file's own noise),
            ``in budget`` (one does, and the file still costs no more than its precision may), or
            ``missed``.
        moved: How far an answer moves, as a share of the output's scale.
    """

    target: str
    precision: str
    kind: str
    tensor: str
    result: str
    moved: float


def attack(
    found: Artifact, entry: FileEntry, seed: int, most: int, browser: Browser | None = None
) -> list[Outcome]:
    """Put up to ``most`` faults into a file, one after another, and judge it each time.

    The file is as it was in the end.
    """
    path, runtime = found.main_file(entry), default_runtime(entry.target)
    data = _asked(found, entry)
    healthy = _answers(found, path, runtime, data, browser)
    assert healthy is not None
    planned = list(faults(CONSTANTS[entry.target](path), seed))
    chosen = np.random.default_rng(seed).permutation(len(planned))[:most]
    return [_try(found, entry, planned[n], data, healthy, browser) for n in sorted(chosen)]


def _try(
    found: Artifact,
    entry: FileEntry,
    fault: tuple[str, Constant, Array],
    data: Reference,
    healthy: Mapping[str, Array],
    browser: Browser | None,
) -> Outcome:
    kind, constant, values = fault
    runtime, path = default_runtime(entry.target), found.main_file(entry)
    before = constant.file.read_bytes()
    constant.write(values)
    try:
        moved, beyond = float("inf"), True
        caught = judged(found, entry, data, browser)
        if not caught:
            now = _answers(found, path, runtime, data, browser)
            if now is not None:
                moved, beyond = _moves(found, entry, data, healthy, now)
    finally:
        constant.file.write_bytes(before)
    missed = "missed" if entry.precision == FLOAT else "in budget"
    result = "caught" if caught else missed if beyond else "harmless"
    return Outcome(entry.target, entry.precision, kind, constant.name, result, moved)


def shards_swapped(found: Artifact, entry: FileEntry, browser: Browser) -> Outcome:
    """A TF.js model whose first two files of weights are read in each other's place."""
    path = found.main_file(entry)
    before = path.read_text()
    document = json.loads(before)
    paths = document["weightsManifest"][0]["paths"]
    paths[0], paths[1] = paths[1], paths[0]
    path.write_text(json.dumps(document))
    try:
        caught = judged(found, entry, _asked(found, entry), browser)
    finally:
        path.write_text(before)
    result = "caught" if caught else "missed"
    return Outcome(entry.target, entry.precision, "shards", paths[0], result, float("inf"))


def judged(
    found: Artifact, entry: FileEntry, data: Reference, browser: Browser | None = None
) -> bool:
    """Whether the numbers of a file fail, or it cannot be opened."""
    runtime = default_runtime(entry.target)
    row = blank(runtime, entry)
    try:
        with _open(found, found.main_file(entry), runtime, browser) as runner:
            return judge(row, runner, found.spec, data, DEFAULT).status == "fail"
    except EdgeDeployError:
        return True


def _asked(found: Artifact, entry: FileEntry) -> Reference:
    """What `verify` asks: more samples of what is compressed."""
    reference = found.reference()
    if entry.precision == FLOAT:
        return reference
    return Dataset(reference, found.evaluation() or Reference({})).every


@contextlib.contextmanager
def _open(
    found: Artifact, path: Path, runtime: Runtime, browser: Browser | None
) -> Iterator[Runner]:
    if runtime.in_browser:
        assert browser is not None
        with browser.open_file(runtime.format, path, "wasm", found.spec) as page:
            yield page
    else:
        with runtime.open(path) as runner:
            yield runner


def _answers(
    found: Artifact, path: Path, runtime: Runtime, data: Reference, browser: Browser | None
) -> dict[str, Array] | None:
    try:
        with _open(found, path, runtime, browser) as runner:
            answers, _ = run_samples(runner, found.spec, data)
    except EdgeDeployError:
        return None
    return {name: np.concatenate(values) for name, values in answers.items()}


def _moves(
    found: Artifact,
    entry: FileEntry,
    data: Reference,
    healthy: Mapping[str, Array],
    now: Mapping[str, Array],
) -> tuple[float, bool]:
    """How far answers move, and whether by more than the file's own noise.

    Of a float32 file that is what it may be off by, of another what it is off by when healthy.
    """
    moved, beyond = 0.0, False
    for spec in found.spec.outputs:
        wanted, size = data.outputs[spec.name], metrics.scale(data.outputs[spec.name])
        step = metrics.abs_error(healthy[spec.name], now[spec.name]).max(initial=0.0)
        noise = metrics.abs_error(wanted, healthy[spec.name]).max(initial=0.0)
        least = 1e-4 * size if spec.kind != "class" else 0.0
        moved = max(moved, float(step / size))
        beyond |= bool(step > max(least, 0.0 if entry.precision == FLOAT else noise))
    return moved, beyond


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """How many faults became what, by target and precision."""
    counts = Counter((o.target, o.precision, o.result) for o in outcomes)
    results = ("caught", "harmless", "in budget", "missed")
    lines = [f"{'':<20}" + "".join(f"{name:>11}" for name in results)]
    for where in sorted({(o.target, o.precision) for o in outcomes}):
        numbers = "".join(f"{counts[(*where, name)]:>11}" for name in results)
        lines.append(f"{' '.join(where):<20}{numbers}")
    total = Counter(o.result for o in outcomes)
    lines.append(f"{'all ' + str(len(outcomes)):<20}" + "".join(f"{total[n]:>11}" for n in results))
    return lines


def dense(rng: np.random.Generator) -> Any:
    import tf_keras as keras

    x = keras.Input((12,))
    y = keras.layers.Dense(16, "relu", bias_initializer="random_normal")(x)
    return keras.Model(x, keras.layers.Dense(5, "softmax", bias_initializer="random_normal")(y))


def wide(rng: np.random.Generator) -> Any:
    """More weights than one file of TF.js holds (4 MB)."""
    import tf_keras as keras

    x = keras.Input((1200,))
    y = keras.layers.Dense(1000, "relu")(x)
    return keras.Model(x, keras.layers.Dense(300)(y))


def convolutional(rng: np.random.Generator) -> Any:
    import tf_keras as keras

    x = keras.Input((12, 12, 3))
    y = keras.layers.Conv2D(8, 3, activation="relu", bias_initializer="random_normal")(x)
    y = keras.layers.DepthwiseConv2D(3, bias_initializer="random_normal")(y)
    y = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(y))
    return keras.Model(x, keras.layers.Dense(4, bias_initializer="random_normal")(y))


def recurrent(rng: np.random.Generator) -> Any:
    import tf_keras as keras

    x = keras.Input((8, 4))
    y = keras.layers.GRU(6, bias_initializer="random_normal")(x)
    return keras.Model(x, keras.layers.Dense(3, bias_initializer="random_normal")(y))


def trees(rng: np.random.Generator) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    x = rng.normal(size=(300, 5))
    return GradientBoostingRegressor(n_estimators=8, max_depth=3, random_state=0).fit(
        x, x[:, 0] * 3 + x[:, 1] ** 2 + x[:, 2] - x[:, 3] * x[:, 4]
    )


TEXTS = ("bagus sekali", "barang rusak", "cepat dan bagus", "lama dan rusak", "mahal", "murah")


def text(rng: np.random.Generator) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = [" ".join(rng.choice(TEXTS, 3)) for _ in range(60)]
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        rows, [("bagus" in row) + ("rusak" in row) for row in rows]
    )


MODELS = {
    "dense": dense,
    "conv": convolutional,
    "recurrent": recurrent,
    "tree": trees,
    "text": text,
}
