"""Steps before a model as one: what the person's own objects do, and what is lowered of it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError, SourceError
from edge_deploy.core.messages import first_line
from edge_deploy.frontends.project.columns import Layout, Placed
from edge_deploy.frontends.project.parts import Part, is_left_out, starts_with_texts
from edge_deploy.frontends.sklearn.compat.fitted import attribute
from edge_deploy.frontends.sklearn.loader import Front

Marks = tuple[tuple[int, tuple[int, ...]], ...]
"""For each step of a layout, how many of the copied ones it takes to come behind it, and where its
columns stand there."""


def front_of(layout: Layout) -> tuple[Front, Marks]:
    """What lay_out found, for the loader of scikit-learn models."""
    from sklearn.pipeline import Pipeline

    steps, marks = _Copied(len(layout.raw)), []
    for placed in layout.placed:
        steps.add(placed)
        marks.append((len(steps.done), tuple(steps.at)))
    steps.settle()
    if not steps.done:
        every = list(range(len(layout.raw)))
        steps.done.append(side_by_side([("all", "passthrough", every, len(every))]))
    whole = Pipeline([(f"step{n}", step) for n, step in enumerate(steps.done)])
    front = Front(whole, layout.raw, layout.named, transformer_of(layout.placed))
    return front, tuple(marks)


class _Copied:
    """The steps as one scikit-learn pipeline of the same fitted objects.

    Columns are not moved until a step takes them: where each stands is kept aside.
    """

    def __init__(self, width: int) -> None:
        self.done: list[Any] = []
        self.at = list(range(width))  # where the columns stand in what the last step gives
        self.width = width

    def add(self, placed: Placed) -> None:
        """One more step."""
        if placed.part.kind == "names":
            self.at = [self.at[n] for _, n in placed.after]
            return
        step, made = lowerable(placed.part), sum(made for made, _ in placed.after)
        take = [self.at[n] for n in placed.take]
        kept = [n for is_made, n in placed.after if not is_made]
        if not kept and take == list(range(self.width)):
            self.done.append(step)
        else:
            rest = [self.at[n] for n in kept]
            branches = [("step", step, take, made)]
            branches += [("rest", "passthrough", rest, len(rest))] if rest else []
            self.done.append(side_by_side(branches))
        places = {n: made + at for at, n in enumerate(kept)}
        self.at = [n if is_made else places[n] for is_made, n in placed.after]
        self.width = made + len(kept)

    def settle(self) -> None:
        """Put the columns into their order at last."""
        if self.at != list(range(self.width)):
            self.done.append(side_by_side([("order", "passthrough", self.at, len(self.at))]))


def side_by_side(branches: Sequence[tuple[str, Any, list[int], int]]) -> Any:
    """A ColumnTransformer as if it had been fitted: label, step, its columns, and its width."""
    from sklearn.compose import ColumnTransformer

    told = [(label, step, columns) for label, step, columns, _ in branches]
    made = ColumnTransformer(told)
    made.transformers_ = told
    made._transformer_to_input_indices = {label: columns for label, _, columns, _ in branches}
    made.output_indices_ = {}
    at = 0
    for label, _, _, width in branches:
        made.output_indices_[label] = slice(at, at + width)
        at += width
    return made


def lowerable(part: Part) -> Any:
    """A step that converters know: an encoder of labels is one of a column, too."""
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    kind = type(part.value).__name__
    if part.kind != "label_encoder":
        # Whatever goes through a model puts its own things into the copy.
        return part.value if part.kind == "vectorizer" else copy.copy(part.value)
    classes = np.asarray(part.value.classes_)
    if kind == "MultiLabelBinarizer":
        raise ConversionError(
            f"{part.name}: MultiLabelBinarizer before a model takes lists of words, which no form "
            "and no CSV has. Give each its own column of 0 and 1."
        )
    if kind == "LabelBinarizer" and len(classes) > 2:
        made = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        made.categories_ = [classes]
        made._infrequent_enabled = False
        made._drop_idx_after_grouping = made.drop_idx_ = None
    else:
        made = OrdinalEncoder()
        made.categories_ = [classes]
        made._missing_indices = {}
        made._infrequent_enabled = False
    made.n_features_in_ = 1
    return made


def transformer_of(placed: Sequence[Placed]) -> Callable[[Any], Any]:
    """What the person's own objects make of a data frame, one after the other."""

    def transform(frame: Any) -> Any:
        values = frame
        for one in placed:
            values = run(one, values)
        return values.to_numpy() if hasattr(values, "to_numpy") else values

    return transform


def run(placed: Placed, values: Any) -> Any:
    """One step as the person runs it: a frame or an array in, a frame out; sparse stays sparse."""
    import pandas

    part = placed.part
    if is_left_out(part):
        return values
    if not hasattr(values, "columns"):
        if all(made for made, _ in placed.after) and len(placed.take) == values.shape[1]:
            return asked(part, values)
        dense = values.toarray() if hasattr(values, "toarray") else values
        values = pandas.DataFrame(dense)
    if part.kind == "names":
        chosen = values.iloc[:, list(placed.take)]
        return chosen.set_axis(list(placed.names), axis=1)
    out = asked(part, values.iloc[:, list(placed.take)])
    whole = all(made for made, _ in placed.after)
    if whole and (hasattr(out, "tocsr") or len(placed.names) != out.shape[1]):
        return out
    dense = out.toarray() if hasattr(out, "toarray") else out
    columns = [dense[:, n] if made else values.iloc[:, n].to_numpy() for made, n in placed.after]
    named = dict(enumerate(columns))
    return pandas.DataFrame(named).set_axis(list(placed.names), axis=1)


def asked(part: Part, given: Any) -> Any:
    """What a person's object gives, as an array of rows and columns.

    Raises:
        SourceError: It was saved by another version, and cannot answer today.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _rows(part.value.transform(_as_fitted(part, given)))
    except Exception as error:
        # Estimators of other versions raise anything when an attribute is missing.
        raise SourceError(
            f"{part.path}: today's scikit-learn cannot transform with this "
            f"{type(part.value).__name__}: {first_line(error)}. Load it with the version that "
            "saved it, and save it again from a newer one."
        ) from error


def _as_fitted(part: Part, given: Any) -> Any:
    """Columns in the form that an object was fitted on: a frame of its names, an array, texts."""
    if not hasattr(given, "columns"):
        return given
    if part.kind == "label_encoder":
        return _plain(given.iloc[:, 0].to_numpy(), part.value.classes_)
    if starts_with_texts(part.value):
        return list(given.iloc[:, 0])
    names = attribute(part.value, "feature_names_in_")
    if names is not None and len(names) == given.shape[1]:
        return given.set_axis(list(names), axis=1)
    return given.to_numpy()


def _plain(values: Any, classes: Any) -> Any:
    """A column of labels in the type of the classes."""
    kind = np.asarray(classes).dtype.kind
    return values.astype(np.asarray(classes).dtype) if kind in "iufb" else values


def _rows(values: Any) -> Any:
    if hasattr(values, "tocsr"):
        return values
    array = np.asarray(values)
    return array.reshape(len(array), -1)
