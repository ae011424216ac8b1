"""The commands from end to end, in a Python that is one of Windows as far as they can see."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = """
inspect line.pkl
convert line.pkl
convert line.pkl --overwrite
quantize artifacts/line/1 --to dynamic
verify artifacts/line/1 --only tflite,onnx
demo artifacts/line/1 -o site
demo artifacts/line/1 -o site
snippet artifacts/line/1 --platform python -o line.py
bundle artifacts/line/1 --platform android -o line.zip
run artifacts/line/1 row.csv
doctor
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what is open is read from /proc")
def test_a_model_goes_all_the_way(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    x = np.random.default_rng(0).normal(size=(50, 3))
    model = LinearRegression().fit(x, x @ [1.0, -2.0, 3.0] + 4.0)
    (tmp_path / "line.pkl").write_bytes(pickle.dumps(model))
    (tmp_path / "row.csv").write_text("a,b,c\n1,2,3\n")
    commands = [line.split() for line in COMMANDS.splitlines() if line]
    (tmp_path / "commands.json").write_text(json.dumps(commands))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.windows", "commands.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("pass") == 3 + 3 + 2 + 4, done.stdout
    assert "value: 10" in done.stdout  # 1 - 2 * 2 + 3 * 3 + 4
    made = {path.name for path in (tmp_path / "artifacts" / "line").iterdir()}
    assert made == {"1"}  # nothing half-written, no version set aside
    assert {path.name for path in tmp_path.iterdir()} == {
        *("artifacts", "commands.json", "line.pkl", "line.py", "line.zip", "row.csv", "site")
    }
    for path in (tmp_path / "artifacts").rglob("*.json"):
        assert b"\r" not in path.read_bytes() and b"\\\\" not in path.read_bytes(), path
