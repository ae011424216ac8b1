"""``quantize``: more precisions for an artifact, without the original and without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from msgspec import structs

from edge_deploy.api.keywords import QuantizeKeywords
from edge_deploy.api.options import QuantizeOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import Manifest, columns_of, preprocessing_of, series_of
from edge_deploy.artifact.selection import float_entry
from edge_deploy.core import atomic_io, log
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import ArtifactError, ConversionError, UsageError
from edge_deploy.core.messages import option
from edge_deploy.core.options import as_path, given, takes
from edge_deploy.core.stdio import quiet
from edge_deploy.data.calibration_checks import calibrate
from edge_deploy.data.reference import Dataset, Reference
from edge_deploy.formats.base import FLOAT, Converted
from edge_deploy.formats.registry import FORMATS, need_browser
from edge_deploy.optimize.builder import FileBuilder, check_io, path_of
from edge_deploy.optimize.mixed_precision import check_keep, make_and_judge
from edge_deploy.optimize.precisions import PrecisionRequest, parse
from edge_deploy.optimize.search.report import sections
from edge_deploy.verification import report
from edge_deploy.verification.file_check import Checker, browser_if_any
from edge_deploy.verification.history import with_earlier
from edge_deploy.verification.notebook import card
from edge_deploy.verification.tolerances import check_labels
from edge_deploy.verification.verdicts import Verdict, none_fails

_log = log.logger(__name__)


@dataclass(frozen=True)
class QuantizeResult:
    """What ``quantize`` did.

    Attributes:
        artifact: With the new files.
        manifest: As written.
        verdicts: One a new file and runtime.
        failed: Precisions that could not be made, with the reason (``keep_going``).
        notes: What the user should know, one line each.
    """

    artifact: Artifact
    manifest: Manifest
    verdicts: tuple[Verdict, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every file that was asked for was made."""
        return not self.failed

    @property
    def passed(self) -> bool:
        """Whether no file that was made is outside tolerance."""
        return none_fails(self.verdicts)

    def _repr_html_(self) -> str:
        """The same in a notebook: verdicts with bars, and size against accuracy."""
        return card(self.manifest, self.verdicts, self.notes, self.failed)


@takes(QuantizeOptions)
@bounded
def quantize(
    path: Path | str,
    options: QuantizeOptions | None = None,
    **keywords: Unpack[QuantizeKeywords],
) -> QuantizeResult:
    """Add precisions to an artifact, each file run and judged.

    The new files are built in a folder beside the artifact's own and moved in by rename, the
    manifest last: until then nothing of the artifact has changed.

    Args:
        path: An artifact with float32 files.
        options: What to make.
        **keywords: Fields of ``QuantizeOptions`` by name, which win over ``options``.

    Raises:
        UsageError: The request or the calibration data is wrong, or a precision is there already.
        ArtifactError: The artifact cannot be read, or its float32 files are not the converted ones.
        ConversionError: A quantizer cannot do it (nothing changes unless ``keep_going``).
    """
    options = given(QuantizeOptions, options, keywords, "quantize")
    with quiet(options.verbose):
        done = _quantize(artifacts.open_artifact(as_path(path, "path")), options)
    log.tell(done.notes)
    return done


def _quantize(found: Artifact, options: QuantizeOptions) -> QuantizeResult:
    tolerances = options.tolerances
    there = [entry.target for entry in found.manifest.artifacts]
    wish = parse("to", options.to, [t for t in FORMATS if t in there])
    check_io(options.io, wish)
    check_keep(options.keep_float, wish)
    wish, skipped = _without_float(wish)
    sources = {target: _source(found, target) for target in wish.by_target}
    hows = {target: float_entry(found, target).pruned for target in wish.by_target}
    _check_free(found, wish, options.overwrite)
    dataset = Dataset(
        found.reference(),
        found.evaluation() or Reference({}),
        columns_of(found.manifest),
        preprocessing_of(found.manifest),
        series=series_of(found.manifest),
    )
    check_labels(tolerances, dataset.reference)
    notes = [*wish.notes, *skipped]
    calibration = None
    if wish.static:
        _log.info("looking at the calibration data")
        calibration, warnings = calibrate(found.spec, dataset, options.calibration, options.strict)
        notes += warnings
    entries: list[FileEntry] = []
    verdicts: list[Verdict] = []
    failed: dict[str, str] = {}
    with (
        atomic_io.scratch(found.folder.parent) as stage,
        browser_if_any(need_browser(wish.by_target), options.browser) as handle,
    ):
        builder = FileBuilder(
            stage,
            found.manifest,
            Checker(found.spec, dataset, tolerances, handle),
            options.io,
            calibration,
            options.keep_float,
        )
        for name, precisions in wish.by_target.items():
            own = replace(builder, pruned=hows[name])
            for precision in precisions:
                _log.info("%s %s", name, precision)
                try:
                    entry, rows = make_and_judge(own, FORMATS[name], precision, sources[name])
                except ConversionError as error:
                    if not options.keep_going:
                        raise
                    failed[f"{name} {precision}"] = str(error)
                    continue
                entries.append(entry)
                verdicts.extend(rows)
        manifest = _publish(found, stage, entries, verdicts)
    return QuantizeResult(
        replace(found, manifest=manifest), manifest, tuple(verdicts), failed, tuple(notes)
    )


def _without_float(wish: PrecisionRequest) -> tuple[PrecisionRequest, list[str]]:
    """float32 is what the others are made from, and there already."""
    rest = {t: tuple(p for p in names if p != FLOAT) for t, names in wish.by_target.items()}
    notes = ["float32 is there already: it is what the others are made from"]
    skipped = notes if any(FLOAT in names for names in wish.by_target.values()) else []
    rest = {target: names for target, names in rest.items() if names}
    if not rest:
        raise UsageError(
            f"{option('to', FLOAT)}: it is there already; name another precision.",
            option="to",
            got=FLOAT,
        )
    return replace(wish, by_target=rest), skipped


def _source(found: Artifact, target: str) -> Converted:
    """The float32 file of a target, which must be the one that was converted."""
    entry = float_entry(found, target)
    changed = found.changed_files()
    for file in entry.files:
        if file.path in changed:
            raise ArtifactError(f"{file.path} {changed[file.path]}. Convert the model again.")
    files = tuple(found.folder / file.path for file in entry.files)
    return Converted(found.main_file(entry), files)


def _check_free(found: Artifact, wish: PrecisionRequest, overwrite: bool) -> None:
    there = {entry.path for entry in found.manifest.artifacts}
    taken = [
        f"{target} {precision}"
        for target, names in wish.by_target.items()
        for precision in names
        if path_of(FORMATS[target], found.name, precision, bool(float_entry(found, target).pruned))
        in there
    ]
    if taken and not overwrite:
        raise UsageError(
            f"{found.folder} has {', '.join(taken)} already. Give "
            f"{option('overwrite', True)} to make it anew.",
            option="overwrite",
            got=False,
        )


def _publish(
    found: Artifact, stage: Path, entries: Sequence[FileEntry], verdicts: Sequence[Verdict]
) -> Manifest:
    """Move the new files in, then replace the manifest and the reports."""
    new = {entry.path for entry in entries}
    kept = [entry for entry in found.manifest.artifacts if entry.path not in new]
    manifest = structs.replace(found.manifest, artifacts=(*kept, *entries))
    changed = found.changed_files()  # before the new files stand in the old ones' place
    added = [file for entry in entries for file in entry.files]
    every = with_earlier(found, manifest, verdicts, changed)
    documents = report.documents(manifest, every, sections(found.tuning()))
    return artifacts.update(found, manifest, documents, added, stage)
