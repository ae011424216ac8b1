"""The typed manifest: read, refused in words, written as it was, and its schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest

from edge_deploy.artifact import artifact, schema
from edge_deploy.artifact.artifact import open_artifact
from edge_deploy.artifact.document import read, to_document
from edge_deploy.artifact.manifest import InputEntry, Manifest, OutputEntry, columns_of, model_spec
from edge_deploy.artifact.metadata import file_metadata
from edge_deploy.artifact.preparation import FeatureEntry, TextEntry, TokensEntry
from edge_deploy.core.spec import ENCODINGS, INPUT_KINDS, OUTPUT_KINDS, TensorSpec
from edge_deploy.data.preprocessing import features, text, tokens
from edge_deploy.data.preprocessing.features import features_to_json, parse_features
from tests.support import manifests

Edit = Callable[[Any], object]


def to(*keys: str | int, value: Any) -> Edit:
    """Puts a value in place of another."""

    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return edit


def without(*keys: str | int) -> Edit:
    """Takes a key out."""

    def edit(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return edit


# What is edited -> what reading says; None where only the schema of what we write refuses it.
BROKEN: dict[str, tuple[Edit, str | None]] = {
    "no inputs": (to("inputs", value=[]), "inputs: is empty"),
    "no reference": (without("reference"), "reference: is missing"),
    "a list in place of an object": (
        to("source", value=[1]),
        "source: is [1], not of type object",
    ),
    "an input of objects": (
        to("inputs", 0, "dtype", value="object"),
        'inputs[0].dtype: is "object", no dtype of numbers, such as float32',
    ),
    "a dtype that is a name of Python": (
        to("outputs", 0, "dtype", value="__class__"),
        'outputs[0].dtype: is "__class__", no dtype of numbers, such as float32',
    ),
    "an output of a kind of tomorrow": (
        to("outputs", 0, "kind", value="smell"),
        "outputs[0].kind: is 'smell', none of class, probabilities, probability, tensor, value",
    ),
    "a target of tomorrow": (
        to("artifacts", 1, "target", value="coreml"),
        "artifacts[1].target: is 'coreml', none of tflite, tfjs, onnx",
    ),
    "a quantizer of tomorrow": (
        to("artifacts", 1, "quantizer", value="gptq"),
        "artifacts[1].quantizer: is 'gptq', none of ai-edge-quantizer, TFLiteConverter",
    ),
    "an entry without files": (
        to("artifacts", 0, "files", value=[]),
        "artifacts[0].files: is empty",
    ),
    "bytes in words": (
        to("artifacts", 0, "files", 0, "bytes", value="1 KB"),
        'artifacts[0].files[0].bytes: is "1 KB", not of type integer',
    ),
    "a time in words": (
        to("artifacts", 1, "verification", 0, "median_ms", value="fast"),
        'artifacts[1].verification[0].median_ms: is "fast", not of type number or null',
    ),
    "a share in words": (
        to("artifacts", 1, "pruned", "sparsity", value="most"),
        'artifacts[1].pruned.sparsity: is "most", not of type number',
    ),
    "classes that are no names": (
        to("outputs", 0, "classes", value=[1, 2]),
        "outputs[0].classes[0]: is 1, not of type string",
    ),
    "a verdict without a status": (
        without("artifacts", 1, "verification", 0, "status"),
        "artifacts[1].verification[0].status: is missing",
    ),
    "a picture without a size": (
        without("preprocessing", "image", "size"),
        "preprocessing.image.size: is missing",
    ),
    "a column without categories": (
        to("features", 1, "categories", value=[]),
        "features[1].categories: is empty",
    ),
    "a text that is counted in a way of tomorrow": (
        to("features", 2, "text", "also", 0, "analyzer", value="syllable"),
        "features[2].text.also[0].analyzer: is 'syllable', none of char, char_wb, word",
    ),
    "no text beside the text": (to("features", 2, "text", "also", value=[]), "also: is empty"),
    "one length of n-grams": (
        to("features", 2, "text", "ngram_range", value=[1]),
        "features[2].text.ngram_range: has fewer than 2 items",
    ),
    "the version of a tool as a number": (
        to("tools", "edge-deploy", value=1),
        "tools: holds what is not of type string",
    ),
    "needs of another form": (
        to("artifacts", 1, "needs", "operators", 0, "count", value=None),
        "artifacts[1].needs.operators[0].count: is null, not of type integer",
    ),
    "a key that we do not write": (to("source", "author", value="me"), None),
    "a hash that is none": (to("source", "sha256", value="abc"), None),
    "a path that climbs out": (to("files", 0, "path", value="../labels.txt"), None),
    "a local time": (to("created", value="2026-01-01 00:00"), None),
    "no name": (to("name", value=""), None),
    "a file of nothing": (to("artifacts", 0, "files", 0, "bytes", value=0), None),
    "more samples than are packaged": (to("reference", "samples", value=33), None),
    "a share above 1": (to("artifacts", 1, "pruned", "asked", value=1.5), None),
    "three lengths of n-grams": (to("features", 2, "text", "ngram_range", value=[1, 2, 3]), None),
    "a scale of 0": (to("artifacts", 1, "outputs", 0, "quantization", "scale", value=0), None),
}
# Keys that versions of before did not write, and what a newer one may add.
GOOD: dict[str, Edit] = {
    "all keys": lambda _: None,
    "no text": without("features", 0, "text"),
    "no layers in float": without("artifacts", 0, "kept_float"),
    "no quantizer": without("artifacts", 0, "quantizer"),
    "no needs": without("artifacts", 0, "needs"),
    "no tolerances": without("artifacts", 1, "verification", 0, "tolerances"),
    "nothing folded": without("folded_preprocessing"),
    "who answered is not told": without("reference", "answers"),
    "samples of nobody": without("reference", "given"),
    "no files": to("artifacts", value=[]),
    "more of a picture": to("preprocessing", "image", "gamma", value=2.2),
    "more of a verdict": to("artifacts", 1, "verification", 0, "device", value="phone"),
    "a key called extra": to("features", 0, "extra", value={"a": None}),
}


def edited(edit: Edit) -> dict[str, Any]:
    document = copy.deepcopy(manifests.full())
    edit(document)
    return document


def is_valid(document: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema.schema()).is_valid(document))


def test_schema_is_the_one_that_the_typed_manifest_gives() -> None:
    made = schema.to_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(made))
    assert schema.PATH.read_text("utf-8") == made, (
        "python -m edge_deploy.artifact.schema > edge_deploy/artifact/manifest.schema.json"
    )


@pytest.mark.parametrize("edit", GOOD.values(), ids=GOOD)
def test_manifest_is_written_as_it_was_read(edit: Edit) -> None:
    document = edited(edit)
    assert is_valid(document)
    again = to_document(read(Manifest, json.loads(json.dumps(document))))
    assert json.dumps(again) == json.dumps(document)


def test_keys_of_a_newer_edge_deploy_are_kept_when_the_manifest_is_replaced(
    tmp_path: Path,
) -> None:
    document = edited(lambda _: None)
    objects = [
        document,
        document["source"],
        document["reference"],
        *document["inputs"],
        *document["features"],
        document["preprocessing"]["image"],
        *(file for entry in document["artifacts"] for file in (entry, *entry["files"])),
    ]
    for number, one in enumerate(objects):
        one["of tomorrow"] = {"number": [number, None]}
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    found = open_artifact(tmp_path)
    artifact.update(found, found.manifest, {"report.json": "{}"})
    again = json.loads((tmp_path / "manifest.json").read_text())
    assert [file["path"] for file in again.pop("files")] == ["labels.txt", "report.json"]
    assert again == {key: value for key, value in document.items() if key != "files"}


@pytest.mark.parametrize(("edit", "says"), BROKEN.values(), ids=BROKEN)
def test_broken_manifest_is_refused_in_words(edit: Edit, says: str | None) -> None:
    document = edited(edit)
    assert not is_valid(document)
    if says is None:  # no reader stumbles over it, and a newer edge-deploy may write it
        assert to_document(read(Manifest, document)) == document
        return
    with pytest.raises(ValueError) as refused:
        read(Manifest, document)
    assert str(refused.value).endswith(says)


@pytest.mark.parametrize(("document", "says"), [([], "the whole: is []"), (None, "is null")])
def test_what_is_no_object_is_refused(document: Any, says: str) -> None:
    with pytest.raises(ValueError, match="not of type object") as refused:
        read(Manifest, document)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "key", "known"),
    [
        (InputEntry, "kind", INPUT_KINDS),
        (OutputEntry, "kind", OUTPUT_KINDS),
        (FeatureEntry, "kind", features.KINDS),
        (FeatureEntry, "encode", ENCODINGS),
        (FeatureEntry, "missing", features.MISSING),
        (FeatureEntry, "unknown", features.UNKNOWN),
        (TextEntry, "analyzer", text.ANALYZERS),
        (TextEntry, "strip_accents", (*text.ACCENTS, None)),
        *((TokensEntry, key, known) for key, known in tokens.CHOICES.items()),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_manifest_knows_the_words_that_the_code_knows(
    kind: type, key: str, known: tuple[str, ...]
) -> None:
    assert get_args(get_type_hints(kind)[key]) == known


def test_spec_and_columns_are_those_of_the_manifest() -> None:
    found = read(Manifest, manifests.full())
    spec = model_spec(found)
    assert spec.inputs == (TensorSpec("x", (None, 2), "float32", "table"),)
    output = TensorSpec("y", (None, 2), "float32", "probabilities", ("a", "b"))
    assert spec.outputs == (output,)
    columns = columns_of(found)
    assert columns is not None
    assert [column.name for column in columns] == ["age", "pet", "words"]
    assert [column.width for column in columns] == [1, 2, 6]
    assert columns_of(manifests.manifest()) is None


def test_files_carry_which_vocabulary_and_not_the_words() -> None:
    carried = file_metadata(read(Manifest, manifests.full()))
    assert json.loads(json.dumps(carried)) == carried
    counted = carried["features"][2]["text"]
    for one in (counted, *counted["also"]):
        assert (one["vocabulary"]["size"], len(one["vocabulary"]["sha256"])) == (3, 64)
    assert carried["classes"] == {"y": ["a", "b"]}


def test_files_carry_which_tokens_and_not_the_words() -> None:
    said = {"vocabulary": ["a", "b", "c"], "length": 5, "filters": "!"}
    made = parse_features([{"name": "review", "kind": "text", "tokens": said}])[0]
    document = {**manifests.full(), "features": features_to_json(made)}
    found = read(Manifest, document)
    assert columns_of(found) == made
    carried = file_metadata(found)["features"][0]["tokens"]
    assert (carried["vocabulary"]["size"], len(carried["vocabulary"]["sha256"])) == (3, 64)
    assert (carried["length"], carried["filters"]) == (5, "!")
