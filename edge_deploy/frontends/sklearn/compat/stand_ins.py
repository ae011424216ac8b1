"""What takes the place of classes that are gone, or that are another library's."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

Global = tuple[str, str]


class LegacyObject:
    """An object of a class that scikit-learn no longer has: its data, and nothing else."""

    def __new__(cls, *_: Any, **__: Any) -> LegacyObject:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


@functools.cache
def stand_in(module: str, name: str) -> type[LegacyObject]:
    """The class that takes the place of one that is gone."""
    return type(name, (LegacyObject,), {"__module__": module})


FOREIGN = ("xgboost", "lightgbm", "catboost")
"""Libraries whose classes are never built: a stand-in holds the model that they would load."""

_KERAS_TEXT = (
    *("keras_preprocessing.text", "keras.preprocessing.text", "keras.src.preprocessing.text"),
    *("keras.legacy.preprocessing.text", "keras.src.legacy.preprocessing.text"),
    *("keras.api._v2.keras.preprocessing.text", "tf_keras.preprocessing.text"),
    *("tf_keras.src.preprocessing.text", "tensorflow.keras.preprocessing.text"),
    *("tensorflow.python.keras.preprocessing.text", "tensorflow_core.keras.preprocessing.text"),
    "tensorflow_core.python.keras.preprocessing.text",
    "tensorflow.python.keras._impl.keras.preprocessing.text",
)
TOKENIZER = frozenset(
    (
        *("word_index", "num_words", "filters", "lower", "split", "char_level", "oov_token"),
        "analyzer",
    )
)
"""What of a Keras Tokenizer's data is held: the rest are counts, and the same ids by number."""


def is_tokenizer(module: str, name: str) -> bool:
    """Whether a global is Keras' Tokenizer, in any package that has held it; never imported."""
    return name == "Tokenizer" and module in _KERAS_TEXT


IDLE_PACKAGES = ("imblearn",)
"""Libraries whose classes do nothing when a model is asked: samplers change what it learns from."""

_OF_IMBLEARN = {
    "Pipeline": ("sklearn.pipeline", "Pipeline"),
    "BalancedBaggingClassifier": ("sklearn.ensemble._bagging", "BaggingClassifier"),
    "BalancedRandomForestClassifier": ("sklearn.ensemble._forest", "RandomForestClassifier"),
    "EasyEnsembleClassifier": ("sklearn.ensemble._bagging", "BaggingClassifier"),
    "RUSBoostClassifier": ("sklearn.ensemble._weight_boosting", "AdaBoostClassifier"),
}


def of_imblearn(module: str, name: str) -> Global:
    """The class of scikit-learn that one of imblearn derives from, and answers as."""
    return _OF_IMBLEARN.get(name, (module, name))


ENCODERS = "category_encoders"
"""A package whose encoders are built as one class of ours, without it."""

PARTIAL = ("functools", "partial")
"""A call that is yet to be made; a stand-in holds its place, and it is never made."""

_SEARCHING = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
_METRICS = ("sklearn.metrics._dist_metrics", "sklearn.neighbors._dist_metrics",
            "sklearn.neighbors.dist_metrics")  # fmt: skip


def inert(wanted: Iterable[Global], gone: Iterable[Global]) -> frozenset[Global]:
    """What is held by stand-ins: what is gone, what is another library's, and search trees.

    A search tree is one where its metric is gone: the rows that it was made of are in its
    estimator too, and are all that counts.
    """
    found = set(gone)
    if any(module in _METRICS for module, _ in found):
        found |= {one for one in wanted if one[0] in (*_SEARCHING, *_METRICS)}
    return frozenset(found)
