"""A stranger's file, opened safely: a regular one that is, and becomes, at most so large."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NoReturn, ParamSpec, TypeVar

from edge_deploy.core.errors import EdgeDeployError, UsageError, wrong_option
from edge_deploy.core.messages import option, size_text
from edge_deploy.core.options import Options

DEFAULT = 4 * 2**30
MOST_JSON = 64 * 2**20
"""A document is many times as large in memory as on disk."""
_MOST_MEMBERS = 20_000
_DEEPEST = 100  # of JSON: what reads it goes down by calls of functions
_HALF = re.compile(r"\\u[dD]")
_CHUNK = 1 << 20
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What zipfile raises of an archive that is damaged, encrypted, or of a kind it does not know.
BAD_ZIP = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, RuntimeError, OSError, ValueError),
)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_most: ContextVar[int] = ContextVar("most", default=DEFAULT)

P = ParamSpec("P")
T = TypeVar("T")
Error = type[EdgeDeployError]


@dataclass(frozen=True, kw_only=True)
class SizeOptions(Options):
    """How much is read.

    Attributes:
        max_size: The most bytes that a file may have, and that an archive may become.
    """

    max_size: int = DEFAULT


def bounded(function: Callable[P, T]) -> Callable[P, T]:
    """Let a public function's ``max_size`` hold for all that it reads."""

    @functools.wraps(function)
    def within(*args: P.args, **keywords: P.kwargs) -> T:
        given = [one for one in (*args, *keywords.values()) if isinstance(one, SizeOptions)]
        asked = keywords.get("max_size", given[0].max_size if given else most())
        if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
            raise wrong_option("max_size", asked, "a number of bytes above 0.")
        before = _most.set(asked)
        try:
            return function(*args, **keywords)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            name = str(error.filename)
            raise UsageError(
                f"{name[:60]}…: no such file or folder: a name of {len(name):,} characters is "
                "longer than this system takes."
            ) from error
        finally:
            _most.reset(before)

    return within


def most() -> int:
    """The most bytes that a file may have here, and that an archive may become."""
    return _most.get()


def check_file(path: Path, error: Error = UsageError, largest: int | None = None) -> os.stat_result:
    """Refuse what is not a regular file, or is too large; it is not opened.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as failed:
        raise error(f"{path}: cannot be read ({_reason(failed)}).") from failed
    return _checked(path, found, error, largest)


def open_file(path: Path, error: Error = UsageError, largest: int | None = None) -> BinaryIO:
    """Open a regular file of a bounded size; nothing else is waited for, or read without end.

    Args:
        path: The file; a symbolic link to one will do.
        error: What is raised.
        largest: The most bytes it may have, where less than ``max_size``.

    Raises:
        EdgeDeployError: Of the class that was given: it is a folder, a pipe or a device, is too
            large, or cannot be read.
    """
    check_file(path, error, largest)
    # Another may stand there by now: opening a pipe would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags)
    except OSError as failed:
        raise error(f"{path}: cannot be read ({_reason(failed)}).") from failed
    try:
        _checked(path, os.fstat(number), error, largest)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def _checked(
    path: Path, found: os.stat_result, error: Error, largest: int | None
) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        what = next((name for is_kind, name in _KINDS if is_kind(found.st_mode)), "no file")
        raise error(f"{path}: is {what}, and not a file. Save what it holds as a file.")
    limit = min(most(), largest or most())
    if found.st_size > limit:
        what = f"{path}: has {size_text(found.st_size)}; at most {size_text(limit)} are read."
        raise error(what + _mend(limit))
    return found


def _mend(limit: int) -> str:
    if limit < most():
        return ""
    return f" If it is yours and right, give a larger {option('max_size')}."


def _reason(failed: Exception) -> str:
    return getattr(failed, "strerror", None) or str(failed)


def read_bytes(path: Path, error: Error = UsageError, largest: int | None = None) -> bytes:
    """The content of a regular file of a bounded size.

    Raises:
        EdgeDeployError: Of the class that was given, as for ``open_file``.
    """
    with open_file(path, error, largest) as file:
        try:
            limit, size = min(most(), largest or most()), os.fstat(file.fileno()).st_size
            # Python makes room for all that it is asked to read.
            data = file.read(min(limit, size) + 1)
            if len(data) > size:
                data += file.read(limit + 1 - len(data))
        except OSError as failed:
            raise error(f"{path}: cannot be read ({_reason(failed)}).") from failed
        _checked(path, os.fstat(file.fileno()), error, largest)  # it may grow while it is read
        return data


def read_text(path: Path, error: Error = UsageError, largest: int = MOST_JSON) -> str:
    """The content of a UTF-8 text, with or without a byte order mark.

    Raises:
        EdgeDeployError: Of the class that was given: it is none, or as for ``open_file``.
    """
    try:
        return read_bytes(path, error, largest).decode("utf-8-sig")
    except UnicodeDecodeError as failed:
        raise error(f"{path}: cannot be read as UTF-8 text ({failed}). Save it as UTF-8.") from None


def read_json(path: Path, error: Error = UsageError, largest: int = MOST_JSON) -> Any:
    """A JSON document of a file: bounded, not too deep, of finite numbers and whole characters.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    text = read_text(path, error, largest)
    try:
        return parse_json(text)
    except ValueError as failed:
        raise error(f"{path}: cannot be read as JSON ({failed}).") from failed


def parse_json(text: str) -> Any:
    """A JSON document.

    Raises:
        ValueError: It is none, is nested too deep, or holds what no file can be written with: NaN,
            an infinite number, half a character (a lone surrogate).
    """
    try:
        document = json.loads(text, parse_constant=_constant, parse_float=_finite)
        _check_depth(document)
        if _HALF.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character (a lone surrogate)") from None
    return document


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text[:20]}, which is too large for a number")
    return value


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {_DEEPEST} deep")


@contextlib.contextmanager
def open_zip(path: Path, error: Error = UsageError) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members are few, plainly compressed, and stay where they belong.

    What they inflate to is counted by ``inflate``, not by what they claim.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_file(path, error))
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
        except BAD_ZIP as failed:
            raise error(f"{path}: a damaged archive ({failed}). Save or copy it again.") from failed
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise error(f"{path}: holds {len(members):,} files; {_MOST_MEMBERS:,} are read.")
        for member in members:
            _check_member(path, member, error)
        claimed = sum(member.file_size for member in members)
        if claimed > most():
            raise _too_much(path, error)
        yield archive


def _check_member(path: Path, member: zipfile.ZipInfo, error: Error) -> None:
    inner = PurePosixPath(member.filename.replace("\\", "/"))
    drive = re.match(r"[A-Za-z]:", member.filename)
    if inner.is_absolute() or ".." in inner.parts or drive:
        raise error(f"{path}: holds {member.filename!r}, which lies outside of it.")
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise error(f"{path}: {member.filename!r} in it is a link or a device, and not a file.")
    if member.compress_type not in _PLAIN:
        raise error(
            f"{path}: {member.filename!r} in it is compressed by method {member.compress_type}; "
            "deflate is read. Pack it again."
        )


def _too_much(path: Path, error: Error) -> EdgeDeployError:
    return error(
        f"{path}: becomes more than {size_text(most())} when it is unpacked; no more is read. If "
        f"it is yours and right, give a larger {option('max_size')}."
    )


class Budget:
    """How much may still be inflated of a file.

    Args:
        path: The file, for messages.
        error: What is raised when nothing is left.
        largest: The most bytes, where less than ``max_size``.
    """

    def __init__(self, path: Path, error: Error = UsageError, largest: int | None = None) -> None:
        self._path = path
        self._error = error
        self._left = min(most(), largest or most())

    def take(self, count: int) -> None:
        """Count bytes that were inflated.

        Raises:
            EdgeDeployError: They are more than may be.
        """
        self._left -= count
        if self._left < 0:
            raise _too_much(self._path, self._error)


def read_member(archive: zipfile.ZipFile, name: str, budget: Budget) -> bytes:
    """A member of an archive, counted while it inflates.

    Raises:
        KeyError: There is none of that name.
        EdgeDeployError: It inflates to more than may be.
    """
    parts = []
    with archive.open(name) as file:
        while part := file.read(_CHUNK):
            budget.take(len(part))
            parts.append(part)
    return b"".join(parts)


def extract(path: Path, folder: Path, error: Error = UsageError) -> None:
    """Unpack an archive into an empty folder.

    Raises:
        EdgeDeployError: Of the class that was given.
    """
    budget = Budget(path, error)
    with open_zip(path, error) as archive:
        for member in archive.infolist():
            target = folder.joinpath(*PurePosixPath(member.filename.replace("\\", "/")).parts)
            try:
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("xb") as file:
                    while part := source.read(_CHUNK):
                        budget.take(len(part))
                        file.write(part)
            except EdgeDeployError:
                raise
            except BAD_ZIP as failed:
                raise error(f"{path}: the archive cannot be unpacked ({failed}).") from failed
