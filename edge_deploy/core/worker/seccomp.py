"""A filter of system calls: no sockets, no other programs, no hand on other processes (Linux).

It refuses what is listed and lets the rest pass: what TensorFlow and its libraries call differs
from version to version, while the ways out of a process are known.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

# x86_64 and aarch64; None where the architecture lacks the call.
_ALWAYS: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    # Out of the group that is ended with the command.
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # Does what it is asked past this filter.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Changes to files, which Landlock does not see.
    "truncate": (76, 45),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "utime": (132, None),
    "open_by_handle_at": (304, 265),
    # Memory and messages that other processes of the user share.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # The kernel itself.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "acct": (163, 89),
}
_NETWORK: dict[str, tuple[int | None, int | None]] = {"socket": (41, 198)}
# joblib sets the modes of what it shares with its workers.
_PROCESSES: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
}
_KILL, _TGKILL = (62, 129), (234, 131)
_CLONE, _CLONE3 = (56, 220), (435, 435)
_IOCTL = (16, 29)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into the user's terminal
_CLONE_THREAD, _CLONE_NAMESPACES = 0x10000, 0x7E020000

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000  # the same calls once more, by other numbers

_LOAD, _EQUAL, _AT_LEAST, _SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # in the data that a filter is given
_ALLOW, _REFUSE, _END = 0x7FFF0000, 0x00050000, 0x80000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2

_Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


@dataclass(frozen=True)
class Leave:
    """What stays open.

    Attributes:
        network: Sockets of all kinds.
        processes: Children, and programs that Landlock lets it execute.
    """

    network: bool = False
    processes: bool = False


def available() -> bool:
    """Whether this kernel filters, and the filter knows this architecture."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return False
    action = ctypes.c_uint32(_REFUSE)
    number = (317, 277)[_ARCHITECTURES[platform.machine()][0]]
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(number, 2, 0, ctypes.byref(action)) == 0)


def restrict(leave: Leave) -> None:
    """From now on this thread, and all that it starts, is refused what is listed, for good.

    Raises:
        OSError: The kernel refuses.
    """
    code = b"".join(struct.pack("HBBI", *one) for one in _program(leave))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    no_new_privileges()
    _prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def no_new_privileges() -> None:
    """No program that is started from here gains rights by its owner or its capabilities."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _prctl(*arguments: object) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")


def _program(leave: Leave) -> Sequence[_Instruction]:
    place, architecture = _ARCHITECTURES[platform.machine()]
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _END),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if not place:
        program += [(_AT_LEAST, 0, 1, _X32), _refused()]
    calls = dict(_ALWAYS)
    if not leave.network:
        calls |= _NETWORK
    if not leave.processes:
        calls |= _PROCESSES
    for numbers in calls.values():
        if (number := numbers[place]) is not None:
            program += [(_EQUAL, 0, 1, number), _refused()]
    # The C library then takes clone, whose flags can be seen.
    program += [(_EQUAL, 0, 1, _CLONE3[place]), _refused(errno.ENOSYS)]
    flags = [(_SET, 0, 1, _CLONE_NAMESPACES), _refused()]
    if not leave.processes:
        flags += [(_SET, 1, 0, _CLONE_THREAD), _refused()]
    program += _where(_CLONE[place], _FIRST, flags)
    typing = [line for k in (_TIOCSTI, _TIOCLINUX) for line in ((_EQUAL, 0, 1, k), _refused())]
    program += _where(_IOCTL[place], _SECOND, typing)
    own = [(_EQUAL, 1, 0, os.getpid()), _refused()]
    if leave.processes:
        outside = (os.getppid(), 1, 0xFFFFFFFF)
        own = [line for pid in outside for line in ((_EQUAL, 0, 1, pid), _refused())]
    for numbers in (_KILL, _TGKILL):
        program += _where(numbers[place], _FIRST, own)
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _where(number: int, argument: int, lines: Sequence[_Instruction]) -> list[_Instruction]:
    """Lines that look at an argument of one call; the number is loaded again behind them."""
    return [
        (_EQUAL, 0, len(lines) + 2, number),
        (_LOAD, 0, 0, argument),
        *lines,
        (_LOAD, 0, 0, _NUMBER),
    ]


def _refused(error: int = errno.EPERM) -> _Instruction:
    return (_RETURN, 0, 0, _REFUSE | error)
