"""The parent's side of a caged child: what answers its requests, each looked at as a stranger's."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from edge_deploy.core import atomic_io
from edge_deploy.core.errors import (
    ArtifactError,
    EdgeDeployError,
    MissingDependencyError,
    UsageError,
)
from edge_deploy.core.filesystem import rename
from edge_deploy.core.worker.channel import Channel

_ERRORS = (ArtifactError, MissingDependencyError, UsageError, EdgeDeployError)
_INTERRUPTED = 130


class Host(Protocol):
    """What answers a child's requests in its parent."""

    def answer(self, header: dict[str, Any], arrays: Any) -> tuple[dict[str, Any], Any]:
        """The answer to one request."""
        ...

    def close(self) -> None:
        """End what was opened for it."""
        ...


HostOf = Callable[[Sequence[Path]], Host]
"""Makes a host, from the folders whose files may be named to it."""


class PlacingHost:
    """Puts what was made in its place, and leaves other requests to another host.

    What is put lies in the folder that was made for it, and goes to the one place of that folder.
    """

    def __init__(self, host: Host, stages: Mapping[Path, Path]) -> None:
        self._host, self._stages = host, stages

    def answer(self, header: dict[str, Any], arrays: Any) -> tuple[dict[str, Any], Any]:
        """The answer to one request."""
        if header.get("call") != "put":
            return self._host.answer(header, arrays)
        try:
            return {"done": self._put(Path(str(header["from"])), Path(str(header["to"])))}, {}
        except (OSError, LookupError, ValueError) as error:
            number = getattr(error, "errno", None) or errno.EACCES
            return {"refused": {"number": number, "words": os.strerror(number)}}, {}

    def close(self) -> None:
        """End what was opened."""
        self._host.close()

    def _put(self, source: Path, final: Path) -> bool:
        if source.parent != self._stages[final] or source.name in ("", ".."):
            raise PermissionError(errno.EACCES, "not what was made")
        mode = source.lstat().st_mode
        if stat.S_ISDIR(mode) and final.is_dir():
            return atomic_io.exchange(source, final)
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            raise PermissionError(errno.EACCES, "no file and no folder")
        rename(source, final)
        return True


class ListeningHost:
    """Hears what the work of a child came to, and leaves other requests to another host."""

    def __init__(self, host: HostOf) -> None:
        self._make = host
        self._host: Host | None = None
        self._told: dict[str, Any] | None = None

    def of(self, folders: Sequence[Path]) -> Host:
        """This host, with the other one of these folders."""
        self._host = self._make(folders)
        return self

    @property
    def told(self) -> str | None:
        """What the child said; None where it did not come to it.

        Raises:
            EdgeDeployError: What its work raised.
        """
        if self._told is None:
            return None
        if (error := self._told.get("error")) is not None:
            kinds = {kind.__name__: kind for kind in _ERRORS}
            raise kinds.get(str(error.get("type")), EdgeDeployError)(str(error.get("message")))
        return str(self._told.get("result"))

    def answer(self, header: dict[str, Any], arrays: Any) -> tuple[dict[str, Any], Any]:
        """The answer to one request."""
        if header.get("call") == "done":
            self._told = header
            return {}, {}
        assert self._host is not None
        return self._host.answer(header, arrays)

    def close(self) -> None:
        """End what was opened."""
        if self._host is not None:
            self._host.close()


def tell(work: Callable[[], str], line: Channel) -> NoReturn:
    """In a child: do the work, say what it came to, and end."""
    code = 0
    try:
        line.ask({"call": "done", "result": work()})
    except EdgeDeployError as error:
        kind = next(one for one in _ERRORS if isinstance(error, one))
        line.ask({"call": "done", "error": {"type": kind.__name__, "message": str(error)}})
    except MemoryError:
        line.ask({"call": "done", "error": {"message": "Out of memory."}})
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
