"""A model that runs code, opened by the real program: caged, and with one message at its end."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_deploy.cli import cage
from edge_deploy.core.worker import landlock, seccomp
from edge_deploy.formats.tflite import file as tflite
from edge_deploy.web import assets
from tests.formats.test_hostile_files import sound_tflite
from tests.support import PATIENCE, hostile_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the cage of other systems is less"),
]
WHOLE = pytest.mark.skipif(
    landlock.abi() < landlock.OLDEST or not seccomp.available(),
    reason=f"this kernel has Landlock {landlock.abi()}, system call filters {seccomp.available()}",
)
PROGRAM = (sys.executable, "-m", "edge_deploy.cli")

ATTEMPTS = """\
import json, os, socket, subprocess, sys
from pathlib import Path
parent, told = os.getppid(), {}
for name, attempt in {
    "socket": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "read": lambda: Path("outside/secret").read_text(),
    "write": lambda: Path("outside/marker").write_text(""),
    "beside": lambda: Path("marker").write_text(""),
    "shell": lambda: subprocess.run(["/bin/sh", "-c", "touch outside/marker"]),
    "fork": os.fork,
    "kill": lambda: os.kill(parent, 9),
}.items():
    try:
        attempt()
        told[name] = "done"
    except OSError as error:
        told[name] = type(error).__name__
Path("out/told.json").write_text(json.dumps(told))
"""
REFUSED = dict.fromkeys(
    ("socket", "read", "write", "beside", "shell", "fork", "kill"), "PermissionError"
)


class Evil:
    """Runs code when it is unpickled."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __reduce__(self) -> tuple[object, tuple[str, dict[str, object]]]:
        return exec, (self._code, {})


def evil(code: str) -> str:
    """A pickle in the folder of models, and another's secret elsewhere."""
    for folder in ("models", "outside"):
        Path(folder).mkdir()
    Path("outside/secret").write_text("a secret")
    Path("models/evil.pkl").write_bytes(pickle.dumps(Evil(code)))
    return "models/evil.pkl"


def edge_deploy(*arguments: str, data: int | None = None) -> subprocess.CompletedProcess[str]:
    """The program as a user starts it, with so many bytes of memory."""

    def limit() -> None:
        import resource

        if data is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (data, data))

    return subprocess.run(
        [*PROGRAM, *arguments], preexec_fn=limit, capture_output=True, text=True, timeout=PATIENCE
    )


@WHOLE
def test_a_trusted_pickle_reaches_nothing_outside() -> None:
    done = edge_deploy("convert", evil(ATTEMPTS), "--trust-pickle", "-o", "out")
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done
    assert json.loads(Path("out/told.json").read_text()) == REFUSED
    assert [path.name for path in Path("outside").iterdir()] == ["secret"]


@WHOLE
def test_custom_objects_reach_nothing_outside() -> None:
    import keras

    evil("")
    x = keras.Input((2,))
    keras.Model(x, keras.layers.Dense(1)(x)).save("models/net.keras")
    Path("own.py").write_text(f"class Own:\n    exec({ATTEMPTS!r}, {{}})\n    1 / 0\n")
    done = edge_deploy(
        "convert", "models/net.keras", "--custom-objects", "own.py", "-o", "out", "--to", "onnx"
    )
    assert (done.returncode, "ZeroDivisionError" in done.stderr) == (2, True), done
    assert json.loads(Path("out/told.json").read_text()) == REFUSED
    assert [path.name for path in Path("outside").iterdir()] == ["secret"]


ENDS = {
    "crash": ("import ctypes; ctypes.string_at(0)", r"crashed \(SIGSEGV\)"),
    "abort": ("import os; os.abort()", r"crashed \(SIGABRT\)"),
    "out of memory": ("bytearray(3_000_000_000)", "Out of memory"),
    "ended for memory": ("import os; os.kill(os.getpid(), 9)", "want of memory"),
    "exit": ("import os; os._exit(139)", r"exit code 139"),
    "loop": ("while True: pass", r"Not done after 2 s\. .*--timeout 8"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_model_that_ends_the_program_is_one_message(name: str) -> None:
    code, words = ENDS[name]
    seconds = "2" if name == "loop" else "0"
    given = ("--trust-pickle", "--json", "--timeout", seconds)
    done = edge_deploy("inspect", evil(code), *given, data=3_000_000_000)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
    assert re.search(words, done.stderr), done.stderr
    assert json.loads(done.stdout)["error"]["exit_code"] == 3


ASKS = {  # what hands a converted file to its runtime
    "verify": "verify {artifact}",
    "run": "run {artifact} x.npz",
    "bench": "bench {artifact}",
    "quantize": "quantize {artifact} --to {precision} --calibration x.npz",
    "diff": "diff {artifact} {artifact}",
    "bundle": "bundle {artifact} --platform python",
    "publish": "publish next --to site",
}


def asking(command: str, data: bytes, target: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command with an artifact of a hostile file."""
    import edge_deploy

    artifact = hostile_files.artifact_of(data, Path("artifact"), target)
    x = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    np.savez("x.npz", x=x)
    if command == "publish":
        monkeypatch.setattr(assets, "FOLDERS", ())  # the page's runtimes are not needed
        hostile_files.artifact_of(data, Path("next"), target, "2")
        edge_deploy.publish(artifact, "site")
    precision = "int8" if target == "tflite" else "dynamic"
    return [part.format(artifact=artifact, precision=precision) for part in ASKS[command].split()]


def everything() -> dict[str, bytes]:
    return {p.as_posix(): p.read_bytes() for p in Path().rglob("*") if p.is_file()}


@pytest.mark.parametrize("command", ASKS)
def test_a_converted_file_that_crashes_its_runtime_is_one_message(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = asking(command, hostile_files.crashing_tflite(), "tflite", monkeypatch)
    before = everything()
    done = edge_deploy(*arguments)
    told = [line for line in done.stderr.splitlines() if not line.startswith("INFO: ")]  # LiteRT's
    assert (done.returncode, len(told)) == (3, 1), done
    assert "crashed (SIGSEGV)" in told[0]
    assert everything() == before


@pytest.mark.parametrize("command", ["run", "bench", "quantize", "publish"])
def test_a_converted_file_that_never_answers_is_one_message(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command == "quantize":  # a loop is refused before it is asked
        arguments = asking(command, hostile_files.slow_onnx(), "onnx", monkeypatch)
    else:
        arguments = asking(command, hostile_files.endless_tflite(), "tflite", monkeypatch)
    before = everything()
    done = edge_deploy(*arguments, "--timeout", "1.5", "--json")
    assert done.returncode == 3, done
    assert json.loads(done.stdout)["error"]["message"].startswith("Not done after 1.5 s")
    assert everything() == before


def test_inspecting_a_file_computes_nothing_of_it() -> None:
    Path("slow.onnx").write_bytes(hostile_files.slow_onnx())
    done = edge_deploy("inspect", "slow.onnx", "--timeout", "30", "--json")
    assert (done.returncode, "ReduceMax" in json.loads(done.stdout)["ops"]) == (0, True), done


def test_a_table_is_piped_in_and_another_comes_out_where_nothing_else_is_written() -> None:
    sound = tflite.pack(sound_tflite())
    artifact = hostile_files.artifact_of(sound, Path("artifact"))
    Path("home").mkdir()
    done = subprocess.run(
        [*PROGRAM, "run", str(artifact), "-", "-o", "home/out.csv"],
        input="a,b,c,d\n0,0,0,0\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert [path.name for path in Path("home").iterdir()] == ["out.csv"]
    assert Path("home/out.csv").read_text("utf-8-sig").splitlines()[1] == "0,0,0,0,0.0,0.0,0.0,0.0"


def test_the_parent_stays_light_where_a_converted_file_is_asked() -> None:
    artifact = hostile_files.artifact_of(hostile_files.crashing_tflite(), Path("artifact"))
    code = (
        f"import sys\nsys.argv = ['edge-deploy', 'run', {str(artifact)!r}, 'x.npz']\n"
        "from edge_deploy.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules)"
    )
    np.savez("x.npz", x=np.zeros((1, 4), np.float32))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 3
    assert not {"numpy", "ai_edge_litert", "onnxruntime"} & set(done.stdout.split())


def test_pictures_that_a_table_names_are_shown_to_the_cage(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("photo,size\npictures/a.JPG,1\nb.png,2\nsecret.txt,3\n")
    assert [*cage._pictures_of(table)] == [tmp_path / "pictures/a.JPG", tmp_path / "b.png"]
    table.write_text("a,b\n1,2\n")
    assert not [*cage._pictures_of(table)]


@WHOLE
@pytest.mark.parametrize("command", ["run", "quantize"])
def test_an_artifact_that_another_run_replaces_is_told(command: str) -> None:
    artifact = hostile_files.artifact_of(tflite.pack(sound_tflite()), Path("artifact"))
    hostile_files.artifact_of(tflite.pack(sound_tflite()), Path("other"))
    np.savez("x.npz", x=np.zeros((1, 4), np.float32))
    arguments = {"run": ("x.npz",), "quantize": ("--to", "float16")}[command]
    code = (
        "import sys\nfrom pathlib import Path\n"
        f"sys.argv = ['edge-deploy', {command!r}, {str(artifact)!r}, *{arguments!r}]\n"
        "from edge_deploy.core.worker import landlock\n"
        "allow = landlock._allow\n"
        "def then_replace(ruleset, path, access):\n"
        "    allow(ruleset, path, access)\n"
        "    if path == Path('artifact'):\n"
        "        path.rename('gone')\n"
        "        Path('other').rename(path)\n"
        "landlock._allow = then_replace\n"
        "from edge_deploy.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
    assert "artifact was changed by another run meanwhile" in done.stderr


def test_the_parent_stays_light() -> None:
    path = evil("import os; os.abort()")
    code = (
        f"import sys\nsys.argv = ['edge-deploy', 'inspect', {path!r}, '--trust-pickle']\n"
        "from edge_deploy.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 3
    assert not {"tensorflow", "keras", "sklearn", "onnxruntime"} & set(done.stdout.split())


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    """A small Keras file with a layer that can be named."""
    import keras

    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(64, activation="tanh", name="hidden")(x)
    keras.Model(x, keras.layers.Dense(2, name="y")(hidden)).save(tmp_path / "dense.keras")
    return tmp_path / "dense.keras"


def test_files_come_in_their_order_though_a_browser_answers_beside_the_rest(dense: Path) -> None:
    asked = ("--quantize", "tflite=float16,tfjs=uint16,onnx=float16", "--json")
    done = subprocess.run([*PROGRAM, "convert", dense, *asked], capture_output=True, text=True)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)["verdicts"]
    assert [(one["target"], one["precision"], one["status"]) for one in found] == [
        ("tflite", "float16", "pass"), ("tfjs", "uint16", "pass"), ("onnx", "float16", "pass"),
    ]  # fmt: skip
    made = Path("artifacts/dense/1").rglob("*float32*")
    assert not list(made)  # those were the way to the others


def test_what_fails_beside_the_rest_is_told_and_leaves_nothing(dense: Path) -> None:
    asked = ("--to", "tfjs,onnx", "--quantize", "tfjs=uint8", "--keep-float", "nowhere")
    done = subprocess.run([*PROGRAM, "convert", dense, *asked], capture_output=True, text=True)
    assert (done.returncode, "nowhere" in done.stderr) == (2, True), done
    assert "Traceback" not in done.stderr
    assert not Path("artifacts").exists()


def test_without_a_cage_the_time_ends_all_the_same() -> None:
    code = "from edge_deploy.cli.cage import stop_after\nstop_after(0.1)\nwhile True: pass"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, "Not done after 0.1 s" in done.stderr) == (3, True), done
