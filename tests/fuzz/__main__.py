"""``python -m tests.fuzz``: many damaged inputs, with the number, the time and what was found."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz import corpus, fuzz


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--subject", action="append", choices=list(fuzz.SHARES))
    parser.add_argument(
        "--corpus", type=Path, help="one that was built before, or where to build it"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        built = given.corpus or Path(folder, "corpus")
        if not built.is_dir():
            corpus.build(built)
        fuzzer = fuzz.Fuzzer(built, Path(folder, "sandbox"))
        shares = {name: fuzz.SHARES[name] for name in given.subject or fuzz.SHARES}
        try:
            fuzzer.run(given.inputs, given.seed, shares)
        finally:
            fuzzer.close()
            print(f"seed {given.seed}: {fuzz.report(fuzzer.tally)}")
    return 1 if fuzzer.tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
