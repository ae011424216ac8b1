"""Small models as one HTML file, for a mail or a learning platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_deploy.api._site import operators
from edge_deploy.api.demo import keys_of, listed, opened
from edge_deploy.artifact import artifact
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.core import atomic_io
from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import option, size_text
from edge_deploy.core.options import as_path
from edge_deploy.web import assets, page_head, single_file, tfjs_bundle
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.site_index import INDEX
from edge_deploy.web.site_writer import SCHEMA, Files, as_json

LARGEST = 1_000_000
"""Bytes of weights of all models together: with more, a file is too large for a mail."""

_PICTURES = 1_500_000  # bytes of packaged pictures; the rest are left out
_OF_THE_HEAD = ("accent", "url")  # which the page itself has no use for
_TARGET = "tfjs"


@dataclass(frozen=True)
class SingleFile:
    """A page on disk.

    Attributes:
        file: The HTML file.
        models: What the page calls them.
        bytes: Its size.
        left_out: Packaged pictures that have no room in it.
    """

    file: Path
    models: tuple[str, ...]
    bytes: int
    left_out: int = 0


def build_single_file(
    paths: Path | str | Sequence[Path | str],
    output: Path | str | None = None,
    page: PageInfo | None = None,
) -> SingleFile:
    """Build one HTML file that runs small models in the browser, also from a disk.

    The runtime is TF.js on wasm, with the kernels that the models need. The file loads nothing.

    Args:
        paths: An artifact's folder, or several.
        output: The file, or a folder for it; without it ``NAME.html`` here.
        page: What the page says of itself: title, description, author, link, colour.

    Raises:
        UsageError: A model is too large, has no TF.js file, or a file is in the way.
        ArtifactError: A file is not the one that was converted.
        MissingDependencyError: The page's vendor/ is not built.
    """
    info = page or PageInfo()
    page_head.check(info)
    if info.report_to is not None:
        raise wrong_option(
            "report_to", info.report_to, "one HTML file sends nothing to anybody: build a site."
        )
    source = assets.shell_folder()
    models = opened(paths)
    keys = keys_of(models)
    for model in models:
        if _TARGET not in {entry.target for entry in model.manifest.artifacts}:
            raise UsageError(
                f"{model.folder} has no TF.js file, and other runtimes are too large for one "
                f"file. Convert the model again with {option('to', _TARGET)}, or build a site."
            )
    with artifact.as_opened(models):
        entries, files, _ = listed(keys, models, {_TARGET})
        left_out = sum(_trim(entry, files) for entry in entries)
        _check_size(models, entries)
        kernels = tfjs_bundle.link_inside(
            source, frozenset().union(*(operators(one, {_TARGET}) for one in models))
        )
        if kernels is None:
            raise UsageError(
                "A model has an operator that needs the whole of TF.js, which is too large for "
                "one file: build a site."
            )
        files[INDEX] = as_json(
            {
                "schema": SCHEMA,
                "offline": False,
                "page": {
                    key: value for key, value in asdict(info).items() if key not in _OF_THE_HEAD
                },
                "kernels": {part: f"models/tfjs-{part}.js" for part in ("core", "wasm")},
                "models": entries,
            }
        )
        names = [entry["title"] or entry["key"] for entry in entries]
        text = single_file.page(source, single_file.files(source) | files, kernels, info, names)
    place = _place(output, models[0])
    with atomic_io.writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        single_file.check_own(place)
        atomic_io.replace_text(place, text)
    return SingleFile(place, tuple(keys), len(text.encode()), left_out)


def _place(output: Path | str | None, model: Artifact) -> Path:
    path = Path(f"{model.name}.html") if output is None else as_path(output, "output")
    return path / f"{model.name}.html" if path.is_dir() else path


def _trim(entry: dict[str, Any], files: Files) -> int:
    """Keep the file that the page answers with, and pictures while there is room: how many go."""
    folder = f"models/{entry['folder']}"
    for file in entry["files"]:
        if file["file"] != entry["file"]:
            for part in file["parts"]:
                files.pop(f"{folder}/{part['path']}", None)
    entry["files"] = [file for file in entry["files"] if file["file"] == entry["file"]]
    room, kept = _PICTURES, []
    for path in entry["pictures"]:
        room -= _size(files[f"{folder}/{path}"])
        if room < 0:
            break
        kept.append(path)
    gone = entry["pictures"][len(kept) :]
    for path in gone:
        del files[f"{folder}/{path}"]
    entry["pictures"] = kept
    return len(gone)


def _size(file: Path | bytes) -> int:
    return file.stat().st_size if isinstance(file, Path) else len(file)


def _check_size(models: Sequence[Artifact], entries: Sequence[Mapping[str, Any]]) -> None:
    total = sum(entry["bytes"] for entry in entries)
    if total <= LARGEST:
        return
    each = ", ".join(
        f"{model.name} has {size_text(entry['bytes'])} ({entry['precision']})"
        for model, entry in zip(models, entries, strict=True)
    )
    raise UsageError(
        f"One file is for models of up to {size_text(LARGEST)} together; {each}. Build a site, or "
        f"convert with {option('to', _TARGET)} and {option('quantize', 'uint8')} alone, which "
        "makes a quarter of float32.",
        option="single_file",
        got=True,
    )
