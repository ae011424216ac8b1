"""Pickles as older versions of scikit-learn wrote them: their class names, states and arrays.

What each version wrote is read off its sources: ``fit`` says which attributes there are, the
modules say how its classes were called.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.tree._tree import Tree

VERSIONS = ("0.20.4", "0.22.2", "0.24.2", "1.2.2")

# Before 0.22 modules had no underscore.
_OF_0_20 = {
    "sklearn.tree._classes": "sklearn.tree.tree",
    "sklearn.ensemble._forest": "sklearn.ensemble.forest",
    "sklearn.ensemble._gb": "sklearn.ensemble.gradient_boosting",
    "sklearn.ensemble._weight_boosting": "sklearn.ensemble.weight_boosting",
    "sklearn.linear_model._logistic": "sklearn.linear_model.logistic",
    "sklearn.linear_model._base": "sklearn.linear_model.base",
    "sklearn.preprocessing._data": "sklearn.preprocessing.data",
    "sklearn.neighbors._classification": "sklearn.neighbors.classification",
    "sklearn.neighbors._kd_tree": "sklearn.neighbors.kd_tree",
    "sklearn.neighbors._ball_tree": "sklearn.neighbors.ball_tree",
    "sklearn.naive_bayes": "sklearn.naive_bayes",
    "sklearn.svm._classes": "sklearn.svm.classes",
    "sklearn.neural_network._multilayer_perceptron": "sklearn.neural_network.multilayer_perceptron",
}
_LATER = ("monotonic_cst", "_n_samples", "_n_samples_bootstrap", "_sample_weight", "clip",
          "n_trees_per_iteration_", "max_samples", "feature_names_in_")  # fmt: skip


class Once:
    """An object of a class that is no more: pickled under its old name, with a state."""

    def __init__(self, module: str, name: str, **state: Any) -> None:
        self.module, self.name, self.state = module, name, state


class AsOf(pickle._Pickler):
    """Writes what a version of scikit-learn would have written."""

    def __init__(self, file: io.BytesIO, version: str) -> None:
        super().__init__(file, 4)
        self.version = version
        self.number = tuple(map(int, version.split(".")[:2]))

    def named(self, module: str, name: str) -> None:
        self.save(module)
        self.save(name)
        self.write(pickle.STACK_GLOBAL)

    def save(self, obj: Any, *rest: Any) -> Any:
        if isinstance(obj, Once):
            self.named(obj.module, obj.name)
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
            self.save(obj.state)
            self.write(pickle.BUILD)
            return None
        if type(obj).__module__ == "sklearn._loss._loss":  # Cython's own way, until 1.5
            home = "_loss" if self.number >= (1, 5) else "sklearn._loss._loss"
            numbers = tuple(one for one in obj.__reduce__()[1] if isinstance(one, float))
            self.named(home, f"__pyx_unpickle_{type(obj).__name__}")
            self.save((type(obj), 0xD41D8CD, numbers))
            self.write(pickle.REDUCE)
            return None
        return super().save(obj, *rest)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module, name = obj.__module__, name or obj.__qualname__
        if module == "sklearn._loss._loss" and self.number >= (1, 5):
            module = "_loss"
        if name.endswith("Distance64"):
            home = "neighbors" if self.number < (1, 1) else "metrics"
            module = f"sklearn.{home}._dist_metrics"
            if self.number < (0, 22):
                module = "sklearn.neighbors.dist_metrics"
            name = name.removesuffix("64")
        elif self.number < (0, 22) and module in _OF_0_20:
            module = _OF_0_20[module]
        elif not module.startswith(("sklearn", "_loss")):
            super().save_global(obj, name)
            return
        self.named(module, name)
        self.memoize(obj)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Tree) and self.number < (1, 3):
            make, given, state = obj.__reduce__()
            nodes, values = state["nodes"], state["values"]
            fields = [name for name in nodes.dtype.names if name != "missing_go_to_left"]
            old = np.zeros(len(nodes), [(name, nodes.dtype[name]) for name in fields])
            for name in fields:
                old[name] = nodes[name]
            if max(given[1]) > 1:
                values = values * nodes["weighted_n_node_samples"][:, None, None]
            return make, given, {**state, "nodes": old, "values": values}
        if isinstance(obj, BaseEstimator):
            return copyreg.__newobj__, (type(obj),), self.state(obj)
        return NotImplemented

    def state(self, model: Any) -> dict[str, Any]:
        has = {name: value for name, value in vars(model).items() if name not in _LATER}
        kind, v = type(model).__name__, self.number
        has["_sklearn_version"] = self.version
        if v < (0, 24) and "n_features_in_" in has:
            width = has.pop("n_features_in_")
            if "tree_" in has or "estimators_" in has:
                has["n_features_"] = width
        elif v < (1, 2) and ("tree_" in has or "estimators_" in has):
            has["n_features_"] = has["n_features_in_"]
        if v < (1, 2):
            for name in ("estimator", "estimator_"):
                if name in has and kind != "Pipeline":
                    has[f"base_{name}"] = has.pop(name)
        if v < (1, 1) and kind.startswith("GradientBoosting"):
            two = is_classifier(model)
            has["loss"] = "deviance" if two else "ls"
            loss = "BinomialDeviance" if two else "LeastSquaresError"
            if two and model.n_classes_ > 2:
                loss = "MultinomialDeviance"
            home = "gradient_boosting" if v < (0, 21) else "_gb_losses"
            has.pop("_loss")
            has["loss_"] = Once(f"sklearn.ensemble.{home}", loss, K=1)
        elif v < (1, 4) and kind.startswith("GradientBoosting"):
            has["_loss"] = Once("sklearn.ensemble._gb_losses", "BinomialDeviance", K=1)
        if v < (0, 21) and kind.startswith("GradientBoosting"):
            has["init_"] = self.first(model)
        if v < (0, 22) and kind == "SVC":
            for name in ("probA", "probB", "n_support"):
                has[f"{name}_"] = has.pop(f"_{name}")
        if v < (1, 0) and kind == "KernelPCA":
            has["lambdas_"], has["alphas_"] = has.pop("eigenvalues_"), has.pop("eigenvectors_")
        if v < (1, 2) and kind == "KernelPCA":
            has.pop("gamma_")
        if v < (0, 24) and kind == "KNNImputer":
            has.pop("_valid_mask")
        if v < (1, 0) and kind == "GaussianNB":
            has["sigma_"] = has.pop("var_")
        if v < (1, 6) and kind == "AdaBoostClassifier":
            has.setdefault("algorithm", "SAMME.R")
        return has

    def first(self, model: Any) -> Once:
        home = "sklearn.ensemble.gradient_boosting"
        if not is_classifier(model):
            return Once(home, "MeanEstimator", mean=np.ravel(model.init_.constant_)[0])
        prior = model.init_.class_prior_
        if len(prior) > 2:
            return Once(home, "PriorProbabilityEstimator", priors=prior)
        return Once(home, "LogOddsEstimator", prior=np.log(prior[1] / prior[0]))


def write(path: Path, model: Any, version: str) -> Path:
    """Pickle a model as a version of scikit-learn would have."""
    buffer = io.BytesIO()
    AsOf(buffer, version).dump(model)
    path.write_bytes(buffer.getvalue())
    return path
