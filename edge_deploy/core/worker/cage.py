"""What a child process may read, write and start, and how it shuts itself in."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_deploy.core.dependencies import PACKAGE
from edge_deploy.core.worker import landlock, limits, seccomp
from edge_deploy.core.worker.landlock import READ, WRITE, Access

_MANY = 5000  # files beside a model that are looked at

_SYSTEM = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec",
    "/usr/local/lib", "/usr/local/lib64", "/usr/share", "/nix/store",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/fonts",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version",
    "/proc/filesystems", "/proc/loadavg", "/proc/sys/kernel", "/proc/sys/vm",
    "/sys/devices", "/sys/bus/pci", "/sys/fs/cgroup", "/sys/kernel/mm",
    "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
_CACHES = ("TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "JOBLIB_TEMP_FOLDER", "NUMBA_CACHE_DIR")
_LOADERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store")


@dataclass(frozen=True)
class Cage:
    """What the work of one command needs.

    Attributes:
        models: Read with what lies beside them.
        read: Files, and folders with all that is in them.
        show: Read in the same way, and opened by the parent's browser, too.
        write: Folders to write to; made before, and taken away after, where they stay empty.
        makes: Files and folders that the parent puts in place, whatever else is around them.
        seconds: How long it may take; 0 for as long as it likes.
        processes: Whether it may start Python again, as workers of a search.
        network: Whether it may reach a network, as the workers of a cluster must.
    """

    models: tuple[Path, ...] = ()
    read: tuple[Path, ...] = ()
    show: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    makes: tuple[Path, ...] = ()
    seconds: float = 0.0
    processes: bool = False
    network: bool = False


def enter(cage: Cage, private: Path, stages: Iterable[Path] = ()) -> None:
    """Shut this process in, for good; it must have one thread.

    Args:
        cage: What stays open.
        private: A folder for temporary files.
        stages: Where it builds what it makes.

    Raises:
        OSError: The kernel has a part of the cage and refuses it.
    """
    _use_for_temporary_files(private)
    limits.restrict(cage.seconds)
    limits.drop_capabilities()
    if landlock.abi() >= landlock.OLDEST:
        seccomp.no_new_privileges()
        landlock.restrict(_rules(cage, (private, *stages)), cage.network)
    if seccomp.available():
        seccomp.restrict(seccomp.Leave(cage.network, cage.processes))


def active() -> tuple[list[str], list[str]]:
    """The parts of the cage that this machine has, and those that it lacks, in words."""
    there: list[str] = []
    lacking: list[str] = []

    def tell(has: bool, what: str, without: str) -> None:
        (there if has else lacking).append(what if has else without)

    version = landlock.abi()
    own, memory = "a process of its own", "a limit of memory"
    tell(sys.platform == "linux", own, own)
    tell(limits.memory() is not None, memory, memory)
    files = f"files (Landlock {version})"
    tell(version >= landlock.OLDEST, files, "files (Landlock 2 or newer: Linux 5.19)")
    calls = "network, other programs (seccomp)"
    tell(seccomp.available(), calls, calls)
    tell(landlock.scopes_signals(), "signals to others", "signals to others (Landlock 6)")
    return there, lacking


def _use_for_temporary_files(private: Path) -> None:
    for name in _CACHES:
        os.environ[name] = str(private)
    tempfile.tempdir = str(private)


def _rules(cage: Cage, own: Sequence[Path]) -> Iterator[tuple[Path, Access]]:
    for path in (*map(Path, _SYSTEM), *_python(), *_environment_libraries()):
        yield path, READ
    yield Path("/dev/null"), READ | WRITE
    yield Path.home() / ".keras" / "keras.json", READ
    for path in cage.read:
        yield from _given(path)
    for model in (*cage.models, *cage.show):
        yield from _given(model)
        if model in cage.models or not model.is_dir():  # an artifact is all in its folder
            yield from _beside(model)
    for place in cage.makes:
        yield place.parent, Access.READ_DIR  # where other runs are waited for
    for folder in (*own, *cage.write):
        yield folder, WRITE
    if cage.processes:
        yield Path(sys.executable), READ | Access.EXECUTE
        for path in (*map(Path, _LOADERS), Path(sys.base_prefix, "lib"), Path(sys.prefix, "lib")):
            yield path, READ | Access.EXECUTE
        yield Path("/proc"), READ  # where workers look themselves up
        yield Path("/dev/shm"), WRITE  # their semaphores


def _python() -> Iterator[Path]:
    """Python, its libraries, and this package, wherever links to them lead."""
    here = Path.cwd()
    paths = [*sysconfig.get_paths().values(), *site.getsitepackages(), *sys.path]
    paths += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    for text in paths:
        # Python puts the current folder on its path, where one may keep anything.
        if text and Path(text) != here:
            yield Path(text)
    for prefix in (sys.prefix, sys.base_prefix):
        # Not of /usr or of a home folder: what Python has of these is below one of the names.
        yield from (Path(prefix, name) for name in ("lib", "lib64", "share", "pyvenv.cfg"))
    yield PACKAGE
    yield PACKAGE.parent / "web_demo"


def _environment_libraries() -> Iterator[Path]:
    for folder in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep):
        if folder:
            yield Path(folder)


def _given(path: Path) -> Iterator[tuple[Path, Access]]:
    yield path, READ
    # The files of a snapshot in Hugging Face's cache are links to blobs beside it.
    for folder in path.absolute().parents:
        if folder.name == "snapshots":
            yield folder.parent / "blobs", READ


def _beside(model: Path) -> Iterator[tuple[Path, Access]]:
    """The plain files beside a model, and a folder of reference data: nothing hidden, no links."""
    folder = model.absolute().parent
    yield folder, Access.READ_DIR
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MANY), strict=False):
                hidden = entry.name.startswith(".")
                samples = entry.name == "reference" and entry.is_dir(follow_symlinks=False)
                if samples or (not hidden and entry.is_file(follow_symlinks=False)):
                    yield Path(entry.path), READ
    except OSError:
        return
