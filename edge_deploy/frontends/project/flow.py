"""Which files a model is made of, and in which order: from a script's flow, or from files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.spec import ModelSpec
from edge_deploy.frontends.project.bundles import is_bundle, take_apart
from edge_deploy.frontends.project.findings import Findings, Prediction, Source, Strength, Use
from edge_deploy.frontends.project.inventory import Table
from edge_deploy.frontends.project.parts import Part, as_names
from edge_deploy.frontends.project.proposal import Row, cited, listed
from edge_deploy.frontends.sklearn.compat.fitted import attribute

_APPLIED = ("transform", "texts_to_sequences", "texts_to_matrix", "call", "lookup")
_UNDONE = ("inverse_transform", "lookup")
_ARITHMETIC = ("exp", "expm1", "power", "multiply", "divide", "add", "subtract")


@dataclass(frozen=True)
class Move:
    """A step of the chain, and the line that says so.

    Attributes:
        path: Of the file, from the folder on.
        why: The line that opens it, or what its content says.
        place: ``before`` the model, the ``model``, or ``after`` it.
        key: Of a bundle.
        columns: Which columns it takes or is picked at.
        use: The line that uses it, where it says the columns.
    """

    path: str
    why: str
    place: str
    key: str | None = None
    columns: tuple[str, ...] | None = None
    use: str = ""

    @property
    def name(self) -> str:
        """As a person writes it."""
        return self.path + (f"::{self.key}" if self.key else "")


@dataclass(frozen=True)
class Flow:
    """A reading of how data flow.

    Attributes:
        moves: The steps in order.
        origin: What says so, in words.
        prediction: The script's own, where it is from one.
        rows: What cannot come along, and what to check.
        perhaps: Lists that the script opens and of which no call is seen: the words of a bag.
    """

    moves: tuple[Move, ...]
    origin: str
    prediction: Prediction | None = None
    rows: tuple[Row, ...] = ()
    perhaps: tuple[Move, ...] = ()

    @property
    def order(self) -> tuple[tuple[str, str | None], ...]:
        """The files alone."""
        return tuple((move.path, move.key) for move in self.moves)


Parts = Mapping[str, Part]
"""What each file holds, by its path from the folder on."""


def from_scripts(findings: Findings, parts: Parts) -> tuple[Flow, ...]:
    """The readings of the scripts' own predictions; several where they differ.

    Args:
        findings: What the scripts say.
        parts: The files that could be opened.
    """
    usable = [one for one in findings.predictions if _is_there(one.model, parts)]
    strong = [one for one in usable if one.strength == Strength.PREDICTING] or usable
    flows: dict[tuple[tuple[str, str | None], ...], Flow] = {}
    for prediction in strong:
        flow = _flow_of(prediction, findings, parts)
        if flow.order not in flows:
            flows[flow.order] = flow
    # What a longer one says too, the shorter one only leaves out: a test before, a cell of a
    # notebook that asks with data that are ready.
    whole = [
        flow
        for flow in flows.values()
        if not any(_within(flow.order, other) for other in flows if other != flow.order)
    ]
    return tuple(whole)


def _within(small: Sequence[object], large: Sequence[object]) -> bool:
    rest = iter(large)
    return len(small) < len(large) and all(one in rest for one in small)


def _is_there(source: Source | None, parts: Parts) -> bool:
    return source is not None and source.path is not None and source.path in parts


def _has_place(use: Use, parts: Parts) -> bool:
    """Whether what a value is looked up in is a list of names, and not the app's own answers."""
    if use.action != "lookup":
        return True
    assert use.source is not None and use.source.path is not None
    kind = parts[use.source.path].kind
    if use.source.path.endswith(".json"):
        return kind in ("names", "tokenizer")
    return kind in ("names", "tokenizer", "label_encoder", "bundle")


def _flow_of(prediction: Prediction, findings: Findings, parts: Parts) -> Flow:
    moves: list[Move] = []
    rows: list[Row] = []
    for use in prediction.before:
        if use.action in _APPLIED and _is_there(use.source, parts) and _has_place(use, parts):
            moves.append(_move(use, "before", findings))
        elif use.action in (*_APPLIED[:3], "fit_transform") and use.source is not None:
            rows.append(_unsaved(use))
        elif use.action in _ARITHMETIC and use.source is not None:
            rows.append(_array(use))
    model = prediction.model
    assert model.path is not None
    moves.append(Move(model.path, _opened(model, findings, prediction.predict), "model", model.key))
    for use in prediction.after:
        if use.action in _UNDONE and _is_there(use.source, parts) and _has_place(use, parts):
            moves.append(_move(use, "after", findings))
        elif use.action in _ARITHMETIC and 100 not in dict(use.arguments).values():  # percents
            rows.append(
                Row(
                    "not moved",
                    f"{use.action} of the answer",
                    cited(use.evidence),
                    "the artifact gives the model's own number: do the same in the app",
                )
            )
    whole = _bundle(_once(moves), parts)
    origin = f"the flow of {prediction.evidence}"
    return Flow(tuple(whole), origin, prediction, tuple(rows), _bags(whole, findings, parts))


def _bags(moves: Sequence[Move], findings: Findings, parts: Parts) -> tuple[Move, ...]:
    """Lists of words that a loop of the script looks texts up in, without a call of theirs."""
    if not any(one.action == "bag_of_words" for one in findings.texts):
        return ()
    placed = {move.path for move in moves}
    return tuple(
        Move(load.source.path, cited(load.evidence), "before")
        for load in findings.loads
        if load.source.path in parts
        and load.source.path is not None
        and load.source.path not in placed
        and load.source.key is None
        and load.strength == Strength.PREDICTING
        and parts[load.source.path].kind in ("names", "tokenizer")
    )


def _array(use: Use) -> Row:
    """Numbers of a file that the script computes with: no step, and without them all is wrong."""
    assert use.source is not None
    return Row(
        "not there",
        f"a step for {use.source.path or use.source.name} ({use.action})",
        cited(use.evidence),
        "the script computes with these numbers before the model, and only a fitted step can be "
        "moved: save the scaler that they are of with joblib.dump (a StandardScaler with its "
        "mean_, scale_ and var_), or put a Normalization layer into the model, and run init again",
    )


def _unsaved(use: Use) -> Row:
    assert use.source is not None
    named = use.source.name
    if use.source.path is not None:
        return Row(
            "not there",
            f"{use.source.path} ({named})",
            cited(use.evidence),
            "the script uses it, and it is no readable file of the folder: put it there",
        )
    return Row(
        "not there",
        f"{use.source.kind or 'what is fitted as'} {named}".strip(),
        cited(use.evidence),
        "it is fitted in the script and in no file: save it with joblib.dump, and run init again",
    )


def _move(use: Use, place: str, findings: Findings) -> Move:
    source = use.source
    assert source is not None and source.path is not None
    columns = use.columns or None
    inner = use.action == "lookup" and source.path.endswith(".json")
    return Move(
        source.path,
        _opened(source, findings, use),
        place,
        None if inner else source.key,  # {"classes": [...]} is opened as the list in it
        columns,
        cited(use.evidence),
    )


def _opened(source: Source, findings: Findings, use: Use) -> str:
    """The line that opens the file, else the line that uses it."""
    loads = [load for load in findings.loads if load.source.path == source.path]
    own = [load for load in loads if load.evidence.file == use.evidence.file]
    return cited((own or loads)[0].evidence if loads else use.evidence)


def _once(moves: Iterable[Move]) -> list[Move]:
    """Each step once: a loop, or a line for each of several columns, is one with all of them."""
    kept: list[Move] = []
    for move in moves:
        if kept and (kept[-1].path, kept[-1].key, kept[-1].place) == (
            move.path,
            move.key,
            move.place,
        ):
            before = kept[-1].columns
            if before is not None and move.columns is not None:
                joined = tuple(dict.fromkeys((*before, *move.columns)))
                kept[-1] = replace(kept[-1], columns=joined)
        else:
            kept.append(move)
    return kept


def _bundle(moves: list[Move], parts: Parts) -> list[Move]:
    """The moves; where all are parts of one bundle, the bundle, which knows its own order."""
    paths = {move.path for move in moves}
    if len(paths) > 1 or not all(move.key for move in moves) or not moves:
        return moves
    if any(move.columns for move in moves):
        return moves
    return [Move(moves[0].path, moves[0].why, "model")]


Shapes = Callable[[str], ModelSpec | None]
"""The inputs and outputs of a model file; None where it cannot be read."""


def from_files(
    parts: Parts, shapes: Shapes, tables: Sequence[Table]
) -> tuple[tuple[Flow, ...], tuple[Row, ...]]:
    """The readings that the files alone allow.

    Args:
        parts: What each file holds.
        shapes: Asks for the shapes of a model.
        tables: CSV files, by which an encoder's column may be known.

    Returns:
        One reading for each model, and rows for files that found no place.
    """
    models = [path for path, part in parts.items() if _has_model(part)]
    flows, rows = [], []
    for path in models:
        flow, left = _around(path, parts, shapes(path), tables)
        flows.append(flow)
        rows += left
    return tuple(flows), tuple(dict.fromkeys(rows))


def _has_model(part: Part) -> bool:
    """Whether a file is a model, or a bundle with one in it."""
    if part.kind != "bundle":
        return part.kind == "model"
    try:
        return any(one.kind == "model" for one in take_apart(part))
    except EdgeDeployError:
        return is_bundle(part.value)  # two that fit one place: convert asks which


def _around(
    path: str, parts: Parts, spec: ModelSpec | None, tables: Sequence[Table]
) -> tuple[Flow, list[Row]]:
    before: list[Move] = []
    after: list[Move] = []
    rows: list[Row] = []
    takes, gives = _width(spec, "inputs"), _width(spec, "outputs")
    if parts[path].kind == "bundle":
        return Flow((Move(path, "a bundle with a model in it", "model"),), f"{path} itself"), []
    taken: dict[int, str] = {}
    for other, part in parts.items():
        if part.kind in ("model", "bundle", "threshold"):
            if part.kind == "bundle" and is_bundle(part.value) and not _has_model(part):
                rows.append(_no_place(other, "a bundle without a model"))
            continue
        kind = type(part.value).__name__
        if part.kind == "label_encoder":
            count = len(part.value.classes_)
            if count in (gives, 2 if gives == 1 else None):
                after.append(
                    Move(other, f"its {count} classes are as many as the answers", "after")
                )
            elif (column := _column_of(part, tables)) is not None:
                why = f"its classes are the values of {column}"
                before.insert(0, Move(other, why, "before", columns=(column,)))
            else:
                rows.append(_no_place(other, f"{kind} of {count} classes"))
        elif part.kind == "names":
            names = as_names(part)
            if len(names) in (gives, 2 if gives == 1 else None):
                after.append(Move(other, f"{len(names)} names, as many as the answers", "after"))
            elif len(names) == takes:
                before.append(Move(other, f"{len(names)} words, as many as the inputs", "before"))
            else:
                rows.append(_no_place(other, f"{len(names)} names: {listed(names, 3)}"))
        elif part.kind in ("vectorizer", "tokenizer"):
            before.append(Move(other, f"{kind}: texts come before the model", "before"))
        else:
            width = attribute(part.value, "n_features_in_")
            made = _made(part)
            if made == takes or takes is None:
                taken.setdefault(made or 0, other)
                why = f"{kind} of {width} columns, as many as the model takes"
                before.append(Move(other, why, "before"))
            elif width == gives:
                why = f"{kind} of {width} column, as many as the answers"
                after.append(Move(other, why, "after"))
            else:
                rows.append(_no_place(other, f"{kind} of {width} columns"))
    model = Move(path, "the model", "model")
    return Flow((*before, model, *after), "the files alone, no script says so"), rows


def _no_place(path: str, found: str) -> Row:
    return Row(
        "not used",
        f"{path}: {found}",
        path,
        "no script says what it is for, and its size fits nowhere: add it to [[steps]] if it is",
    )


def _made(part: Part) -> int | None:
    """How many columns a transformer gives."""
    try:
        return len(part.value.get_feature_names_out())
    except Exception:
        # Of another version's, or one that cannot say: then as many as it takes.
        width = attribute(part.value, "n_features_in_")
        return None if width is None else int(width)


def _width(spec: ModelSpec | None, side: str) -> int | None:
    if spec is None:
        return None
    tensors = getattr(spec, side)
    if side == "outputs":
        for tensor in tensors:
            if tensor.kind in ("probabilities", "probability") or len(tensors) == 1:
                return tensor.shape[-1] if len(tensor.shape) > 1 else 1
    return tensors[0].shape[-1] if len(tensors) == 1 and len(tensors[0].shape) > 1 else None


def _column_of(part: Part, tables: Sequence[Table]) -> str | None:
    """The one column of all tables that holds exactly an encoder's classes."""
    wanted = {str(one) for one in part.value.classes_}
    found = {
        column.name for table in tables for column in table.columns if set(column.values) == wanted
    }
    return found.pop() if len(found) == 1 else None


def alternatives(flow: Flow, parts: Parts) -> tuple[tuple[int, tuple[Move, ...]], ...]:
    """Places of a reading of files alone that several files would fill as well.

    Two scalers of as many columns side by side are two readings, not two steps.

    Returns:
        The place of the first in the moves, and all that fit there.
    """
    groups: dict[tuple[str, str, object], list[int]] = {}
    for number, move in enumerate(flow.moves):
        part = parts.get(move.path)
        if move.place == "model" or part is None or move.columns:
            continue
        size = attribute(part.value, "n_features_in_") if part.kind == "transformer" else None
        groups.setdefault((move.place, part.kind, size), []).append(number)
    return tuple(
        (numbers[0], tuple(flow.moves[n] for n in numbers))
        for numbers in groups.values()
        if len(numbers) > 1
    )
