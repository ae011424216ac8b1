"""A project's folder looked at: what its recipe would say, and what each line of it rests on.

Files are told by their content, scripts are read and never run, and where two readings fit both
are listed as a question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_deploy.core.bounds import read_text
from edge_deploy.core.errors import (
    ConversionError,
    EdgeDeployError,
    MissingDependencyError,
    SourceError,
    UsageError,
)
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import LoadedModel, LoadOptions, ModelSpec, TensorSpec
from edge_deploy.frontends.project import flow as flows
from edge_deploy.frontends.project import form_drafts as forms
from edge_deploy.frontends.project import meanings
from edge_deploy.frontends.project.columns import NOTHING, Known
from edge_deploy.frontends.project.findings import Findings
from edge_deploy.frontends.project.flow import Flow, Move
from edge_deploy.frontends.project.inventory import Inventory, Table, take_stock
from edge_deploy.frontends.project.parts import Part, open_part
from edge_deploy.frontends.project.proposal import Proposal, Row, cited, either, listed
from edge_deploy.frontends.project.recipe_text import Draft, Entry, Fork, Section
from edge_deploy.frontends.project.script_reader import read_scripts
from edge_deploy.frontends.project.steps import EVERY, Step
from edge_deploy.frontends.sklearn.compat.fitted import attribute

Load = Callable[[Sequence[Step], LoadOptions, Known], LoadedModel]
"""Reads steps as one model, as ``convert`` does."""

_QUIET = (".json", ".txt")
"""Of these most are no part of a model, and nothing is said of those that are not."""


@dataclass
class _Draft:
    """A draft while it grows."""

    steps: list[Section | Fork] = field(default_factory=list)
    top: dict[str, Entry] = field(default_factory=dict)
    tables: dict[str, Section] = field(default_factory=dict)
    forks: dict[str, Fork] = field(default_factory=dict)
    features: tuple[Section, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def put(self, name: str, found: Section | Fork | Entry | None) -> None:
        """A table or a key; a question goes to the questions."""
        if isinstance(found, Fork):
            self.forks[name] = found
            self.rows.append(
                Row("choose", found.question, "; ".join(why for why, _ in found.readings), name)
            )
        elif isinstance(found, Entry):
            self.top[name] = found
        elif found:
            self.tables[name] = found


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
    draft = _Draft()
    parts = _open_all(folder, inventory, findings, draft.rows)
    found, left = _flows(folder, findings, parts, inventory, load, draft.rows)
    draft.rows += left
    found = tuple(_opening_lines(folder, flow) for flow in found)
    chosen = _choose(found, draft)
    options = LoadOptions()
    padding = meanings.padding(findings) if _has(chosen, parts, "tokenizer") else None
    draft.put("pad", padding)
    if padding is not None and not isinstance(padding, Fork):
        plain = meanings.as_plain(padding)
        options = replace(options, pad=",".join(f"{k}={v}" for k, v in plain.items()))
    loaded = _settle(folder, chosen, parts, inventory, options, load, draft)
    draft.rows += chosen.rows
    if loaded is not None:
        _tell_meanings(loaded, findings, inventory, chosen, folder, draft)
    draft.rows += [
        Row(
            "not moved",
            detail,
            cited(evidence),
            "needs Python: a page and an app do without it; compare the answers",
        )
        for detail, evidence in meanings.not_moved(findings)
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
                if row.what in ("not moved", "not there")
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
    folder: Path,
    findings: Findings,
    parts: dict[str, Part],
    inventory: Inventory,
    load: Load,
    told_rows: Sequence[Row],
) -> tuple[tuple[Flow, ...], tuple[Row, ...]]:
    found = flows.from_scripts(findings, parts)
    if found:
        return found, ()
    asked = LoadOptions()

    def shapes(path: str) -> ModelSpec | None:
        try:
            return load([Step(folder / path)], asked, NOTHING).spec
        except MissingDependencyError:
            raise
        except EdgeDeployError:
            return None  # convert says what is wrong with it

    by_files, rows = flows.from_files(parts, shapes, inventory.tables)
    if not by_files:
        inside = listed(inventory.fitted) or "no fitted file"
        told = "".join(f"\n{row.found}: {row.check}" for row in told_rows if row.what == "not read")
        raise UsageError(
            f"{folder}: there is no model in it that can be read (it has {inside}). A model is a "
            "Keras file, a SavedModel folder, or a pickle of scikit-learn; put it in the "
            f"folder.{told}"
        )
    return by_files, rows


_ABOVE = 8
_MOST_SCRIPT = 4 << 20


def _opening_lines(folder: Path, flow: Flow) -> Flow:
    """The flow with the lines that name its files: a pickle is opened a line above its reading."""
    moves = tuple(replace(one, why=_opening_line(folder, one)) for one in flow.moves)
    perhaps = tuple(replace(one, why=_opening_line(folder, one)) for one in flow.perhaps)
    return replace(flow, moves=moves, perhaps=perhaps)


def _opening_line(folder: Path, move: Move) -> str:
    name = Path(move.path).name
    found = re.match(r"([^:]+\.py):(\d+) ", move.why)
    if found is None or name in move.why:
        return move.why
    try:
        text = read_text(folder / found[1], largest=_MOST_SCRIPT)
    except UsageError:
        return move.why
    lines, at = text.splitlines(), int(found[2])
    for number in range(at - 1, max(0, at - 1 - _ABOVE), -1):
        if name in lines[number - 1]:
            return f"{found[1]}:{number} {lines[number - 1].strip()[:200]}"
    return move.why


def _choose(found: tuple[Flow, ...], draft: _Draft) -> Flow:
    """The reading to go on with; where there are several, they are a question."""
    first = found[0]
    if len(found) > 1:
        names = [" ".join(move.name for move in flow.moves) for flow in found]
        fork = Fork(
            f"which files are the model? {either(names)}",
            tuple((flow.origin, tuple(map(_section, flow.moves))) for flow in found),
        )
        draft.steps.append(fork)
        why = "; ".join(flow.origin for flow in found)
        draft.rows.append(Row("choose", fork.question, why, "steps"))
    return first


def _has(flow: Flow, parts: dict[str, Part], kind: str) -> bool:
    return any(parts[move.path].kind == kind for move in flow.moves if move.path in parts)


def _section(move: Move) -> Section:
    section = {"file": Entry(move.path, move.why)}
    if move.key is not None:
        section["key"] = Entry(move.key)
    if move.columns is not None:
        columns = "*" if move.columns == EVERY else list(move.columns)
        section["columns"] = Entry(columns, move.use if move.use != move.why else "")
    return section


def _settle(
    folder: Path,
    flow: Flow,
    parts: dict[str, Part],
    inventory: Inventory,
    options: LoadOptions,
    load: Load,
    draft: _Draft,
) -> LoadedModel | None:
    """Write the steps down as the first arrangement of them that reads as one model."""
    asked = bool(draft.steps)
    known = _known(inventory, flow)
    problem: EdgeDeployError | None = None
    chosen, loaded = flow.moves, None
    arrangements = _arrangements(flow, parts)
    fitting: list[tuple[tuple[Move, ...], LoadedModel]] = []
    for moves, several in arrangements:
        try:
            model = load([_step(folder, move) for move in moves], options, known)
        except MissingDependencyError:
            raise
        except EdgeDeployError as error:
            problem = problem or error
            continue
        fitting.append((moves, model))
        if not several:
            break
    if fitting:
        chosen, loaded = fitting[0]
        if len(fitting) == 1:
            chosen, loaded = _texts_named(folder, chosen, loaded, parts, inventory, options, load)
            fitting = [(chosen, loaded)]
    elif problem is not None:
        draft.rows.append(Row("does not fit", first_line(problem), flow.origin, "mend the steps"))
    for move in chosen:
        draft.rows.append(_step_row(move, parts))
    if asked:
        return loaded
    if len(fitting) > 1:
        draft.steps += _forked(flow, [moves for moves, _ in fitting], draft)
    else:
        draft.steps += map(_section, chosen)
    return loaded


def _texts_named(
    folder: Path,
    moves: tuple[Move, ...],
    loaded: LoadedModel,
    parts: dict[str, Part],
    inventory: Inventory,
    options: LoadOptions,
    load: Load,
) -> tuple[tuple[Move, ...], LoadedModel]:
    """A model of one text, called as the only column of texts in the folder's tables."""
    features = loaded.features or ()
    first = moves[0]
    if len(features) != 1 or features[0].kind != "text" or first.columns or first.place != "before":
        return moves, loaded
    found = {
        (column.name, table.path)
        for table in inventory.tables
        for column in table.columns
        if column.is_prose and features[0].name not in table.names
    }
    if len(found) != 1:
        return moves, loaded
    name, path = found.pop()
    named = (replace(first, columns=(name,), use=f"the only column of texts in {path}"), *moves[1:])
    try:
        model = load([_step(folder, move) for move in named], options, NOTHING)
    except EdgeDeployError:
        return moves, loaded
    is_named = [one.name for one in model.features or ()] == [name]
    return (named, model) if is_named else (moves, loaded)


def _step(folder: Path, move: Move) -> Step:
    return Step(folder / move.path, move.columns, move.key)


def _step_row(move: Move, parts: dict[str, Part]) -> Row:
    part = parts.get(move.path)
    does = part.does if part is not None and move.key is None else move.key or ""
    columns = f" of {listed(move.columns)}" if move.columns and move.columns != EVERY else ""
    return Row("step", f"{move.path}: {does}{columns}", move.why)


def _known(inventory: Inventory, flow: Flow) -> Known:
    """Names of columns that the script or a table tells, for steps that were fitted on none."""
    if flow.prediction is not None and flow.prediction.columns:
        return Known(flow.prediction.columns, str(flow.prediction.evidence))
    return NOTHING


def _arrangements(flow: Flow, parts: dict[str, Part]) -> list[tuple[tuple[Move, ...], bool]]:
    """The moves with their columns said in the ways that may be meant, the likeliest first.

    Returns:
        Each with whether others beside it count as readings of their own.
    """
    if flow.prediction is None:
        found: list[tuple[Move, ...]] = [flow.moves]
        for _, group in flows.alternatives(flow, parts):
            found = [
                tuple(move for move in moves if move is one or move not in group)
                for moves in found
                for one in group
            ]
        return [(moves, len(found) > 1) for moves in found]
    said = tuple(_with_columns(move, parts, flow) for move in flow.moves)
    bare = tuple(replace(move, columns=None) if move.columns == EVERY else move for move in said)
    none = tuple(replace(move, columns=None) for move in said)
    ways = [*((one, *said) for one in flow.perhaps), said, bare, none]
    return [(moves, False) for moves in dict.fromkeys(ways)]


def _with_columns(move: Move, parts: dict[str, Part], flow: Flow) -> Move:
    """A move with the columns that its file was fitted on, of those that the script names.

    A scaler over all that the steps before it made takes them all.
    """
    part = parts.get(move.path)
    if part is None or move.place != "before" or move.key is not None:
        return replace(move, columns=move.columns if move.place == "after" else None)
    if part.kind in ("tokenizer", "vectorizer", "names"):
        return replace(move, columns=None)
    width = attribute(part.value, "n_features_in_")
    if part.kind == "label_encoder":
        width = 1
    if move.columns and width == len(move.columns) and not _takes_all(move, flow):
        return move
    others = [one for one in flow.moves if one.place == "before" and one is not move]
    if others and part.kind == "transformer" and (width or 0) > 1:
        return replace(move, columns=EVERY)
    return replace(move, columns=None)


def _takes_all(move: Move, flow: Flow) -> bool:
    columns = flow.prediction.columns if flow.prediction else ()
    return bool(columns) and move.columns == columns


def _forked(
    flow: Flow, readings: Sequence[tuple[Move, ...]], draft: _Draft
) -> list[Section | Fork]:
    """The steps of readings that differ in one place or more, each such place a question."""
    steps: list[Section | Fork] = []
    common = [move for move in flow.moves if all(move in moves for moves in readings)]
    different = [move for move in flow.moves if move not in common]
    for move in flow.moves:
        if move in common:
            steps.append(_section(move))
        elif different and move is different[0]:
            names = either([one.name for one in different])
            fork = Fork(
                f"which one is before the model? {names} fit equally, and no script says it"
                if move.place == "before"
                else f"which one is behind the model? {names} fit equally, and no script says it",
                tuple((one.why, (_section(one),)) for one in different),
            )
            steps.append(fork)
            why = "; ".join(one.why for one in different)
            draft.rows.append(Row("choose", fork.question, why, "steps"))
    return steps


def _tell_meanings(
    loaded: LoadedModel,
    findings: Findings,
    inventory: Inventory,
    flow: Flow,
    folder: Path,
    draft: _Draft,
) -> None:
    """Classes, threshold, pictures, columns, reference data: what the steps do not say."""
    spec = loaded.spec
    _tell_classes(spec, findings, inventory, draft)
    image = _image(spec)
    if image is not None:
        _tell_pictures(image, findings, inventory, flow, folder, draft)
        return
    if loaded.series is not None or _window(spec):
        _tell_series(loaded, findings, inventory, flow, draft)
        return
    if len(spec.inputs) == 1 and spec.inputs[0].dtype not in ("string", "object"):
        _tell_columns(loaded, findings, inventory, flow, draft)


def _tell_classes(spec: ModelSpec, findings: Findings, inventory: Inventory, draft: _Draft) -> None:
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
    image: TensorSpec,
    findings: Findings,
    inventory: Inventory,
    flow: Flow,
    folder: Path,
    draft: _Draft,
) -> None:
    found, doubts = meanings.preprocessing(findings, image)
    path = flow.moves[0].path
    if found is None and path.endswith("keras_model.h5") and _numbered(folder / path):
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
    fitting = [one for one in inventory.pictures if set(one.classes) == set(classes)]
    fitting.sort(key=lambda one: not any(word in one.path.lower() for word in ("test", "val")))
    if fitting:
        chosen = fitting[0]
        count = sum(chosen.classes.values())
        draft.put("reference", Entry(chosen.path, f"{count:,} pictures in folders by class"))
        others = listed([one.path for one in fitting[1:]])
        check = f"{others} would do as well" if others else ""
        draft.rows.append(Row("reference", chosen.path, chosen.path, check))


def _numbered(model: Path) -> bool:
    try:
        text = model.with_name("labels.txt").read_text("utf-8")[:200]
    except (OSError, UnicodeDecodeError):
        return False
    return text.lstrip("\ufeff").startswith("0 ")


def _tell_series(
    loaded: LoadedModel, findings: Findings, inventory: Inventory, flow: Flow, draft: _Draft
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
    loaded: LoadedModel, findings: Findings, inventory: Inventory, flow: Flow, draft: _Draft
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
    if label in read.names and label not in names:
        _tell_truths(read, label, label_why, spec, draft)


def _tell_truths(table: Table, label: str, why: str, spec: ModelSpec, draft: _Draft) -> None:
    """The column of the true answers, where they are called as the classes are."""
    found = f"{table.path}, column {label}"
    column = table.column(label)
    given = draft.top.get("labels")
    told = given.value if given is not None else None
    classes = next((one.classes for one in spec.outputs if one.classes), ())
    names = {str(one) for one in (told if isinstance(told, list) else classes or ())}
    if column is not None and names and not column.numbers and not set(column.values) <= names:
        check = f"it has {listed(column.values, 3)}, the classes are {listed(sorted(names), 3)}"
        draft.rows.append(Row("not used", found, why, f"{check}: call them alike for accuracy"))
        return
    draft.put("label_column", Entry(label, why))
    draft.rows.append(Row("true answers", found, why))
