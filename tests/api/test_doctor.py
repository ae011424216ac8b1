"""doctor: what it says of good and of broken installations, told by their metadata."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from edge_deploy.api import doctor
from edge_deploy.core import dependencies
from edge_deploy.core.errors import MissingDependencyError
from edge_deploy.web import browser

DECLARED = [
    "numpy>=1.26",
    "edge-deploy[quantize]; extra == 'convert'",
    "ai-edge-quantizer>=0.8; extra == 'quantize'",
    "tensorflow>=2.19,<2.22; extra == 'convert'",
    "tf-keras>=2.19,<2.22; extra == 'convert'",
    "keras>=3.5; extra == 'convert'",
    "playwright>=1.45; extra == 'browser'",
    "dask>=2024.5; extra == 'tune'",
    "pytest>=8; extra == 'dev'",
]
NEEDS = {
    "edge-deploy": DECLARED,
    "tensorflow": ["protobuf<6,>=3.20", "jax; extra == 'and-cuda'", "wheel; python_version < '3'"],
    "tf-keras": ["tensorflow<2.20,>=2.19"],
}
WHOLE = {
    "numpy": "2.1.3",
    "ai-edge-quantizer": "0.10.0",
    "tensorflow": "2.19.0",
    "tf-keras": "2.19.0",
    "keras": "3.15.1",
    "playwright": "1.65.2",
    "dask": "2026.8.0",
    "protobuf": "5.29.6",
}
CONVERT = ("ai-edge-quantizer", "tensorflow", "tf-keras", "keras", "dask")


def examine(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> dict[str, doctor.Check]:
    """The checks by name, on a machine with just these packages."""

    def version(package: str) -> str:
        if package not in installed:
            raise metadata.PackageNotFoundError(package)
        return installed[package]

    def requires(package: str) -> list[str]:
        if package not in {"edge-deploy", *installed}:
            raise metadata.PackageNotFoundError(package)
        return NEEDS.get(package, [])

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", requires)
    return {check.name: check for check in doctor.examine().checks}


def test_packages_are_right_when_all_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = examine(monkeypatch, WHOLE)
    for name in ("base packages", "[quantize]", "[convert]", "[browser]", "[tune]"):
        assert checks[name].ok, checks[name]
        assert checks[name].mend is None
    assert "tensorflow 2.19.0" in checks["[convert]"].found
    assert "[dev]" not in checks
    assert checks["versions together"].ok


@pytest.mark.parametrize(
    ("changed", "check", "found", "mend"),
    [
        ({"tf-keras": None}, "[convert]", "tf-keras MISSING", '"tf-keras<2.22,>=2.19"'),
        ({"tensorflow": "2.21.0"}, "versions together", "not 2.21.0", '"tensorflow<2.20,>=2.19"'),
        ({"keras": None}, "[convert]", "keras MISSING", '"keras>=3.5"'),
        ({"tensorflow": "2.18.0"}, "[convert]", "2.18.0 (needs <2.22", '"tensorflow<2.22,>=2.19"'),
        ({"numpy": "1.24.0"}, "base packages", "numpy 1.24.0 (needs >=1.26", '"numpy>=1.26"'),
        ({"protobuf": "6.31"}, "versions together", "protobuf<6,>=3.20, not 6.31", "protobuf<6"),
    ],
)
def test_broken_install_is_named_with_its_mend(
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str | None],
    check: str,
    found: str,
    mend: str,
) -> None:
    installed = {name: v for name, v in {**WHOLE, **changed}.items() if v is not None}
    looked_at = examine(monkeypatch, installed)[check]
    assert not looked_at.ok
    assert looked_at.needed
    assert found in looked_at.found
    assert looked_at.mend is not None
    assert looked_at.mend.split(" -m ")[1].startswith("pip install ")
    assert mend in looked_at.mend


def test_light_install_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    light = {name: version for name, version in WHOLE.items() if name not in CONVERT}
    checks = examine(monkeypatch, light)
    assert not checks["[convert]"].ok
    assert not checks["[convert]"].needed
    assert "[convert]" in (checks["[convert]"].mend or "")
    assert doctor.Report((checks["[convert]"], checks["base packages"])).ok


def test_mend_names_the_package_when_it_is_no_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path / "edge_deploy")
    monkeypatch.setattr(sys, "executable", "/home/Ada L/python")
    check = examine(monkeypatch, {"numpy": "2.1.3", "edge-deploy": "0.1.0"})["[convert]"]
    assert check.mend == '"/home/Ada L/python" -m pip install "edge-deploy[convert]"'


@pytest.mark.parametrize(
    ("has", "command"),
    [
        ((), "python -m ensurepip && python -m pip install dask"),
        (("uv",), "uv pip install --python python dask"),
        (("uv", "pip"), "python -m pip install dask"),
    ],
)
def test_mend_works_in_an_environment_without_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has: tuple[str, ...], command: str
) -> None:
    for name in has:
        program = tmp_path / name / "__init__.py" if name == "pip" else tmp_path / name
        program.parent.mkdir(exist_ok=True)
        program.touch(0o755)
    monkeypatch.setattr(sys, "executable", "python")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dependencies.pip_install("dask") == command


def test_mend_of_what_is_in_no_registry_is_its_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none_here() -> Path:
        raise MissingDependencyError("no page")

    monkeypatch.setattr(dependencies, "PACKAGE", tmp_path / "edge_deploy")
    monkeypatch.setattr(doctor, "shell_folder", none_here)
    assert (examine(monkeypatch, WHOLE)["page and TF.js"].mend or "").endswith(dependencies.WHEEL)
    monkeypatch.setattr(metadata, "requires", lambda package: metadata.metadata("no-such-package"))
    found = {check.name: check for check in doctor.examine().checks}["edge-deploy"]
    assert (found.mend or "").endswith(f'install "{dependencies.WHEEL}[convert,browser]"')


def test_missing_browser_is_no_fault_and_has_a_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here() -> Path:
        raise MissingDependencyError("no browser")

    monkeypatch.setattr(browser, "find_browser", none_here)
    check = examine(monkeypatch, WHOLE)["browser"]
    assert (check.ok, check.needed) == (False, False)
    assert (check.mend or "").endswith("-m playwright install chromium")


def test_missing_vendor_is_a_fault_that_make_mends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none_here() -> Path:
        raise MissingDependencyError("vendor is not built")

    monkeypatch.setattr(doctor, "shell_folder", none_here)
    check = examine(monkeypatch, WHOLE)["page and TF.js"]
    assert (check.ok, check.needed) == (False, True)
    assert (check.mend or "").endswith(" vendor")


def test_unwritable_folder_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    # root may write anywhere, so that a folder's mode would prove nothing.
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    check = examine(monkeypatch, WHOLE)["this folder"]
    assert not check.ok
    assert "Permission denied" in check.found


def test_full_disk_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES", 10**18)
    assert not examine(monkeypatch, WHOLE)["this folder"].ok


def test_doctor_imports_no_framework() -> None:
    code = "import sys; from edge_deploy.api.doctor import examine; examine(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"tensorflow", "keras", "tf_keras", "sklearn", "onnxruntime", "playwright"}


# module that is missing -> the command that needs it, and what the message names
LACKING = {
    "tensorflow": (("convert", "{model}"), "tensorflow", "[convert]"),
    "sklearn": (("inspect", "{model}"), "sklearn", "[convert]"),
    "tf2onnx": (("convert", "{model}", "--to", "onnx"), "tf2onnx", "[convert]"),
    "onnx": (("quantize", "{artifact}", "--to", "onnx=dynamic"), "onnx", "[quantize]"),
    "ai_edge_quantizer": (
        ("quantize", "{artifact}", "--to", "tflite=float16"), "ai_edge_quantizer", "[quantize]",
    ),
    "joblib": (("tune", "{model}", "--to", "onnx"), "joblib", "[tune]"),
    "distributed": (("tune", "{model}", "--executor", "dask"), "distributed", "[tune]"),
    "playwright": (("tune", "{model}", "--to", "tfjs"), "Playwright", "[browser]"),
    "onnxruntime": (("verify", "{artifact}"), "onnxruntime", "pip install onnxruntime"),
    "ai_edge_litert": (("bench", "{artifact}"), "ai-edge-litert", "pip install ai-edge-"),
    "brotli": (("demo", "{artifact}", "-o", "site"), "brotli", "pip install brotli"),
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A regression and its artifact, as arguments name them."""
    from sklearn.linear_model import LinearRegression

    from edge_deploy import ConvertOptions, convert

    folder = tmp_path_factory.mktemp("given")
    x = np.random.default_rng(0).normal(size=(40, 1))
    (folder / "line.pkl").write_bytes(pickle.dumps(LinearRegression().fit(x, 2 * x[:, 0])))
    found = convert(folder / "line.pkl", ConvertOptions(output=folder / "made")).artifact
    assert found is not None
    return {"{model}": str(folder / "line.pkl"), "{artifact}": str(found.folder)}


@pytest.mark.slow
@pytest.mark.parametrize("module", LACKING)
def test_a_command_names_the_package_that_it_lacks(given: dict[str, str], module: str) -> None:
    arguments, package, mend = LACKING[module]
    argv = ["edge-deploy", *(given.get(argument, argument) for argument in arguments)]
    code = (
        f"import sys\nsys.modules[{module!r}] = None\nsys.argv = {argv!r}\n"
        "from edge_deploy import cli\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done
    assert package in done.stderr and mend in done.stderr, done.stderr
