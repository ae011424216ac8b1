"""What Windows does otherwise: each fallback, asked as Windows would have it asked."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import edge_deploy
from edge_deploy.core import filesystem, messages

PACKAGE = Path(edge_deploy.__file__).parent
ROOT = PACKAGE.parent

# What is not on Windows, or is another thing there -> the modules that may name it, as they ask
# for the system first.
SEAMS = {
    "fcntl": {"core/filesystem.py"},
    "msvcrt": {"core/filesystem.py"},
    "resource": {"core/worker/limits.py"},
    "os.kill": {"core/filesystem.py", "core/signals.py", "core/worker/process.py"},
    "os.fork": {"core/worker/process.py"},
    "os.setpgid": {"core/worker/process.py"},
    "os.killpg": {"core/worker/process.py"},
    "os.waitpid": {"core/worker/process.py"},
    "os.waitid": {"core/worker/process.py"},
    "os.geteuid": {"core/filesystem.py", "core/worker/limits.py"},
    "os.sysconf": {"core/worker/limits.py"},
    "os.fsync": {"core/filesystem.py"},
    "os.fchmod": {"core/atomic_io.py"},
    "os.rename": set(),
    "os.replace": set(),
    "os.mkfifo": set(),
    "os.getuid": set(),
    "signal.SIGKILL": {"core/worker/process.py"},
    "signal.SIGTSTP": {"core/worker/process.py"},
    "signal.SIGHUP": set(),
    "tempfile.NamedTemporaryFile": set(),  # Windows opens it once only
    "tempfile.TemporaryDirectory": {"core/filesystem.py"},
    ".rename": set(),  # of a path: filesystem.rename waits for those who have it open
    ".write_text": {"core/filesystem.py"},  # which would write "\r\n"
}


def named(tree: ast.AST) -> set[str]:
    """The modules that are imported and the attributes that are asked for."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(str(node.module))
        elif isinstance(node, ast.Attribute):
            found.add(f".{node.attr}")
            if isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
    return found


def test_what_windows_lacks_is_asked_for_in_few_places() -> None:
    found: dict[str, set[str]] = {seam: set() for seam in SEAMS}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = named(ast.parse(path.read_text("utf-8")))
        for seam in SEAMS.keys() & names:
            found[seam].add(path.relative_to(PACKAGE).as_posix())
    assert found == SEAMS


def test_a_text_is_opened_with_its_encoding_and_written_with_its_line_ends() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name == "open" and {"w", "a", "x", "wt"} & {
                argument.value for argument in node.args if isinstance(argument, ast.Constant)
            }:
                given = {keyword.arg for keyword in node.keywords}
                assert {"encoding", "newline"} <= given, f"{path}: {node.lineno}"


def test_a_rename_waits_for_who_has_the_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    monkeypatch.setattr(sys, "platform", "win32")
    replace, asked = Path.replace, []

    def held(path: Path, target: Path) -> Path:
        asked.append(path)
        if len(asked) < 3:
            raise PermissionError(13, "The process cannot access the file")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", held)
    filesystem.rename(tmp_path / "new", tmp_path / "old")
    assert len(asked) == 3
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("old", "new")]
    monkeypatch.setattr(filesystem, "_WAITED", 0.1)

    def never(path: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", never)
    with pytest.raises(PermissionError):
        filesystem.rename(tmp_path / "old", tmp_path / "new")


def test_elsewhere_a_rename_that_is_refused_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refused(path: Path, target: Path) -> Path:
        asked.append(path)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError):
        filesystem.rename(tmp_path / "a", tmp_path / "b")
    assert len(asked) == 1


def test_a_text_has_the_same_bytes_everywhere(tmp_path: Path) -> None:
    filesystem.write_text(tmp_path / "a", "caf\u00e9\nline\n")
    assert (tmp_path / "a").read_bytes() == b"caf\xc3\xa9\nline\n"


def test_temporary_folders_of_killed_runs_are_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, new, alive, other = (
        tmp_path / f"edge-deploy-{name}"
        for name in (f"{ended.pid}-a", f"{ended.pid}-b", f"{os.getpid()}-c", "notes-d")
    )
    for folder in (left, new, alive, other):
        (folder / "inner").mkdir(parents=True)
        os.utime(folder, (0, 0) if folder != new else None)
    with filesystem.temporary_folder() as folder:
        assert set(tmp_path.iterdir()) == {new, alive, other, folder}


def test_a_junction_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert [filesystem.is_link(tmp_path / name) for name in ("folder", "link", "none")] == [
        *(False, True, False)
    ]
    mode = (tmp_path / "folder").stat().st_mode
    for tag, is_link in ((0xA0000003, True), (0x9000001A, False), (0, False)):  # OneDrive's is none
        found = SimpleNamespace(st_mode=mode, st_reparse_tag=tag)
        with monkeypatch.context() as patched:
            patched.setattr(os, "lstat", lambda path, found=found: found)
            assert filesystem.is_link(tmp_path / "folder") == is_link


def test_what_is_pasted_is_quoted_as_the_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("edge-deploy", "serve", r"C:\My site", "a'b")
    assert messages.in_shell(*words) == """edge-deploy serve 'C:\\My site' 'a'"'"'b'"""
    monkeypatch.setattr(sys, "platform", "win32")
    assert messages.in_shell(*words) == r'''edge-deploy serve "C:\My site" "a'b"'''


# Run with the package in a Python of Windows; each prints what is asked of it.
SCRIPTS = {
    "all modules can be imported": (
        "import importlib, pkgutil, edge_deploy\n"
        "for module in pkgutil.walk_packages(edge_deploy.__path__, 'edge_deploy.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print('imported')",
        "imported",
    ),
    "processes": (
        "from edge_deploy.core.filesystem import is_alive\n"
        "print(is_alive(os.getpid()), is_alive(2**22 + 1))",
        "True False",
    ),
    "a second run is told": (
        "import subprocess\n"
        "from edge_deploy.core.atomic_io import locked\n"
        "again = ('import sys; from pathlib import Path; from tests.support import windows; '\n"
        "         'windows.become(); from edge_deploy.core.atomic_io import locked\\n'\n"
        "         'with locked(Path(sys.argv[1]), 0.2): print(1)')\n"
        "run = [sys.executable, '-c', again]\n"
        "with locked(Path('folder')):\n"
        "    held = subprocess.run([*run, 'folder'], capture_output=True, text=True)\n"
        "    other = subprocess.run([*run, '.'], capture_output=True, text=True)\n"
        "free = subprocess.run([*run, 'folder'], capture_output=True, text=True)\n"
        "print('in use by another run' in held.stderr, other.stdout, free.stdout)",
        "True 1\n 1\n",
    ),
    "a version is replaced": (
        "from edge_deploy.core import atomic_io\n"
        "Path('all/1').mkdir(parents=True)\n"
        "with atomic_io.staged(Path('all'), Path('all/1')) as stage:\n"
        "    (stage / 'new').write_text('new')\n"
        "atomic_io.replace_text(Path('all/1/new'), 'newer')\n"
        "print(sorted(str(p) for p in Path('all').rglob('*')), Path('all/1/new').read_text())",
        "['all/1', 'all/1/new'] newer",
    ),
    "a run that was killed is swept": (
        "from edge_deploy.core import atomic_io\n"
        "for pid in (2**22 + 1, os.getpid()):\n"
        "    Path('all', f'.partial-{pid}-x').mkdir(parents=True)\n"
        "atomic_io.sweep(Path('all'))\n"
        "print([p.name == f'.partial-{os.getpid()}-x' for p in Path('all').iterdir()])",
        "[True]",
    ),
    "Ctrl-C while a library loads": (
        "import signal, time\n"
        "from importlib.machinery import ExtensionFileLoader\n"
        "from edge_deploy.core import signals\n"
        "signals.listen()\n"
        "def load(self):\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    return 'loaded'\n"
        "print(load(ExtensionFileLoader('x', 'y')), flush=True)\n"
        "try:\n"
        "    for _ in range(100):\n"
        "        time.sleep(0.05)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')",
        "loaded\nstopped",
    ),
    "the cage says what it lacks": (
        "from edge_deploy.core.worker import cage, limits\n"
        "limits.restrict(5)\n"
        "print(cage.active()[0], limits.memory())",
        "[] None",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="what is open is read from /proc")
@pytest.mark.parametrize("case", SCRIPTS)
def test_in_a_python_of_windows(case: str, tmp_path: Path) -> None:
    code, expected = SCRIPTS[case]
    (tmp_path / "folder").mkdir()
    start = "import os, sys\nfrom pathlib import Path\nfrom tests.support import windows\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{start}windows.become()\n{code}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    assert done.stdout.strip() == expected.strip(), done.stderr
