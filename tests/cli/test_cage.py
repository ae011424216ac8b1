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
from msgspec import structs

from edge_deploy.artifact.artifact import describe_files, write_manifest
from edge_deploy.artifact.document import to_document
from edge_deploy.core.worker import landlock, seccomp
from edge_deploy.formats.tflite import file as tflite
from tests.formats.test_hostile_files import sound_tflite
from tests.support import PATIENCE, manifests

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


def crashing_artifact() -> Path:
    """Its .tflite adds nothing to its input, which LiteRT looks up all the same."""
    from ai_edge_litert import schema_py_generated as schema

    folder = Path("artifact")
    (folder / "tflite").mkdir(parents=True)
    model = sound_tflite()
    code, (operator,) = model.operatorCodes[0], model.subgraphs[0].operators
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    operator.inputs = np.array([0, -1], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.AddOptions
    operator.builtinOptions = schema.AddOptionsT()
    path = folder / "tflite" / "m_float32.tflite"
    path.write_bytes(tflite.pack(model))
    values = np.ones((4, 4), np.float32)
    np.savez(folder / "reference.npz", **{"in:x": values, "out:y": values})
    (file,) = describe_files(folder, [path])
    (entry,) = (manifests.file_entry(files=[to_document(file)]),)
    ends = [{**manifests.tensor(name), "kind": "table", "shape": [None, 4]} for name in "xy"]
    for end in ends:
        del end["quantization"]
    outputs = [{**ends[1], "kind": "tensor", "classes": None, "unit": None}]
    made = manifests.manifest(inputs=ends[:1], outputs=outputs, files=[])
    write_manifest(folder, structs.replace(made, artifacts=(entry,)))
    return folder


def test_a_converted_file_that_crashes_its_runtime_is_one_message() -> None:
    done = edge_deploy("verify", str(crashing_artifact()))
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
    assert "crashed (SIGSEGV)" in done.stderr


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


def test_without_a_cage_the_time_ends_all_the_same() -> None:
    code = "from edge_deploy.cli.cage import stop_after\nstop_after(0.1)\nwhile True: pass"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, "Not done after 0.1 s" in done.stderr) == (3, True), done
