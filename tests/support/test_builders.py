"""The builders of models.py and bad_models.py write what they say: real files, real failures."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.cli.flags import SHELL
from edge_deploy.core.errors import EdgeDeployError
from edge_deploy.core.messages import written_for
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.frontends import load
from tests.support import bad_models, models
from tests.support.other_models import sklearn_024_pickle

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a builder writes; the current folder stays as it is, to see a canary in."""
    path = tmp_path / "model"
    path.mkdir()
    return path


def _load(path: Path, **options: Any) -> LoadedModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras says of old files is not tested here
        with load.open_source(path) as source:
            return load.load(source, LoadOptions(**options))


# Which loader refuses a file, with a word of its reason; the other one reads it.
REFUSED = [
    (models.teachable_machine_h5, "keras", False, "groups"),
    (models.lstm_h5, "keras", False, "time_major"),
    (models.text_gru_h5, "keras", False, "time_major"),
    (models.hdf5_named_keras, "keras", False, "File not found"),
    (models.unknown_optimizer_h5, "keras", True, "AdaBound"),
    (models.two_inputs_keras, "tf_keras", False, "deserialize"),
    (models.two_inputs_two_outputs_keras, "tf_keras", False, "deserialize"),
]


@pytest.mark.parametrize(
    ("builder", "library", "compiled", "reason"), REFUSED, ids=[r[0].__name__ for r in REFUSED]
)
def test_loader_refuses_the_other_generations_file(
    folder: Path, builder: Any, library: str, compiled: bool, reason: str
) -> None:
    path = builder(folder)
    with pytest.raises((TypeError, ValueError), match=reason), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(library).models.load_model(str(path), compile=compiled)


@pytest.mark.parametrize("name", models.GOOD)
def test_good_model_loads_and_its_outputs_vary(folder: Path, name: str) -> None:
    model = _load(models.GOOD[name](folder))
    rng = np.random.default_rng(1)
    inputs = {}
    for spec in model.spec.inputs:
        shape = (6, *(axis or 5 for axis in spec.shape[1:]))
        whole = spec.dtype.startswith("int")
        mean, deviation = model.typical or (0.0, 1.0)
        drawn = rng.integers(0, 200, shape) if whole else rng.normal(mean, deviation, shape)
        inputs[spec.name] = drawn.astype(spec.dtype)
    answers = model.predict(inputs)
    for spec in model.spec.outputs:
        if spec.kind != "class":  # six samples may well be of one class
            assert np.ptp(answers[spec.name], axis=0).max() > 1e-2, spec.name


@pytest.mark.parametrize("name", bad_models.BAD)
def test_bad_model_is_refused_with_the_mend(folder: Path, tmp_path: Path, name: str) -> None:
    builder, word = bad_models.BAD[name]
    path = builder(folder)
    with written_for(SHELL), pytest.raises(EdgeDeployError) as raised:
        _load(path)
    assert word in str(raised.value)
    assert not (tmp_path / bad_models.CANARY).exists()


@pytest.mark.parametrize("builder", [bad_models.lambda_h5, bad_models.lambda_keras])
def test_lambda_leaves_its_canary_when_trusted(folder: Path, tmp_path: Path, builder: Any) -> None:
    _load(builder(folder), trust_pickle=True)
    assert (tmp_path / bad_models.CANARY).exists()


def test_custom_layer_loads_with_its_file(folder: Path) -> None:
    path = bad_models.custom_layer_h5(folder)
    model = _load(path, custom_objects=folder / "custom_layer.py")
    assert model.spec.outputs[0].shape == (None, 2)


def test_old_pickle_holds_the_old_state(folder: Path) -> None:
    content = sklearn_024_pickle(folder).read_bytes()
    for word in (b"0.24.2", b"normalize", b"numpy.core.multiarray"):
        assert word in content
    assert b"tol" not in content
    assert b"numpy._core" not in content


@pytest.mark.parametrize("name", ["autoencoder_h5", "sklearn_024_pickle", "unknown_optimizer_h5"])
def test_builder_writes_the_same_numbers_each_time(tmp_path: Path, name: str) -> None:
    answers = []
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        model = _load(models.GOOD[name](tmp_path / part))
        spec = model.spec.inputs[0]
        ones = np.ones((1, *(axis or 5 for axis in spec.shape[1:])), spec.dtype)
        answers.append(next(iter(model.predict({spec.name: ones}).values())))
    np.testing.assert_array_equal(*answers)
