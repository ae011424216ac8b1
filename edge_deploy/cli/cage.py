"""Commands that open a stranger's model or converted file go on in a caged child process."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from edge_deploy.cli import exit_codes
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.filesystem import identity
from edge_deploy.core.worker import native

if TYPE_CHECKING:
    from edge_deploy.core.worker import hosts

_FIRST_LINES = 20_000  # characters that tell whether a table names pictures
_allowed = _entered = False
_shown: dict[Path, tuple[int, int] | None] = {}


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Within the body ``enter`` does what it says; a test's own process stays whole.

    What has not entered opens no model (``core/worker/native.py``).
    """
    global _allowed
    _allowed = True
    try:
        with native.held():
            yield
    finally:
        _allowed = False


def enter(
    timeout: float,
    *,
    models: Iterable[Path | None] = (),
    read: Iterable[Path | str | None] = (),
    show: Iterable[Path] = (),
    write: Iterable[Path | None] = (),
    makes: Iterable[Path | None] = (),
    browser: Path | None = None,
    workers: str | None = None,
) -> None:
    """Go on in a caged child; the parent serves its browser, waits, and leaves with its code.

    A system other than Linux has no cage: there the command goes on here, for ``timeout`` at most.

    Args:
        timeout: Seconds that it may take; 0 for as long as it likes.
        models: Read with the files beside them.
        read: Other files and folders, and pictures that a table names; a text that is no path is
            left out.
        show: Converted files and artifacts, which the browser may open.
        write: Folders to write to.
        makes: Files, and folders that appear or change at once, in folders that are not written to.
        browser: The browser that the user named.
        workers: The executor of a search: loky starts Python again, the others need a network.

    Raises:
        EdgeDeployError: The child crashed, or ran into a limit.
    """
    if not _allowed:
        return
    if sys.platform != "linux":
        native.let()
        stop_after(timeout)
        return
    from edge_deploy.core.worker import process
    from edge_deploy.core.worker.cage import Cage

    cage = Cage(
        tuple(path for path in models if path is not None),
        _read(read),
        tuple(show),
        tuple(path for path in write if path is not None),
        tuple(path.absolute() for path in makes if path is not None),
        timeout,
        processes=workers is not None,
        network=workers not in (None, "loky"),
    )
    global _entered, _shown
    _shown = {path: identity(path) for path in cage.show}
    process.split(cage, lambda folders: _Host(browser, folders))
    _entered = True


@contextlib.contextmanager
def around(timeout: float, *, read: Iterable[Path | str | None] = ()) -> Iterator[None]:
    """Within the body converted files are opened in caged children, and the command goes on here.

    For one that writes what code of a model must not touch, such as a site.

    Args:
        timeout: Seconds that each may take; 0 for as long as it likes.
        read: As of ``enter``.
    """
    if not _allowed:
        yield
        return
    if sys.platform != "linux":
        native.let()
        stop_after(timeout)
        yield
        return
    from edge_deploy.core.worker import apart, process
    from edge_deploy.core.worker.cage import Cage

    def ask(work: Callable[[], str], files: Sequence[Path]) -> str:
        cage = Cage(read=_read(read), show=tuple(files), seconds=timeout)
        return process.ask(cage, lambda folders: _Host(None, folders), work)

    with apart.done_by(ask):
        yield


def _read(given: Iterable[Path | str | None]) -> tuple[Path, ...]:
    paths = [Path(path) for path in given if path is not None]
    return (*paths, *(picture for path in paths for picture in _pictures_of(path)))


def _pictures_of(path: Path) -> Iterator[Path]:
    """Pictures that lie where a table of a model of several inputs says, from its folder on."""
    # pathlib raises on a name that is too long, and a person may have typed anything.
    if path.suffix.lower() != ".csv" or not os.path.isfile(path):  # noqa: PTH113
        return
    from edge_deploy.data.preprocessing.decode import SUFFIXES

    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = file.readlines(_FIRST_LINES)
        if not any(suffix in line.lower() for suffix in SUFFIXES for line in lines):
            return
        with contextlib.suppress(csv.Error):
            for row in csv.reader(itertools.chain(lines, file)):
                yield from (
                    path.parent / cell for cell in row if cell.lower().endswith(tuple(SUFFIXES))
                )


def replaced(error: BaseException) -> EdgeDeployError | None:
    """What is wrong where a caged child cannot read an artifact: it sees the one that was there."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PermissionError):
        cause = cause.__cause__
    others = [path for path, was in _shown.items() if identity(path) != was]
    if not _entered or cause is None or not others:
        return None
    return EdgeDeployError(
        f"{others[0]} was changed by another run meanwhile; it is left as that made it. Run this "
        "again."
    )


def leave(code: int) -> NoReturn:
    """Exit; a caged child at once, without what libraries do while they are torn down."""
    if _entered:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.exit(code)


def stop_after(seconds: float) -> None:
    """Where a system has no cage: end this process when it takes too long; 0 for never."""
    if not seconds:
        return

    def stop() -> None:
        os.write(2, f"edge-deploy: Not done after {seconds:,g} s; see --timeout.\n".encode())
        os._exit(exit_codes.NOT_DONE)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()


class _Host:
    """A browser for the child, imported when it is first asked for."""

    def __init__(self, browser: Path | None, folders: Sequence[Path]) -> None:
        self._browser, self._folders = browser, folders
        self._host: hosts.Host | None = None

    def answer(self, header: dict[str, Any], arrays: Any) -> tuple[dict[str, Any], Any]:
        """The browser's answer."""
        if self._host is None:
            from edge_deploy.web.remote_browser import BrowserHost

            self._host = BrowserHost(self._browser, self._folders)
        return self._host.answer(header, arrays)

    def close(self) -> None:
        """End the browser."""
        if self._host is not None:
            self._host.close()
