"""Files that a call gives, opened and in the order in which data flow through them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.frontends import live
from edge_deploy.frontends.project import bundles, chain
from edge_deploy.frontends.project.columns import NOTHING, Known
from edge_deploy.frontends.project.parts import Part, kind_of, open_part, part_of
from edge_deploy.frontends.project.steps import Step, parse_step
from edge_deploy.frontends.sklearn import loader as sklearn
from edge_deploy.frontends.sklearn.safe_pickle.keras_models import KerasFile


def open_parts(given: Sequence[Any], options: LoadOptions, folder: Path) -> tuple[Part, ...]:
    """Open the files of a chain.

    Args:
        given: Texts, paths, Steps, or live objects of a Python caller.
        options: How they are read.
        folder: An empty one, for live objects.

    Raises:
        UsageError: One is not there, or has no place in a chain.
        UntrustedError: One would run code.
        SourceError: One is damaged.
    """
    if not given:
        raise UsageError("No file is given.")
    found: list[Part] = []
    for number, one in enumerate(given):
        if isinstance(one, Part):
            part = one
        elif isinstance(one, Step | str | os.PathLike):
            step = one if isinstance(one, Step) else parse_step(one)
            part = open_part(Step(step.path, step.columns), options)
            if step.key is not None:
                part = _picked(part, step)
        else:
            part = _live(one, folder / str(number), options)
        found += bundles.take_apart(part) if part.kind == "bundle" else (part,)
    return tuple(found)


def _picked(part: Part, step: Step) -> Part:
    if part.kind != "bundle":
        raise UsageError(
            f"{step.path}: holds {part.does} and no parts to choose {step.key!r} from."
        )
    return bundles.pick(part, step.key or "")


def _live(value: Any, folder: Path, options: LoadOptions) -> Part:
    """An object that a Python caller holds, written down for the manifest's sake."""
    kind = live.kind_of(value)
    folder.mkdir()
    if kind in ("keras", "saved_model"):
        path = live.save(value, kind, folder, options.input_shapes)
        return Part("model", None, path, loader=kind)
    if kind is None and kind_of(value) is None:
        told = f"{type(value).__module__}.{type(value).__name__}"
        raise UsageError(f"A step is of type {told}; expected a path, a fitted object or a list.")
    path = live.save(value, "sklearn", folder, options.input_shapes)
    return part_of(value, Step(path))


def main_part(parts: Sequence[Part]) -> Part:
    """The part that a chain is called after: the model, or else the first."""
    return chain.arrange(parts).model or parts[0]


def load_file(path: Path, options: LoadOptions, known: Known = NOTHING) -> LoadedModel:
    """What one pickle holds: a model, as a rule; else a bundle, or a transformer alone."""
    value, notes = sklearn.read_object(path, options)
    kind = kind_of(value)
    if kind in ("transformer", "vectorizer") or isinstance(value, KerasFile):
        return chain.load([part_of(value, Step(path), notes)], options, known)
    if kind == "bundle" and bundles.is_bundle(value):
        return chain.load(
            bundles.take_apart(Part("bundle", value, path, notes=notes)), options, known
        )
    return sklearn.from_object(path, value, notes)
