"""Bundles: one pickle that holds a model and what goes with it, taken apart by what each entry is.

Names decide nothing where kinds do: ``{"clf": forest, "sc": scaler}`` is a scaler before a forest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.frontends.project.parts import Part, as_names, kind_of, part_of
from edge_deploy.frontends.project.steps import Step
from edge_deploy.frontends.sklearn import loader as sklearn

_MOST = 200  # entries that are looked at
_DEEPEST = 3
_SHOWN = 12


def is_bundle(value: Any) -> bool:
    """Whether an object holds a fitted one that has a place in a chain."""
    return any(part.kind in _FITTED for part in _entries(Part("bundle", value, Path())))


def take_apart(bundle: Part) -> tuple[Part, ...]:
    """The parts of a bundle in the order in which data flow through them.

    Args:
        bundle: A part of that kind.

    Returns:
        Transformers, then the model, then what names or scales its answers. The first one's
        notes say what was found.

    Raises:
        UsageError: Two entries fit one place; how to say which is meant is said.
        SourceError: It holds nothing that has a place in a chain.
    """
    found = [part for part in _entries(bundle) if part.kind in (*_FITTED, "names", "threshold")]
    if not any(part.kind in _FITTED for part in found):
        sklearn.check_is_estimator(bundle.path, bundle.value)
        raise SourceError(f"{bundle.name}: holds no fitted model or transformer.")
    before: list[Part] = []
    models: list[Part] = []
    after: list[Part] = []
    width = _columns_of(found)
    for part in found:
        if part.kind == "model":
            models.append(part)
        elif part.kind in ("transformer", "vectorizer", "tokenizer"):
            before.append(part)
        elif part.kind == "names":
            if (place := _place_of(part, models, found, width)) is not None:
                (before if place == "columns" else after).append(part)
        else:
            after.append(part)
    models = _one_model(bundle, models)
    targets = [part for part in before if _is_of_target(part)]
    before = _ordered([part for part in before if part not in targets])
    _check_rivals(bundle, before)
    after = [*targets, *after]
    _check_rivals(bundle, after)
    parts = [*before, *models, *after]
    held = ", ".join(f"{part.key} ({part.does})" for part in parts[:_SHOWN])
    note = f"{bundle.name} holds: {held}; taken in this order"
    first = replace(parts[0], notes=(*bundle.notes, *parts[0].notes, note))
    return (first, *parts[1:])


def pick(bundle: Part, key: str) -> Part:
    """One entry of a bundle by its key.

    Raises:
        UsageError: There is none of that name.
    """
    every = {str(name): value for name, value in _items(bundle.value)}
    if key not in every:
        known = ", ".join(list(every)[:_SHOWN]) or "none"
        raise UsageError(f"{bundle.path}: has no part {key!r}; its parts are {known}.")
    step = Step(bundle.path, bundle.columns, key)
    return part_of(every[key], step, bundle.notes)


_FITTED = ("model", "transformer", "vectorizer", "label_encoder", "tokenizer")


def _items(value: Any) -> Sequence[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())[:_MOST]
    if isinstance(value, list | tuple):
        return list(enumerate(value))[:_MOST]
    return list(vars(value).items())[:_MOST]


def _entries(bundle: Part, depth: int = 0) -> list[Part]:
    found: list[Part] = []
    for key, value in _items(bundle.value):
        name = str(key) if bundle.key is None else f"{bundle.key}.{key}"
        kind = kind_of(value)
        if kind == "bundle" and depth < _DEEPEST:
            inner = Part("bundle", value, bundle.path, name, bundle.columns)
            found += _entries(inner, depth + 1)
        elif kind is not None and kind != "bundle":
            found.append(part_of(value, Step(bundle.path, bundle.columns, name)))
    return found


def _columns_of(parts: Sequence[Part]) -> int | None:
    """How many columns the first transformer, or else the model, takes."""
    for kinds in (("transformer",), ("model",)):
        for part in parts:
            if part.kind in kinds and (width := getattr(part.value, "n_features_in_", None)):
                return int(width)
    return None


_COLUMN_WORDS = ("feature", "column", "cols", "input", "variable", "predictor")
_CLASS_WORDS = ("class", "label", "target", "categor", "name", "species", "output")


def _place_of(
    part: Part, models: Sequence[Part], every: Sequence[Part], width: int | None
) -> str | None:
    """Whether a list is the columns or the classes: by how many there are, then by its name."""
    from edge_deploy.frontends.sklearn.compat.fitted import classes
    from edge_deploy.frontends.sklearn.converters import steps

    count = len(as_names(part))
    known = [
        found
        for one in every
        if one.kind == "model" and one.loader == "sklearn"
        if (found := classes(steps(one.value)[-1])) is not None
    ]
    said = str(part.key).lower()
    fits = {"columns": count == width, "classes": any(count == len(one) for one in known)}
    if any(one.kind == "label_encoder" for one in every) and fits["classes"]:
        fits["classes"] = not fits["columns"] and _says(said, _CLASS_WORDS)
    if not any(one.loader == "sklearn" for one in every if one.kind == "model"):
        fits["classes"] = _says(said, _CLASS_WORDS) and not _says(said, _COLUMN_WORDS)
    both = [name for name, does in fits.items() if does]
    if len(both) == 2:
        return "columns" if _says(said, _COLUMN_WORDS) else "classes"
    if both == ["columns"] and _says(said, ("class", "label", "target")):
        return None
    return both[0] if both else None


def _says(said: str, words: Sequence[str]) -> bool:
    return any(word in said for word in words)


def _is_of_target(part: Part) -> bool:
    """Whether a scaler is the target's: it is of one column, and says so."""
    said = str(part.key).lower()
    one = getattr(part.value, "n_features_in_", None) == 1
    target = said in ("y", "sc_y", "y_sc") or _says(said, ("target", "scaler_y", "y_scaler"))
    return part.kind == "transformer" and one and target


def _one_model(bundle: Part, models: list[Part]) -> list[Part]:
    if len(models) <= 1:
        return models
    raise _two_fit(bundle, models, "models")


def _ordered(before: list[Part]) -> list[Part]:
    """Lists of columns first, imputers before encoders before scalers before projections."""
    ranks = {"SimpleImputer": 1, "KNNImputer": 1, "IterativeImputer": 1, "OneHotEncoder": 2,
             "OrdinalEncoder": 2, "PCA": 5, "TruncatedSVD": 5, "SelectKBest": 4}  # fmt: skip

    def rank(part: Part) -> int:
        if part.kind == "names":
            return 0
        return 2 if part.kind == "vectorizer" else ranks.get(type(part.value).__name__, 3)

    return sorted(before, key=rank)


def _check_rivals(bundle: Part, parts: Sequence[Part]) -> None:
    """Refuse two of one class on as many columns: which comes where is not known."""
    seen: dict[tuple[str, Any], Part] = {}
    for part in parts:
        columns = getattr(part.value, "feature_names_in_", None)
        named = tuple(columns) if columns is not None else None
        width = getattr(part.value, "n_features_in_", None)
        kind = type(part.value).__name__
        key = (kind if part.kind != "names" else "names", named or width)
        if key in seen and part.kind not in ("threshold",):
            raise _two_fit(bundle, [seen[key], part], f"parts ({kind})")
        seen[key] = part


def _two_fit(bundle: Part, parts: Sequence[Part], what: str) -> UsageError:
    named = ", ".join(f"{part.key} ({part.does})" for part in parts)
    ways = " or ".join(f"{bundle.path.name}::{part.key}" for part in parts)
    return UsageError(
        f"{bundle.name} holds {len(parts)} {what} that fit one place: {named}. Give the parts one "
        f"by one, in the order in which data flow: {ways}."
    )
