"""Options that several commands share, and how their texts become values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from edge_deploy.core.errors import UsageError
from edge_deploy.core.messages import in_shell

if TYPE_CHECKING:
    from edge_deploy.core.options import Options

OptionsT = TypeVar("OptionsT", bound="Options")

# What TARGETS and their runtimes are, which would take an import to ask; a test holds them equal.
TARGETS, RUNTIMES, BACKENDS = "tflite,tfjs,onnx", "litert,ort,tfjs", "webgl,wasm"
MAX_SIZE = "4GB"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only what went wrong.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show the libraries' own output.")]
BrowserPath = Annotated[
    Path | None, typer.Option("--browser", help="Chromium, Chrome or Edge to use.")
]
Targets = Annotated[
    str | None,
    typer.Option("--to", help="tflite,tfjs,onnx or some of these; default: all that can hold it."),
]
Samples = Annotated[int, typer.Option("--samples", help="Samples to keep for evaluation.")]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        help="Column (.npz: key) of the true answers, if not label(s); a,b of two.",
    ),
]
Labels = Annotated[str | None, typer.Option("--labels", help="labels.txt, or a,b,c.")]
Preprocess = Annotated[
    str | None, typer.Option("--preprocess", help="Preset such as unit or torch, or key=value,...")
]
Features = Annotated[
    Path | None, typer.Option("--features", help="features.json of a table model.")
]
PruneEpochs = Annotated[int, typer.Option("--prune-epochs", help="How often to go through them.")]
Name = Annotated[str | None, typer.Option("--name", help="Name; default: the file's.")]
Version = Annotated[str, typer.Option("--artifact-version", help="Version of the artifact.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all that is chosen or made up.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, help="Seconds after which it is stopped; 0 for never.")
]
Signature = Annotated[str | None, typer.Option(help="Signature of a SavedModel.")]
CustomObjects = Annotated[
    Path | None, typer.Option(help="Python file with the model's own layers and functions.")
]
TrustPickle = Annotated[
    bool, typer.Option("--trust-pickle", help="Run code that the model file brings along.")
]
MaxSize = Annotated[
    str,
    typer.Option(
        "--max-size", help="The most that a file may have, or an archive become: 500MB, 8GB."
    ),
]
Io = Annotated[
    str, typer.Option("--io", help="What int8 files take and give: float, int8 or uint8.")
]
Calibration = Annotated[
    Path | None, typer.Option(help="Samples for int8: .npz, .npy, .csv or a folder of pictures.")
]
KeepFloat = Annotated[
    str | None,
    typer.Option("--keep-float", help="Layers that stay float32: a,b,c; auto finds the fewest."),
]
MaxDrop = Annotated[
    float | None, typer.Option(help="Accuracy (or R²) that a compressed file may lose.")
]
MinAgreement = Annotated[
    float | None, typer.Option(help="Share of samples whose winner must stay the same.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Warnings about labels and samples are errors.")
]
Deterministic = Annotated[
    bool,
    typer.Option("--deterministic", help="Put means for random numbers: no noise, no dropout."),
]
Model = Annotated[
    list[Path],
    typer.Argument(
        metavar="MODEL...",
        help="Keras file, SavedModel, .pb, pickle or .zip; or all files that data flow through, "
        "in order: scaler.pkl model.h5 labels.pkl. FILE@COLUMN,COLUMN is of these columns, "
        "FILE::KEY a part of a bundle.",
    ),
]
ModelOrRecipe = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[MODEL...]",
        help="Keras file, SavedModel, .pb, pickle or .zip; or all files that data flow through, "
        "in order: scaler.pkl model.h5 labels.pkl. FILE@COLUMN,COLUMN is of these columns, "
        "FILE::KEY a part of a bundle. Or a folder whose edge-deploy.toml (see init) says all "
        "this; with nothing at all, the current folder's.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Probability above which the second of two classes is the answer."),
]
Pad = Annotated[
    str | None,
    typer.Option(help="How rows of token ids get one length: maxlen=100,padding=post."),
]
InputShape = Annotated[
    list[str] | None,
    typer.Option("--input-shape", help="Size of free axes: name=1,128,128,3. Repeatable."),
]


def options_of(kind: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """What a command was given as the options of its function, which have the same names.

    Args:
        kind: The class of the function's options.
        given: The command's own parameters.

    Raises:
        UsageError: A text cannot be read.
    """
    from dataclasses import fields

    names = [field.name for field in fields(kind)]
    values = {
        name: _READ[name](given[name]) if name in _READ else given[name]
        for name in names
        if name in given
    }
    if "command" in names:
        values["command"] = in_shell("edge-deploy", *sys.argv[1:])
    return kind(**values)


def by_name(context: typer.Context, options: Options) -> dict[str, Any]:
    """Those options that stand on the command line: they go over what a recipe says."""
    from dataclasses import fields

    names = [field.name for field in fields(options)]
    given = [name for name in names if is_given(context, name)]
    return {name: getattr(options, name) for name in given}


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return name == "command" or (source is not None and source.name == "COMMANDLINE")


def one_or_all(model: Sequence[Path]) -> Path | list[Path]:
    """A model, or the steps of one."""
    return model[0] if len(model) == 1 else list(model)


def files_of(model: Sequence[Path]) -> tuple[Path, ...]:
    """The paths in what may be steps."""
    from edge_deploy.frontends.project.steps import parse_step

    return tuple(parse_step(one).path for one in model)


def _shapes(texts: Sequence[str] | None) -> dict[str, tuple[int, ...]]:
    return dict(map(_shape, texts or ()))


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split(","))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise UsageError(f"--input-shape {text}: say it as name=1,128,128,3.")
    return name, shape


def split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _by_output(flag: str, texts: Sequence[str] | None) -> dict[str, float]:
    """``VALUE`` or ``OUTPUT:VALUE``, as often as given."""
    result = {}
    for text in texts or ():
        output, _, value = text.rpartition(":")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise UsageError(f"{flag} {text}: not a number of 0 or more (1e-3, or output:1e-3).")
        result[output] = number
    return result


def _shares(text: str) -> tuple[float, ...]:
    if text.strip() == "none":
        return ()
    try:
        return tuple(float(part) for part in split(text))
    except ValueError as error:
        raise UsageError(
            f"--sparsities {text}: shares such as 0.5,0.8, or none for no pruning."
        ) from error


def size(text: str) -> int:
    """``500MB``, ``8GB`` or a plain number of bytes; 1 KB is 1,024 bytes.

    Raises:
        UsageError: It is none of these.
    """
    found = re.fullmatch(r"(\d{1,18})\s*([kmgt]?)i?b?", text.strip(), re.IGNORECASE)
    if found is None or not int(found[1]):
        raise UsageError(f"--max-size {text}: say it as 500MB or 8GB.")
    return int(found[1]) << 10 * " kmgt".index(found[2].lower() or " ")


def _share(text: str | None) -> float | None:
    """``10%`` or ``0.1``."""
    if text is None:
        return None
    plain = text.strip()
    try:
        return float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"--share {text}: a share of the visitors is 10% or 0.1.") from error


_READ: Mapping[str, Callable[[Any], Any]] = {
    "input_shapes": _shapes,
    "max_size": size,
    "atol": lambda texts: _by_output("--atol", texts),
    "rtol": lambda texts: _by_output("--rtol", texts),
    "share": _share,
    "sparsities": _shares,
}
"""Options whose texts only the command line has; lists with commas the library reads itself."""
