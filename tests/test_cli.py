"""The command line's contract: commands, flags, what --help costs, what runs without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

import edge_deploy
from edge_deploy.cli import app

FLAGS = {
    "convert": (
        "model --to --reference --samples --labels --preprocess --features --signature "
        "--input-shape --custom-objects --trust-pickle --name --artifact-version --output -o "
        "--overwrite --keep-going --dry-run --seed --browser --json --quiet -q --verbose -v "
        "--fold-preprocessing --min-runtime "
        "--quantize --io --calibration --keep-float --max-drop --min-agreement --strict "
        "--prune --prune-data --prune-epochs"
    ),
    "quantize": (
        "artifact --to --calibration --io --keep-float --max-drop --min-agreement --strict "
        "--overwrite --keep-going --browser --json --quiet -q --verbose -v"
    ),
    "verify": (
        "artifact --only --runtime --backend --against --reference --atol --rtol --report "
        "--max-drop --min-agreement "
        "--browser --signature --input-shape --custom-objects --trust-pickle --json --quiet -q"
    ),
    "bench": ("artifact --only --runtime --backend --seconds --page --browser --json --quiet -q"),
    "tune": (
        "model --max-drop --objective --to --executor --jobs --resume --sparsities --prune-data "
        "--prune-epochs --reference --samples --calibration --labels --preprocess --features "
        "--signature --input-shape --custom-objects --trust-pickle --name --artifact-version "
        "--output -o --overwrite --seed --browser --json --quiet -q --verbose -v"
    ),
    "demo": "artifact --output -o --host --embed --no-offline --json --quiet -q",
    "serve": "folder --port --host",
    "run": "artifact inputs --only --precision --json",
    "snippet": "artifact --platform --precision --output -o --json",
    "bundle": "artifact --platform --precision --output -o --json --quiet -q",
    "inspect": "path --signature --input-shape --custom-objects --trust-pickle --json",
    "examples": "names --output -o --data --dataset --seed --json --quiet -q",
    "quickstart": "--output -o --browser --quiet -q",
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


def test_version_is_the_packages(run) -> None:
    assert run("--version").out == f"edge-deploy {edge_deploy.__version__}\n"


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
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, unwanted: str) -> None:
    script = f"{code}\nimport sys\nprint(*(set({unwanted.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done


PUBLIC = (
    "Answer ArtifactError Bench BenchOptions BenchRow Candidate Conversion ConversionError "
    "ConvertOptions EdgeDeployError Feature LoadOptions LoadedModel Measured "
    "MissingDependency ModelSpec OutputVerdict Quantization QuantizeOptions Recommended "
    "Snippet SourceError TensorSpec Tolerances TuneOptions TuneResult UntrustedError "
    "UsageError Verdict Verification VerifyOptions __version__ bench build_demo bundle "
    "convert inspect load_model quantize run snippet tune verify"
)


def test_the_python_api_is_flat_and_pinned() -> None:
    assert edge_deploy.__all__ == PUBLIC.split()
    assert all(getattr(edge_deploy, name) for name in PUBLIC.split())
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = edge_deploy.quantise
