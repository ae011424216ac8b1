"""What may lie in an artifact, and what it may be called: checked once, when it is opened."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core import bounds
from edge_deploy.core.errors import ArtifactError
from edge_deploy.core.filesystem import is_link

_MOST_FILES = 20_000
_LONGEST = {"name": 120, "part": 200, "path": 400}  # bytes; Windows has 260 for a whole path
_UNFIT = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(("con", "prn", "aux", "nul", "conin$", "conout$")) | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"
}
# Characters that nobody sees or that turn the reading direction: a name looks like another's.
_UNSEEN = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff") | {
    chr(code) for code in (*range(0x2028, 0x202F), *range(0x2066, 0x2070))
}
_OWN = frozenset(
    (
        "manifest.json",
        "reference.npz",
        "evaluation.npz",
        "tuning.json",
        "labels.txt",
        "MODEL_CARD.md",
    )
)


def name_fault(name: str, longest: int = _LONGEST["name"]) -> str | None:
    """Why a name is not one folder or file on every system; None where it is.

    Args:
        name: A part of a path.
        longest: Of its UTF-8, in bytes.
    """
    bad = sorted({c for c in name if c in _UNFIT})
    hidden = {c for c in name if unicodedata.category(c) in ("Cc", "Cs") or c in _UNSEEN}
    if not name.strip():
        return "it is empty"
    if bad:
        return f"it holds {' '.join(bad)}"
    if hidden:
        return f"it holds a control character ({min(hidden)!a})"
    if name.startswith(".") or name.endswith((".", " ")) or name != name.lstrip():
        return "it starts or ends with a dot or a space"
    if name.partition(".")[0].rstrip().lower() in _DEVICES:
        return "it is a device on Windows"
    if len(name.encode()) > longest:
        return f"it is longer than {longest} bytes"
    return None


def path_fault(path: str) -> str | None:
    """Why a path does not name a file inside an artifact on every system; None where it does."""
    if len(path.encode("utf-8", "replace")) > _LONGEST["path"]:
        return f"it is longer than {_LONGEST['path']} bytes"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "it leads outside" if part == ".." or path[:1] == "/" else "it is not plain"
        if fault := name_fault(part, _LONGEST["part"]):
            return fault
    return None


def check_manifest(manifest: Manifest) -> None:
    """Refuse names and paths that are not plain, or that are there twice.

    Raises:
        ValueError: What is wrong, with where it stands.
    """
    for key, name in (("name", manifest.name), ("version", manifest.version)):
        if fault := name_fault(name):
            raise ValueError(f"{key}: {name!r} cannot name a folder: {fault}")
    for file in manifest.files:
        _check_path("files", file.path)
    for entry in manifest.artifacts:
        for part in entry.files:
            _check_path("artifacts", part.path)
            if part.path in _OWN:
                raise ValueError(f"artifacts: {part.path!r} is no converted file")
    _check_unique("files", [file.path for file in manifest.files])
    _check_unique("artifacts", [part.path for one in manifest.artifacts for part in one.files])
    both = {file.path for file in manifest.files}
    both |= {part.path for entry in manifest.artifacts for part in entry.files}
    _check_unique("files and artifacts", sorted(both))


def _check_path(where: str, path: str) -> None:
    if fault := path_fault(path):
        raise ValueError(f"{where}: {path[:200]!r} is no path inside of an artifact: {fault}")


def _check_unique(where: str, paths: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        one = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if one in seen:
            raise ValueError(
                f"{where}: {seen[one]!r} and {path!r} are one file where case does not count"
                if seen[one] != path
                else f"{where}: {path!r} is there twice"
            )
        seen[one] = path


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds links, pipes, devices, or more than is read.

    A link would let an artifact name files that are not its own.

    Raises:
        ArtifactError: It does.
    """
    count, queue = 0, [folder]
    while queue:
        with _listed(queue.pop()) as entries:
            for entry in entries:
                count += 1
                if count > _MOST_FILES:
                    raise ArtifactError(f"{folder}: holds more than {_MOST_FILES:,} files.")
                if is_link(entry):
                    raise ArtifactError(
                        f"{entry.path}: is a link, which an artifact does not hold: it may lead to "
                        "files of yours. Put the file itself there, or convert the model again."
                    )
                if entry.is_dir(follow_symlinks=False):
                    queue.append(Path(entry.path))
                else:
                    bounds.check_file(Path(entry.path), ArtifactError)


def _listed(folder: Path) -> os._ScandirIterator[str]:
    try:
        return os.scandir(folder)
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be read ({error.strerror}).") from error
