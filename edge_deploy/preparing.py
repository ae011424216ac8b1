"""What `convert` and `tune` begin with: the model, what lies beside it, and samples to ask."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_deploy import samples, sidecars, sources
from edge_deploy.compression.finetuning import Tuning
from edge_deploy.compression.quantization import FLOAT
from edge_deploy.errors import ConversionError
from edge_deploy.features import with_truths
from edge_deploy.folding import check_pixels, fold, foreign_notes
from edge_deploy.graph import freeze, index_limits
from edge_deploy.mends import lacks
from edge_deploy.quiet import quiet, set_environment
from edge_deploy.reference import Reference, with_class_indices
from edge_deploy.reference_data import read
from edge_deploy.sidecars import Sidecars
from edge_deploy.spec import LoadedModel, LoadOptions, ModelSpec
from edge_deploy.synthesis import synthesize
from edge_deploy.targets import TARGETS
from edge_deploy.tolerances import DEFAULT, Tolerances

_MOST_COUNTS = 1 << 26  # numbers that samples of text may hold: 256 MB


@dataclass(frozen=True)
class ConvertOptions:
    """What ``convert`` was asked for; the names are those of its flags."""

    to: tuple[str, ...] = tuple(TARGETS)
    name: str | None = None
    version: str = "1"
    output: Path = Path("artifacts")
    overwrite: bool = False
    keep_going: bool = False
    dry_run: bool = False
    labels: str | None = None
    features: Path | None = None
    preprocess: str | None = None
    reference: Path | None = None
    samples: int = 1000
    quantize: tuple[str, ...] = (FLOAT,)
    io: str = "float"
    min_runtime: str = ""
    fold_preprocessing: bool = False
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()
    prune: float | None = None
    prune_data: Path | None = None
    prune_epochs: int = 10
    tolerances: Tolerances = DEFAULT
    strict: bool = False
    seed: int = 0
    browser: Path | None = None
    verbose: bool = False
    command: str = ""
    load: LoadOptions = field(default_factory=LoadOptions)


def load_model(path: Path | str, options: LoadOptions | None = None) -> LoadedModel:
    """Read a trained model of any supported kind.

    Raises:
        UsageError: Nothing is there.
        SourceError: It cannot be read.
        MissingDependency: TensorFlow is not installed.
    """
    set_environment()
    with sources.find(Path(path)) as source:
        return _load(source, options or LoadOptions(), verbose=False)


def _load(source: sources.Source, options: LoadOptions, verbose: bool) -> LoadedModel:
    try:
        with quiet(verbose):
            return sources.load(source, options)
    except ModuleNotFoundError as error:
        raise lacks(error.name, "to read a trained model", "convert") from error


def default_name(path: Path) -> str:
    return (path.resolve().name if path.is_dir() else path.stem) or "model"


def prepare(
    source: sources.Source, options: ConvertOptions
) -> tuple[LoadedModel, Sidecars, ModelSpec, Reference, tuple[str, ...]]:
    """The model, what lies beside it, and samples with the original's answers."""
    loaded = _load(source, options.load, options.verbose)
    _check_dtypes(loaded)
    side = sidecars.collect(
        source.folder,
        loaded,
        file_name=source.path.name,
        labels=options.labels,
        features=options.features,
        preprocess=options.preprocess,
        reference=options.reference,
    )
    spec = sidecars.apply(loaded.spec, side)
    if options.fold_preprocessing:
        before = side.preprocessing
        loaded, side = fold(replace(loaded, spec=spec), side)
        side = replace(side, folded=before)
    notes = [*loaded.notes, *(f"found beside the model: {line}" for line in side.found)]
    keep = options.samples + 32
    widest = max((f.text.width for f in side.features or () if f.text is not None), default=1)
    if keep * widest > _MOST_COUNTS:
        keep = max(32, _MOST_COUNTS // widest)
        notes.append(f"a text is {widest:,} numbers: at most {keep} samples were taken")
    with quiet(options.verbose):
        if side.reference is not None:
            data = read(side.reference, spec, side.features, side.preprocessing, keep, options.seed)
            classes = next((o.classes for o in spec.outputs if o.classes), None)
            data = with_class_indices(data, classes)
            notes += samples.note(data, side.reference)
            if (data.given or 0) > keep:
                notes.append(
                    f"{side.reference.name} has {data.given:,} samples, of which {keep:,} were "
                    "chosen (--samples, --seed)"
                )
            if side.features and data.rows:
                side = replace(side, features=with_truths(side.features, data.rows))
        else:
            limits = index_limits(freeze(loaded.function, loaded.spec.inputs))
            data = synthesize(
                spec, limits, side.features, side.preprocessing, loaded.typical, options.seed
            )
            notes.append(
                "no reference data: samples were made up, and verdicts on made-up data say "
                "little; give real ones with --reference"
            )
        if options.fold_preprocessing:
            check_pixels("the reference data", spec, data.inputs)
        elif side.preprocessing and "tflite" in options.to:
            notes += foreign_notes(side.preprocessing)
        data = data.take(range(min(data.count, keep)))
        data = replace(data, outputs=loaded.ask(data.inputs, data.rows))
    if spec.inputs[0].kind == "image" and side.preprocessing is None:
        notes.append(
            "no --preprocess: apps and the page cannot know how a picture becomes the input "
            "(try unit, keras-load-img, teachable-machine, mobilenet, caffe or torch)"
        )
    return loaded, side, spec, data, tuple(notes)


def training(options: ConvertOptions, spec: ModelSpec, side: Sidecars) -> Tuning | None:
    """What a pruned model is trained on: ``--prune-data``."""
    if options.prune_data is None:
        return None
    data = read(options.prune_data, spec, side.features, side.preprocessing)
    classes = next((o.classes for o in spec.outputs if o.classes), None)
    return Tuning(with_class_indices(data, classes), options.prune_epochs, options.seed)


def _check_dtypes(model: LoadedModel) -> None:
    for spec in (*model.spec.inputs, *model.spec.outputs):
        if spec.dtype in ("string", "object", "variant", "resource") or "complex" in spec.dtype:
            raise ConversionError(
                f"{spec.name!r} is of dtype {spec.dtype}, which phones and browsers cannot hold. "
                "Leave text and table look-ups to the app, and save the model from the numbers on."
            )
