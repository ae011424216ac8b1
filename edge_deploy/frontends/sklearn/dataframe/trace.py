"""Data frames: which columns a fitted model reads, and what it makes of words in them.

A model over a frame is gone through once, from its first step to where each column has become
other numbers. That tells the columns that count, their categories and whether they may be
missing; and it gives a copy of the model that takes numbers alone: the same fitted parts, with
a code in place of every word. The copy is what is lowered; the original gives the answers that
it is compared with.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.frontends.sklearn.compat.fitted import attribute, missing_in_training, typical
from edge_deploy.frontends.sklearn.compat.upgrade import complete
from edge_deploy.frontends.sklearn.converters.categorical_splits import Own, own_categories
from edge_deploy.frontends.sklearn.dataframe.columns import Column, Frame
from edge_deploy.frontends.sklearn.dataframe.steps import (
    At,
    Later,
    Parts,
    by_table,
    count,
    encode,
    fill,
)
from edge_deploy.frontends.sklearn.dataframe.vectorizers import VECTORIZERS

_SCALERS = (
    "MaxAbsScaler", "MinMaxScaler", "PowerTransformer", "QuantileTransformer", "RobustScaler",
    "StandardScaler",
)  # fmt: skip
_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
_SEARCHES = ("GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV")
_CONTAINERS = ("ColumnTransformer", "FeatureUnion", "FrozenEstimator", "Pipeline", *_SEARCHES)
_BEAR_GAPS = (
    "CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor",
    "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "LGBMClassifier",
    "LGBMModel", "LGBMRanker", "LGBMRegressor", "XGBClassifier", "XGBModel", "XGBRFClassifier",
    "XGBRFRegressor", "XGBRanker", "XGBRegressor",
)  # fmt: skip
_TREES = (
    "BaggingClassifier", "BaggingRegressor", "DecisionTreeClassifier", "DecisionTreeRegressor",
    "ExtraTreeClassifier", "ExtraTreeRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
    "RandomForestClassifier", "RandomForestRegressor",
)  # fmt: skip
_TAKE_GAPS = ("IterativeImputer", "KNNImputer", "MissingIndicator")
_HELD = ("calibrated_classifiers_", "estimator_", "estimators_", "regressor_")


def read_frame(model: Any, names: Sequence[str], *, predicts: bool = True) -> Frame:
    """Go through a fitted model.

    Args:
        model: A pipeline, or whatever ends in a predictor.
        names: The columns that it was fitted on.
        predicts: Whether it does; else it is a transformer, of which numbers are computed.

    Raises:
        ConversionError: A column of words reaches what takes numbers; text needs own functions.
    """
    columns = tuple(Column(str(name)) for name in names)
    walk = _Walk(columns)
    if predicts:
        changed = walk.predictor(model, [At(column) for column in columns], walk.places)
    else:
        changed, left, _ = walk.step(model, [At(column) for column in columns], walk.places)
        walk.compute(left)
    at = 0
    for column in columns:
        if not column.used:
            continue
        width = column.text.width if column.text is not None else 1
        column.places = list(range(at, at + width))
        at += width
        if column.words and column.computed:
            raise ConversionError(
                f"The column {column.name!r} holds words, and not only encoders take it: a "
                "number is computed from it too, which cannot be converted."
            )
    for finish in walk.later:
        finish()
    return Frame(changed, columns)


Places = Callable[[int], list[int]]
"""Where a column of a step's input lies in the numbers that the lowered step gets."""


@dataclass(eq=False)
class _Walk:
    columns: tuple[Column, ...]
    later: Later = field(default_factory=list)

    def places(self, index: int) -> list[int]:
        return self.columns[index].places

    def predictor(self, model: Any, parts: Parts, places: Places) -> Any:
        name = type(model).__name__
        if name in _SEARCHES:
            return self.predictor(model.best_estimator_, parts, places)
        if name == "FrozenEstimator":
            return self.predictor(model.estimator, parts, places)
        if name == "Pipeline":
            changed = copy.copy(model)
            *first, last = [s for s in model.steps if s[1] is not None and s[1] != "passthrough"]
            steps = []
            for label, step in first:
                step, parts, places = self.step(step, parts, places)
                steps.append((label, step))
            changed.steps = [*steps, (last[0], self.predictor(last[1], parts, places))]
            return changed
        keys: tuple[str, ...] = ("estimator",) if name == "_CalibratedClassifier" else _HELD
        if attribute(model, "estimators_") is not None:
            keys = tuple(key for key in keys if key != "estimator_")  # what they were copied from
        held = {key: value for key in keys if _reads_frames(value := attribute(model, key))}
        if held and places != _same:
            changed = copy.copy(model)
            if attribute(model, "passthrough"):
                self.compute(parts, _borne(model.final_estimator_, len(parts)))
            for key, value in held.items():
                several = isinstance(value, (list, np.ndarray))
                inner = [
                    self.predictor(one, *self.drawn(model, n, parts, places))
                    for n, one in enumerate(value if several else [value])
                ]
                setattr(changed, key, inner if several else inner[0])
            return changed
        if (own := own_categories(model)) is None:
            self.compute(parts, _borne(model, len(parts)))
            return model
        return self.encode_inside(model, own, parts)

    def drawn(self, model: Any, member: int, parts: Parts, places: Places) -> tuple[Parts, Places]:
        """What a member takes: in bagging, the columns that were drawn for it."""
        if (columns := attribute(model, "estimators_features_")) is None:
            return parts, places
        for part in parts:
            if part is not None:
                part.column.used = True
        own = [int(n) for n in columns[member]]
        return [parts[n] for n in own], _side_by_side(own, places)

    def encode_inside(self, model: Any, own: Own, parts: Parts) -> Any:
        """A model of trees that encodes its categories itself."""
        chosen = [parts[n] if n < len(parts) else None for n in own.columns]
        numbers = [n for n in range(len(parts)) if n not in own.columns]
        encoder, _, _ = self.step(own.encoder, chosen, _same)
        self.compute([parts[n] for n in numbers], range(len(numbers)))
        if (known := typical(model, len(parts))) is not None:
            for at, n in enumerate(numbers, start=len(chosen)):
                # scikit-learn's trees count the columns of categories first.
                at = n if "splits_" in vars(model) else at
                if (part := parts[n]) is not None and part.raw:
                    part.column.typical = float(known[0][at]), float(known[1][at])
        changed = copy.copy(model)
        changed.own_categories_ = Own(own.columns, encoder)
        return changed

    def compute(self, parts: Parts, gaps: Collection[int] = ()) -> None:
        """A step takes these columns as numbers; it bears that some of them are missing."""
        for place, part in enumerate(parts):
            if part is None:
                continue
            part.column.used = True
            part.column.computed = True
            part.column.gaps &= place in gaps or part.filled

    def step(self, model: Any, parts: Parts, places: Places) -> tuple[Any, Parts, Places]:
        """A transformer: what it becomes, what leaves it, and where that lies."""
        name = type(model).__name__
        complete(model)
        if name == "FrozenEstimator":
            return self.step(model.estimator, parts, places)
        if name == "Pipeline":
            changed = copy.copy(model)
            changed.steps = []
            for label, step in model.steps:
                if step is not None and step != "passthrough":
                    step, parts, places = self.step(step, parts, places)
                    changed.steps.append((label, step))
            return changed, parts, places
        if name in ("ColumnTransformer", "FeatureUnion"):
            return self.branches(model, parts, places)
        if name in VECTORIZERS:
            return count(model, parts, self.later), [], _same
        for part in parts:
            if part is not None:
                part.column.used = True
        if name == "SimpleImputer":
            return *fill(model, parts, self.later), _same
        if name in _ENCODERS:
            return encode(model, parts, self.later), [], _same
        if name == "CategoryEncoder":
            return *by_table(model, parts, self.later), _same
        if name == "FunctionTransformer" and model.func is None:
            return model, parts, places
        if name in _SCALERS or name == "FunctionTransformer":
            known = typical(model, len(parts)) if name in _SCALERS else None
            for n, part in enumerate(parts):
                if part is not None:
                    part.column.computed = True
                    if known and part.raw:
                        part.column.typical = float(known[0][n]), float(known[1][n])
            return model, [p and At(p.column, False, p.filled) for p in parts], _same
        self.compute(parts, range(len(parts)) if name in _TAKE_GAPS else ())
        return model, [], _same

    def branches(self, model: Any, parts: Parts, places: Places) -> tuple[Any, Parts, Places]:
        """Steps side by side; the copy says where each finds its columns (``branches_``)."""
        whole = list(range(len(parts)))
        if type(model).__name__ == "FeatureUnion":
            each = [(label, step, whole) for label, step in model.transformer_list]
        else:
            names = [part.column.name if part else "" for part in parts]
            each = [(la, st, _indices(model, la, co, names)) for la, st, co in model.transformers_]
        changed = copy.copy(model)
        branches: list[tuple[str, Any, list[int]]] = []
        left: list[At | None] = []
        places_out = attribute(model, "output_indices_") or {}
        widths = {label: at.stop - at.start for label, at in places_out.items()}
        complete = True
        for label, step, indices in each:
            dropped = isinstance(step, str) and step == "drop"
            if dropped or not indices:
                continue
            chosen = [parts[n] if n < len(parts) else None for n in indices]
            if isinstance(step, str):
                after: Parts = chosen
                for part in chosen:
                    if part is not None:
                        part.column.used = True
            else:
                step, after, _ = self.step(step, chosen, _side_by_side(indices, places))
            branches.append((label, step, indices))
            if label in widths:
                left += [*after, *[None] * (widths[label] - len(after))]
            else:  # how many columns leave it is not known: what comes after takes them as numbers
                complete &= isinstance(step, str) or _keeps(step)
                left += after

        def finish() -> None:
            changed.branches_ = [
                (label, step, [at for n in indices for at in places(n)])
                for label, step, indices in branches
            ]

        self.later.append(finish)
        if not complete:
            self.compute(left)
        return changed, left if complete else [], _same


def _borne(model: Any, width: int) -> Collection[int]:
    """The columns whose missing values a predictor answers, and not with an error."""
    if type(model).__name__ in _BEAR_GAPS:
        return range(width)
    if type(model).__name__ in _TREES and (known := missing_in_training(model)):
        return known
    for key in ("calibrated_classifiers_", "estimators_", "estimator"):
        if (held := attribute(model, key)) is not None:
            members = _several(held) if isinstance(held, (list, np.ndarray)) else [held]
            each = [set(_borne(one, width)) for one in members if not hasattr(one, "tree_")]
            return set.intersection(*each) if each else ()
    return ()


def _same(index: int) -> list[int]:
    return [index]


def _side_by_side(indices: list[int], places: Places) -> Places:
    """Where the columns of a branch lie in the numbers that it gets: one behind the other."""

    def own(index: int) -> list[int]:
        *before, width = (len(places(n)) for n in indices[: index + 1])
        return list(range(sum(before), sum(before) + width))

    return own


def _keeps(step: Any) -> bool:
    """Whether a step gives as many columns as it takes."""
    name = type(step).__name__
    if name == "Pipeline":
        return all(_keeps(one) for _, one in step.steps)
    if name == "SimpleImputer":
        return not step.add_indicator
    return name in _SCALERS or name == "FunctionTransformer"


def _several(held: Any) -> list[Any]:
    """The members of a list or an array; numpy would take a pipeline for a list of its steps."""
    return held if isinstance(held, list) else list(held.ravel())


def _reads_frames(value: Any) -> bool:
    if isinstance(value, (list, np.ndarray)):
        return any(map(_reads_frames, _several(value)))
    if type(value).__name__ == "_CalibratedClassifier":
        return _reads_frames(value.estimator)
    return type(value).__name__ in _CONTAINERS or own_categories(value) is not None


def _indices(model: Any, label: str, columns: Any, names: list[str]) -> list[int]:
    """The columns of a branch: sklearn.compose.ColumnTransformer's ways to say them."""
    found = attribute(model, "_transformer_to_input_indices") or {}
    if label in found:
        return [int(n) for n in found[label]]
    fitted = attribute(model, "feature_names_in_")
    names = names if fitted is None else [str(name) for name in fitted]
    if isinstance(columns, (str, int, np.integer)):
        columns = [columns]
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        start = names.index(start) if isinstance(start, str) else start
        # Names, unlike numbers, say the last column and not the one after it.
        stop = names.index(stop) + 1 if isinstance(stop, str) else stop
        return list(range(len(names)))[start : stop : columns.step]
    listed = list(columns)
    if listed and all(isinstance(one, (bool, np.bool_)) for one in listed):
        return [int(n) for n in np.flatnonzero(listed)]
    numbered = [names.index(str(one)) if isinstance(one, str) else int(one) for one in listed]
    return [n % len(names) for n in numbered]
