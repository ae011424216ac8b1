"""A command that goes on in a child process, while its parent serves it and waits for its end.

The child is a fork and not a new program: the parent has imported nothing heavy and has one thread,
so it costs a millisecond, and no mark that says "you are in the cage" exists that one could forge.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread, Timer
from types import FrameType
from typing import NoReturn

from edge_deploy.core import atomic_io, handover, signals
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import option, size_text
from edge_deploy.core.worker import cage as cages
from edge_deploy.core.worker import limits, native
from edge_deploy.core.worker.cage import Cage
from edge_deploy.core.worker.channel import Channel, ChannelError
from edge_deploy.core.worker.hosts import Host, HostOf, ListeningHost, PlacingHost, tell

_GRACE = 10  # seconds that an interrupted child has to clean up
_PR_SET_PDEATHSIG = 1
_CODES = (0, 1, 2, 3, 130)
_ASKED = {signal.SIGINT, signal.SIGTERM}

_channel: Channel | None = None


def channel() -> Channel | None:
    """The way to the parent; None where this process is no caged child."""
    return _channel


def split(cage: Cage, host: HostOf) -> None:
    """Go on in a caged child: it returns; the parent leaves with the child's exit code.

    Args:
        cage: What the child may do.
        host: Makes what answers the child's requests, from the folders whose files it may name.

    Raises:
        SystemExit: In the parent: the child ended by itself.
        KeyboardInterrupt: In the parent: the child was to stop and had to be ended.
        EdgeDeployError: In the parent: the child crashed, or ran into a limit. In the child: the
            kernel refuses a cage.
    """
    child = _fork(cage, host)
    if child is not None:
        child.leave(cage)


def ask(cage: Cage, host: HostOf, work: Callable[[], str]) -> str:
    """Have a caged child do some work, and go on here with what it says.

    Args:
        cage: What the child may do.
        host: As for ``split``.
        work: Gives a text; it is a stranger's.

    Raises:
        KeyboardInterrupt: It was to stop.
        EdgeDeployError: The work raised it; or the child crashed, or ran into a limit.
    """
    listening = ListeningHost(host)
    child = _fork(cage, listening.of)
    if child is None:
        assert _channel is not None
        tell(work, _channel)
    told = None if child.interrupted else listening.told
    return told or child.fail(cage)


def _fork(cage: Cage, host: HostOf) -> _Child | None:
    """A child: None in it; in the parent it has ended, and what was its own is cleared away."""
    for place in cage.write:
        atomic_io.sweep(place)  # the child cannot tell who is alive
    made = [
        path
        for target in (*cage.write, *(place.parent for place in cage.makes))
        for path in _make(target)
    ]
    own: list[Path] = []
    pid, child = -1, None
    try:
        private = _leased(Path(tempfile.gettempdir()).absolute(), own)
        stages: dict[Path, Path] = {}
        for final in cage.makes:
            with atomic_io.writing(final.parent, None):
                stages[final.absolute()] = _leased(final.absolute().parent, own)
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            raise EdgeDeployError(f"No process can be started ({error.strerror}).") from error
        if pid == 0:
            _become_child(cage, private, stages, theirs)
            return None
        theirs.close()
        child = _Child(pid, ours)
        try:
            child.attend(cage, PlacingHost(host((*own, *cage.write, *cage.show)), stages))
        finally:
            child.end()
    finally:
        if pid:
            _clear(own, cage.write, made, pid)
    return child


def _clear(own: Sequence[Path], written: Sequence[Path], made: Sequence[Path], pid: int) -> None:
    """Remove what was a child's own, and folders that were made for it and stayed empty."""
    for path in own:
        shutil.rmtree(path, ignore_errors=True)
    for place in written:
        atomic_io.sweep(place, pid)
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir()  # only when empty


def _leased(beside: Path, own: list[Path]) -> Path:
    own.append(atomic_io.leased(beside))
    return own[-1]


def _make(folder: Path) -> Iterator[Path]:
    """Make a folder that is to be written to, as the child could not: what was made, in order."""
    folder = folder.absolute()
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for path in reversed(missing):
        try:
            path.mkdir()
        except OSError:
            return  # the child says so
        yield path


def _become_child(
    cage: Cage, private: Path, stages: Mapping[Path, Path], connection: socket.socket
) -> None:
    global _channel
    _die_with_parent()
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a terminal's `tostop` would stop its output
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in _open_descriptors():
        if number > 2 and number != connection.fileno():
            with contextlib.suppress(OSError):
                os.close(number)
    try:
        cages.enter(cage, private, stages.values())
    except (OSError, ValueError) as error:
        raise EdgeDeployError(
            f"The model cannot be opened in a cage here ({error}), so it is not opened. Look at: "
            "edge-deploy doctor"
        ) from error
    native.let()
    _channel = Channel(connection)
    handover.begin(stages, _channel.ask)


def _open_descriptors() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return [int(name) for name in os.listdir(folder)]  # noqa: PTH208
    return list(range(3, 1024))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _start(thread: Thread) -> None:
    """Start a thread that no signal wakes: Python handles them in the first, which must wake."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_ASKED, signal.SIGTSTP})
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Child:
    """A child as its parent sees it."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid, self._connection = pid, connection
        self._status: int | None = None
        self._expired = self.interrupted = False
        self._timers: list[Timer] = []
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._waiter = Thread(target=self._wait, daemon=True)
        _start(self._waiter)

    def attend(self, cage: Cage, host: Host) -> None:
        """Answer its requests until it ends."""
        for number in _ASKED:
            signal.signal(number, self._forward)
        signal.signal(signal.SIGTSTP, self._stop)
        if cage.seconds:
            self._after(cage.seconds, self._expire)
        line = Channel(self._connection)
        try:
            while (request := line.receive()) is not None:
                line.send(*host.answer(*request))
        except ChannelError:
            self._kill()
        except OSError:
            pass  # it has gone
        finally:
            host.close()
        self._waiter.join()

    def end(self) -> None:
        """Leave nothing of it, whatever happened here."""
        for timer in self._timers:
            timer.cancel()
        if self._status is None:
            self._kill()
        self._waiter.join()
        self._connection.close()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signals.listen()

    def leave(self, cage: Cage) -> None:
        """Put its end into an exit code or words."""
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        if code in _CODES:
            raise SystemExit(code)
        self.fail(cage)

    def fail(self, cage: Cage) -> NoReturn:
        """Say why it did not come to its end."""
        assert self._status is not None
        if self.interrupted:
            raise KeyboardInterrupt
        code = os.waitstatus_to_exitcode(self._status)
        raise EdgeDeployError(f"{self._words(code, cage)} Nothing half-written was left behind.")

    def _words(self, code: int, cage: Cage) -> str:
        longer = option("timeout", round(4 * cage.seconds))
        if self._expired:
            return f"Not done after {cage.seconds:,g} s. Give it longer with {longer}."
        if code == -signal.SIGXCPU:
            return f"All processors were busy for {cage.seconds:,g} s. Give more with {longer}."
        if code == -signal.SIGKILL:
            return "The system ended the work, most likely for want of memory. Free some memory."
        if code >= 0:
            return f"The model's code ended the program (exit code {code})."
        name = signal.Signals(-code).name
        most = limits.memory()
        short = f", or needs more than {size_text(most)} of memory" if most else ""
        return f"The work crashed ({name}): the model is damaged, made to do harm{short}."

    def _wait(self) -> None:
        while self._has_stopped():
            os.kill(os.getpid(), signal.SIGSTOP)  # as its shell expects; until fg, or bg
            self._let_in()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGCONT)
        # Its group is ended while its number cannot be another's yet.
        self._kill()
        self._status = os.waitpid(self.pid, 0)[1]
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _let_in(self) -> None:
        """Have what came while we were stopped go to the child before it goes on."""
        until = time.monotonic() + 1
        time.sleep(0.05)
        while signal.sigpending() & _ASKED and not self.interrupted and time.monotonic() < until:
            time.sleep(0.01)

    def _has_stopped(self) -> bool:
        """Wait until it stops or ends."""
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if found is None or found.si_code != os.CLD_STOPPED:
            return False
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG)
        return True

    def _stop(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTSTP)

    def _forward(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            self._kill()
            return
        self.interrupted = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        self._after(_GRACE, self._kill)

    def _expire(self) -> None:
        self._expired = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        timer = Timer(seconds, action)
        timer.daemon = True
        _start(timer)
        self._timers.append(timer)
