"""Which file each command takes where an artifact has several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_deploy.artifact.artifact import Artifact
from edge_deploy.artifact.selection import (
    float_entry,
    page_entry,
    runnable_entry,
    tflite_entry,
)
from edge_deploy.core.errors import UsageError
from tests.support.manifests import file_document, manifest, part

PRUNED = {"sparsity": 0.8, "asked": 0.8, "epoch": None}


def artifact(folder: Path, *names: str, recommended: str | None = None) -> Artifact:
    """An artifact of files such as ``tflite int8 pruned``."""
    entries = []
    for name in names:
        target, precision, *pruned = name.split()
        entries.append(
            file_document(
                target=target,
                precision=precision,
                pruned=PRUNED if pruned else None,
                files=[part(name)],
            )
        )
    if recommended is not None:
        chosen = {"recommended": {"tflite": {"path": recommended}, "onnx": None}}
        (folder / "tuning.json").write_text(json.dumps(chosen))
    return Artifact(folder, manifest(artifacts=entries))


MANY = (
    "tflite int8", "tflite float32 pruned", "tflite float32", "tfjs uint8", "tfjs float32 pruned",
    "onnx float32",
)  # fmt: skip


def test_each_command_takes_the_file_of_its_rule(tmp_path: Path) -> None:
    found = artifact(tmp_path, *MANY)
    assert runnable_entry(found, None, None).path == "tflite float32"
    assert runnable_entry(found, "onnx", None).path == "onnx float32"
    assert runnable_entry(found, None, "int8").path == "tflite int8"
    assert tflite_entry(found, None).path == "tflite float32"
    assert tflite_entry(found, "int8").path == "tflite int8"
    assert float_entry(found, "tflite").path == "tflite float32"
    assert float_entry(found, "tfjs").path == "tfjs float32 pruned"
    # What is pruned is another model; what is quantized is the same one, a little off.
    assert page_entry(found).path == "tfjs uint8"
    assert page_entry(artifact(tmp_path, "tfjs uint8", "tfjs float32")).path == "tfjs float32"
    assert page_entry(artifact(tmp_path, "tflite float32", "onnx int8")).path == "onnx int8"
    assert page_entry(artifact(tmp_path, "tflite int8", "tflite float32")).path == "tflite float32"


def test_what_a_search_recommends_comes_before_float32_where_an_answer_is_asked(
    tmp_path: Path,
) -> None:
    found = artifact(tmp_path, *MANY, recommended="tflite int8")
    assert runnable_entry(found, None, None).path == "tflite int8"
    assert tflite_entry(found, None).path == "tflite int8"
    assert tflite_entry(found, "float32").path == "tflite float32"
    assert float_entry(found, "tflite").path == "tflite float32"


@pytest.mark.parametrize("text", ["{", "[]", '{"recommended": []}', '{"recommended": {"a": 1}}'])
def test_a_search_that_cannot_be_read_recommends_nothing(tmp_path: Path, text: str) -> None:
    found = artifact(tmp_path, *MANY)
    (tmp_path / "tuning.json").write_text(text)
    assert tflite_entry(found, None).path == "tflite float32"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (lambda found: runnable_entry(found, "tflit", None), "Did you mean tflite?"),
        (lambda found: runnable_entry(found, "tfjs", None), "no tfjs file to run here"),
        (lambda found: runnable_entry(found, "onnx", None), "no onnx file to run here"),
        (lambda found: tflite_entry(found, "int8"), "has no .tflite file of int8; there are: flo"),
        (lambda found: float_entry(found, "tfjs"), "has no float32 file of tfjs"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, rule, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        rule(artifact(tmp_path, "tflite float32", "tfjs uint8"))
    assert says in str(refused.value)


def test_an_artifact_of_one_format_says_what_the_others_need(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tflite or onnx file to run here"):
        runnable_entry(artifact(tmp_path, "tfjs float32"), None, None)
    with pytest.raises(UsageError, match=r"has no \.tflite file"):
        tflite_entry(artifact(tmp_path, "tfjs float32"), None)
    with pytest.raises(UsageError, match="has no converted file"):
        page_entry(artifact(tmp_path))
