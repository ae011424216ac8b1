"""The commands that must feel instant: --help, and verify without TensorFlow.

Goals: --help at most 0.2 s, verify --only tflite,onnx of a small artifact at most 1.0 s.
"""

from __future__ import annotations

import sys
import tempfile

from measure import edge_deploy, measure, show


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure(edge_deploy("examples", "insurance", "-q"), 1, folder)
        model = "examples/insurance/insurance.pkl"
        measure(edge_deploy("convert", model, "--to", "tflite,onnx", "-q"), 1, folder)
        artifact = "artifacts/insurance/1"
        rows = [
            ("edge-deploy --help", measure(edge_deploy("--help"), 9, folder)),
            ("edge-deploy convert --help", measure(edge_deploy("convert", "--help"), 9, folder)),
            (
                "edge-deploy verify --only tflite,onnx",
                measure(edge_deploy("verify", artifact, "--only", "tflite,onnx"), 9, folder),
            ),
            (
                "edge-deploy run age=40 sex=female smoker=no",
                measure(
                    edge_deploy("run", artifact, "age=40", "sex=female", "smoker=no"), 9, folder
                ),
            ),
            (
                "python -c 'import numpy' (for comparison)",
                measure([sys.executable, "-c", "import numpy"], 9, folder),
            ),
        ]
        show(rows)


if __name__ == "__main__":
    main()
