"""The command line's contract: commands, flags, what --help costs, what runs without TensorFlow."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import typer

import edge_deploy
from edge_deploy.cli import app, help

FLAGS = {
    "init": "folder --overwrite --dry-run --max-size --timeout --json",
    "convert": (
        "model --to --reference --samples --label-column --labels --preprocess --features "
        "--signature --input-shape --custom-objects --trust-pickle --deterministic --threshold "
        "--pad --max-size --name --artifact-version --output -o --overwrite --keep-going --dry-run "
        "--no-cache --seed --browser "
        "--timeout --json --quiet -q --verbose -v --fold-preprocessing --min-runtime --opset "
        "--free-batch "
        "--quantize --io --calibration --keep-float --max-drop --min-agreement --strict "
        "--prune --prune-data --prune-epochs"
    ),
    "quantize": (
        "artifact --to --calibration --io --keep-float --max-drop --min-agreement --strict "
        "--overwrite --keep-going --max-size --browser --timeout --json --quiet -q --verbose -v"
    ),
    "verify": (
        "artifact --only --runtime --backend --skip-missing --against --reference --atol --rtol "
        "--label-column --strict --report --max-drop --min-agreement "
        "--browser --signature --input-shape --custom-objects --trust-pickle --deterministic "
        "--threshold --pad "
        "--max-size --timeout --json --quiet -q"
    ),
    "bench": (
        "artifact --only --runtime --backend --seconds --page --browser --timeout --json --quiet -q"
    ),
    "tune": (
        "model --max-drop --objective --to --executor --jobs --resume --sparsities --prune-data "
        "--prune-epochs --reference --samples --label-column --calibration --labels "
        "--preprocess --features --signature --input-shape --custom-objects --trust-pickle "
        "--deterministic --threshold --pad --max-size --name "
        "--artifact-version --output -o --overwrite --seed --browser --timeout --json "
        "--quiet -q --verbose -v"
    ),
    "demo": (
        "artifact --output -o --host --embed --runtimes --runtime --compare "
        "--single-file --no-offline --title --description --author --link --accent --report-to "
        "--url --json --quiet -q"
    ),
    "push": "site --git --branch --host --lfs --dry-run --force --json --quiet -q",
    "collect": "--db --origin --port --host --rate --behind-proxy --max-size --json",
    "stats": "database --max-drop --min-visits --html --json --quiet -q",
    "serve": "folder --port --host --any --json",
    "diff": (
        "old new --reference --label-column --only --precision --max-drop --page --max-size "
        "--timeout --json --quiet -q"
    ),
    "publish": (
        "artifact --to --channel --share --keep --by --reference --label-column --max-drop "
        "--force --report-to --max-size --timeout --json --quiet -q"
    ),
    "promote": "site name --by --json --quiet -q",
    "rollback": "site name version --by --json --quiet -q",
    "releases": "site --json",
    "run": (
        "artifact inputs --only --precision --output -o --label-column --every --max-size "
        "--timeout --json"
    ),
    "snippet": "artifact --platform --precision --output -o --json",
    "bundle": "artifact --platform --precision --output -o --timeout --json --quiet -q",
    "inspect": (
        "path --signature --input-shape --custom-objects --trust-pickle --deterministic "
        "--max-size --timeout --json"
    ),
    "examples": "names --output -o --data --dataset --seed --json --quiet -q",
    "quickstart": "--output -o --browser --timeout --json --quiet -q",
    "doctor": "--json",
}


def test_commands_and_flags_are_those_of_the_contract() -> None:
    group = typer.main.get_command(app)
    found = {
        name: {o for p in command.params for o in getattr(p, "opts", [p.name])}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }
    wanted = {name: set(flags.split()) | {"--help", "-h"} for name, flags in FLAGS.items()}
    assert {name: flags | {"--help", "-h"} for name, flags in found.items()} == wanted


@pytest.mark.parametrize("command", FLAGS)
def test_every_command_has_help_with_an_example(run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert f"Example: edge-deploy {command}" in " ".join(result.out.split())


def test_help_lists_the_commands_in_the_order_of_the_work(run) -> None:
    listed = run("--help").out.split("Commands:\n")[1]
    assert [line.split()[0] for line in listed.splitlines()] == list(help.COMMANDS)
    assert set(help.COMMANDS) == set(FLAGS)


@pytest.mark.parametrize("command", ["convert", "quantize", "verify", "tune"])
def test_help_of_a_long_command_lists_each_option_once_by_job(run, command: str) -> None:
    text = run(command, "--help").out
    titles = [line[:-1] for line in text.splitlines() if re.fullmatch(r"\S.*:", line)]
    assert titles[0] == "Arguments"
    assert titles[1:] == [title for title in help.PANELS if title in titles]
    listed = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)
    assert sorted(listed) == sorted(
        {f for f in FLAGS[command].split() if f[:2] == "--"} | {"--help"}
    )
    # None is in the last panel because nobody thought of it.
    assert {flag for flags in help.PANELS.values() for flag in flags} >= set(listed)


def test_version_is_the_packages(run) -> None:
    assert run("--version").out == f"edge-deploy {edge_deploy.__version__}\n"


EVERY_MODULE = """\
import importlib, pkgutil, edge_deploy
for found in pkgutil.walk_packages(edge_deploy.__path__, "edge_deploy."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import edge_deploy.cli", "numpy rich tensorflow onnxruntime PIL playwright"),
        ("import edge_deploy", "numpy tensorflow typer"),
        ("import edge_deploy.examples", "numpy tensorflow sklearn PIL"),
        (
            "from edge_deploy import verify, quantize, run, inspect, build_demo, bench",
            "tensorflow keras sklearn h5py",
        ),
        (
            EVERY_MODULE,
            "tensorflow keras tf_keras tensorflowjs tf2onnx tensorflow_model_optimization sklearn "
            "skops h5py onnx onnxruntime ai_edge_litert ai_edge_quantizer PIL playwright joblib "
            "dask ray pandas",
        ),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, unwanted: str) -> None:
    script = f"{code}\nimport sys\nprint(*(set({unwanted.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done


def test_the_defaults_of_flags_are_those_of_the_api() -> None:
    from edge_deploy.cli import options

    asked = edge_deploy.VerifyOptions()
    assert set(options.TARGETS.split(",")) == set(asked.only)
    assert set(options.RUNTIMES.split(",")) == set(asked.runtimes)
    assert options.BACKENDS.split(",") == list(asked.backends)


PUBLIC = (
    "ArtifactError BenchOptions BenchResult BenchRow Candidate CandidateResult "
    "ConversionError ConvertOptions ConvertResult DemoOptions DiffOptions DiffResult "
    "EdgeDeployError Feature InitResult LoadOptions LoadedModel MissingDependencyError "
    "ModelSpec OutputVerdict PageInfo Prediction PublishOptions PublishResult Published "
    "PushOptions PushResult PushedFile QuantizeOptions QuantizeResult Recommendation "
    "SingleFile Snippet SourceError Statistics TensorSpec Tolerances TuneOptions TuneResult "
    "UntrustedError UsageError Verdict VerifyOptions VerifyResult __version__ bench "
    "build_demo build_single_file bundle convert diff init inspect load_model promote publish "
    "push quantize releases rollback run snippet stats tune verify "
)


def test_the_python_api_is_flat_and_pinned() -> None:
    assert edge_deploy.__all__ == PUBLIC.split()
    assert all(getattr(edge_deploy, name) for name in PUBLIC.split())
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = edge_deploy.quantise


DESCRIBED = [
    # what a document holds -> the lines that `inspect` prints of it
    ({"kind": "keras3", "notes": [], "metadata": None}, ["kind: keras3"]),
    (
        {"source": {"file": "a.h5", "sizes": [1, 2]}, "rows": [{"name": "x", "max": None}]},
        ["source:", "  file: a.h5", "  sizes: 1, 2", "rows:", "  name: x"],
    ),
    # A vocabulary of thousands of words fills no screen; one word more than twelve is printed.
    ({"words": list(range(13))}, [f"words: {', '.join(map(str, range(13)))}"]),
    ({"words": list(range(5012))}, [f"words: {', '.join(map(str, range(12)))} and 5,000 more"]),
    (
        {"outputs": [{"name": "y", "shape": [None, 2], "dtype": "float32", "kind": "probabilities",
                      "classes": ["cat", "dog"]}]},
        ["output: y [any x 2] float32 probabilities: cat, dog"],
    ),
    (
        {"artifacts": [{"files": [{"path": "a_int8.tflite", "bytes": 1234}], "outputs": [],
                        "inputs": [{"name": "x", "dtype": "uint8",
                                    "quantization": {"scale": 0.5, "zero_point": 3}}]}]},
        ["file: a_int8.tflite 1,234 bytes", "  input x: uint8, number = (integer - 3) * 0.5"],
    ),
    # A version never reads as a count.
    (
        {"ops": ["CONV_2D", "SOFTMAX"],
         "needs": {"operators": [
                       {"name": "CONV_2D", "version": 5, "count": 4, "min_runtime": "2.4.0"},
                       {"name": "SOFTMAX", "version": 2, "count": 1, "min_runtime": None}],
                   "min_runtime": "2.4.0", "min_litert": None, "flex": [], "custom": [],
                   "gpu": None, "peak_memory_bytes_estimate": 1000, "multiply_adds": None}},
        ["operators: CONV_2D version 5 (4 times), SOFTMAX version 2 (once)",
         "oldest runtime: TensorFlow Lite 2.4.0",
         "tensor memory at its peak: 1,000 bytes (an estimate)"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("document", "lines"), DESCRIBED, ids=lambda v: str(v)[:24])
def test_inspect_prints_what_is_nested_in_lines(document: dict, lines: list[str]) -> None:
    from edge_deploy.cli.console import described

    assert described(document) == lines


def test_a_bug_of_ours_is_told_as_one_in_json_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from edge_deploy import cli
    from edge_deploy.api import inspect

    def stumble(*_: object) -> None:
        raise RuntimeError("stumbled")

    monkeypatch.setattr(inspect, "inspect", stumble)
    monkeypatch.setattr(sys, "argv", ["edge-deploy", "inspect", ".", "--json"])
    with pytest.raises(SystemExit) as stopped:
        cli.in_process()
    out, err = capfd.readouterr()
    assert stopped.value.code == 3
    assert "please report it" in json.loads(out)["error"]["message"]
    assert "Traceback" in err and err.count("please report it") == 1
