"""``make zoo``: every network of keras.applications and tf_keras.applications, converted and run.

Each row is a model at its own size with random weights of sane statistics: saved, converted to
three formats by the command, and compared in LiteRT, ONNX Runtime and TF.js on wasm, those of at
most ``WEBGL`` numbers on webgl too. Models are built, and commands run, each in a process of its
own, so that the time and the memory are those of the command. A row is stored as soon as it is
done (``zoo.json`` beside this file), and what is stored is not done again: the table can be made
on several days, or machines. ``python -m tests.benchmarks.zoo ResNet50 NASNetMobile`` does some.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.measure import edge_deploy, measure
from tests.support.architectures import LIBRARIES, names, pictures, real_model
from tests.support.models import save

ROOT = Path(__file__).parents[2]
ROWS = Path(__file__).with_name("zoo.json")
PAGE = ROOT / "docs" / "reference" / "architectures.md"
WEBGL = 10_000_000
SAMPLES = 2
LIMIT = 3600  # seconds of a command
RUNTIMES = {
    "litert": "LiteRT",
    "ort": "ONNX Runtime",
    "tfjs wasm": "TF.js wasm",
    "tfjs webgl": "TF.js webgl",
}


def build(library: str, name: str, folder: Path) -> None:
    """Write the model, and pictures to ask it."""
    model = real_model(name, library=library)
    side = int(model.inputs[0].shape[1])
    np.savez(folder / "pictures.npz", x=pictures(SAMPLES, side))
    save(model, folder / ("model.keras" if library == "keras" else "model.h5"))
    facts = {"side": side, "parameters": model.count_params()}
    (folder / "facts.json").write_text(json.dumps(facts))


def row(library: str, name: str) -> dict[str, Any]:
    """One model's row of the table; what went wrong is in it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        command = [sys.executable, "-m", "tests.benchmarks.zoo", "--build", library, name]
        built = subprocess.run([*command, "--folder", temporary], cwd=ROOT, check=False)
        if built.returncode:
            raise RuntimeError(f"{library} {name}: Keras cannot build it here (see above)")
        facts = json.loads((folder / "facts.json").read_text())
        file = next(folder.glob("model.*")).name
        asked = ["--reference", "pictures.npz", "--keep-going", "--json", "--timeout", str(LIMIT)]
        done = {"library": library, "name": name, **facts}
        cost = measure(edge_deploy("convert", file, *asked), 1, temporary, expect=(0, 1, 3))
        done |= {"seconds": round(cost.seconds), "cpu": round(cost.cpu)}
        done |= {"megabytes": round(cost.megabytes)}
        try:
            said = json.loads(cost.output)
        except ValueError:  # no document: the end of what was said instead
            return done | {"error": " ".join(cost.output.split())[-300:], "verdicts": {}}
        if "error" in said:
            return done | {"error": said["error"]["message"], "verdicts": {}}
        verdicts = dict(_verdicts(said))
        if facts["parameters"] <= WEBGL and "tfjs wasm" in verdicts:
            only = ["--only", "tfjs", "--backend", "webgl", "--json", "--timeout", str(LIMIT)]
            made = edge_deploy("verify", "artifacts/model/1", *only)
            again = measure(made, 1, temporary, expect=(0, 1, 3))
            (report,) = json.loads(again.output)["reports"]
            verdicts |= dict(_verdicts(report))
        return done | {"verdicts": verdicts, "failed": said.get("failed", {})}


def _verdicts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in document.get("verdicts", ()):
        runtime = f"{one['runtime']} {one['backend']}" if one["backend"] else one["runtime"]
        yield runtime, one["status"] if not one["problems"] else str(one["problems"][0])


def stored() -> dict[str, dict[str, Any]]:
    """The rows that there are, by library and name."""
    return json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.is_file() else {}


def store(done: Mapping[str, Any]) -> None:
    """Add a row, and write the page anew."""
    rows = stored() | {f"{done['library']} {done['name']}": dict(done)}
    ROWS.write_text(json.dumps(dict(sorted(rows.items())), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(rows), encoding="utf-8")


def page(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The table as a page of the documentation."""
    lines = [
        "<!-- Written by `make zoo` (tests/benchmarks/zoo.py). -->",
        "",
        "# Architectures",
        "",
        "The networks of `keras.applications` and `tf_keras.applications` at their default sizes, "
        "with random weights, converted to three formats in one command; each file was compared "
        "with the original in the runtime itself. TF.js webgl was asked for models of at most "
        f"{WEBGL // 1_000_000} million numbers (it is the processor that pretends to be a GPU "
        "here). Memory is the most that all processes of the command had together, the browser "
        "included; seconds are of the processor, all cores together.",
        "",
        "A model that is not in the table has not been measured yet: `make zoo` adds what is "
        "missing, row by row.",
        "",
        f"| model | Keras | input | parameters | {' | '.join(RUNTIMES.values())} | seconds | MB |",
        f"|---|---|---|---|{'---|' * len(RUNTIMES)}---|---|",
    ]
    for key in sorted(rows, key=lambda key: (rows[key]["name"].lower(), key)):
        one = rows[key]
        generation = "3" if one["library"] == "keras" else "2"
        marks = [_mark(one["verdicts"].get(runtime)) for runtime in RUNTIMES]
        lines.append(
            f"| {one['name']} | {generation} | {one['side']}×{one['side']} "
            f"| {one['parameters'] / 1e6:.1f} M | {' | '.join(marks)} "
            f"| {one['cpu']} | {one['megabytes']:,} |"
        )
    faults = [
        f"- {one['name']} ({one['library']}), {RUNTIMES.get(runtime, runtime)}: {text}"
        for one in rows.values()
        for runtime, text in {**one["verdicts"], **one.get("failed", {})}.items()
        if text not in ("pass", "not run")
    ]
    faults += [f"- {one['name']} ({one['library']}): {one['error']}" for one in rows.values()
               if "error" in one]  # fmt: skip
    if faults:
        lines += ["", "What fails, in the program's own words:", "", *sorted(faults)]
    lines += ["", f"Measured on {platform.system()} {platform.machine()}, two cores, no GPU.", ""]
    return "\n".join(lines)


def _mark(status: str | None) -> str:
    return {None: "–", "pass": "✓", "not run": "not run"}.get(status, "✗")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="their names; all if none is given")
    parser.add_argument("--again", action="store_true", help="do stored rows anew")
    parser.add_argument("--library", choices=LIBRARIES, action="append")
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build(*given.models, given.folder)
        return
    for library in given.library or LIBRARIES:
        for name in names(library):
            known = stored().get(f"{library} {name}")
            if (given.models and name not in given.models) or (known and not given.again):
                continue
            print(f"{library} {name}", flush=True)
            try:
                done = row(library, name)
            except RuntimeError as error:
                print(error, flush=True)
                continue
            store(done)
            print(f"  {done['cpu']} s {done['megabytes']:,} MB {done['verdicts']}", flush=True)


if __name__ == "__main__":
    main()
