"""The files of a reading as steps that read as one model, with the columns that each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_deploy.core.errors import EdgeDeployError, MissingDependencyError
from edge_deploy.core.messages import first_line
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.frontends.project import flow as flows
from edge_deploy.frontends.project.bundles import pick
from edge_deploy.frontends.project.columns import NOTHING, Known
from edge_deploy.frontends.project.flow import Flow, Move
from edge_deploy.frontends.project.inventory import Inventory
from edge_deploy.frontends.project.parts import Part
from edge_deploy.frontends.project.proposal import DraftBuilder, Row, either, listed
from edge_deploy.frontends.project.recipe_text import Entry, Fork, Section
from edge_deploy.frontends.project.steps import EVERY, Step
from edge_deploy.frontends.sklearn.compat.fitted import attribute

Load = Callable[[Sequence[Step], LoadOptions, Known], LoadedModel]
"""Reads steps as one model, as ``convert`` does."""


_MOST_TRIED = 12
"""Arrangements that are read; each takes a second."""


@dataclass(frozen=True)
class Files:
    """The files of a project, and how they are read.

    Attributes:
        folder: The project.
        inventory: What lies in it.
        parts: The files that could be opened, by their path.
        load: Reads steps as one model.
        options: How they are read.
    """

    folder: Path
    inventory: Inventory
    parts: dict[str, Part]
    load: Load
    options: LoadOptions = field(default_factory=LoadOptions)

    def read(self, moves: Sequence[Move], known: Known = NOTHING) -> LoadedModel:
        """Steps as one model.

        Raises:
            EdgeDeployError: They are none.
        """
        steps = [Step(self.folder / one.path, one.columns, one.key) for one in moves]
        return self.load(steps, self.options, known)


def choose(found: tuple[Flow, ...], draft: DraftBuilder) -> Flow:
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


def _section(move: Move) -> Section:
    section = {"file": Entry(move.path, move.why)}
    if move.key is not None:
        section["key"] = Entry(move.key)
    if move.columns is not None:
        columns = "*" if move.columns == EVERY else list(move.columns)
        section["columns"] = Entry(columns, move.use if move.use != move.why else "")
    return section


def settle(flow: Flow, files: Files, draft: DraftBuilder) -> LoadedModel | None:
    """Write the steps down as the first arrangement of them that reads as one model.

    Args:
        flow: The reading.
        files: The project's.
        draft: Where steps, rows and questions go; its steps stay as they are where it has some.

    Returns:
        The model; None where no arrangement reads as one, which a row then tells.
    """
    asked = bool(draft.steps)
    known = _known(flow)
    problem: EdgeDeployError | None = None
    chosen, loaded = flow.moves, None
    arrangements = _arrangements(flow, files.parts)
    fitting: list[tuple[tuple[Move, ...], LoadedModel]] = []
    # The script's own names, which the fitted files may not know; then without them.
    for names in dict.fromkeys((known, NOTHING)):
        for moves, several in arrangements if not fitting else ():
            try:
                model = files.read(moves, names)
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
            chosen, loaded = _texts_named(chosen, loaded, files)
            fitting = [(chosen, loaded)]
    elif problem is not None:
        draft.rows.append(Row("does not fit", first_line(problem), flow.origin, "mend the steps"))
    for move in chosen:
        draft.rows.append(_step_row(move, files.parts))
    if asked:
        return loaded
    if len(fitting) > 1:
        draft.steps += _forked(flow, [moves for moves, _ in fitting], draft)
    else:
        draft.steps += map(_section, chosen)
    return loaded


def _texts_named(
    moves: tuple[Move, ...], loaded: LoadedModel, files: Files
) -> tuple[tuple[Move, ...], LoadedModel]:
    """A model of one text, called as the only column of texts in the folder's tables."""
    features = loaded.features or ()
    first = moves[0]
    if len(features) != 1 or features[0].kind != "text" or first.columns:
        return moves, loaded
    found = {
        (column.name, table.path)
        for table in files.inventory.tables
        for column in table.columns
        if column.is_prose and features[0].name not in table.names
    }
    if len(found) != 1:
        return moves, loaded
    name, path = found.pop()
    named = (replace(first, columns=(name,), use=f"the only column of texts in {path}"), *moves[1:])
    try:
        model = files.read(named)
    except EdgeDeployError:
        return moves, loaded
    is_named = [one.name for one in model.features or ()] == [name]
    return (named, model) if is_named else (moves, loaded)


def _step_row(move: Move, parts: dict[str, Part]) -> Row:
    part = parts.get(move.path)
    does = part.does if part is not None and move.key is None else move.key or ""
    columns = f" of {listed(move.columns)}" if move.columns and move.columns != EVERY else ""
    return Row("step", f"{move.path}: {does}{columns}", move.why)


def _known(flow: Flow) -> Known:
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
        return [(moves, len(found) > 1) for moves in found[:_MOST_TRIED]]
    said = tuple(_with_columns(move, parts, flow) for move in flow.moves)
    bare = tuple(replace(move, columns=None) if move.columns == EVERY else move for move in said)
    none = tuple(replace(move, columns=None) for move in said)
    ways = [*((one, *said) for one in flow.perhaps), said, bare, none]
    return [(moves, False) for moves in dict.fromkeys(ways)]


def _with_columns(move: Move, parts: dict[str, Part], flow: Flow) -> Move:
    """A move with the columns that its file was fitted on, of those that the script names.

    A scaler over all that the steps before it made takes them all.
    """
    part = _part_of(move, parts)
    if part is None or move.place != "before":
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


def _part_of(move: Move, parts: dict[str, Part]) -> Part | None:
    """What a move applies: a file, or a part of a bundle."""
    part = parts.get(move.path)
    if part is None or move.key is None:
        return part
    try:
        return pick(part, move.key)
    except EdgeDeployError:
        return None


def _takes_all(move: Move, flow: Flow) -> bool:
    columns = flow.prediction.columns if flow.prediction else ()
    return bool(columns) and move.columns == columns


def _forked(
    flow: Flow, readings: Sequence[tuple[Move, ...]], draft: DraftBuilder
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
