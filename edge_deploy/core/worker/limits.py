"""What a process may use up: memory, processor time, the size of a file; no core."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_BYTES = 16_000_000_000
OPEN_FILES = 4096
_LEAST_MEMORY = 8_000_000_000
_WORTH_COLLECTING = 16_000_000
_before = (0, 0)
# Of mallopt: glibc's own numbers, and what it raises the first one to.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_MOST_IN_HEAP = 32 << 20
_CGROUPS = Path("/sys/fs/cgroup")
# With these root reads and writes files as it did; Landlock says which.
_KEPT_CAPABILITIES = 0b11111  # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID
_CAPABILITIES = {"x86_64": 126, "aarch64": 91}  # capset's number
_CAPABILITY_VERSION = 0x20080522


def memory() -> int | None:
    """Bytes that may be allocated: nine tenths of what the machine or the container has.

    Less where this process may have less (``ulimit -d``); None where the system cannot hold one
    to it.
    """
    if sys.platform != "linux":
        return None
    import resource

    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in (_CGROUPS / "memory.max", _CGROUPS / "memory" / "memory.limit_in_bytes"):
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return _least(resource.RLIMIT_DATA, max(total * 9 // 10, _LEAST_MEMORY))


def restrict(seconds: float) -> None:
    """Lower the limits of this process, for good; a limit that is lower already stays.

    Args:
        seconds: How long it may run; it may use all processors for as long. 0 for no limit.
    """
    if sys.platform == "win32":
        return
    import resource

    # 1 and not 0: a core that is piped to a program is held back by 1 alone.
    _lower(resource.RLIMIT_CORE, 1)
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if seconds:
        _lower(resource.RLIMIT_CPU, math.ceil(seconds * (os.cpu_count() or 1)))
    if (most := memory()) is not None:
        # Not the address space: TensorFlow reserves much more than it uses.
        _lower(resource.RLIMIT_DATA, most)


def give_memory_back(freed: int = 0) -> None:
    """Give the system back what nobody uses any more, where much was taken since the last time.

    glibc keeps what was freed for whoever asks next. One converter needs a gigabyte for a moment
    and the next one other pieces of it. To look through all objects takes 0.2 s with TensorFlow,
    which a small model would pay six times for nothing.

    Args:
        freed: Bytes that are known to be used no more, where that is seen in no figure of glibc.
    """
    global _before
    now = _taken()
    if now is not None:
        grown = max(size - before for size, before in zip(now, _before, strict=True))
        if max(grown, freed) < _WORTH_COLLECTING:
            _before = (min(now[0], _before[0]), min(now[1], _before[1]))
            return
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
    _before = _taken() or (0, 0)


@contextlib.contextmanager
def large_blocks_apart(size: int = 1 << 20) -> Iterator[None]:
    """Within the body the system has blocks of memory back as soon as they are freed.

    glibc does so itself above a size which it raises to 32 MB, once it has seen such blocks freed:
    layers' weights then lie between others that stay. To ask for each anew takes time.

    Args:
        size: Bytes from which a block is a large one.
    """
    on_linux = sys.platform == "linux"
    tune = getattr(ctypes.CDLL(None), "mallopt", None) if on_linux else None  # musl has none
    if tune is None:
        yield
        return
    tune(_MMAP_THRESHOLD, size)
    try:
        yield
    finally:
        tune(_MMAP_THRESHOLD, _MOST_IN_HEAP)
        tune(_TRIM_THRESHOLD, 2 * _MOST_IN_HEAP)


class _Mallinfo(ctypes.Structure):
    # malloc.h's struct mallinfo2, of glibc 2.33 and newer: ten sizes.
    _fields_ = (
        ("arena", ctypes.c_size_t),
        ("not_ours", ctypes.c_size_t * 3),
        ("hblkhd", ctypes.c_size_t),
        ("nor_these", ctypes.c_size_t * 2),
        ("uordblks", ctypes.c_size_t),
        ("nor_those", ctypes.c_size_t * 2),
    )


def _taken() -> tuple[int, int] | None:
    """Bytes that malloc has from the system, and those in use (/proc is not in the cage).

    What is used may grow where what is taken does not: it lies in holes that were there.
    """
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None) if sys.platform == "linux" else None
    if ask is None:
        return None
    ask.restype = _Mallinfo
    told = ask()
    return int(told.arena + told.hblkhd), int(told.uordblks + told.hblkhd)


def _lower(what: int, most: int) -> None:
    import resource

    least = _least(what, most)
    resource.setrlimit(what, (least, least))


def _least(what: int, most: int) -> int:
    import resource

    given = (limit for limit in resource.getrlimit(what) if limit != resource.RLIM_INFINITY)
    return min((most, *given))


def drop_capabilities() -> None:
    """Leave root, in a container, the rights over files alone.

    Raises:
        OSError: The kernel refuses.
    """
    import platform

    number = _CAPABILITIES.get(platform.machine())
    if sys.platform != "linux" or os.geteuid() != 0 or number is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    kept = _KEPT_CAPABILITIES & _effective()
    sets = struct.pack("6I", kept, kept, 0, 0, 0, 0)
    if libc.syscall(number, ctypes.c_char_p(header), ctypes.c_char_p(sets)):
        error = ctypes.get_errno()
        raise OSError(error, f"capabilities: {os.strerror(error)}")


def _effective() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
