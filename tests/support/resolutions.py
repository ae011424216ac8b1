"""What the registry offers to each system and Python: asked from the start, answered much later.

An answer is waited for, and hardly computed: it costs nothing while other tests run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.support import PATIENCE

ROOT = Path(__file__).parents[2]
Row = tuple[str, str, str, str]
"""Platform, Python, extra, the file of what is held to."""

PLATFORMS = {  # uv's name for it
    "win_amd64": "x86_64-pc-windows-msvc",
    "macosx_arm64": "aarch64-apple-darwin",
    "manylinux_x86_64": "x86_64-manylinux_2_28",
    "manylinux_aarch64": "aarch64-manylinux_2_28",
}
ROWS: list[Row] = [
    (platform, python, extra, "" if extra == "base" else "constraints-next.txt")
    for platform in PLATFORMS
    for python in ("3.11", "3.12", "3.13")
    for extra in ("base", "convert")
]
ROWS += [("manylinux_x86_64", python, "convert", "constraints.txt") for python in ("3.11", "3.12")]


def resolve(row: Row, answer: Path) -> None:
    """Ask the registry, as pip does there, and install nothing."""
    platform, python, extra, constraints = row
    how = ["--python-platform", PLATFORMS[platform], "--python-version", python]
    how += ["--only-binary", ":all:", "--quiet", "--no-header", "--no-annotate"]
    how += ["--extra", extra] if extra != "base" else []
    how += ["--constraint", str(ROOT / constraints)] if constraints else []
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", ROOT / "pyproject.toml", *how],
        # The oldest macOS that ONNX Runtime has builds for.
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    half = answer.with_suffix(".half")
    half.write_text(json.dumps([done.returncode, done.stdout, done.stderr]), "utf-8")
    half.rename(answer)


def _answer(folder: Path, row: Row) -> Path:
    return folder / f"{ROWS.index(row)}.json"


@contextmanager
def asked(folder: Path) -> Iterator[None]:
    """All rows are asked by the first process that comes here; it stays until they are answered."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        yield
        return
    with ThreadPoolExecutor(8) as pool:
        for row in ROWS:
            pool.submit(resolve, row, _answer(folder, row))
        yield


def answered(folder: Path, row: Row) -> tuple[int, str, str]:
    """The code, the stdout and the stderr of a row that was asked."""
    deadline = time.monotonic() + PATIENCE
    while not (path := _answer(folder, row)).exists():
        assert time.monotonic() < deadline, f"no answer for {row}"
        time.sleep(0.1)
    code, out, err = json.loads(path.read_text("utf-8"))
    return code, out, err
