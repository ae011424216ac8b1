"""What a search has found so far, on disk, so that it can go on after a kill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_deploy.artifact.document import part, to_document
from edge_deploy.artifact.file_entry import PruningEntry
from edge_deploy.core import atomic_io
from edge_deploy.core.errors import UsageError
from edge_deploy.core.filesystem import rename, write_text
from edge_deploy.core.messages import option
from edge_deploy.optimize.search.candidates import CandidateResult

_ABOUT = "search.json"
_FILES = "about.json"


class Store:
    """A folder of results, each under a digest of all that it depends on.

    Args:
        folder: Beside the version that the search makes.
        about: What the search is about: digests by name.
    """

    def __init__(self, folder: Path, about: Mapping[str, str]) -> None:
        self.folder = folder
        (folder / "results").mkdir(parents=True, exist_ok=True)
        atomic_io.replace_text(folder / _ABOUT, atomic_io.to_text(about))

    def get(self, key: str) -> CandidateResult | bool | None:
        """A result; None of a file that cannot be made, False where it is not known yet."""
        try:
            text = (self.folder / "results" / f"{key}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        data = json.loads(text)
        return None if data is None else CandidateResult.from_json(data)

    def put(self, key: str, found: CandidateResult | None) -> None:
        """Keep a result; a reader sees all of it or nothing."""
        data: Any = None if found is None else found.to_json()
        path = self.folder / "results" / f"{key}.json"
        atomic_io.replace_text(path, json.dumps(data, ensure_ascii=False))

    def float_files(self, what: str) -> tuple[dict[str, bytes], PruningEntry | None] | None:
        """The float32 file of a target and sparsity and how it was pruned; None if not there."""
        folder = self.folder / "float" / what
        if not folder.is_dir():
            return None
        about = json.loads((folder / _FILES).read_text(encoding="utf-8"))
        pruned = part(PruningEntry, about["pruned"]) if about["pruned"] else None
        return {name: (folder / name).read_bytes() for name in about["files"]}, pruned

    def keep_float_files(
        self, what: str, files: Mapping[str, bytes], pruned: PruningEntry | None
    ) -> None:
        """Keep them: the folder appears whole."""
        final = self.folder / "float" / what
        with atomic_io.scratch(self.folder) as stage:
            whole = stage / "files"
            whole.mkdir()
            for name, data in files.items():
                (whole / name).write_bytes(data)
            about = {"files": list(files), "pruned": to_document(pruned) if pruned else None}
            write_text(whole / _FILES, atomic_io.to_text(about))
            final.parent.mkdir(exist_ok=True)
            try:
                rename(whole, final)
            except OSError:
                if not final.is_dir():  # of another run of the same search: as good as ours
                    raise

    def end(self) -> None:
        """The search is done: its version has all that matters."""
        _discard(self.folder)


def _discard(folder: Path) -> None:
    """Remove a search in one step: a killed run leaves a whole one, which can be gone on with."""
    # Of the output, where the next run looks for what was left: <output>/<name>/.tune-<version>.
    with atomic_io.scratch(folder.parents[1]) as away:
        rename(folder, away / "search")


def open_store(folder: Path, about: Mapping[str, str], resume: bool, overwrite: bool) -> Store:
    """Begin a search, or go on with one.

    Args:
        folder: Where its results are.
        about: What it is about: digests by name.
        resume: Whether to go on with one that is there.
        overwrite: An unfinished search may be thrown away.

    Raises:
        UsageError: One is there and ``resume`` is not set, or it was about something else.
    """
    if folder.is_dir() and not resume:
        if not overwrite:
            raise UsageError(
                f"{folder} holds a search that did not end. {option('resume', True)} goes on with "
                f"it, {option('overwrite', True)} begins anew.",
                option="resume",
                got=False,
            )
        _discard(folder)
    if (folder / _ABOUT).is_file():
        before = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        if other := [name for name in about if before.get(name) != about[name]]:
            raise UsageError(
                f"{option('resume', True)}: the search in {folder} had another {_and(other)}. Give "
                f"the same again, or begin anew with {option('overwrite', True)} and without "
                f"{option('resume', True)}.",
                option="resume",
                got=True,
            )
    return Store(folder, about)


def _and(names: list[str]) -> str:
    return " and ".join(names)
