"""What libraries write is held back at the API's edge; what the library tells is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edge_deploy
from edge_deploy.core.stdio import aloud, quiet

PACKAGE = Path(edge_deploy.__file__).parent

SCRIPT = """
import logging, os, sys
from edge_deploy.core import log
from edge_deploy.core.stdio import quiet, quietly

def noise():
    print("Python to stdout")
    print("Python to stderr", file=sys.stderr)
    os.write(1, b"C++ to stdout\\n")
    os.write(2, b"C++ to stderr\\n")

@quietly
def fails():
    noise()
    raise ValueError("what went wrong")

def caught():
    try:
        fails()
    except ValueError as error:
        print(error)

def told():
    form = "%(levelname)s %(module)s %(funcName)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    with quiet():
        noise()
        log.logger("edge_deploy.api.convert").info("reading %s", "model.h5")
        noise()
    log.tell(["100% made up"])

def nested():
    print("before")
    with quiet():
        noise()
        with quiet():
            noise()
        noise()
    print("after")

def verbose():
    with quiet(verbose=True):
        os.write(1, b"C++ to stdout\\n")
"""

WRITTEN = {
    # what runs -> what comes to stdout and to stderr
    "nested": ("before\nafter\n", ""),  # a call of the API within another
    "verbose": ("C++ to stdout\n", ""),
    "caught": ("what went wrong\n", ""),
    "told": ("", "INFO <string> told: reading model.h5\nINFO log tell: 100% made up\n"),
}


@pytest.mark.parametrize("function", WRITTEN)
def test_only_what_is_ours_is_written(function: str) -> None:
    code = f"{SCRIPT}\n{function}()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == WRITTEN[function]


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="counted in /dev/fd")
def test_quiet_leaves_no_descriptor_open() -> None:
    before = open_descriptors()
    for _ in range(3):
        with quiet(), aloud():
            pass
    assert open_descriptors() == before


def test_only_the_edge_of_the_api_is_quiet() -> None:
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if "import quiet" in path.read_text(encoding="utf-8")
    }
    # load_model is a public function; a worker of the search is the edge of its own process.
    assert users == {"api", "examples", "frontends", "optimize"}


@pytest.mark.skipif(sys.platform == "win32", reason="there HDF5 opens no file that is locked")
def test_file_that_another_program_has_locked_is_read(tmp_path: Path) -> None:
    import fcntl

    import h5py

    path = tmp_path / "model.h5"
    with h5py.File(path, "w", locking=False) as file:
        file.attrs["model_config"] = "{}"
    environment = dict(os.environ)
    environment.pop("HDF5_USE_FILE_LOCKING", None)
    script = (
        "from edge_deploy.core.stdio import set_environment; set_environment(); import h5py, sys; "
        "print(list(h5py.File(sys.argv[1]).attrs))"
    )
    command = [sys.executable, "-c", script, str(path)]
    with path.open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = subprocess.check_output(command, env=environment, text=True)
    assert told == "['model_config']\n"
