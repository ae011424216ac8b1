"""``tune``: what it finds holds when it is measured again; it ends, goes on and says no well."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import brotli
import numpy as np
import pytest

from edge_deploy import MissingDependencyError, TuneOptions, TuneResult, tune
from edge_deploy.api._publish_search import Recommendation
from edge_deploy.api.tune import HEADER, rows
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.formats.layers import LayerError
from edge_deploy.optimize.search import executors
from edge_deploy.optimize.search.candidates import (
    Candidate,
    CandidateResult,
    front,
    recommend,
    second_round,
)
from tests.formats.test_layers import network
from tests.support import PATIENCE
from tests.support.models import save
from tests.support.told import told

slow = pytest.mark.slow


def measured(
    precision: str, size: int, after: float, ms: float | None = None, sparsity: float = 0.0,
    problems: tuple[str, ...] = (), layers: tuple[LayerError, ...] = (), target: str = "tflite",
) -> CandidateResult:  # fmt: skip
    return CandidateResult(Candidate(target, precision, sparsity), size * 2, size, "accuracy", 0.95,
                    after, 100, ms, problems, layers)  # fmt: skip


FLOAT = measured("float32", 100, 0.95, 2.0)
# candidates -> the front by size, with a budget of 0.02
FRONTS = [
    ([FLOAT, measured("int8", 25, 0.94), measured("int4", 15, 0.90)], ["int8", "float32"]),
    ([FLOAT, measured("int8", 25, 0.95)], ["int8"]),
    ([FLOAT, measured("int8", 25, 0.94), measured("dynamic", 25, 0.945)], ["dynamic", "float32"]),
    ([FLOAT, measured("int8", 25, 0.95, problems=("NaN",))], ["float32"]),
    ([FLOAT, measured("int8", 25, 0.93)], ["int8", "float32"]),  # just within
    ([measured("int8", 25, 0.92)], []),
]


@pytest.mark.parametrize(("found", "names"), FRONTS)
def test_the_front_has_no_file_that_another_beats(
    found: list[CandidateResult], names: list[str]
) -> None:
    best = front(found, "size", 0.02)
    assert [m.candidate.precision for m in best] == names
    for order in (found[::-1], sorted(found, key=lambda m: m.after)):
        assert front(order, "size", 0.02) == best


@pytest.mark.parametrize(
    ("found", "names"), [*FRONTS[:1], ([FLOAT, measured("int8", 25, 0.95)], ["int8", "float32"])]
)
def test_the_table_has_float32_to_compare_with(
    tmp_path: Path, found: list[CandidateResult], names: list[str]
) -> None:
    (tmp_path / "tuning.json").write_text(json.dumps({"objective": "size", "max_drop": 0.02}))
    best = Recommendation("a.tflite", found[1], "it is the smallest")
    done = TuneResult(Artifact(tmp_path, {}), {}, tuple(found), {"tflite": best}, (), ())
    table = [dict(zip(HEADER, row, strict=True)) for row in rows(done)]
    assert [row["file"] for row in table] == names
    assert [row["of float32"] for row in table] == ["0.250", "1.000"]
    assert [row[""] for row in table] == ["★", ""]


# times of int8 and dynamic in ms, of float32 2.0 -> which is taken, and what is said of its speed
SPEEDS = [
    (1.0, 3.0, "int8", "2.00 times as fast as float32"),
    (1.00, 0.98, "int8", "2.00 times as fast"),  # no slower than the clock can tell, and smaller
    (1.99, 3.0, "int8", "no faster than float32's 2.000 ms"),
    (3.0, 2.5, "float32", ""),
]


@pytest.mark.parametrize(("int8", "dynamic", "taken", "said"), SPEEDS)
def test_what_is_not_faster_is_not_called_faster(
    int8: float, dynamic: float, taken: str, said: str
) -> None:
    found = [FLOAT, measured("int8", 25, 0.94, int8), measured("dynamic", 30, 0.935, dynamic)]
    chosen, reason = recommend(front(found, "latency", 0.02), FLOAT, "latency")
    assert (chosen.candidate.precision, said in reason) == (taken, True), reason


def test_layers_are_kept_where_the_precision_alone_is_what_costs() -> None:
    errors = (LayerError("a", 0, 0.1), LayerError("b", 0.1, 0.6), LayerError("c", 0.6, 0.7))
    rows = [
        FLOAT, measured("int8", 25, 0.5, layers=errors), measured("dynamic", 30, 0.95),
        measured("float32", 90, 0.5, sparsity=0.9), measured("int8", 15, 0.5, sparsity=0.9),
        measured("float32", 99, 0.95, target="onnx"), measured("int8", 25, 0.5, target="onnx"),
    ]  # fmt: skip
    more = second_round(rows, {"tflite": ["a", "b", "c"], "onnx": ["a", "b"]}, 0.02)
    kept = [(c.target, c.precision, c.sparsity, c.kept) for c in more]
    assert kept == [
        ("tflite", "int8", 0.0, ("b",)),
        ("tflite", "int8", 0.0, ("b", "a")),
        ("onnx", "int8", 0.0, ("a",)),
        ("onnx", "int8", 0.0, ("b",)),
    ]


def test_a_stored_result_reads_as_it_was_written() -> None:
    one = measured("int8", 25, 0.94, 1.5, 0.8, ("NaN",), (LayerError("a", 0.0, 0.1),))
    one = replace(one, candidate=replace(one.candidate, kept=("a", "b")))
    assert CandidateResult.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert one.candidate.label == "int8_pruned80_mixed2"
    assert one.candidate.words == "int8, 80% pruned, a and b in float"


@pytest.mark.parametrize(
    ("executor", "module", "mend"),
    [("loky", "joblib", "[tune]"), ("dask", "distributed", "[tune]"),
     ("ray", "ray", "pip install ray")],
)  # fmt: skip
def test_a_missing_executor_is_named_with_its_mend(
    executor: str, module: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda name: name != module or None)
    with pytest.raises(MissingDependencyError) as raised:
        executors.check(executor)
    assert f"needs {module}" in str(raised.value) and mend in str(raised.value)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network for scikit-learn's digits, with those it has not seen beside it."""
    import keras
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("tune")
    data = load_digits()
    x, y = (data.data / 16).astype(np.float32), data.target
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((64,), name="pixels"),
            layers.Dense(128, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x[:1297], y[:1297], epochs=8, verbose=0)
    np.savez(folder / "reference.npz", x=x[1297:], labels=y[1297:])
    np.savez(folder / "train.npz", x=x[:1297], labels=y[:1297])
    return save(model, folder / "digits.keras")


def asked(output: Path, *to: str, **more: object) -> TuneOptions:
    return TuneOptions(to=to, output=output, **more)  # type: ignore[arg-type]


def comparable(folder: Path) -> tuple[list, dict[str, str]]:
    """All that must be the same in every run: what was measured, and the files."""
    tuning = json.loads((folder / "tuning.json").read_text())
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for target in ("tflite", "onnx", "tfjs")
        for path in (folder / target).rglob("*")
        if path.is_file()
    }
    return tuning["candidates"], files


@pytest.fixture(scope="session")
def found(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What loky finds, pruned models trained anew."""
    options = asked(
        tmp_path_factory.mktemp("found"), "tflite", "onnx", sparsities=(0.6,), jobs=2,
        prune_data=digits.with_name("train.npz"), prune_epochs=2,
    )  # fmt: skip
    with told() as lines:
        done = tune(digits, options)
    assert done.passed
    assert lines[-1] == "writing the report"
    assert any(line.startswith("measured 20 of 20") for line in lines), lines
    return done.artifact.folder


@slow
def test_what_is_recommended_holds_when_it_is_measured_again(found: Path, digits: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    tuning = json.loads((found / "tuning.json").read_text())
    chosen = tuning["recommended"]["tflite"]
    (row,) = [
        c for c in tuning["candidates"]
        if CandidateResult.from_json(c).candidate == Candidate("tflite", *label_of(chosen["label"]))
    ]  # fmt: skip
    path = found / chosen["path"]
    assert len(brotli.compress(path.read_bytes(), quality=5)) == row["brotli_bytes"]
    data = np.load(digits.with_name("reference.npz"))
    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    right = [
        int(next(iter(runner(pixels=x[None]).values())).argmax()) == label
        for x, label in zip(data["x"], data["labels"], strict=True)
    ]
    assert np.mean(right) == pytest.approx(row["after"])
    assert row["before"] - row["after"] <= 0.01 + 1e-9
    sizes = {
        CandidateResult.from_json(c).candidate: c["brotli_bytes"] for c in tuning["candidates"]
    }
    # 60 % zeros and eight bits: smaller than either alone.
    assert row["brotli_bytes"] < 0.25 * sizes[Candidate("tflite", "float32")]
    assert f"{row['brotli_bytes'] / 1000:.1f} KB to download" in chosen["reason"]


def label_of(label: str) -> tuple[str, float]:
    precision, _, pruned = label.partition("_pruned")
    return precision, int(pruned or 0) / 100


@slow
def test_the_version_is_whole_and_passes_verify(run, found: Path) -> None:
    import jsonschema

    import edge_deploy

    schema = json.loads(
        (Path(edge_deploy.__file__).parent / "artifact/manifest.schema.json").read_text()
    )
    manifest = json.loads((found / "manifest.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(manifest)
    there = {p.relative_to(found).as_posix() for p in found.rglob("*") if p.is_file()}
    assert {entry["path"] for entry in manifest["files"]} == there - {"manifest.json"}
    assert [p.name for p in found.parent.iterdir()] == ["tuned"]  # the search's folder is gone
    tuning = json.loads((found / "tuning.json").read_text())
    page = (found / "report.html").read_text()
    assert page.count('<circle class="in"') + page.count('<circle class="out"') == len(
        tuning["candidates"]
    )
    assert page.count('<circle class="best"') == 2 and page.count("★ recommended") == 2
    assert "<script" not in page and "http" not in page
    for target in ("tflite", "onnx"):
        every = [CandidateResult.from_json(one) for one in tuning["candidates"]]
        mine = [m for m in every if m.candidate.target == target]
        names = {m.candidate.label for m in front(mine, "size", 0.01)}
        entries = [e for e in manifest["artifacts"] if e["target"] == target]
        assert {Path(e["files"][0]["path"]).stem for e in entries} == {
            f"digits_{name}" for name in {*names, "float32"}
        }
    assert run("verify", found, "--max-drop", "0.01").code == 0
    assert "The search" in (found / "report.html").read_text()  # the picture stays


@slow
def test_later_commands_find_what_they_need_in_a_tuned_version(
    run, found: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(found, tmp_path / "later"))
    best = json.loads((folder / "tuning.json").read_text())["recommended"]["tflite"]["path"]
    before = {e["files"][0]["path"] for e in json.loads((folder / "manifest.json").read_text())[
        "artifacts"]}  # fmt: skip
    # More precisions are made of the float32 files; the pruned ones of before stay beside them.
    assert run("quantize", folder, "--to", "float16").code == 0
    after = {e["files"][0]["path"] for e in json.loads((folder / "manifest.json").read_text())[
        "artifacts"]}  # fmt: skip
    assert after - before == {f"{t}/digits_float16.{t}" for t in ("tflite", "onnx")} - before
    assert before <= after and all((folder / path).is_file() for path in after)
    timed = run("bench", folder, "--only", "tflite", "--seconds", "0.05", "--json")
    rows = json.loads(timed.out)["rows"]
    assert all((r["against_float"] is None) == (r["precision"] == "float32") for r in rows)
    # Without --precision an app gets the file that was recommended.
    bundled = run("bundle", folder, "--platform", "python", "-o", tmp_path / "app")
    assert bundled.code == 0 and (tmp_path / "app" / Path(best).name).is_file()


@slow
def test_another_run_on_a_dask_cluster_of_two_workers_finds_the_same(
    digits: Path, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        monkeypatch.setenv(executors.ADDRESS, cluster.scheduler_address)
        options = asked(
            tmp_path, "tflite", "onnx", sparsities=(0.6,), executor="dask",
            prune_data=digits.with_name("train.npz"), prune_epochs=2,
        )  # fmt: skip
        done = tune(digits, options)
        worked = client.run(lambda dask_worker: dask_worker.state.executed_count)
        assert len(client.scheduler_info()["workers"]) == 2  # the cluster is not ours to end
    assert min(worked.values()) > 0  # joblib sends quick candidates several at a time
    assert comparable(done.artifact.folder) == comparable(found)


@slow
def test_no_cluster_at_the_address_is_said(
    run, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(executors.ADDRESS, "tcp://127.0.0.1:1")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    result = run("tune", digits, "--to", "tflite", "--executor", "dask", "--sparsities", "none")
    assert (result.code, "no Dask scheduler answers there" in result.err) == (3, True)
    assert not Path("artifacts/digits/tuned").exists()


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge_deploy.cli", "tune", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def end_when(process: subprocess.Popen[str], results: Path, count: int, number: int) -> None:
    """Send a signal to the whole group, as a terminal does, when so many results are there."""
    deadline = time.monotonic() + PATIENCE
    while len(list(results.glob("*.json"))) < count:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.kill()


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_a_search_that_was_stopped_goes_on(run, digits: Path, number: int) -> None:
    arguments = (digits, "--to", "tflite", "--sparsities", "none", "--jobs", "1")
    store = Path("artifacts/digits/.tune-tuned")
    process = start(*arguments)
    end_when(process, store / "results", 2, number)
    _, err = process.communicate(timeout=PATIENCE)
    if number == signal.SIGINT:
        assert (process.returncode, err) == (
            3, "edge-deploy: Interrupted. Nothing half-written was left behind.\n",
        )  # fmt: skip
    assert not Path("artifacts/digits/tuned").exists()
    refused = run("tune", *arguments)
    assert (refused.code, "--resume goes on with it" in refused.err) == (2, True)
    # What is stored is what counts: a mark in one result must come out at the end.
    marked = sorted((store / "results").glob("*.json"))[0]
    document = json.loads(marked.read_text())
    document["samples"] = 12345
    marked.write_text(json.dumps(document))
    other = run("tune", *arguments, "--resume", "--seed", "7")
    assert (other.code, "had another seed" in other.err) == (2, True), other.err
    done = run("tune", *arguments, "--resume", "--json")
    assert done.code == 0, done.err
    tuning = json.loads(done.out)["tuning"]
    assert sum(c["samples"] == 12345 for c in tuning["candidates"]) == 1
    assert len(tuning["candidates"]) == 6
    assert [p.name for p in Path("artifacts/digits").iterdir()] == ["tuned"]


@slow
def test_layers_are_kept_in_float_where_that_is_what_it_takes(tmp_path: Path) -> None:
    model = network(tmp_path, 2000.0, inputs=256)
    options = asked(tmp_path, "tflite", sparsities=(), jobs=2, max_drop=0.05)
    done = tune(model, options)
    kept = {m.candidate for m in done.measured if m.candidate.kept and m.within(0.05)}
    assert Candidate("tflite", "dynamic", 0.0, ("second",)) in kept
    assert not any(
        m.within(0.05) for m in done.measured
        if m.candidate.precision in ("int8", "dynamic", "int4") and not m.candidate.kept
    )  # fmt: skip
    entries = {Path(entry.path).stem: entry.kept_float for entry in done.manifest.artifacts}
    assert any("second" in names for names in entries.values()), entries


@slow
def test_a_budget_of_nothing_is_kept_by_latency_too(run, digits: Path) -> None:
    result = run("tune", digits, "--to", "tfjs,onnx", "--sparsities", "none", "--max-drop", "0",
                 "--objective", "latency", "--json")  # fmt: skip
    assert result.code == 0, result.err
    tuning = json.loads(result.out)["tuning"]
    for target in ("tfjs", "onnx"):
        every = [CandidateResult.from_json(one) for one in tuning["candidates"]]
        rows = [m for m in every if m.candidate.target == target]
        assert all((m.median_ms is not None) == m.within(0.0) for m in rows)
        assert Candidate(target, "float32") in {m.candidate for m in rows if m.within(0.0)}
        assert "ms an answer" in tuning["recommended"][target]["reason"]
        if target == "tfjs":  # which widens stored weights: the smallest is as fast as any
            assert len({m.median_ms for m in rows if m.within(0.0)}) == 1
            assert "no faster than float32" in tuning["recommended"][target]["reason"]


REFUSED = [
    (["--objective", "laten"], 2, "Did you mean latency?"),
    (["--max-drop", "1.5"], 2, "a share from 0 to below 1"),
    (["--executor", "slurm"], 2, "There are: loky, dask, ray"),
    (["--executor", "ray"], 3, "pip install ray"),
    (["--sparsities", "80"], 2, "shares between 0 and 1"),
    (["--sparsities", "a lot"], 2, "or none for no pruning"),
    (["--sparsities", "none", "--prune-data", "x.npz"], 2, "--sparsities has none"),
    (["--jobs", "0"], 2, "--jobs 0: at least 1"),
    (["--to", "tfj"], 2, "Did you mean tfjs?"),
    (["--to", "tfjs", "--browser", "/none"], 2, "/none"),
    (["--reference", "none.npz"], 2, "no such file"),
]


@slow
@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED, ids=lambda v: str(v)[:24])
def test_tune_refuses_what_it_cannot_mean(
    run, digits: Path, arguments: list[str], code: int, message: str
) -> None:
    result = run("tune", digits, *arguments)
    assert (result.code, message in result.err) == (code, True), result
    assert not list(Path().glob("artifacts/*/*"))
