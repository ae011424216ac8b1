"""How many of the faults put into converted files verify catches: `make faults`.

Small models in all targets and precisions; every kind of fault of tests/support/faults.py in every
float tensor, the hashes left out of it. Prints a table and what was missed; a float32 file's fault
that is neither caught nor harmless ends it with 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import joblib
import numpy as np

import edge_deploy
from edge_deploy.core.stdio import quiet, set_environment
from edge_deploy.web.browser import open_browser
from tests.support.attack import MODELS, Outcome, attack, shards_swapped, table, wide

_PRECISIONS = "tflite=float32,float16,dynamic,int8,int16x8 onnx=float32,float16 tfjs=float32,uint8"


def _healthy(folder: Path, count: int) -> tuple[int, int]:
    """How many of so many artifacts, of models with other weights each, have a file that fails."""
    import tensorflow as tf

    alarms = files = 0
    for seed in range(count):
        name = list(MODELS)[seed % len(MODELS)]
        tf.keras.utils.set_random_seed(seed)
        model = MODELS[name](np.random.default_rng(seed))
        path = folder / (f"healthy.{'joblib' if name in ('tree', 'text') else 'h5'}")
        joblib.dump(model, path) if path.suffix == ".joblib" else model.save(path)
        done = edge_deploy.convert(
            path, output=folder, overwrite=True, to=("tflite", "onnx"), seed=seed, keep_going=True,
            quantize=["tflite=float32", "tflite=float16", "tflite=dynamic", "onnx=float32"],
        )  # fmt: skip
        failed = [verdict for verdict in done.verdicts if verdict.status == "fail"]
        for verdict in failed:
            print("alarm:", name, "seed", seed, verdict.path, verdict.problems)
        files += len(done.verdicts)
        alarms += bool(failed)
    return files, alarms


def _convert_wide(folder: Path) -> edge_deploy.ConvertResult:
    path = folder / "wide.h5"
    wide(np.random.default_rng(0)).save(path)
    return edge_deploy.convert(path, output=folder, to=("tfjs",), overwrite=True)


def _convert(name: str, folder: Path) -> edge_deploy.ConvertResult:
    model = MODELS[name](np.random.default_rng(0))
    path = folder / (f"{name}.joblib" if name in ("tree", "text") else f"{name}.keras")
    joblib.dump(model, path) if path.suffix == ".joblib" else model.save(path)
    wanted = {
        pair.split("=")[0]: tuple(pair.split("=")[1].split(",")) for pair in _PRECISIONS.split()
    }
    return edge_deploy.convert(
        path,
        output=folder,
        quantize=[f"{target}={p}" for target, ps in wanted.items() for p in ps],
        keep_going=True,
        overwrite=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=60, help="faults a file at most")
    parser.add_argument("--in-page", type=int, default=10, help="the same of a TF.js file")
    parser.add_argument("--healthy", type=int, default=100, help="artifacts without a fault")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_environment()
    outcomes: list[tuple[str, Outcome]] = []
    healthy = alarms = 0
    with tempfile.TemporaryDirectory() as folder, quiet(), open_browser() as browser:
        for name in MODELS:
            done = _convert(name, Path(folder))
            assert done.artifact is not None
            healthy += len(done.verdicts)
            alarms += sum(verdict.status == "fail" for verdict in done.verdicts)
            for verdict in done.verdicts:
                if verdict.status == "fail":
                    print("alarm:", name, verdict.path, verdict.problems)
            for entry in done.artifact.manifest.artifacts:
                most = given.in_page if entry.target == "tfjs" else given.most
                found = attack(done.artifact, entry, given.seed, most, browser)
                outcomes += [(name, one) for one in found]
        done = _convert_wide(Path(folder))
        assert done.artifact is not None
        (entry,) = done.artifact.manifest.artifacts
        outcomes.append(("wide", shards_swapped(done.artifact, entry, browser)))
        files, wrong = _healthy(Path(folder), given.healthy)
    print("\n".join(table([one for _, one in outcomes])))
    for name, one in outcomes:
        if one.result in ("missed", "in budget"):
            print(f"{one.result}: {name} {one.target} {one.precision} {one.kind} {one.tensor}: "
                  f"{one.moved:.2g} of the scale")  # fmt: skip
    print(f"healthy files: {healthy}, alarms: {alarms}")
    print(f"{given.healthy} healthy artifacts of {files} files, with an alarm: {wrong}")
    return int(alarms + wrong > 0 or any(one.result == "missed" for _, one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
