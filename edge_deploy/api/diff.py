"""``diff``: what a new version of a model changes, on the same samples, with the light install."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from markupsafe import Markup

from edge_deploy.api.keywords import DiffKeywords
from edge_deploy.api.options import DiffOptions
from edge_deploy.artifact import artifact as artifacts
from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.file_entry import FileEntry
from edge_deploy.artifact.manifest import columns_of, preprocessing_of, series_of
from edge_deploy.artifact.selection import default_entry, page_entry, runnable_entry
from edge_deploy.core import atomic_io
from edge_deploy.core.bounds import bounded
from edge_deploy.core.errors import ArtifactError, UsageError, unknown_option, wrong_option
from edge_deploy.core.messages import option, size_text
from edge_deploy.core.options import as_path, given, takes
from edge_deploy.core.spec import Array, TensorSpec
from edge_deploy.core.stdio import quietly
from edge_deploy.data.csv_reader import Reading
from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.readers import read
from edge_deploy.data.reference import Reference, join, with_class_indices
from edge_deploy.formats.registry import default_runtime
from edge_deploy.verification import version_diff
from edge_deploy.verification.compare import run_samples
from edge_deploy.verification.file_check import browser_if_any, for_browser
from edge_deploy.verification.html_page import render
from edge_deploy.verification.latency import time_runner
from edge_deploy.verification.version_diff import AnswerDiff, ChangedSample, ContractChange

MARK = '<meta name="generator" content="edge-deploy diff">'
"""By which a page of ours is known: no other file is overwritten."""
MOST_ROWS = 100
"""So many changed samples are on the page."""
_THUMB = 96  # pixels of the longer side
_SECONDS = 0.3  # of asking, for the median


@dataclass(frozen=True)
class VersionFile:
    """The file of a version that was asked.

    Attributes:
        name: The model's.
        version: Of the model.
        path: Inside the artifact.
        bytes: Of the file.
        brotli_bytes: The same compressed, as it is downloaded.
        median_ms: Of an answer here, in milliseconds; None where it was not asked.
    """

    name: str
    version: str
    path: str
    bytes: int
    brotli_bytes: int
    median_ms: float | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class DiffResult:
    """What a new version of a model changes.

    Attributes:
        old: The file of the old version.
        new: That of the new one.
        changes: Of what the model takes and gives.
        answers: Of what it answers; None where that could not be compared.
        reason: Why not.
        max_drop: The budget of the accuracy, or of R²; None where there is none.
        rows: Of changed samples, by their place: what a person knows them by.
        pictures: The same, as files.
        page: Where the page was written; None where it was not.
    """

    old: VersionFile
    new: VersionFile
    changes: tuple[ContractChange, ...]
    answers: AnswerDiff | None = None
    reason: str | None = None
    max_drop: float | None = None
    rows: Mapping[int, Mapping[str, Any]] | None = None
    pictures: Mapping[int, Path] | None = None
    page: Path | None = None

    @property
    def breaking(self) -> tuple[ContractChange, ...]:
        """Changes that who asks the model has to follow."""
        return tuple(change for change in self.changes if change.breaking)

    @property
    def passed(self) -> bool:
        """Whether the new version is within its budget."""
        if self.max_drop is None or self.answers is None or self.answers.drop is None:
            return True
        return self.answers.drop <= self.max_drop

    def _repr_html_(self) -> str:
        return str(render("diff_body.html.j2", **_page_values(self)))


@takes(DiffOptions)
@bounded
@quietly
def diff(
    old: Path | str,
    new: Path | str,
    options: DiffOptions | None = None,
    **keywords: Unpack[DiffKeywords],
) -> DiffResult:
    """Ask two versions of a model the same samples, and say what differs.

    Args:
        old: An artifact.
        new: Another, of the same model.
        options: With what samples, and what the new one may lose.
        **keywords: Fields of ``DiffOptions`` by name, which win over ``options``.

    Raises:
        UsageError: The samples do not fit both, there is no file that runs here, or a budget is
            given and no labels.
        ArtifactError: A file is damaged or is not the one that was converted.
    """
    options = given(DiffOptions, options, keywords, "diff")
    if options.page is not None:
        _check_page(options.page)
    both = [artifacts.open_artifact(as_path(*one)) for one in ((old, "old"), (new, "new"))]
    found = compare(both[0], both[1], options)
    if found.max_drop is not None and (found.answers is None or found.answers.drop is None):
        raise wrong_option(
            "max_drop",
            found.max_drop,
            found.reason
            or f"no labels say how good the versions are. Give {option('reference')} with labels.",
        )
    if options.page is None:
        return found
    with atomic_io.writing(options.page, "page"):
        options.page.parent.mkdir(parents=True, exist_ok=True)
        atomic_io.replace_text(options.page, to_html(found))
    return replace(found, page=options.page)


def compare(old: Artifact, new: Artifact, options: DiffOptions) -> DiffResult:
    """What ``diff`` finds of two artifacts that are open.

    Raises:
        UsageError: As ``diff``.
        ArtifactError: As ``diff``.
    """
    entries = _entries(old, new, options)
    files = [_file(one, entry) for one, entry in zip((old, new), entries, strict=True)]
    changes = tuple(version_diff.contract_changes(old.manifest, new.manifest))
    found = DiffResult(files[0], files[1], changes, max_drop=options.max_drop)
    data = _samples(old, new, options)
    if isinstance(data, str):
        return replace(found, reason=data)
    labels = [one.labels for one in data]
    output = version_diff.compared_output(old.spec, new.spec, labels[1])
    if output is None:
        return replace(found, reason="the two have no output of the same name and kind")
    outputs = (next(one for one in old.spec.outputs if one.name == output.name), output)
    in_page = any(default_runtime(entry.target).in_browser for entry in entries)
    with browser_if_any(in_page, None) as session:
        if in_page:
            if session.browser is None:
                return replace(found, reason=session.reason)
            data = for_browser(data[0]), for_browser(data[1])
        asked = [
            _asked(one, entry, of, (out.name, session.browser))
            for one, entry, of, out in zip((old, new), entries, data, outputs, strict=True)
        ]
    answers = version_diff.compare_answers(
        outputs, (asked[0][0], asked[1][0]), _labels(outputs, old, new, data)
    )
    shown = [one.index for one in answers.changed[:MOST_ROWS]]
    return replace(
        found,
        old=replace(files[0], median_ms=asked[0][1]),
        new=replace(files[1], median_ms=asked[1][1]),
        answers=answers,
        rows=_rows(new, data[1], shown),
        pictures={n: data[1].pictures[n] for n in shown} if data[1].pictures else None,
    )


def contract_of(old: Artifact, new: Artifact) -> DiffResult:
    """The same without asking either: what they take and give, and how large they are."""
    files = [_listed(one, page_entry(one)) for one in (old, new)]
    changes = tuple(version_diff.contract_changes(old.manifest, new.manifest))
    return DiffResult(files[0], files[1], changes)


def _labels(
    outputs: tuple[TensorSpec, TensorSpec],
    old: Artifact,
    new: Artifact,
    data: tuple[Reference, Reference],
) -> tuple[Array | None, Array | None]:
    """The true answers as each version has them, where both of them do."""
    from edge_deploy.verification.metrics import labelled

    for output, one, of in zip(outputs, (old, new), data, strict=True):
        wanted = labelled(one.spec, of.labels)
        if wanted is None or wanted.name != output.name or of.origin == "synthetic":
            return None, None
    return data[0].labels, data[1].labels


def _entries(old: Artifact, new: Artifact, options: DiffOptions) -> list[FileEntry]:
    """The file of each version that is asked: where one has TF.js files alone, those of both."""
    both = (old, new)
    try:
        return [runnable_entry(one, options.target, options.precision) for one in both]
    except UsageError:
        page = [[e for e in one.manifest.artifacts if e.target == "tfjs"] for one in both]
        if options.target not in (None, "tfjs") or not all(page):
            raise
    wanted = [[e for e in of if options.precision in (None, e.precision)] for of in page]
    if not all(wanted):
        there = sorted({e.precision for of in page for e in of})
        raise unknown_option("precision", str(options.precision), there, "TF.js file of both")
    return [default_entry(one, of) for one, of in zip(both, wanted, strict=True)]


def _file(found: Artifact, entry: FileEntry) -> VersionFile:
    if what := found.changed_files().get(entry.path):
        raise ArtifactError(
            f"{found.folder / entry.path} {what}. Convert the model again with "
            f"{option('overwrite', True)}."
        )
    return _listed(found, entry)


def _listed(found: Artifact, entry: FileEntry) -> VersionFile:
    brotli = sum(part.brotli_bytes for part in entry.files)
    return VersionFile(found.name, found.manifest.version, entry.path, entry.bytes, brotli)


def _samples(
    old: Artifact, new: Artifact, options: DiffOptions
) -> tuple[Reference, Reference] | str:
    """The same samples as each version takes them; or why there are none."""
    if options.reference is not None:
        reading = Reading(label_column=options.label_column)
        both = [
            with_class_indices(
                read(
                    options.reference,
                    one.spec,
                    columns_of(one.manifest),
                    preprocessing_of(one.manifest),
                    reading,
                    series_of(one.manifest),
                ),
                one.spec,
            )
            for one in (old, new)
        ]
        if both[0].count != both[1].count:
            raise UsageError(
                f"{options.reference}: {old.manifest.version} makes {both[0].count:,} samples of "
                f"it and {new.manifest.version} {both[1].count:,}; they cannot be compared."
            )
        return both[0], both[1]
    if old.spec.inputs != new.spec.inputs or _prepares(old) != _prepares(new):
        return (
            "the two prepare their inputs differently, so that the packaged samples of one do not "
            f"fit the other. Give {option('reference')} with samples as they are"
        )
    reference = new.reference()
    data = join(reference, new.evaluation())
    rows = reference.rows if data.count == reference.count else ()
    data = replace(data, rows=rows)
    return replace(data, labels=_as_old(old, new, data.labels)), data


def _prepares(found: Artifact) -> tuple[object, ...]:
    """What lies between what a person gives and the input."""
    columns = columns_of(found.manifest) or ()
    encoded = tuple(replace(one, min=None, max=None, step=None, default=None) for one in columns)
    return preprocessing_of(found.manifest), encoded, found.manifest.folded_preprocessing


def _as_old(old: Artifact, new: Artifact, labels: Array | None) -> Array | None:
    """Class indices of the new version as those of the old one, by the names of the classes."""
    names = [
        next((one.classes for one in of.spec.outputs if one.classes), None) for of in (old, new)
    ]
    if labels is None or names[0] == names[1] or names[0] is None or names[1] is None:
        return labels
    places = {name: n for n, name in enumerate(names[0])}
    known = [places.get(names[1][int(n)], -1) for n in labels]
    return np.asarray(known, np.int64) if min(known) >= 0 else None


def _asked(
    found: Artifact, entry: FileEntry, data: Reference, how: tuple[str, Any]
) -> tuple[Array, float]:
    """The answers of one output, one a sample, and the median milliseconds of one.

    Args:
        found: The version.
        entry: Its file.
        data: The samples.
        how: The output's name, and the browser where the file runs in one.
    """
    name, browser = how
    spec, path = found.spec, found.main_file(entry)
    runtime = default_runtime(entry.target)
    opened = (
        browser.open_file(entry.target, path, "wasm", spec)
        if runtime.in_browser
        else runtime.open(path)
    )
    with opened as runner:
        answers, _ = run_samples(runner, spec, data)
        times = time_runner(runner, spec, data, _SECONDS)
    rows = [answer.reshape(1, -1) for answer in answers[name]]
    return np.concatenate(rows), 1000 * float(np.median(times))


def _rows(
    found: Artifact, data: Reference, places: Sequence[int]
) -> dict[int, Mapping[str, Any]] | None:
    """What a person knows samples by: the values of their columns."""
    columns = columns_of(found.manifest)
    if not columns:
        return None
    if data.rows:
        return {n: {c.name: data.rows[n].get(c.name) for c in columns} for n in places}
    values = data.inputs[found.spec.inputs[0].name].reshape(data.count, -1)
    if values.shape[1] != len(columns) or any(c.encode != "none" for c in columns):
        return None
    return {
        n: {c.name: f"{v:.6g}" for c, v in zip(columns, values[n], strict=True)} for n in places
    }


def _check_page(page: Path) -> None:
    if not page.exists():
        return
    if page.is_dir() or MARK not in page.read_text(encoding="utf-8", errors="replace"):
        raise wrong_option(
            "page", page, "is there and was not written by `edge-deploy diff`; name another file."
        )


def summary(found: DiffResult) -> list[str]:
    """What differs, a line each, for people."""
    old, new = found.old, found.new
    lines = [
        f"size: {size_text(old.bytes)} -> {size_text(new.bytes)} "
        f"({size_text(old.brotli_bytes)} -> {size_text(new.brotli_bytes)} with brotli)"
    ]
    if old.median_ms is not None and new.median_ms is not None:
        lines.append(f"median answer here: {old.median_ms:.3g} ms -> {new.median_ms:.3g} ms")
    answers = found.answers
    if answers is None:
        return [*lines, f"answers: not compared: {found.reason}"]
    changed = len(answers.changed)
    lines.insert(
        0,
        f"agreement: {answers.agreement:.2%} of {answers.samples:,} samples ({changed:,} changed)",
    )
    if (figure := answers.figure) is not None:
        share = figure.name == "accuracy"
        form = "{:.2%}" if share else "{:.6g}"
        signed = "{:+.2%}" if share else "{:+.6g}"
        p = f"; p = {figure.p:.3g}" if figure.p is not None else ""
        lines.insert(
            1,
            f"{figure.name}: {form.format(figure.before)} -> {form.format(figure.after)}, change "
            f"{signed.format(figure.after - figure.before)} (95 %: {signed.format(figure.low)} to "
            f"{signed.format(figure.high)}, {figure.method}{p})",
        )
    else:
        lines.insert(1, "no labels: how good the versions are is not known")
    return lines


HEADER = ("sample", "old", "new", "true")


def changed_rows(found: DiffResult, most: int) -> list[tuple[str, ...]]:
    """The changed samples as a table (see HEADER)."""
    answers = found.answers
    return [_row(found, one) for one in (answers.changed[:most] if answers else ())]


def _row(found: DiffResult, one: ChangedSample) -> tuple[str, ...]:
    known = (found.rows or {}).get(one.index)
    told = ", ".join(f"{name}={value}" for name, value in known.items()) if known else ""
    picture = (found.pictures or {}).get(one.index)
    what = told or (str(picture) if picture else "")
    return f"{one.index + 1}{': ' if what else ''}{what}", one.old, one.new, one.true or ""


def to_html(found: DiffResult) -> str:
    """The page: a table of what changed, and the samples that are answered differently."""
    return str(render("diff.html.j2", mark=Markup(MARK), **_page_values(found)))


def _page_values(found: DiffResult) -> dict[str, Any]:
    answers = found.answers
    changed = answers.changed[:MOST_ROWS] if answers else ()
    return {
        "title": f"{found.old} and {found.new}",
        "lines": summary(found),
        "passed": found.passed,
        "max_drop": found.max_drop,
        "drop": answers.drop if answers else None,
        "changes": [("fail" if c.breaking else "", (c.what, c.old, c.new)) for c in found.changes],
        "header": HEADER,
        "rows": [("", _row(found, one)) for one in changed],
        "more": len(answers.changed) - len(changed) if answers else 0,
        "pictures": [(*_row(found, one), _thumb(found.pictures[one.index])) for one in changed]
        if found.pictures
        else [],
    }


def _thumb(path: Path) -> Markup:
    """A small picture as an address that holds it."""
    from PIL import Image

    small = Image.fromarray(decode_image(path))
    small.thumbnail((_THUMB, _THUMB))
    made = io.BytesIO()
    small.save(made, "PNG")
    return Markup(f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}")


def to_document(found: DiffResult) -> dict[str, Any]:
    """The JSON form."""
    answers = asdict(found.answers) if found.answers else None
    return {
        "old": asdict(found.old),
        "new": asdict(found.new),
        "changes": [asdict(change) for change in found.changes],
        "answers": answers,
        "reason": found.reason,
        "max_drop": found.max_drop,
        "passed": found.passed,
        "rows": {str(n): dict(row) for n, row in (found.rows or {}).items()},
        "page": str(found.page) if found.page else None,
    }
