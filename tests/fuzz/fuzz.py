"""Damaged inputs by the thousand: only an EdgeDeployError may come out."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import mutations
from tests.fuzz.worker import Answer, Worker
from tests.support.files import put_hashes_right

# Of a hundred inputs so many are of each kind.
SHARES = {
    "model": 12,
    "converted": 12,
    "artifact": 20,
    "reference": 14,
    "sidecars": 12,
    "flags": 10,
    "site": 6,
    "reports": 5,
    "card": 5,
    "project": 4,
}
HEAVY = ("model", "project")

HANGS = (20, 90)  # seconds after which one is given up, without and with TensorFlow


@dataclass
class Finding:
    """One fault, however often it was met.

    Attributes:
        subject: What was asked.
        seed_file: The file that was damaged.
        steps: How.
        pick: Which question.
        answer: What came.
        count: How often.
    """

    subject: str
    seed_file: str
    steps: list[mutations.Step]
    pick: int
    answer: Answer
    count: int = 1


@dataclass
class Tally:
    """What a run came to.

    Attributes:
        inputs: How many were asked about.
        seconds: How long that took.
        kinds: Answers by subject and kind.
        findings: Faults by where they came from.
        slowest: Seconds of the slowest input, and which it was.
    """

    inputs: int = 0
    seconds: float = 0.0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    slowest: tuple[float, str] = (0.0, "")


class Fuzzer:
    """A corpus, a sandbox and the children that are asked.

    Args:
        corpus: As ``corpus.build`` wrote it.
        sandbox: A folder for all that is written.
    """

    def __init__(self, corpus: Path, sandbox: Path) -> None:
        self.corpus, self.sandbox = corpus, sandbox
        self.tally = Tally()
        (sandbox / "work").mkdir(parents=True)
        self._light = Worker(corpus, sandbox, 4 << 30)
        self._heavy = Worker(corpus, sandbox, 12 << 30)
        self._seeds = {
            "model": sorted((corpus / "models").iterdir()),
            "converted": [
                *sorted((corpus / "artifacts").glob("*/tflite/*")),
                *sorted((corpus / "artifacts").glob("*/onnx/*")),
                *sorted((corpus / "artifacts").glob("*/tfjs/*")),
            ],
            "artifact": sorted((corpus / "artifacts").iterdir()),
            "reference": sorted(p for p in (corpus / "data").iterdir() if p.is_file()),
            "sidecars": [corpus / "data/beside"],
            "site": sorted(corpus.glob("sites/*")),
            "reports": sorted((corpus / "reports").iterdir()),
            "card": [corpus / "artifacts/table/MODEL_CARD.md"],
            "project": sorted(corpus.glob("projects/*")),
        }
        self._others = [
            p.read_bytes() for p in self._seeds["converted"] + self._seeds["model"] if p.is_file()
        ]

    def close(self) -> None:
        """End the children."""
        self._light.close()
        self._heavy.close()

    def worker(self, subject: str) -> Worker:
        """The child that is asked: models take one of its own, with TensorFlow in it."""
        return self._heavy if subject in HEAVY else self._light

    def run(
        self, count: int, chosen_by: int | None, subjects: dict[str, int] | None = None
    ) -> None:
        """Ask about damaged inputs.

        Args:
            count: How many.
            chosen_by: The seed; None takes the same inputs in every run.
            subjects: Shares of kinds, in place of SHARES.
        """
        shares = subjects or SHARES
        start = time.monotonic()
        for subject, share in shares.items():
            number = max(1, count * share // sum(shares.values()))
            self._run(subject, number, chosen_by)
        self.tally.seconds += time.monotonic() - start

    def _run(self, subject: str, count: int, chosen_by: int | None) -> None:
        large = st.integers(0, 2**32 - 1)
        step = st.tuples(st.integers(0, 9999), large, large)

        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=chosen_by is None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(large, large, st.lists(step, min_size=1, max_size=4))
        def ask(which: int, pick: int, steps: list[mutations.Step]) -> None:
            self.ask(subject, which, pick, steps)

        (ask if chosen_by is None else seed(chosen_by)(ask))()

    def ask(self, subject: str, which: int, pick: int, steps: list[mutations.Step]) -> Answer:
        """Damage an input, ask about it, and keep what is a fault."""
        with self._damaged(subject, which, steps) as path:
            begun = time.monotonic()
            answer = self.worker(subject).ask(subject, path, pick, HANGS[subject in HEAVY])
            took = time.monotonic() - begun
        tally = self.tally
        tally.inputs += 1
        tally.kinds[subject, answer.kind] += 1
        name = self._name(subject, which)
        tally.slowest = max(tally.slowest, (took, f"{subject} {name} {steps} {pick}"))
        if answer.fault:
            key = f"{subject} {answer.kind} {answer.where}"
            if known := tally.findings.get(key):
                known.count += 1
            else:
                tally.findings[key] = Finding(subject, name, steps, pick, answer)
        return answer

    def _name(self, subject: str, which: int) -> str:
        seeds = self._seeds.get(subject)
        return (
            "" if seeds is None else seeds[which % len(seeds)].relative_to(self.corpus).as_posix()
        )

    @contextmanager
    def _damaged(self, subject: str, which: int, steps: list[mutations.Step]) -> Iterator[Path]:
        given, work = self.sandbox / "given", self.sandbox / "work"
        for folder in (given, work):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        if subject == "flags":
            path = given / "words.json"
            path.write_text(json.dumps([number for step in steps for number in step[1:]]))
            yield path
            return
        source = self._seeds[subject][which % len(self._seeds[subject])]
        path = given / source.name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, path)
        for step in steps:
            other = self._others[step[2] % len(self._others)]
            place = path
            if (
                subject == "artifact" and step[0] % 2
            ):  # of its 15 files the one that all else hangs on
                place = path / "manifest.json"
            if subject == "site":  # most of its files are the page's
                inner = ("releases.json", "index.json", "site.json", "")
                place = path / "models" / inner[step[0] % 4]
            if place.exists() and not place.is_symlink():
                mutations.change_path(place, (step[0] // 4, *step[1:]), other)
        plain = {*mutations.plain_files(path)} if path.is_dir() else set()
        odd = [p for p in path.rglob("*") if p not in plain and (p.is_symlink() or not p.is_dir())]
        if subject == "artifact" and which % 4 and not odd:  # a pipe would be waited for
            with suppress(Exception):  # a manifest that tells no paths any more
                put_hashes_right(path)
        yield path


def report(tally: Tally) -> str:
    """The figures of a run, and its findings."""
    lines = [f"{tally.inputs:,} inputs in {tally.seconds:.0f} s"]
    subjects = dict.fromkeys(subject for subject, _ in tally.kinds)
    for subject in subjects:
        of = {kind: n for (s, kind), n in sorted(tally.kinds.items()) if s == subject}
        lines.append(f"  {subject}: " + ", ".join(f"{n:,} {kind}" for kind, n in of.items()))
    lines.append(f"  slowest: {tally.slowest[0]:.1f} s ({tally.slowest[1][:300]})")
    for key, found in tally.findings.items():
        lines.append(
            f"\n{found.count} x {key}\n  {found.seed_file} {found.steps} pick={found.pick}"
        )
        lines.append(found.answer.told)
    return "\n".join(lines)
