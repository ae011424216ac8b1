"""What `convert` and `tune` begin with: the model, what lies beside it, and samples to ask."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_deploy.api.options import ModelOptions
from edge_deploy.artifact import samples
from edge_deploy.core.errors import unknown_option, wrong_option
from edge_deploy.core.graph import freeze, index_limits
from edge_deploy.core.messages import option
from edge_deploy.core.spec import LoadedModel, ModelSpec
from edge_deploy.data import sidecars
from edge_deploy.data.preprocessing.features import with_truths
from edge_deploy.data.readers import read
from edge_deploy.data.reference import Dataset, Reference, split, with_class_indices
from edge_deploy.data.sidecars import Sidecars
from edge_deploy.data.synthetic import synthesize
from edge_deploy.formats.registry import FORMATS
from edge_deploy.frontends import load
from edge_deploy.frontends.fold_preprocessing import check_pixels, fold
from edge_deploy.frontends.load import check_dtypes, read_model
from edge_deploy.optimize.finetuning import FineTuneData

_MOST_COUNTS = 1 << 26  # numbers that samples of text may hold: 256 MB


def default_name(source: load.Source) -> str:
    path = source.given
    return (path.resolve().name if path.is_dir() else path.stem) or "model"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model that is ready to be converted.

    Attributes:
        model: With the kinds and labels that the side files tell.
        side: What lay beside it.
        samples: Those that the model was asked, in the user's order.
        dataset: The same, as they are packaged.
        notes: What the user should know, one line each.
    """

    model: LoadedModel
    side: Sidecars
    samples: Reference
    dataset: Dataset
    notes: tuple[str, ...]


def check(options: ModelOptions) -> None:
    """Refuse what cannot be right before the model is loaded, which takes seconds.

    Raises:
        UsageError: A file is not there, or an option cannot be understood.
    """
    if options.samples < 0:
        raise wrong_option("samples", options.samples, "a number of samples is 0 or more.")
    for target in options.to:
        if target not in FORMATS:
            raise unknown_option("to", target, FORMATS, "target")
    more = (options.calibration, options.prune_data, options.custom_objects)
    sidecars.precheck(options, more)


def prepare(source: load.Source, options: ModelOptions, folded: bool = False) -> Prepared:
    """Read the model and what lies beside it, and ask it the samples.

    Args:
        source: The model.
        options: How to read it, and what to ask it.
        folded: Whether the preprocessing goes into the graph.
    """
    loaded = read_model(source, options)
    check_dtypes(loaded)
    side = sidecars.collect(source.folder, source.path.name, loaded, options)
    spec = sidecars.apply(loaded.spec, side)
    if folded:
        before = side.preprocessing
        loaded, side = fold(replace(loaded, spec=spec), side)
        side = replace(side, folded=before)
    notes = [*loaded.notes, *(f"found beside the model: {line}" for line in side.found)]
    keep = options.samples + 32
    widest = max((f.text.width for f in side.features or () if f.text is not None), default=1)
    if keep * widest > _MOST_COUNTS:
        keep = max(32, _MOST_COUNTS // widest)
        notes.append(f"a text is {widest:,} numbers: at most {keep} samples were taken")
    if side.reference is not None:
        data = read(side.reference, spec, side.features, side.preprocessing, keep, options.seed)
        classes = next((o.classes for o in spec.outputs if o.classes), None)
        data = with_class_indices(data, classes)
        notes += samples.note(data, side.reference)
        if (data.given or 0) > keep:
            notes.append(
                f"{side.reference.name} has {data.given:,} samples, of which {keep:,} were "
                f"chosen ({option('samples')}, {option('seed')})"
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
            f"little; give real ones with {option('reference')}"
        )
    if folded:
        check_pixels("the reference data", spec, data.inputs)
    elif side.preprocessing:
        for target in options.to:
            notes += FORMATS[target].preprocessing_notes(side.preprocessing)
    data = data.take(range(min(data.count, keep)))
    data = replace(data, outputs=loaded.ask(data.inputs, data.rows))
    if spec.inputs[0].kind == "image" and side.preprocessing is None:
        notes.append(
            f"no {option('preprocess')}: apps and the page cannot know how a picture becomes the "
            "input (try unit, keras-load-img, teachable-machine, mobilenet, caffe or torch)"
        )
    dataset = Dataset(
        *split(data, options.samples, options.seed), side.features, side.preprocessing
    )
    return Prepared(replace(loaded, spec=spec), side, data, dataset, tuple(notes))


def training(options: ModelOptions, spec: ModelSpec, side: Sidecars) -> FineTuneData | None:
    """What a pruned model is trained on: ``prune_data``."""
    if options.prune_data is None:
        return None
    data = read(options.prune_data, spec, side.features, side.preprocessing)
    classes = next((o.classes for o in spec.outputs if o.classes), None)
    return FineTuneData(with_class_indices(data, classes), options.prune_epochs, options.seed)
