"""Writing a site: its own files replaced or dropped, nothing of anybody else's touched.

``models/site.json`` records every file that was written, by hash.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_deploy.core import atomic_io, bounds
from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.core.filesystem import rename, sync, sync_names
from edge_deploy.core.messages import option

SCHEMA = "edge-deploy/site/1"
RECORD = "models/site.json"
_STAGE = ".edge-deploy-partial"

Files = dict[str, Path | bytes]
"""What a site is to hold: path in the site -> a file to copy, or its content."""


def as_json(document: Mapping[str, Any]) -> bytes:
    """A JSON file's content."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def publish(output: Path, planned: Files, given_as: str = "output") -> None:
    """Write what is planned and drop what is stale.

    A new site appears at once. In one that is there, which a server may stand in, and which may
    hold files of others, each file is replaced by one rename, the index last.

    Args:
        output: The site.
        planned: All that it is to hold.
        given_as: The option that names it.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; name a folder for the site with {option('output')}.")
    hashes = {path: file_digest(file) for path, file in planned.items()}
    if not output.exists():
        _create(output, planned, hashes, given_as)
        return
    with atomic_io.locked(output):
        record = read_record(output)
        _check_all(output, hashes, record)
        if not record and _holds_other_things(output):
            raise UsageError(
                f"{output} is not empty and is not a site of edge-deploy. Name a new or an empty "
                f"folder with {option('output')}."
            )
        _update(output, planned, hashes, record)


def update(output: Path, planned: Files, record: Mapping[str, list[str]]) -> list[str]:
    """Make a site what is planned: each file by one rename, in order; then drop what is stale.

    Args:
        output: The site, which the caller has locked.
        planned: All that it is to hold.
        record: What ``read_record`` gave.

    Returns:
        The files that were written, and not there already.

    Raises:
        UsageError: A file is somebody else's, or was changed by hand.
    """
    hashes = {path: file_digest(file) for path, file in planned.items()}
    _check_all(output, hashes, record)
    for path, file in planned.items():
        # Compressed files that stay as they lie in the site are what was written there.
        made = path.endswith((".br", ".gz")) and file == output / path
        if made and hashes[path] not in record.get(path, ()):
            raise _not_ours(output / path, "was changed since")
    return _update(output, planned, hashes, record)


def replace(output: Path, path: str, content: bytes) -> None:
    """Replace one file of a site, which the caller has locked, by one rename.

    Raises:
        UsageError: The record of the site cannot be read.
    """
    record = read_record(output)
    stage = output / _STAGE
    digest = file_digest(content)
    try:
        both = {**record, path: sorted({*record.get(path, ()), digest})}
        _put(output, stage, RECORD, _record(both))
        _put(output, stage, path, content)
        _put(output, stage, RECORD, _record({**record, path: [digest]}))
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _check_all(output: Path, hashes: Mapping[str, str], record: Mapping[str, list[str]]) -> None:
    for path, digest in hashes.items():
        _check_own(output, path, digest, record)


def _create(output: Path, planned: Files, hashes: Mapping[str, str], given_as: str) -> None:
    with atomic_io.scratch(output.parent, given_as) as stage:
        site = stage / "site"
        for path, file in {**planned, RECORD: _final(hashes)}.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            _write(file, site / path)
        sync(site)
        try:
            rename(site, output)
        except OSError as error:
            if not output.exists():
                raise
            raise UsageError(
                f"{output} was made by another run meanwhile; it is left as that made it. Run "
                "this again."
            ) from error
        sync_names(output.parent)


def _update(
    output: Path, planned: Files, hashes: Mapping[str, str], record: Mapping[str, list[str]]
) -> list[str]:
    stage, written = output / _STAGE, []
    shutil.rmtree(stage, ignore_errors=True)  # of a run that was killed
    atomic_io.sweep(output.parent)  # of one that made the site, and was killed after that
    try:
        # Until the end both the old and the new files count as ours, whenever we are killed.
        both = {p: sorted({*record.get(p, ()), *_one(hashes, p)}) for p in {*record, *hashes}}
        _put(output, stage, RECORD, _record(both))
        for path, file in planned.items():
            if not _is(output / path, hashes[path]):
                _put(output, stage, path, file)
                written.append(path)
        for path in record.keys() - planned.keys():
            _drop(output, path, record[path])
        _put(output, stage, RECORD, _final(hashes))
        return written
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _final(hashes: Mapping[str, str]) -> bytes:
    return _record({path: [digest] for path, digest in sorted(hashes.items())})


def _record(files: Mapping[str, Sequence[str]]) -> bytes:
    return as_json({"schema": SCHEMA, "files": files})


def _holds_other_things(output: Path) -> bool:
    """Whether a folder without our record has files; the page's own source may be filled."""
    if (output / "harness.html").is_file():
        return False
    return any(entry.name != _STAGE for entry in output.iterdir())


def _one(hashes: Mapping[str, str], path: str) -> Iterator[str]:
    if path in hashes:
        yield hashes[path]


def read_record(output: Path) -> dict[str, list[str]]:
    """The hashes that each file of ours may have; none where no site is there.

    Raises:
        UsageError: It cannot be read.
    """
    path = output / RECORD
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        files = bounds.read_json(path)["files"]
        return {str(path): [str(h) for h in known] for path, known in files.items()}
    except (EdgeDeployError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}), so that it is not known which files are "
            f"edge-deploy's. Move the folder away, or name another with {option('output')}."
        ) from error


def _check_own(output: Path, path: str, digest: str, record: Mapping[str, list[str]]) -> None:
    """Nothing of somebody else's, and nothing that was changed by hand, is overwritten."""
    file = output / path
    if not file.exists() and not file.is_symlink():
        return
    if file.is_symlink() or not file.is_file():
        what = "is not a plain file"
    elif (now := atomic_io.sha256(file)) == digest or now in record.get(path, ()):
        return
    else:
        what = "was changed since" if path in record else "was not written by `edge-deploy demo`"
    raise _not_ours(file, what)


def _not_ours(file: Path, what: str) -> UsageError:
    return UsageError(
        f"{file} {what}; it is left alone. Move it away, or name another folder with "
        f"{option('output')}."
    )


def file_digest(file: Path | bytes) -> str:
    return atomic_io.sha256(file) if isinstance(file, Path) else hashlib.sha256(file).hexdigest()


def _is(file: Path, digest: str) -> bool:
    return file.is_file() and atomic_io.sha256(file) == digest


def _put(output: Path, stage: Path, path: str, file: Path | bytes) -> None:
    stage.mkdir(exist_ok=True)
    part, final = stage / "part", output / path
    _write(file, part)
    sync(part)
    final.parent.mkdir(parents=True, exist_ok=True)
    rename(part, final)
    sync_names(final.parent)


def _write(file: Path | bytes, path: Path) -> None:
    if isinstance(file, Path):
        shutil.copyfile(file, path)
    else:
        path.write_bytes(file)


def _drop(output: Path, path: str, known: Sequence[str]) -> None:
    """Remove a file of an earlier run, and the folders that it leaves empty."""
    file = output / path
    inside = file.resolve().is_relative_to(output.resolve())
    if not inside or not file.is_file() or atomic_io.sha256(file) not in known:
        return
    file.unlink()
    for folder in file.relative_to(output).parents:
        if folder == Path() or any((output / folder).iterdir()):
            return
        (output / folder).rmdir()
