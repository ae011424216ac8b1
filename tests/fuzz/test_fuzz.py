"""1,500 damaged inputs, the same in every run: only an EdgeDeployError may come out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import corpus, fuzz

pytestmark = pytest.mark.slow

INPUTS = {
    "converted": 380,
    "artifact": 160,
    "reference": 340,
    "sidecars": 340,
    "flags": 100,
    "reports": 40,
    "card": 40,
}
MODELS = 100  # each is read by TensorFlow or scikit-learn


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models, artifacts and the files beside them."""
    return corpus.build(tmp_path_factory.mktemp("fuzz") / "corpus", whole=False)


@pytest.fixture
def fuzzer(built: Path, tmp_path: Path) -> Iterator[fuzz.Fuzzer]:
    """The corpus, and children that are asked."""
    made = fuzz.Fuzzer(built, tmp_path / "sandbox")
    yield made
    made.close()


@pytest.mark.parametrize("subject", [*INPUTS, "model"])
def test_damage_is_told_in_words(fuzzer: fuzz.Fuzzer, subject: str) -> None:
    count = INPUTS.get(subject, MODELS)
    fuzzer.run(count, None, {subject: 1})
    told = fuzz.report(fuzzer.tally)
    assert not fuzzer.tally.findings, told
    # Hypothesis leaves out what it drew before.
    assert fuzzer.tally.inputs > count * 0.9, told
    kinds = {kind for _, kind in fuzzer.tally.kinds}
    assert kinds == ({"ok"} if subject == "flags" else {"ok", "refused"}), told


def test_undamaged_inputs_are_answered(fuzzer: fuzz.Fuzzer) -> None:
    for subject in INPUTS:
        answers = [fuzzer.ask(subject, which, which, []) for which in range(12)]
        assert "ok" in {answer.kind for answer in answers}, answers


def test_a_child_that_dies_writes_or_hangs_is_seen(fuzzer: fuzz.Fuzzer, tmp_path: Path) -> None:
    worker = fuzzer.worker("flags")
    outside = tmp_path / "outside"
    answers = {
        code: worker.ask("python", Path(code), 0, 20)
        for code in (
            "import os; os.kill(os.getpid(), 11)",
            "pass",
            f"open({str(outside)!r}, 'w')",
            "import os; os.system('true')",
            "1 / 0",
        )
    }
    assert [answer.kind for answer in answers.values()] == ["died", "ok", "wrote", "wrote", "error"]
    assert worker.ask("python", Path("while True: pass"), 0, 1).kind == "hung"
    assert worker.ask("python", Path("pass"), 0, 20).kind == "ok"


def ran(module: str, *arguments: str | Path) -> str:
    """What a script of this folder printed; it must have found no fault."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{module}", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["quantize anew", "demo"])
def test_a_killed_command_leaves_one_version_whole(built: Path, command: str) -> None:
    """A few of the moments that ``make kills`` goes through."""
    told = ran("kills", "--corpus", built, "--moments", "6", "--follow", "3", "--command", command)
    assert " 0 faults" in told and " moments" in told


def test_eight_processes_on_one_folder_end_with_results_or_words(built: Path) -> None:
    told = ran("concurrency", "--corpus", built, "--light", "--each", "4")
    assert told.startswith("32 commands of 8 processes") and " 0 faults" in told
