"""manifest.json as a typed value: what each key means, how it is read and checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, structs

from edge_deploy.artifact.document import (
    Count,
    Dtype,
    InnerPath,
    Name,
    Part,
    Positive,
    SampleCount,
    Sha256,
    Time,
    to_document,
)
from edge_deploy.artifact.file_entry import (
    FileEntry,
)
from edge_deploy.artifact.performance import PerformanceEntry, WarningEntry
from edge_deploy.artifact.preparation import FeatureEntry, PreprocessingEntry, SeriesEntry
from edge_deploy.core.spec import Feature, ModelSpec, Series, TensorSpec
from edge_deploy.data.preprocessing.features import parse_features
from edge_deploy.data.preprocessing.series import fitted

SCHEMA: Literal["edge-deploy/manifest/1"] = "edge-deploy/manifest/1"


class StepEntry(Part, frozen=True, kw_only=True):
    """One of the files that data flow through.

    Attributes:
        file: Its name, and behind ``::`` which part of a bundle it is.
        kind: What it is, such as ``transformer``, ``model`` or ``label_encoder``.
        columns: The columns that it takes or is picked at; null for all.
        sha256: Of the file.
        does: What it is, for a person.
    """

    file: str
    kind: str
    columns: tuple[str, ...] | None
    sha256: Sha256
    does: str


class Source(Part, frozen=True, kw_only=True):
    """The trained model that was converted.

    Attributes:
        file: The name of its file or folder.
        sha256: Of the file; of a folder, over its files' names and digests.
        kind: What it was read as.
        framework: The library and version that ran the original.
        parameters: How many trained numbers it holds.
        steps: All files that data flow through, in order, where the model is not alone.
        converter: The library and version that converted it, where that is not edge-deploy itself:
            then there is an ONNX file alone.
    """

    file: str
    sha256: Sha256
    kind: Literal["keras2", "keras3", "saved_model", "sklearn"]
    framework: str
    parameters: Count
    steps: tuple[StepEntry, ...] | UnsetType = UNSET
    converter: str | UnsetType = UNSET


class RecipeEntry(Part, frozen=True, kw_only=True):
    """The ``edge-deploy.toml`` that was converted by.

    Attributes:
        sha256: Of the file.
        content: What it says, without its comments.
    """

    sha256: Sha256
    content: dict[str, Any]


class InputEntry(Part, frozen=True, kw_only=True):
    """An input of the original.

    Attributes:
        name: The model's own name of it.
        shape: With the batch axis first; null is a free axis.
        dtype: A numpy dtype name, such as ``float32``.
        kind: ``image`` is a picture, ``table`` the columns of a row, ``sequence`` steps in time,
            ``tensor`` plain numbers.
    """

    name: str
    shape: tuple[Count | None, ...]
    dtype: Dtype
    kind: Literal["image", "table", "sequence", "tensor"]


class OutputEntry(Part, frozen=True, kw_only=True):
    """An output of the original.

    Attributes:
        name: The model's own name of it.
        shape: With the batch axis first; null is a free axis.
        dtype: A numpy dtype name.
        kind: ``probabilities`` are one a class, ``probability`` is that of the second of two
            classes, ``class`` the index of one, ``value`` that of a regression, ``tensor`` plain
            numbers.
        classes: What the columns of a classifier's output stand for; null where it is none, or
            where nobody said.
        unit: The unit of a regression's value, such as ``USD``.
        label: What it is called for people, such as ``price``; absent where nobody said.
    """

    name: str
    shape: tuple[Count | None, ...]
    dtype: Dtype
    kind: Literal["probabilities", "probability", "class", "value", "tensor"]
    classes: tuple[str, ...] | None
    unit: str | None
    label: str | UnsetType | None = UNSET


class ReferenceEntry(Part, frozen=True, kw_only=True):
    """The packaged samples, in reference.npz.

    Attributes:
        samples: How many.
        origin: Whose: the user's, or made up.
        answers: Who answered them: the original in its own library, or what it was lowered to,
            in float64, where that library can no longer answer.
        given: How many samples the user's data had.
        shown: Which of them lie in samples/ as the user gave them, by their places; absent where
            none do, and in artifacts of earlier versions, which took every so many.
        performance: How good the original's answers are by the labels of all samples that are
            kept; absent where there are no labels.
        warnings: What is probably wrong though every file agrees with the original.
    """

    samples: SampleCount
    origin: Literal["user", "synthetic"]
    answers: Literal["original", "lowering"] | UnsetType = UNSET
    given: Positive | UnsetType = UNSET
    shown: tuple[Count, ...] | UnsetType = UNSET
    performance: PerformanceEntry | UnsetType = UNSET
    warnings: tuple[WarningEntry, ...] | UnsetType = UNSET


class FileHash(Part, frozen=True, kw_only=True):
    """A file of the version, as it was written.

    Attributes:
        path: Inside the version's folder.
        bytes: Its size.
        sha256: Of its content.
    """

    path: InnerPath
    bytes: Count
    sha256: Sha256


class Manifest(Part, frozen=True, kw_only=True):
    """What a converted model is: its inputs and outputs, its files and their verdicts.

    Attributes:
        schema: Of which form this document is.
        name: The model's.
        version: The folder that it lies in.
        created: When it was converted, in UTC.
        command: What was typed to make it; empty from Python.
        source: The trained model.
        recipe: What said how; absent where no recipe did.
        inputs: What the original takes, in its order.
        outputs: What the original gives, in its order.
        preprocessing: What lies between a picture and the input; null for other models, or where
            nobody said.
        folded_preprocessing: What ``--fold-preprocessing`` put into the graph; null where it did
            not.
        features: The columns of a table model; null for other models.
        series: Of what the input is a window; null for other models.
        reference: The packaged samples.
        artifacts: The converted files, and what is known of each.
        files: Every file of the version but this one.
        tools: Versions of the packages that made it.
    """

    schema: Literal["edge-deploy/manifest/1"]
    name: Name
    version: Name
    created: Time
    command: str
    source: Source
    recipe: RecipeEntry | UnsetType = UNSET
    inputs: Annotated[tuple[InputEntry, ...], Meta(min_length=1)]
    outputs: Annotated[tuple[OutputEntry, ...], Meta(min_length=1)]
    preprocessing: PreprocessingEntry | None
    folded_preprocessing: PreprocessingEntry | UnsetType | None = UNSET
    features: tuple[FeatureEntry, ...] | None
    series: SeriesEntry | UnsetType | None = UNSET
    reference: ReferenceEntry
    artifacts: tuple[FileEntry, ...]
    files: tuple[FileHash, ...]
    tools: dict[str, str]


def model_spec(manifest: Manifest) -> ModelSpec:
    """The original's inputs and outputs."""
    named = [structs.replace(one, label=one.label or None) for one in manifest.outputs]
    inputs, outputs = (
        tuple(msgspec.convert(one, TensorSpec, from_attributes=True) for one in side)
        for side in (manifest.inputs, named)
    )
    return ModelSpec(inputs, outputs)


def input_entry(spec: TensorSpec) -> InputEntry:
    """The manifest's form of an input."""
    return msgspec.convert(spec, InputEntry, from_attributes=True)


def output_entry(spec: TensorSpec) -> OutputEntry:
    """The manifest's form of an output."""
    made = msgspec.convert(spec, OutputEntry, from_attributes=True)
    return made if made.label else structs.replace(made, label=UNSET)


def preprocessing_of(manifest: Manifest) -> dict[str, Any] | None:
    """How a picture becomes the input, as preprocess_image takes it."""
    return to_document(manifest.preprocessing) if manifest.preprocessing else None


def columns_of(manifest: Manifest) -> tuple[Feature, ...] | None:
    """The columns that a manifest lists; None where the model takes no rows."""
    listed = [to_document(feature) for feature in manifest.features or ()]
    return parse_features(listed)[0] if listed else None


def series_of(manifest: Manifest) -> Series | None:
    """Of what the input is a window; None where it is none."""
    if not manifest.series:
        return None
    told = msgspec.convert(manifest.series, Series, from_attributes=True)
    return fitted(told, model_spec(manifest))
