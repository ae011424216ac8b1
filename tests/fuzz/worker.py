"""A child that asks about damaged inputs: it may die, hang or write, and that is seen."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What became of an input.

    Attributes:
        kind: ``ok``; ``refused`` (an EdgeDeployError); ``error``, ``died``, ``hung``, ``wrote``.
        told: The message, or the traceback.
        where: The last line of our own code in the traceback, by which findings are told apart.
    """

    kind: str
    told: str = ""
    where: str = ""

    @property
    def fault(self) -> bool:
        """Whether it is one that must not be."""
        return self.kind not in ("ok", "refused")


def _processor(process: int) -> float:
    """Seconds of the processor that a process has had; those of the clock where nobody says."""
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


class Worker:
    """A child process, started anew when it died.

    Args:
        corpus: As ``corpus.build`` wrote it.
        sandbox: The one folder that the child may write in.
        memory: How many bytes of addresses it may take; TensorFlow alone maps several GB.
    """

    def __init__(self, corpus: Path, sandbox: Path, memory: int) -> None:
        self._corpus, self.sandbox, self._memory = corpus, sandbox, memory
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def _start(self) -> subprocess.Popen[bytes]:
        (self.sandbox / "tmp").mkdir(exist_ok=True, parents=True)
        environment = {
            **os.environ,
            "FUZZ_CORPUS": str(self._corpus),
            "FUZZ_SANDBOX": str(self.sandbox),
            "FUZZ_MEMORY": str(self._memory),
            "TMPDIR": str(self.sandbox / "tmp"),
            "HOME": str(self.sandbox / "tmp"),  # where matplotlib, for one, makes a folder
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{who}_{what}": "somebody@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=self.sandbox,
        )
        self._process, self._asked = process, 0
        return process

    def ask(self, subject: str, path: Path, pick: int, seconds: float) -> Answer:
        """Have a question asked about an input.

        Args:
            subject: One of ``subjects.SUBJECTS``.
            path: The damaged input.
            pick: Which question.
            seconds: After so many of the processor it counts as hung, or ten times as many by
                the clock: other processes may have the machine.
        """
        process = self._process or self._start()
        self._asked += 1
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died; what of is seen below
            process.stdin.write(json.dumps([subject, str(path), pick]).encode() + b"\n")
            process.stdin.flush()
        ready: list[object] = []
        begun, until = _processor(process.pid), time.monotonic() + 10 * seconds
        while not ready and time.monotonic() < until:
            ready, _, _ = select.select([process.stdout], [], [], min(1.0, seconds))
            if not ready and _processor(process.pid) - begun > seconds:
                break
        line = process.stdout.readline() if ready else b""
        if line:
            if self._asked >= 1000:  # libraries keep what they were given
                self.close()
            return Answer(**json.loads(line))
        if not ready:
            where = self._stack()
            self.close()
            return Answer("hung", f"no answer after {seconds:.0f} s\n{where}", where[-300:])
        self.close()
        code = process.returncode
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return Answer("died", name, name)

    def _stack(self) -> str:
        """What the child is at: faulthandler writes it on SIGUSR1."""
        assert self._process is not None
        log = self.sandbox / "tmp/stack.txt"
        self._process.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        return log.read_text() if log.is_file() else ""

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None and process.stdin is not None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


# Python's platform, matplotlib's fonts, and what publish and push work with.
_PROGRAMS = ("uname", "fc-list", "git")


class _Watch:
    """Every write that Python does outside of the sandbox, and every program that it starts."""

    _WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self, sandbox: str) -> None:
        self._inside = (os.path.realpath(sandbox) + os.sep, "/dev/null", "/dev/shm", "/proc/self")
        self.seen: list[str] = []
        self.on = False

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, mode = given
            if isinstance(path, int) or not mode & self._WRITES:
                return
            self._check(event, path)
        elif event in (
            "os.remove",
            "os.rmdir",
            "os.mkdir",
            "os.truncate",
            "os.chmod",
            "shutil.rmtree",
        ):
            self._check(event, given[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._check(event, given[1])
        elif (
            event
            in (
                "os.system",
                "os.exec",
                "os.posix_spawn",
                "subprocess.Popen",
                "socket.connect",
            )
            and Path(str(given[0])).name not in _PROGRAMS
        ):
            self.seen.append(f"{event} {given!r:.200}")

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        there = Path(os.fsdecode(path))
        # A link is written through, but removed as itself.
        text = os.path.realpath(there if event == "open" else there.parent)
        text = text if event == "open" else f"{text}{os.sep}{there.name}"
        if not text.startswith(self._inside) and text + os.sep not in self._inside:
            self.seen.append(f"{event} {text}")


def _serve() -> None:
    import faulthandler

    sandbox = os.environ["FUZZ_SANDBOX"]
    memory = int(os.environ["FUZZ_MEMORY"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    out = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    stacks = Path(sandbox, "tmp/stack.txt").open("w")  # noqa: SIM115
    faulthandler.register(signal.SIGUSR1, stacks, all_threads=False)
    warnings.simplefilter("ignore")
    from edge_deploy.core.errors import EdgeDeployError
    from tests.fuzz.subjects import SUBJECTS

    watch = _Watch(sandbox)
    sys.addaudithook(watch)
    for line in sys.stdin:
        subject, path, pick = json.loads(line)
        watch.seen.clear()
        os.chdir(Path(sandbox, "work"))
        watch.on = True
        answer: dict[str, str]
        try:
            SUBJECTS[subject](Path(path), pick)
            answer = {"kind": "ok"}
        except EdgeDeployError as error:
            answer = {"kind": "refused", "told": f"{type(error).__name__}: {error}"}
        except BaseException as error:
            told = "".join(traceback.format_exception(error, limit=-25))
            answer = {"kind": "error", "told": told[-6000:], "where": _where(error)}
        watch.on = False
        if watch.seen:
            answer = {"kind": "wrote", "told": "\n".join(watch.seen), "where": watch.seen[0][:100]}
        out.write(json.dumps(answer) + "\n")
        out.flush()


def _where(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "edge_deploy" in f.filename]
    last = frames[-1] if frames else None
    place = f"{last.filename.partition('edge_deploy/')[2]} {last.name}" if last else ""
    return f"{type(error).__name__} in {place}"


if __name__ == "__main__":
    _serve()
