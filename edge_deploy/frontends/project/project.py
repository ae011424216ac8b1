"""A project's folder looked at: what its recipe would say, and what each line of it rests on.

Files are told by their content, scripts are read and never run, and where two readings fit both
are listed as a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_deploy.core.bounds import read_text
from edge_deploy.core.errors import (
    ConversionError,
    EdgeDeployError,
    MissingDependencyError,
    SourceError,
    UsageError,
)
from edge_deploy.core.spec import LoadedModel, LoadOptions, ModelSpec, TensorSpec
from edge_deploy.data.reference import called_alike
from edge_deploy.frontends.project import flow as flows
from edge_deploy.frontends.project import form_drafts as forms
from edge_deploy.frontends.project import meanings
from edge_deploy.frontends.project.arrangement import Files, Load, choose, settle
from edge_deploy.frontends.project.dummies import with_dummies
from edge_deploy.frontends.project.findings import Findings
from edge_deploy.frontends.project.flow import Flow, Move
from edge_deploy.frontends.project.inventory import Inventory, Table, take_stock
from edge_deploy.frontends.project.parts import Part, open_part
from edge_deploy.frontends.project.proposal import DraftBuilder, Proposal, Row, cited, listed
from edge_deploy.frontends.project.recipe_text import Draft, Entry, Fork
from edge_deploy.frontends.project.script_reader import read_scripts
from edge_deploy.frontends.project.steps import Step

_QUIET = (".json", ".txt")
"""Of these most are no part of a model, and nothing is said of those that are not."""
_EXAMPLES = ("test", "val", "sample", "example", "demo", "upload")
"""Words in the name of a folder whose pictures are the model's and not the app's own."""
_FEWEST_PICTURES = 4


def examine(folder: Path, name: str, load: Load) -> Proposal:
    """Look at a folder, and propose its recipe.

    Args:
        folder: The project.
        name: What the artifact will be called.
        load: Reads steps as a model.

    Raises:
        UsageError: There is no model in it.
        MissingDependencyError: What reads models is not installed.
    """
    inventory = take_stock(folder)
    findings = read_scripts(folder)
    draft = DraftBuilder()
    files = Files(folder, inventory, _open_all(folder, inventory, findings, draft.rows), load)
    found, left = _flows(files, findings, draft.rows)
    draft.rows += left
    chosen = choose(found, draft)
    kinds = {files.parts[move.path].kind for move in chosen.moves if move.path in files.parts}
    if "tokenizer" in kinds and (padding := meanings.padding(findings)) is not None:
        draft.put("pad", padding)
        if not isinstance(padding, Fork):
            plain = meanings.as_plain(padding)
            pad = ",".join(f"{key}={value}" for key, value in plain.items())
            files = replace(files, options=LoadOptions(pad=pad))
    loaded = settle(chosen, files, draft)
    draft.rows += chosen.rows
    if loaded is not None:
        _tell_meanings(loaded, findings, chosen, files, draft)
    draft.rows += [
        Row(
            "not moved",
            detail,
            cited(evidence),
            "the artifact takes the text as it is: do this before, or see what leaving it out does",
        )
        for detail, evidence in meanings.not_moved(findings)
    ]
    draft.rows += [
        Row(
            "not there",
            repr(one),
            repr(one),
            "no recipe can hold its name: rename it, and run init again",
        )
        for one in inventory.unnamed
    ]
    draft.rows += [
        Row("not read", str(one.evidence.file), str(one.evidence), one.message)
        for one in findings.problems
    ]
    draft.rows += [Row("not looked at", note) for note in inventory.notes]
    return Proposal(
        Draft(
            top=draft.top,
            steps=tuple(draft.steps),
            tables=draft.tables,
            features=draft.features,
            convert={"name": Entry(name, "the folder's")},
            forks=draft.forks,
            remarks=tuple(
                f"{row.what}: {row.found} ({row.evidence}): {row.check}"
                for row in draft.rows
                if row.what == "not moved"
            ),
            missing=tuple(
                f"{row.found} ({row.evidence}): {row.check}"
                for row in dict.fromkeys(draft.rows)
                if row.what == "not there"
            ),
        ),
        tuple(dict.fromkeys(draft.rows)),
        findings.files,
    )


def _open_all(
    folder: Path, inventory: Inventory, findings: Findings, rows: list[Row]
) -> dict[str, Part]:
    """Every file that is a part of a model, by its path; what cannot be read is told."""
    named = [load.source.path for load in findings.loads if load.source.exists]
    named += [one.model.path for one in findings.predictions if one.model.exists]
    wanted = dict.fromkeys([*(path for path in named if path), *inventory.fitted])
    parts: dict[str, Part] = {}
    for path in wanted:
        if path.endswith((".csv", ".npz", ".npy", ".xlsx", ".parquet")):
            continue
        try:
            parts[path] = open_part(Step(folder / path), LoadOptions())
        except MissingDependencyError:
            raise
        except (UsageError, SourceError, ConversionError) as error:
            if not path.endswith(_QUIET) or path in named:
                text = str(error).removeprefix(f"{folder / path}: ")
                rows.append(Row("not read", path, path, text.splitlines()[0]))
    return parts


def _flows(
    files: Files, findings: Findings, told_rows: Sequence[Row]
) -> tuple[tuple[Flow, ...], tuple[Row, ...]]:
    found = flows.from_scripts(findings, files.parts)
    if found:
        return found, ()

    def shapes(path: str) -> ModelSpec | None:
        try:
            return files.read([Move(path, "", "model")]).spec
        except MissingDependencyError:
            raise
        except EdgeDeployError:
            return None  # convert says what is wrong with it

    by_files, rows = flows.from_files(files.parts, shapes, files.inventory.tables)
    if not by_files:
        inside = listed(files.inventory.fitted) or "no fitted file"
        told = "".join(f"\n{row.found}: {row.check}" for row in told_rows if row.what == "not read")
        raise UsageError(
            f"{files.folder}: there is no model in it that can be read (it has {inside}). A model "
            "is a Keras file, a SavedModel folder, or a pickle of scikit-learn; put it in the "
            f"folder.{told}"
        )
    return by_files, rows


def _tell_meanings(
    loaded: LoadedModel, findings: Findings, flow: Flow, files: Files, draft: DraftBuilder
) -> None:
    """Classes, threshold, pictures, columns, reference data: what the steps do not say."""
    spec = loaded.spec
    _tell_classes(spec, findings, files.inventory, draft)
    image = _image(spec)
    if image is not None:
        _tell_pictures(image, findings, flow, files, draft)
        return
    if loaded.series is not None or _window(spec):
        _tell_series(loaded, findings, files.inventory, flow, draft)
        return
    if len(spec.inputs) == 1 and spec.inputs[0].dtype not in ("string", "object"):
        _tell_columns(loaded, findings, files.inventory, flow, draft)


def _tell_classes(
    spec: ModelSpec, findings: Findings, inventory: Inventory, draft: DraftBuilder
) -> None:
    if not meanings.named_already(spec):
        names, check = meanings.labels(findings, spec, inventory.pictures)
        draft.put("labels", names)
        if isinstance(names, Entry):
            draft.rows.append(Row("labels", listed(names.value), names.why, check))
        elif check:
            draft.rows.append(Row("labels", "not found", "", check))
    found = meanings.threshold(findings, spec)
    draft.put("threshold", found)
    if isinstance(found, Entry):
        draft.rows.append(Row("threshold", f"{found.value:g}", found.why))


def _image(spec: ModelSpec) -> TensorSpec | None:
    images = [one for one in spec.inputs if one.kind == "image"]
    return images[0] if len(images) == 1 else None


def _window(spec: ModelSpec) -> bool:
    return len(spec.inputs) == 1 and spec.inputs[0].kind == "sequence"


def _tell_pictures(
    image: TensorSpec, findings: Findings, flow: Flow, files: Files, draft: DraftBuilder
) -> None:
    found, doubts = meanings.preprocessing(findings, image)
    path = flow.moves[0].path
    if found is None and path.endswith("keras_model.h5") and _numbered(files.folder / path):
        found = {
            "preset": Entry("teachable-machine", "keras_model.h5 beside a numbered labels.txt")
        }
    elif found is None:
        found = meanings.open_preprocessing()
    draft.put("preprocessing", found)
    if not isinstance(found, Fork):
        told = ", ".join(f"{key} {entry.value}" for key, entry in found.items())
        why = next((entry.why for entry in found.values() if ":" in entry.why), "")
        draft.rows.append(Row("pictures", told, why, "; ".join(doubts)))
    names = draft.top.get("labels")
    classes = names.value if names is not None and isinstance(names.value, list) else []
    fitting = [one for one in files.inventory.pictures if set(one.classes) == set(classes)]
    fitting.sort(key=lambda one: not any(word in one.path.lower() for word in ("test", "val")))
    if fitting:
        chosen = fitting[0]
        count = sum(chosen.classes.values())
        draft.put("reference", Entry(chosen.path, f"{count:,} pictures in folders by class"))
        others = listed([one.path for one in fitting[1:]])
        check = f"{others} would do as well" if others else ""
        draft.rows.append(Row("reference", chosen.path, chosen.path, check))
        return
    for path, count in sorted(files.inventory.unsorted.items(), key=lambda one: -one[1]):
        if count >= _FEWEST_PICTURES and any(word in path.lower() for word in _EXAMPLES):
            draft.put("reference", Entry(path, f"{count:,} pictures"))
            check = "are they such as the model is asked about? in folders by class they tell more"
            draft.rows.append(Row("reference", path, f"{count:,} pictures", check))
            return


def _numbered(model: Path) -> bool:
    try:
        return read_text(model.with_name("labels.txt")).startswith("0 ")
    except UsageError:
        return False


def _tell_series(
    loaded: LoadedModel, findings: Findings, inventory: Inventory, flow: Flow, draft: DraftBuilder
) -> None:
    """Which columns of a table the channels are."""
    spec = loaded.spec.inputs[0]
    width = int(spec.shape[-1] or 1) if len(spec.shape) == 3 else 1
    steps = spec.shape[1] if len(spec.shape) == 3 else spec.shape[-1]
    said = _channels(findings, flow, width)
    if said is None:
        draft.rows.append(
            Row("series", f"{width} channel(s)", "", "no script names them: add [series]")
        )
        return
    names, why = said
    series = {"channels": Entry(list(names), why)}
    if steps:
        series["steps"] = Entry(int(steps), "the model's input")
    target = next(
        (
            (one.names[0], cited(one.evidence))
            for one in findings.columns
            if one.role == "target" and len(one.names) == 1 and one.names[0] in names
        ),
        (names[0], "the only channel") if len(names) == 1 else None,
    )
    forecasts = loaded.spec.outputs[0].kind == "value"
    if target is not None and forecasts:
        series["target"] = Entry(*target)
    draft.tables["series"] = series
    draft.rows.append(Row("series", listed(names), why))
    for table in inventory.tables:
        if set(names) <= set(table.names) and table.rows > int(steps or 0):
            draft.put("reference", Entry(table.path, f"{table.rows:,} rows with these columns"))
            draft.rows.append(Row("reference", table.path, table.path))
            break


def _channels(findings: Findings, flow: Flow, width: int) -> tuple[tuple[str, ...], str] | None:
    for move in flow.moves:
        if move.place == "before" and move.columns and len(move.columns) == width:
            return move.columns, move.use
    if flow.prediction is not None and len(flow.prediction.columns) == width:
        return flow.prediction.columns, cited(flow.prediction.evidence)
    found = [
        one
        for one in sorted(findings.columns, key=lambda one: -int(one.strength))
        if len(one.names) == width and one.role in ("features", "table", "list", "target")
    ]
    return (found[0].names, cited(found[0].evidence)) if found else None


def _tell_columns(
    loaded: LoadedModel, findings: Findings, inventory: Inventory, flow: Flow, draft: DraftBuilder
) -> None:
    """Names, ranges and defaults of a table's columns, and the table to compare with."""
    spec = loaded.spec
    single = spec.inputs[0]
    width = single.shape[-1] if len(single.shape) == 2 else None
    classes = next((one.classes for one in spec.outputs if one.classes), ())
    own = [one.name for one in loaded.features or ()]
    label, label_why = forms.label_column(findings, inventory, own, classes or ())
    said = flow.prediction.columns if flow.prediction is not None else ()
    named = forms.named_columns(loaded.features, width, findings, said, inventory, label)
    if named is None:
        if width and width > 1:
            draft.rows.append(
                Row("columns", f"{width} without names", "", "add [[features]] with their names")
            )
        return
    named, dummies = with_dummies(named, flow.prediction, findings, inventory)
    draft.rows += dummies
    names = [one.name for one in named.features]
    if label is None or label in names:
        label, label_why = forms.label_column(findings, inventory, names, classes or ())
    table, others = forms.reference(inventory, named.features, label)
    read = next((one for one in inventory.tables if table and one.path == table.value), None)
    draft.features, rows = forms.sections(named, findings, read)
    draft.rows.append(Row("columns", listed(names), named.origin, named.check))
    draft.rows += rows
    if table is None or read is None:
        return
    draft.put("reference", table)
    more = f"{listed([one.path for one in others])} would do as well" if others else ""
    draft.rows.append(Row("reference", table.value, table.why, more))
    if several := forms.answer_columns(spec, findings, read, names):
        told, why, check = several
        draft.put("label_column", Entry(",".join(told), why))
        draft.rows.append(Row("true answers", f"{read.path}, columns {listed(told)}", why, check))
    elif label in read.names and label not in names:
        _tell_truths(read, label, label_why, spec, draft)


def _tell_truths(table: Table, label: str, why: str, spec: ModelSpec, draft: DraftBuilder) -> None:
    """The column of the true answers, where they are called as the classes are."""
    found = f"{table.path}, column {label}"
    column = table.column(label)
    given = draft.top.get("labels")
    told = given.value if given is not None else None
    classes = next((one.classes for one in spec.outputs if one.classes), ())
    names = {str(one) for one in (told if isinstance(told, list) else classes or ())}
    values = called_alike(column.values, sorted(names)) if column is not None else []
    if column is not None and names and not column.numbers and not set(values) <= names:
        check = f"it has {listed(column.values, 3)}, the classes are {listed(sorted(names), 3)}"
        draft.rows.append(Row("not used", found, why, f"{check}: call them alike for accuracy"))
        return
    draft.put("label_column", Entry(label, why))
    if label.lower() not in forms.TARGETS:
        draft.put("target", {"name": Entry(label, why)})
    draft.rows.append(Row("true answers", found, why))
