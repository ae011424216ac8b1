"""The cage, attacked from inside: each row is code that a model could bring along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_deploy.core.worker import landlock, limits, seccomp
from tests.support import PATIENCE, unmeasured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage of other systems is less")

FILES = pytest.mark.skipif(
    landlock.abi() < landlock.OLDEST, reason=f"this kernel's Landlock is {landlock.abi()}, not 2"
)
CALLS = pytest.mark.skipif(not seccomp.available(), reason="this kernel filters no system calls")

# What a child does, and how its parent ends, as a command does.
PROGRAM = """\
import ctypes, os, signal, socket, subprocess, sys, time
from pathlib import Path, PosixPath
from edge_deploy.core import atomic_io, handover
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.worker import process
from edge_deploy.core.worker.cage import Cage

class Host:
    def answer(self, header, arrays):
        return {"pid": os.getpid()}, {}
    def close(self):
        pass

libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

model, out, outside = map(Path, sys.argv[1:4])
secret, marker = outside / "secret", outside / "marker"
inherited = os.open(secret, os.O_RDONLY)
os.set_inheritable(inherited, True)
options = eval(sys.argv[5])
try:
    process.split(Cage(models=(model,), write=(out,), **options), lambda folders: Host())
except EdgeDeployError as error:
    print("told:", error, flush=True)
    raise SystemExit(3)
except KeyboardInterrupt:
    raise SystemExit(130)
try:
    exec(sys.argv[4])
except OSError as error:
    print("refused:", type(error).__name__, flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a caged program ended, and where it worked."""

    code: int
    said: str
    model: Path
    out: Path
    outside: Path


Run = Callable[..., Ended]


def command(folder: Path, code: str, options: dict[str, object]) -> list[str]:
    """The program with its folders made: a model, an output, and another's secret."""
    model, out, outside = folder / "models" / "m.pkl", folder / "new" / "out", folder / "outside"
    for path in (model.parent, outside):
        path.mkdir()
    model.write_text("a model")
    (outside / "secret").write_text("a secret")
    paths = map(str, (model, out, outside))
    return [sys.executable, "-c", PROGRAM, *paths, code, repr(options)]


@pytest.fixture
def caged(tmp_path: Path) -> Run:
    """Run code in a cage."""

    def run(code: str, limit: Callable[[], None] | None = None, **options: object) -> Ended:
        arguments = command(tmp_path, code, options)
        done = subprocess.run(
            arguments,
            env=unmeasured(),
            preexec_fn=limit,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        model, out, outside = map(Path, arguments[3:6])
        assert "Traceback" not in done.stderr, done.stderr
        assert (model.read_text(), (outside / "secret").read_text()) == ("a model", "a secret")
        assert not (outside / "marker").exists()
        return Ended(done.returncode, done.stdout.strip(), model, out, outside)

    return run


OF_FILES = {
    "read": "print(secret.read_text())",
    "read by a link": "print(Path(f'/proc/self/root{secret}').read_text())",
    "list": "print(os.listdir(outside))",
    "write": "marker.write_text('')",
    "make a folder": "marker.mkdir()",
    "remove": "secret.unlink()",
    "move away": "secret.rename(out / 'mine')",
    "change the model": "model.write_text('')",
    "remove the model": "model.unlink()",
    "link to": "os.symlink(secret, out / 'link')",
    "link hard": "os.link(secret, out / 'link')",
    "home": "print((Path.home() / '.profile').read_text()); print(os.listdir(Path.home()))",
    "accounts": "print(Path('/etc/shadow').read_text())",
    "temporary files of others": "print(os.listdir('/tmp'))",
    "shared memory": "Path('/dev/shm/marker').write_text('')",
    "environment of the parent": "print(Path(f'/proc/{os.getppid()}/environ').read_bytes())",
    "memory of the parent": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "devices": "open('/dev/tty', 'w')",
}
OF_CALLS = {
    "network": "socket.socket(socket.AF_INET).connect(('127.0.0.1', 9))",
    "network, version 6": "socket.socket(socket.AF_INET6)",
    "datagrams": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "local sockets": "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "shell": "subprocess.run(['/bin/sh', '-c', f'touch {marker}'])",
    "shell by the loader": "os.execv('/lib64/ld-linux-x86-64.so.2', ['ld', '/bin/sh'])",
    "program in memory": "fd = os.memfd_create('x'); os.execve(fd, ['x'], {})",
    "fork": "os.fork()",
    "kill the parent": "os.kill(os.getppid(), signal.SIGKILL)",
    "kill everybody": "os.kill(-1, 0)",
    "trace": "call({'x86_64': 101, 'aarch64': 117}[os.uname().machine], 16, os.getppid(), 0, 0)",
    "mode of a file": "os.chmod(secret, 0)",
    "times by io_uring": "call(425, 8, 0)",
    "session of its own": "os.setsid()",
    "namespace of its own": "call({'x86_64': 272, 'aarch64': 97}[os.uname().machine], 0x10000000)",
    "type into the terminal": "import fcntl; fcntl.ioctl(1, 0x5412, b'x')",
    "cut a file": "os.truncate(secret, 0)",
}


ATTEMPTS = """\
told = {}
for name, attempt in %r.items():
    try:
        exec(attempt)
        told[name] = "done"
    except OSError as error:
        told[name] = error.strerror
import json
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each attempt came to, all in one cage, and what is there after it."""
    folder = tmp_path_factory.mktemp("attempts")
    arguments = command(folder, ATTEMPTS % (OF_FILES | OF_CALLS), {})
    done = subprocess.run(
        arguments, env=unmeasured(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done
    model, out, outside = map(Path, arguments[3:6])
    assert (model.read_text(), [p.name for p in outside.iterdir()]) == ("a model", ["secret"])
    assert (outside / "secret").read_text() == "a secret"
    assert not out.exists()
    told: dict[str, str] = json.loads(done.stdout)
    return told


@FILES
@pytest.mark.parametrize("name", OF_FILES)
def test_files_of_others_are_out_of_reach(attempts: dict[str, str], name: str) -> None:
    wanted = "Invalid cross-device link" if name == "link hard" else "Permission denied"
    assert attempts[name] == wanted


@CALLS
@pytest.mark.parametrize("name", OF_CALLS)
def test_network_and_other_processes_are_out_of_reach(attempts: dict[str, str], name: str) -> None:
    assert attempts[name] == "Operation not permitted"


def test_files_of_the_parent_stay_behind(caged: Run) -> None:
    assert caged("os.read(inherited, 9)").said == "refused: OSError"


MADE = {  # what is asked of the parent, and what it says
    "a file": ("atomic_io.replace_text(place, 'made')", ""),
    "a file again": ("[atomic_io.replace_text(place, text) for text in ('first', 'made')]", ""),
    "a file from a scratch folder": (
        "with atomic_io.scratch(place.parent) as folder:\n"
        "    (folder / 'a').write_text('made')\n"
        "    atomic_io.put(folder / 'a', place)",
        "",
    ),
    "beside it": ("(place.parent / 'other').write_text('')", "PermissionError"),
    "another place": ("put(stage / 'a', place.with_name('other'))", "13"),
    "a secret": ("put(secret, place)", "13"),
    "another folder's": ("put(out / 'a', place)", "13"),
    "a folder that climbs": ("put(stage / '..', place)", "13"),
    "nothing": ("put(stage / 'b', place)", "2"),
    "a link": ("os.symlink(secret, stage / 'b')", "PermissionError"),
}


@FILES
@pytest.mark.parametrize("name", MADE)
def test_what_is_made_is_put_in_its_place_and_nothing_else_is(
    caged: Run, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "home" / "page.html"
    place.parent.mkdir()
    code, says = MADE[name]
    ended = caged(
        f"place = Path({str(place)!r})\n"
        "stage = handover.stage_of(place)\n"
        "[(folder / 'a').write_text('not made') for folder in (stage, out)]\n"
        "def put(source, final):\n"
        "    asked = {'call': 'put', 'from': str(source), 'to': str(final)}\n"
        "    print(process.channel().ask(asked)['refused']['number'])\n" + code,
        makes=(place,),
    )
    assert (ended.code, ended.said.removeprefix("refused: ")) == (0, says)
    assert [p.name for p in place.parent.iterdir()] == ([] if says else ["page.html"])
    assert says or place.read_text() == "made"


@FILES
def test_a_folder_is_exchanged_at_once(caged: Run, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "artifact"
    folder.mkdir(parents=True)
    for name in ("kept", "old"):
        (folder / name).write_text(name)
    before = folder.stat().st_ino
    ended = caged(
        f"folder = Path({str(folder)!r})\n"
        "atomic_io.replace_all({}, {folder / 'new': 'new'}, [folder / 'old'], folder)",
        makes=(folder,),
        show=(folder,),
    )
    assert (ended.code, ended.said) == (0, "")
    assert {p.name: p.read_text() for p in folder.iterdir()} == {"kept": "kept", "new": "new"}
    assert folder.stat().st_ino != before
    assert [p.name for p in folder.parent.iterdir()] == ["artifact"]


def test_the_work_itself_can_be_done(caged: Run) -> None:
    ended = caged(
        "import threading, tempfile, numpy\n"
        "(out / 'deep').mkdir(); (out / 'deep' / 'a').write_text(model.read_text())\n"
        "(out / 'deep' / 'a').rename(out / 'b')\n"
        "tempfile.NamedTemporaryFile().write(b'x')\n"
        "thread = threading.Thread(target=lambda: print('thread'))\n"
        "thread.start(); thread.join()\n"
        "line = process.channel(); line.send({}); print(line.receive()[0]['pid'] == os.getppid())\n"
        "print(sys.stdin.read() == '', os.getppid() > 1)"
    )
    assert (ended.code, ended.said.split()) == (0, ["thread", "True", "True", "True"])
    assert (ended.out / "b").read_text() == "a model"


ENDS = {
    "end by itself": ("sys.exit(1)", {}, 1, ""),
    "end at once": ("os._exit(77)", {}, 3, "exit code 77"),
    "crash": ("ctypes.string_at(0)", {}, 3, "crashed (SIGSEGV)"),
    "abort": ("os.abort()", {}, 3, "crashed (SIGABRT)"),
    "killed": ("os.kill(os.getpid(), 9)", {}, 3, "want of memory"),
    "loop": ("\nwhile True: pass", {"seconds": 0.5}, 3, "Not done after 0.5 s"),
    "hang": ("time.sleep(99)", {"seconds": 0.5}, 3, "Not done after"),
    "go silent": (
        "process.channel().close(); time.sleep(99)", {"seconds": 0.5}, 3, "Not done after",
    ),
    "talk nonsense": (
        "process.channel()._connection.sendall(b'\\xff' * 16); time.sleep(99)", {}, 3, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_a_code_and_a_message(caged: Run, name: str) -> None:
    code, options, wanted, words = ENDS[name]
    ended = caged(f"(out / '.partial-{{os.getpid()}}-x').mkdir(); {code}".replace(
        "'.partial-{os.getpid()}-x'", "f'.partial-{os.getpid()}-x'"), **options)  # fmt: skip
    assert (ended.code, words in ended.said) == (wanted, True), ended
    assert not ended.out.parent.exists() or wanted == 1  # swept, and the empty folders with it


@pytest.mark.parametrize(
    ("what", "most"),
    [("RLIMIT_CORE", 1), ("RLIMIT_FSIZE", limits.FILE_BYTES), ("RLIMIT_NOFILE", limits.OPEN_FILES)],
)
def test_limits_are_low_and_cannot_be_raised(caged: Run, what: str, most: int) -> None:
    ended = caged(
        f"import resource\nprint(resource.getrlimit(resource.{what})[1])\n"
        f"try: resource.setrlimit(resource.{what}, ({2 * most}, {2 * most}))\n"
        "except ValueError: print('no')"
    )
    found, raised = ended.said.split()
    assert (int(found) <= most, raised) == (True, "no")


def test_memory_ends_where_the_limit_is(caged: Run) -> None:
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (500_000_000, 500_000_000))

    ended = caged("try: bytearray(600_000_000)\nexcept MemoryError: print('short')", limit)
    assert (ended.code, ended.said) == (0, "short")


def test_a_file_ends_where_the_limit_is(caged: Run) -> None:
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    ended = caged("(out / 'big').write_bytes(bytes(2000))", limit)
    assert (ended.code, ended.said) == (0, "refused: OSError")


@FILES
@CALLS
@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("print(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)",
         "b'7\\n'"),
        ("subprocess.run(['/bin/sh', '-c', f'touch {marker}'])", "refused: PermissionError"),
        (
            "print(subprocess.run(['/lib64/ld-linux-x86-64.so.2', '/bin/sh', '-c', "
            "f'touch {marker}'], capture_output=True).returncode)", "127",
        ),
        ("os.kill(os.getppid(), 9)", "refused: PermissionError"),
        ("socket.socket()", "refused: PermissionError"),
        ("os.fork() or os.setsid()", "refused: PermissionError"),
        (
            "print(subprocess.run([sys.executable, '-c', f'open({str(secret)!r})'], "
            "capture_output=True).stderr.splitlines()[-1])", "PermissionError:",
        ),
    ],
    ids=["python", "shell", "loader", "kill", "socket", "session", "secret"],
)  # fmt: skip
def test_workers_of_a_search_are_python_in_the_same_cage(
    caged: Run, code: str, wanted: str
) -> None:
    assert wanted in caged(code, processes=True).said


def test_workers_of_a_cluster_have_a_network(caged: Run) -> None:
    ended = caged("socket.socket(); print('open')", processes=True, network=True)
    assert ended.said == "open"


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _wait(until: Callable[[], bool]) -> bool:
    for _ in range(100 * PATIENCE):
        if until():
            return True
        time.sleep(0.01)
    return False


@CALLS
def test_what_it_started_ends_with_it(caged: Run) -> None:
    ended = caged(
        "sleep = [sys.executable, '-c', 'import time; time.sleep(99)']\n"
        "print(subprocess.Popen(sleep, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)",
        processes=True,
    )
    assert _wait(lambda: _gone(int(ended.said.splitlines()[0])))


@pytest.mark.parametrize(
    ("number", "code", "wanted"),
    [
        (signal.SIGTERM, "signal.signal(15, lambda *_: sys.exit(130)); go(); time.sleep(99)", 130),
        (signal.SIGINT, "signal.signal(2, lambda *_: sys.exit(130)); go(); time.sleep(99)", 130),
        (signal.SIGKILL, "go(); time.sleep(99)", -9),
    ],
    ids=["term", "int", "kill"],
)
def test_a_stopped_parent_stops_its_child(
    tmp_path: Path, number: signal.Signals, code: str, wanted: int
) -> None:
    go = "go = lambda: (out / 'pid').write_text(str(os.getpid()))\n"
    process = subprocess.Popen(command(tmp_path, go + code, {}), env=unmeasured())
    told = tmp_path / "new" / "out" / "pid"
    assert _wait(lambda: told.is_file() and told.read_text() != "")
    os.kill(process.pid, number)
    assert process.wait(PATIENCE) == wanted
    assert _wait(lambda: _gone(int(told.read_text())))


@pytest.mark.parametrize("by", ["itself", "ctrl-z"])
def test_a_stopped_child_stops_its_parent_and_goes_on_with_it(tmp_path: Path, by: str) -> None:
    own = "os.kill(os.getpid(), signal.SIGSTOP)" if by == "itself" else ""
    wait = "while not (out / 'go').exists(): time.sleep(0.01)"
    code = f"(out / 'pid').write_text(str(os.getpid()))\n{own}\n{wait}\nprint('on')"
    process = subprocess.Popen(
        command(tmp_path, code, {}), env=unmeasured(), stdout=subprocess.PIPE, text=True
    )
    told = tmp_path / "new" / "out" / "pid"
    assert _wait(lambda: told.is_file() and told.read_text() != "")
    if by == "ctrl-z":
        process.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    (told.parent / "go").touch()
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=PATIENCE)[0] == "on\n"
    assert process.returncode == 0


def test_the_cage_says_what_it_has() -> None:
    from edge_deploy.core.worker.cage import active

    there, lacking = active()
    text = json.dumps(there)
    assert ("seccomp" in text) == seccomp.available()
    assert ("Landlock" in text) == (landlock.abi() >= landlock.OLDEST)
    assert len(there) + len(lacking) == 5
