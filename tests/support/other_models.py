"""SavedModels and scikit-learn models as people have them; see models.py."""

from __future__ import annotations

import copyreg
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

SEED = 0


def _saved_model(path: Path, *names: str) -> Path:
    """A SavedModel with signatures of different functions, ``names`` in order."""
    import tensorflow as tf

    rng = np.random.default_rng(SEED)
    module = tf.Module()
    module.kernel = tf.Variable(rng.normal(0, 0.5, (4, 3)), dtype=tf.float32)
    module.bias = tf.Variable(rng.normal(0, 0.1, 3), dtype=tf.float32)
    spec = tf.TensorSpec((None, 4), tf.float32, name="x")

    @tf.function(input_signature=[spec])
    def classify(x: Any) -> dict[str, Any]:
        return {"probabilities": tf.nn.softmax(x @ module.kernel + module.bias)}

    @tf.function(input_signature=[spec])
    def embed(x: Any) -> dict[str, Any]:
        return {"embedding": tf.tanh(x @ module.kernel)}

    functions = dict(zip(names, (classify, embed), strict=False))
    tf.saved_model.save(module, str(path), signatures=functions)
    return path


def saved_model_two_signatures(folder: Path) -> Path:
    """A SavedModel with ``serving_default`` (probabilities) and ``embed``."""
    return _saved_model(folder / "saved_two", "serving_default", "embed")


def saved_model_one_other_signature(folder: Path) -> Path:
    """A SavedModel whose only signature is ``classify``."""
    return _saved_model(folder / "saved_one", "classify")


def saved_model_two_other_signatures(folder: Path) -> Path:
    """A SavedModel with ``classify`` and ``embed`` and no ``serving_default``."""
    return _saved_model(folder / "saved_others", "classify", "embed")


class _AsOf024(pickle.Pickler):
    """Writes an estimator's state as scikit-learn 0.24 did."""

    def reducer_override(self, obj: Any) -> Any:
        from sklearn.linear_model import LinearRegression

        if not isinstance(obj, LinearRegression):
            return NotImplemented
        state = dict(vars(obj), normalize=False, _sklearn_version="0.24.2")
        del state["tol"]
        state["_residues"] = 0.0
        return copyreg.__newobj__, (type(obj),), state  # type: ignore[attr-defined]


def sklearn_024_pickle(folder: Path) -> Path:
    """A LinearRegression pickled by scikit-learn 0.24 and numpy 1: ``normalize``, no ``tol``."""
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(60, 3))
    y = x @ [3.0, -2.0, 0.5] + 7 + rng.normal(0, 0.1, 60)
    buffer = io.BytesIO()
    _AsOf024(buffer, protocol=3).dump(LinearRegression().fit(x, y))
    path = folder / "linear_024.pkl"
    # numpy 2 renamed the module; protocol 3 writes it as a line of text.
    path.write_bytes(buffer.getvalue().replace(b"cnumpy._core.", b"cnumpy.core."))
    return path


def sklearn_pipeline_joblib(folder: Path) -> Path:
    """Pipeline(StandardScaler, LogisticRegression) of three named classes, by joblib."""
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(SEED)
    x = rng.normal([5.8, 3.0, 3.8, 1.2], [0.8, 0.4, 1.8, 0.8], (150, 4))
    kind = np.digitize(x[:, 2] + rng.normal(0, 0.4, 150), [2.5, 4.9])
    y = np.array(["setosa", "versicolor", "virginica"])[kind]
    model = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())]).fit(x, y)
    path = folder / "pipeline.joblib"
    joblib.dump(model, path)
    return path
