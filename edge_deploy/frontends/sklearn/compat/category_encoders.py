"""Encoders of the package category_encoders, by what they learned and without the package.

Whatever the encoder, a fitted one is a table a column: the numbers of each category, of a missing
value and of what is no category. Versions 2.2 to 2.11 keep them in a Series or DataFrame by the
category, or by a code that an encoder inside gives to it (-1 is unknown, -2 is missing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_deploy.core.errors import ConversionError
from edge_deploy.core.spec import Array
from edge_deploy.frontends.sklearn.compat.stand_ins import LegacyObject

_BY_CODE = ("BaseNEncoder", "BinaryEncoder", "JamesSteinEncoder", "MEstimateEncoder",
            "OneHotEncoder", "TargetEncoder", "WOEEncoder")  # fmt: skip
_BY_SUM = ("CatBoostEncoder", "LeaveOneOutEncoder")
READ = ("CountEncoder", "OrdinalEncoder", *_BY_CODE, *_BY_SUM)
"""The encoders that are read."""
_UNKNOWN, _MISSING = -1, -2


@dataclass(frozen=True, eq=False)
class Codes:
    """What an encoder makes of one column.

    Attributes:
        categories: The values that it knows, without a missing one.
        table: (categories, outputs).
        unknown: (outputs,) of what is no category; None where that is an error.
        missing: (outputs,) of a missing value; None where that is an error.
    """

    categories: list[Any]
    table: Array
    unknown: Array | None
    missing: Array | None

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return int(self.table.shape[1])

    def of(self, value: Any) -> Array:
        """The numbers of a value.

        Raises:
            ValueError: The encoder refuses it.
        """
        if is_gap(value):
            found = self.missing
        elif value in self.categories:
            found = self.table[self.categories.index(value)]
        else:
            found = self.unknown
        if found is None:
            raise ValueError(f"{value!r} is no category")
        return found


def is_gap(value: Any) -> bool:
    """Whether a label stands for a missing value."""
    return value is None or bool(value != value)


class CategoryEncoder(LegacyObject):
    """An encoder of category_encoders; its state is set on it as it was saved."""

    kind: str
    """The name of its class."""

    @property
    def is_fitted(self) -> bool:
        """Whether it has learned something; those in a pipeline's parameters have not."""
        return any(self.__dict__.get(name) is not None for name in ("_dim", "base_n_encoder"))

    def codes(self) -> list[Codes | None]:
        """What becomes of each column that it takes; None where it passes through.

        Raises:
            ConversionError: It does what has no conversion.
        """
        has = self.__dict__
        if (found := has.get("codes_")) is None:
            inner = has.get("base_n_encoder")
            found = inner.codes() if isinstance(inner, CategoryEncoder) else _read(self.kind, has)
            has["codes_"] = found
            names = has.get("feature_names_in_")
            has["n_features_in_"] = len(found)
            if names is None and self.names() is not None:
                has["feature_names_in_"] = np.asarray(self.names(), object)
        return list(found)

    def names(self) -> list[str] | None:
        """The columns that it was fitted on, where they have names."""
        has = self.__dict__
        if isinstance(inner := has.get("base_n_encoder"), CategoryEncoder):
            return inner.names()
        names = _columns(has)
        return names if all(isinstance(one, str) for one in names) else None

    def transform(self, x: Any) -> Any:
        """Rows with numbers in place of categories: (samples, columns of the output)."""
        import pandas

        columns = x.columns if hasattr(x, "columns") else range(np.shape(x)[1])
        values = [x[one].tolist() if hasattr(x, "columns") else list(x[:, one]) for one in columns]
        parts = []
        for own, codes in zip(values, self.codes(), strict=True):
            rows = [[one] for one in own] if codes is None else [codes.of(one) for one in own]
            parts.append(np.asarray(rows, np.float64).reshape(len(own), -1))
        made = np.concatenate(parts, axis=1)
        names = self.get_feature_names_out()
        return made if names is None else pandas.DataFrame(made, columns=names)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The columns that it gives, where it knows their names."""
        has = self.__dict__
        if isinstance(inner := has.get("base_n_encoder"), CategoryEncoder):
            return inner.get_feature_names_out()
        names = has.get("feature_names_out_", has.get("feature_names"))
        return None if names is None else np.asarray([str(one) for one in names], object)


def _read(kind: str, has: dict[str, Any]) -> list[Codes | None]:
    if has.get("invariant_cols") or has.get("drop_cols"):
        raise ConversionError(
            f"{kind} of category_encoders with drop_invariant=True leaves columns out, which "
            "cannot be converted. Fit it without."
        )
    if has.get("hierarchy") is not None or has.get("min_group_lumping_"):
        raise ConversionError(
            f"{kind} of category_encoders with hierarchies or groups cannot be converted."
        )
    policies = has.get("handle_unknown"), has.get("handle_missing")
    if not all(one is None or isinstance(one, (str, dict)) for one in policies):
        raise ConversionError(
            f"{kind} of category_encoders with a function or number as handle_unknown or "
            "handle_missing cannot be converted: 'value', 'return_nan', 'indicator', 'error' can."
        )
    known = {column: _codes(kind, has, column) for column in has.get("cols") or ()}
    return [known.get(column) for column in _columns(has)]


def _codes(kind: str, has: dict[str, Any], column: Any) -> Codes:
    if kind == "CountEncoder":
        return _counts(has, column)
    if kind in _BY_SUM:
        return _means(kind, has, column)
    inner = vars(has["ordinal_encoder"]) if kind in _BY_CODE else has
    places = _pairs(_of_column(inner["mapping"], column))
    codes = {value: int(code) for value, code in places if not is_gap(value)}
    lost = next((int(code) for value, code in places if is_gap(value)), _UNKNOWN)
    refuses = _policy(has, "unknown", column) == "error", _policy(has, "missing", column) == "error"
    if kind == "OrdinalEncoder":
        gone = np.nan if _policy(has, "missing", column) == "return_nan" else float(_MISSING)
        other = np.nan if _policy(has, "unknown", column) == "return_nan" else float(_UNKNOWN)
        found = {code: np.array([float(code)]) for code in {*codes.values(), lost}}
        found |= {_UNKNOWN: np.array([other]), _MISSING: np.array([gone])}
    else:
        found = _rows(_of_column(has["mapping"], column))
    width = len(next(iter(found.values())))
    none = np.full(width, np.nan)
    table = np.stack([found.get(code, none) for code in codes.values()])
    unknown = None if refuses[0] else found.get(_UNKNOWN, none)
    return Codes(list(codes), table, unknown, None if refuses[1] else found.get(lost, none))


def _counts(has: dict[str, Any], column: Any) -> Codes:
    """category_encoders.count.CountEncoder: 0 where nothing was counted."""
    if (has.get("_min_group_categories") or {}).get(column):
        raise ConversionError(
            "CountEncoder of category_encoders with groups of rare categories (min_group_size) "
            "cannot be converted."
        )
    pairs = _pairs(_of_column(has["mapping"], column))
    counts = {value: float(count) for value, count in pairs if not is_gap(value)}
    policy, gaps = _policy(has, "unknown", column), _policy(has, "missing", column)
    none = 0.0 if policy == "value" and gaps != "return_nan" else np.nan
    lost = next((float(count) for value, count in pairs if is_gap(value)), none)
    lost = np.nan if gaps == "return_nan" else lost
    return Codes(
        list(counts),
        np.array([*counts.values()], np.float64)[:, np.newaxis],
        None if policy == "error" else np.array([none]),
        None if gaps == "error" else np.array([lost]),
    )


def _means(kind: str, has: dict[str, Any], column: Any) -> Codes:
    """LeaveOneOutEncoder and CatBoostEncoder: the mean of the target, where it is of several."""
    table = _of_column(has["mapping"], column)
    sums, counts = (np.asarray(table.column(name), np.float64) for name in ("sum", "count"))
    mean, a = float(has["_mean"]), float(has.get("a", 1)) if kind == "CatBoostEncoder" else 0.0
    means = np.where(counts > 1, (sums + mean * a) / (counts + a), mean)
    pairs = list(zip(table.labels, means, strict=True))
    known = {value: float(one) for value, one in pairs if not is_gap(value)}
    policy, gaps = _policy(has, "unknown", column), _policy(has, "missing", column)
    lost = next((float(one) for value, one in pairs if is_gap(value)), mean)
    return Codes(
        list(known),
        np.array([*known.values()], np.float64)[:, np.newaxis],
        None if policy == "error" else np.array([np.nan if policy == "return_nan" else mean]),
        None if gaps == "error" else np.array([np.nan if gaps == "return_nan" else lost]),
    )


def _policy(has: dict[str, Any], what: str, column: Any) -> Any:
    """What is done with unknown or missing values, which counts may say by column."""
    found = has.get(f"_handle_{what}", has.get(f"handle_{what}"))
    return found.get(column) if isinstance(found, dict) else found


def _of_column(mapping: Any, column: Any) -> Any:
    if isinstance(mapping, dict):
        return mapping[column]
    return next(one["mapping"] for one in mapping if one["col"] == column)


def _pairs(mapping: Any) -> list[tuple[Any, Any]]:
    """The labels and values of a Series, or of a dict."""
    if isinstance(mapping, dict):
        return list(mapping.items())
    return list(zip(mapping.labels, mapping, strict=True))


def _rows(mapping: Any) -> dict[int, Array]:
    """The rows of a Series or a DataFrame by their codes."""
    if hasattr(mapping, "columns"):
        rows = np.stack([np.asarray(one, np.float64) for one in mapping.values], axis=1)
        labels: Sequence[Any] = mapping.labels
    else:
        pairs = _pairs(mapping)
        labels, rows = [label for label, _ in pairs], np.array([[float(v)] for _, v in pairs])
    return {int(label): row for label, row in zip(labels, rows, strict=True)}


def _columns(has: dict[str, Any]) -> list[Any]:
    """The columns that it takes; before 2.6 only those that it gives are told."""
    if (known := has.get("feature_names_in_")) is not None:
        return list(known)
    if (given := has.get("feature_names")) is None:
        raise ConversionError(
            "An encoder of category_encoders does not say which columns it takes. Fit and save it "
            "again with a newer version."
        )
    made: dict[Any, Any] = {}
    for switch in has["mapping"] if isinstance(has.get("mapping"), list) else ():
        for name in getattr(switch["mapping"], "columns", ()):
            made[name] = switch["col"]
    return list(dict.fromkeys(made.get(name, name) for name in given))
