"""A recipe as options of ``convert``, and its JSON Schema: ``python -m edge_deploy.api.recipe``."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import Any

from edge_deploy.api.options import ConvertOptions, VerifyOptions
from edge_deploy.core.errors import UsageError
from edge_deploy.core.options import Options
from edge_deploy.core.spec import LoadOptions
from edge_deploy.formats.registry import FORMATS
from edge_deploy.frontends.project import recipe as recipes
from edge_deploy.frontends.project.recipe import CALLERS, Recipe
from edge_deploy.frontends.project.recipe_keys import TOP, Key, Keys, schema
from edge_deploy.frontends.project.recipe_text import value_text
from edge_deploy.frontends.project.steps import Step

TABLES = {"pad": "pad", "preprocess": "preprocessing", "features": "features"}
"""Options that a recipe holds as tables of its own."""

# From the annotation of an option to what a recipe may give it.
_OF_TYPE = {
    "bool": "truth",
    "int": "integer",
    "float": "number",
    "str": "text",
    "Path": "path",
    "Data": "path",
    "Shapes": "shapes",
    "ByOutput": "by output",
    "tuple[str, ...]": "names",
}
_CHOICES = {"to": tuple(FORMATS), "io": ("float", "int8", "uint8")}
# Where the docstring needs its class around it to be understood.
_TOLD = {
    "name": "The name of the artifact.",
    "version": "The version of the artifact.",
    "output": "The folder that `NAME/VERSION/` goes to, within this one.",
    "samples": "How many samples of the reference are kept to judge compressed files by.",
    "seed": "The seed of all that is chosen or made up.",
    "strict": "Whether warnings about labels, samples and calibration are errors.",
    "prune_data": "Samples with labels that a pruned model is trained on.",
    "prune_epochs": "How often to go through them.",
    "signature": "The signature of a SavedModel; without it the one that serves.",
    "keep_float": "Layers that stay float32 in int8 files; `auto` finds the fewest.",
    "atol": "The error that is allowed, for all outputs or by output.",
    "rtol": "The same, as a share of the output's scale.",
}
_EXAMPLES = {
    "to": 'to = ["tflite", "onnx"]',
    "name": 'name = "churn"',
    "calibration": 'calibration = "train.csv"',
    "prune_data": 'prune_data = "train.csv"',
    "keep_float": 'keep_float = "auto"',
    "max_drop": "max_drop = 0.01",
    "min_agreement": "min_agreement = 0.99",
    "prune": "prune = 0.8",
    "min_runtime": 'min_runtime = "2.11"',
    "opset": "opset = 15",
    "signature": 'signature = "serving_default"',
    "input_shapes": "input_shapes = {x = [1, 128, 128, 3]}",
    "atol": "atol = 1e-6",
    "rtol": "rtol = 1e-5",
}


def convert_keys() -> Keys:
    """The keys of ``[convert]``: every option of ``convert`` that has no other place."""
    told = _told(ConvertOptions)
    elsewhere = {*TOP, *TABLES, *CALLERS}
    return {
        one.name: Key(
            _OF_TYPE[str(one.type).partition(" | None")[0]],
            _TOLD.get(one.name) or told[one.name],
            _EXAMPLES.get(one.name) or f"{one.name} = {value_text(_default(one))}",
            _CHOICES.get(one.name, ()),
        )
        for one in fields(ConvertOptions)
        if one.name not in elsewhere
    }


def _told(kind: type[Options]) -> dict[str, str]:
    """What the docstrings of a class of options say of its fields."""
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        listed = inspect.cleandoc(part.__doc__ or "").partition("\nAttributes:\n")[2]
        for entry in re.split(r"\n(?= {4}\w+:)", listed.partition("\n\n")[0]):
            name, _, meaning = entry.strip().partition(": ")
            found[name] = " ".join(meaning.replace("``", "`").split())
    return found


def _default(one: Field[Any]) -> Any:
    value = one.default_factory() if one.default_factory is not MISSING else one.default
    return os.fspath(value) if isinstance(value, Path) else "" if value is None else value


def find(model: Any) -> Path | None:
    """The recipe that a call means: of the current folder where no model is given, or of a folder.

    Args:
        model: What ``convert`` was given.
    """
    if model is None:
        return recipes.find(Path())
    if isinstance(model, str | os.PathLike):
        return recipes.find(Path(os.fspath(model)))
    return None


def read(path: Path) -> Recipe:
    """Read a recipe; see ``recipe.read``."""
    return recipes.read(path, convert_keys())


def parse(path: Path, text: str) -> Recipe:
    """Read a recipe that is not written yet."""
    return recipes.parse(path, text, convert_keys())


def resolve(
    model: Any, options: ConvertOptions | None, keywords: Mapping[str, Any]
) -> tuple[Any, ConvertOptions | None, Mapping[str, Any], Recipe | None]:
    """A model with its options; where a recipe stands for them, those of the recipe.

    What was given by name goes over the recipe, and so does what an object of options has other
    than the default.

    Args:
        model: What ``convert`` was given; None is the recipe of the current folder.
        options: An object of options.
        keywords: What else was given by name.

    Raises:
        UsageError: There is no recipe, or it cannot be taken.
    """
    path = find(model)
    if path is None:
        return Path() if model is None else model, options, keywords, None
    recipe = read(path)
    recipe.check_decided()
    over = {} if options is None else _changed(options)
    return model_of(recipe), None, {**values(recipe), **over, **keywords}, recipe


def artifact_of(folder: Path) -> tuple[Path, Recipe] | None:
    """The artifact that a project's folder becomes, there or not, and its recipe; None without one.

    Raises:
        UsageError: The recipe cannot be taken, or does not name the artifact.
    """
    path = recipes.find(folder)
    if path is None:
        return None
    recipe = read(path)
    options = ConvertOptions(**values(recipe))
    if options.name is None:
        raise UsageError(
            f'{path}: does not name the artifact. Say name = "NAME" under [convert], or give the '
            "artifact itself."
        )
    return options.output / options.name / options.version, recipe


def model_of(recipe: Recipe) -> Any:
    """What the steps are as ``convert`` takes a model."""
    alone = len(recipe.steps) == 1 and recipe.steps[0] == Step(recipe.steps[0].path)
    return recipe.steps[0].path if alone else list(recipe.steps)


def _changed(options: ConvertOptions) -> dict[str, Any]:
    if not isinstance(options, ConvertOptions):
        raise UsageError(
            f"convert: expected options as an object of ConvertOptions, got {type(options)}."
        )
    plain = ConvertOptions()
    every = {one.name: getattr(options, one.name) for one in fields(options)}
    return {name: value for name, value in every.items() if value != getattr(plain, name)}


def values(recipe: Recipe) -> dict[str, Any]:
    """What a recipe gives the options of ``convert``, by their names."""
    document, found = recipe.document, dict[str, Any]()
    kinds = {**TOP, **convert_keys()}
    for name, value in {**document, **document.get("convert", {})}.items():
        if name in kinds and name not in ("recipe", "undecided"):
            found[name] = _value(recipe, kinds[name], value)
    if pad := document.get("pad"):
        found["pad"] = ",".join(f"{key}={_plain(value)}" for key, value in pad.items())
    if preprocessing := document.get("preprocessing"):
        found["preprocess"] = _preprocess(preprocessing)
    columns = {
        name: document[name] for name in ("features", "series", "target") if name in document
    }
    if columns:
        found["features"] = columns
    return found


def _value(recipe: Recipe, key: Key, value: Any) -> Any:
    if key.kind == "path" or (key.kind == "labels" and isinstance(value, str)):
        return recipe.folder / value
    if key.kind == "labels":
        return [_plain(one) for one in value]
    return value


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return repr(value) if isinstance(value, float) else str(value)


def _preprocess(table: Mapping[str, Any]) -> str:
    """The table as the text that ``preprocess`` takes."""
    parts = [table["preset"]] if "preset" in table else []
    for key, value in table.items():
        if key == "size":
            parts.append(f"size={value[0]}x{value[1]}")
        elif key != "preset":
            listed = value if isinstance(value, list) else [value]
            parts.append(f"{key}={':'.join(map(_plain, listed))}")
    return ",".join(parts)


def against(options: VerifyOptions) -> VerifyOptions:
    """Options of ``verify`` whose original is a folder with a recipe: its steps, read as it says.

    Raises:
        UsageError: The recipe cannot be taken.
    """
    path = find(options.against) if options.against is not None else None
    if path is None:
        return options
    recipe = read(path)
    recipe.check_decided()
    said, plain = values(recipe), LoadOptions()
    read_as = {
        one.name: said[one.name]
        for one in fields(LoadOptions)
        if one.name in said and getattr(options, one.name) == getattr(plain, one.name)
    }
    return replace(options, against=model_of(recipe), **read_as)


def files_read(options: ConvertOptions) -> tuple[Path | str | None, ...]:
    """The files beside the model that the options name; a text that is no path is none."""
    named = (
        *(options.reference, options.calibration, options.prune_data, options.labels),
        *(options.features, options.custom_objects),
    )
    return tuple(one for one in named if isinstance(one, Path | str))


def schema_text() -> str:
    """recipe.schema.json as it is kept."""
    document = schema(convert_keys(), f"edge-deploy/recipe/{TOP['recipe'].example[-1]}")
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
