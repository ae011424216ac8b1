"""``python -m tests.fuzz.concurrency``: eight processes and all commands on one folder.

Each command ends with a result or with words; what stands at the end is whole.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.kills import built_corpus, leftovers, whole_artifact, whole_site


def commands(corpus: Path, heavy: bool) -> dict[str, Callable[[int], object]]:
    """What is run, by name; a number makes each run another."""
    from edge_deploy import (
        build_demo,
        bundle,
        convert,
        inspect,
        quantize,
        run,
        snippet,
        tune,
        verify,
    )

    table, model = Path("out/table/1"), corpus / "models/logistic.pkl"
    precisions = ("onnx=float16", "onnx=dynamic", "tflite=float16", "tflite=dynamic")
    light: dict[str, Callable[[int], object]] = {
        "quantize": lambda n: quantize(table, to=(precisions[n % 4],), overwrite=bool(n % 3)),
        "verify": lambda n: verify(table, only=("onnx", "tflite"), runtimes=("ort", "litert")),
        "demo": lambda n: build_demo(table, "site"),
        "bundle": lambda n: bundle(table, "python", f"bundled-{n % 3}"),
        "snippet": lambda n: snippet(table, "android"),
        "run": lambda n: run(table, ["age=1", "height=2", "pet=dog"]),
        "inspect": lambda n: inspect(table),
    }
    if not heavy:
        return light
    return {
        **light,
        "convert": lambda n: convert(
            model, to=("onnx",), output="out", overwrite=bool(n % 4), seed=n % 5
        ),
        "convert the same": lambda n: convert(
            corpus / "models/logistic.pkl", to=("tflite",), name="table", output="out",
            overwrite=True, features=corpus / "data/beside/features.json", samples=n % 7,
        ),
        "tune": lambda n: tune(
            model, to=("onnx",), output="out", sparsities=(), jobs=1, overwrite=True,
            resume=bool(n % 2),
        ),
    }  # fmt: skip


def work(every: dict[str, Callable[[int], object]], count: int, seed: int, log: Path) -> None:
    """Run commands one after the other, and note what became of each."""
    from edge_deploy.core.errors import EdgeDeployError

    draw = random.Random(seed)
    lines = []
    for _ in range(count):
        name, number = draw.choice(list(every)), draw.randrange(1000)
        try:
            every[name](number)
            lines.append(f"{name}\tdone")
        except EdgeDeployError as error:
            lines.append(f"{name}\trefused\t{type(error).__name__}: {error}")
        except BaseException:
            told = traceback.format_exc(limit=-12).replace("\n", "\\n")
            lines.append(f"{name}\tFAILED\t{told}")
    log.write_text("\n".join(lines))


def main() -> int:
    """Run, and print what each command came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--each", type=int, default=12, help="commands that each process runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--light", action="store_true", help="no command that needs TensorFlow")
    parser.add_argument("--corpus", type=Path)
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="concurrency-") as temporary:
        folder = Path(temporary)
        corpus = built_corpus(given.corpus, folder)
        if not given.light:
            import tensorflow  # noqa: F401
            import tf2onnx  # noqa: F401
        every = commands(corpus.absolute(), not given.light)
        shared = folder / "shared"
        shutil.copytree(corpus / "artifacts/table", shared / "out/table/1")
        os.chdir(shared)
        children = []
        for n in range(given.processes):
            if (pid := os.fork()) == 0:
                work(every, given.each, given.seed * 1000 + n, folder / f"log-{n}")
                os._exit(0)
            children.append(pid)
        ended = [os.waitpid(pid, 0)[1] for pid in children]
        faults = [f"a process ended with {status}" for status in ended if status]
        kinds: Counter[tuple[str, str]] = Counter()
        words: Counter[str] = Counter()
        for log in sorted(folder.glob("log-*")):
            for line in log.read_text().splitlines():
                name, kind, *told = line.split("\t")
                kinds[name, kind] += 1
                words.update(f"{name}: {text[:260]}" for text in told if kind == "refused")
                faults += [f"{name}: {text}" for text in told if kind == "FAILED"]
        for version in sorted(Path("out").glob("*/*/")):
            if not version.name.startswith(".") and not whole_artifact(version):
                faults.append(f"{version} is not whole")
        if Path("site").is_dir() and not whole_site(Path("site")):
            faults.append("the site is not whole")
        # A search that was refused may be resumed; nothing else is left.
        left = [path for path in leftovers(Path()) if ".tune-" not in path]
        faults += [f"left: {left}"] if left else []
        print(f"{sum(kinds.values())} commands of {given.processes} processes, "
              f"{time.monotonic() - begun:.0f} s, {len(faults)} faults")  # fmt: skip
        for name in dict.fromkeys(name for name, _ in sorted(kinds)):
            of = {kind: count for (n, kind), count in sorted(kinds.items()) if n == name}
            print(f"  {name}: " + ", ".join(f"{count} {kind}" for kind, count in of.items()))
        for text, count in words.most_common():
            print(f"  {count} x {text}")
        for fault in faults:
            print("FAULT " + fault.replace("\\n", "\n"))
        os.chdir("/")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
