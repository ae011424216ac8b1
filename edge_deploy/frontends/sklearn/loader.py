"""scikit-learn models, pickled or dumped by joblib or skops."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from edge_deploy.core.decimals import shortest_decimals
from edge_deploy.core.errors import ConversionError, EdgeDeployError, SourceError
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.spec import (
    Array,
    Arrays,
    Feature,
    LoadedModel,
    LoadOptions,
    ModelSpec,
    OnnxGraph,
    TensorSpec,
)
from edge_deploy.frontends.sklearn import onnx_only
from edge_deploy.frontends.sklearn.catboost_file import is_catboost, load_catboost
from edge_deploy.frontends.sklearn.compat.fitted import attribute, classes, numbers, typical
from edge_deploy.frontends.sklearn.compat.stand_ins import FOREIGN, LegacyObject, is_tokenizer
from edge_deploy.frontends.sklearn.compat.upgrade import complete
from edge_deploy.frontends.sklearn.dataframe.columns import Frame, as_given, has_words
from edge_deploy.frontends.sklearn.dataframe.trace import read_frame
from edge_deploy.frontends.sklearn.dataframe.vectorizers import VECTORIZERS
from edge_deploy.frontends.sklearn.reference_answers import answers
from edge_deploy.frontends.sklearn.safe_pickle.loader import load_pickle
from edge_deploy.frontends.sklearn.skops import is_skops, load_skops
from edge_deploy.frontends.sklearn.targets import answers_of, outputs_of, targets

INPUT = "features"
_HEAD = 512

_KINDS = {"value": "value", "class": "class", "probabilities": "probabilities"}


@dataclass(frozen=True, eq=False)
class Front:
    """Steps before an estimator that were fitted apart from it.

    Attributes:
        step: One fitted transformer that does what they do, as read_frame goes through it.
        names: The columns that a person gives.
        named: Whether these are names of columns, and not made up.
        transform: What the steps themselves make of a data frame of these columns.
    """

    step: Any
    names: tuple[str, ...]
    named: bool
    transform: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class LoweredFront:
    """The same, ready to be put before what is no estimator.

    Attributes:
        frame: What the steps tell of the columns.
        function: float32 (samples, width of the frame) to (samples, columns), in TensorFlow.
        original: The steps' own answers to the decimals of the same tensor, in float64.
        features: The columns as a person is asked for them; None where nobody named them.
        typical: Mean and deviation of the tensor's columns.
        parameters: How many numbers they hold.
        until: The same tensor to what the first so many members of ``Front.step`` make of it.
    """

    frame: Frame
    function: Callable[[Any], Any]
    original: Callable[[Array, Sequence[Mapping[str, Any]]], Any]
    features: tuple[Feature, ...] | None
    typical: tuple[Array, Array] | None
    parameters: int
    until: Callable[[Array, int], Array]

    @property
    def input(self) -> TensorSpec:
        """What is put in."""
        return TensorSpec(INPUT, (None, self.frame.width), "float32", "table")


def load(path: Path, options: LoadOptions) -> LoadedModel:
    """Read a fitted regressor or classifier, alone or at the end of a pipeline.

    The input is ``features``, float32 (samples, columns). A regressor gives ``value``; a
    classifier ``class`` (an index into its classes) and ``probabilities``, or ``scores`` where
    it has no probabilities.

    Raises:
        UntrustedError: The pickle names what could run code.
        SourceError: It is damaged, holds something else, or is not fitted.
        ConversionError: An estimator is not supported yet.
    """
    model, notes = read_object(path, options)
    return from_object(path, model, notes)


def read_object(path: Path, options: LoadOptions) -> tuple[Any, tuple[str, ...]]:
    """What a pickle, joblib, skops or CatBoost file holds, and notes on how it was read.

    Raises:
        UntrustedError: The pickle names what could run code.
        SourceError: It is damaged.
    """
    return _reader(path)(path, trust=options.trust_pickle)


def from_object(
    path: Path, model: Any, notes: tuple[str, ...] = (), front: Front | None = None
) -> LoadedModel:
    """The same of an estimator that was read already.

    Args:
        path: Its file, for messages.
        model: What was read.
        notes: On how.
        front: Steps before it, from other files.
    """
    from edge_deploy.frontends.sklearn.converters import check, lower, steps

    check_is_estimator(path, model)
    graph = refusal = None
    with guarded(path):
        chain = steps(model)
        _check_chain(path, chain)
        for step in (model, *chain):
            complete(step)
        whole, names, named = _whole(path, model, chain, front)
        frame = read_frame(whole, names)
        width = frame.width
        try:
            check(chain[-1])
            lowered = lower(frame.model)
            outputs = _outputs(lowered, width, chain[-1])
        except ConversionError as error:
            if frame.special:  # skl2onnx knows nothing of codes in place of words
                raise
            refusal, graph = error, onnx_only.convert(steps(frame.model), width, error)
            outputs = graph.outputs
    features = tuple(column.feature for column in frame.used)
    gaps = any(feature.missing == "nan" for feature in features)

    def original(arrays: Arrays, rows: Sequence[Mapping[str, Any]] = ()) -> Arrays:
        x = arrays[INPUT]
        if front is not None:
            given = front.transform(as_given(frame, x, True, rows))
        elif frame.special:
            given = as_given(frame, x, named, rows)
        else:
            given = shortest_decimals(x)
        return _predict(path, model, chain[-1], outputs, given)

    if graph is not None and refusal is not None:
        onnx_only.check(graph, original, steps(frame.model), width, refusal)
        notes = (*notes, str(graph))
    predict, note = answers(
        frame.model,
        chain,
        original,
        {INPUT: np.zeros((1, width), np.float32)},
        old=bool(notes),
    )
    return LoadedModel(
        spec=ModelSpec((TensorSpec(INPUT, (None, width), "float32", "table"),), outputs),
        kind="sklearn",
        framework=_framework(chain[-1]),
        parameters=sum(map(numbers, steps(whole))),
        predict=predict,
        function=lambda tensors: lowered(tensors[INPUT]) if graph is None else _refuse(graph),
        trackables=(model,),
        notes=notes if note is None else (*notes, note),
        answers="original" if note is None else "lowering",
        features=features if named or frame.special or gaps else None,
        typical=frame.typical if frame.special or front else typical(chain[0], width),
        predict_rows=original if note is None and has_words(features) else None,
        onnx=graph,
    )


def _refuse(graph: OnnxGraph) -> NoReturn:
    raise ConversionError(f"{graph}. Leave them out with {option('to', 'onnx')}.")


def lower_front(path: Path, front: Front) -> LoweredFront:
    """Steps before what is no estimator: a Keras model, or nothing.

    Args:
        path: The file that messages are about.
        front: The steps.

    Raises:
        SourceError: One is not fitted, or does not hold what its class writes.
        ConversionError: One is not supported yet.
    """
    from edge_deploy.frontends.sklearn.converters import steps
    from edge_deploy.frontends.sklearn.converters.registry import apply, lower_steps

    with guarded(path):
        frame = read_frame(front.step, front.names, predicts=False)
        chain = steps(frame.model)
        staged = lower_steps(chain)
        after = apply(staged.after)
    features = tuple(column.feature for column in frame.used)

    def original(x: Array, rows: Sequence[Mapping[str, Any]] = ()) -> Any:
        return front.transform(as_given(frame, x, True, rows))

    def until(x: Array, count: int) -> Array:
        import tensorflow as tf

        members = [one for _, step in frame.model.steps[:count] for one in steps(step)]
        part = lower_steps(members)
        return np.asarray(apply(part.after)(part.transform(tf.constant(x))))

    return LoweredFront(
        frame,
        lambda x: after(staged.transform(x)),
        original,
        features if front.named or frame.special else None,
        frame.typical,
        sum(map(numbers, chain)),
        until,
    )


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Map what arrays that no fitting leaves make numpy and TensorFlow raise.

    Raises:
        SourceError: An estimator is not fitted, or does not hold what its class writes.
    """
    try:
        yield
    except AttributeError as error:
        raise SourceError(
            f"{path}: an estimator in it lacks what fitting gives it ({first_line(error)}). Fit "
            "the whole model, then dump it again."
        ) from error
    except (EdgeDeployError, ModuleNotFoundError, MemoryError):
        raise
    except Exception as error:
        # Arrays that no fitting leaves make numpy and TensorFlow raise anything.
        raise SourceError(
            f"{path}: an estimator in it does not hold what its class writes "
            f"({type(error).__name__}: {first_line(error)}). Fit it, then dump it again."
        ) from error


def _whole(
    path: Path, model: Any, chain: list[Any], front: Front | None
) -> tuple[Any, tuple[str, ...], bool]:
    """The model with the steps before it, its columns, and whether they have names."""
    if front is not None:
        from sklearn.pipeline import Pipeline

        whole = Pipeline([("front", front.step), ("model", model)])
        return whole, front.names, front.named
    named = _names(model, chain)
    return model, named or _unnamed(path, chain), bool(named)


def _framework(last: Any) -> str:
    """What the predictor is of; another library that is not asked does not tell its version."""
    import sklearn

    library = type(last).__module__.partition(".")[0]
    return library if library in FOREIGN else f"scikit-learn {sklearn.__version__}"


def _reader(path: Path) -> Callable[..., tuple[Any, tuple[str, ...]]]:
    if is_skops(path):
        return load_skops
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    return load_catboost if is_catboost(head) else load_pickle


def _names(model: Any, chain: list[Any]) -> tuple[str, ...] | None:
    """The columns of the frame that the model was fitted on, where it was one."""
    found = (attribute(step, "feature_names_in_") for step in (model, *chain))
    names = next((names for names in found if names is not None), None)
    return None if names is None else tuple(map(str, names))


def _unnamed(path: Path, chain: list[Any]) -> tuple[str, ...]:
    """Names for columns that have none, as scikit-learn makes them up."""
    if _counts(chain[0]):
        return ("text",)
    return tuple(f"x{n}" for n in range(_width(path, chain)))


def _counts(step: Any) -> bool:
    """Whether a step takes texts: a vectorizer, or several side by side."""
    if type(step).__name__ == "FeatureUnion":
        return any(_counts(one) for _, one in step.transformer_list)
    if type(step).__name__ == "Pipeline":
        return bool(step.steps) and _counts(step.steps[0][1])
    return type(step).__name__ in VECTORIZERS


def check_is_estimator(path: Path, model: Any) -> None:
    """Refuse what is no estimator, by what it is.

    An estimator is never printed: one of another version may not survive its own repr.
    """
    from sklearn.base import BaseEstimator

    kind = type(model)
    if is_tokenizer(kind.__module__, kind.__name__):
        raise SourceError(
            f"{path}: holds a Keras Tokenizer, which goes before a model. Give both, in the order "
            "in which data flows: tokenizer, model."
        )
    if isinstance(model, (BaseEstimator, LegacyObject)):
        return
    what = f"an object of {kind.__module__}.{kind.__qualname__}"
    mend = "Dump the fitted estimator or pipeline itself: joblib.dump(model, path)."
    if isinstance(model, type):
        what, mend = f"the class {model.__name__} and no object of it", f"Fit one first. {mend}"
    elif isinstance(model, Mapping):
        keys = list(model)
        what = f"a dict with the keys {', '.join(map(str, keys[:6]))}" if keys else "an empty dict"
        if inside := [str(key) for key in keys if isinstance(model[key], BaseEstimator)]:
            mend = (
                f"Its model is under {', '.join(inside)}: joblib.dump(data[{inside[0]!r}], path)."
            )
    elif isinstance(model, np.ndarray):
        what = f"a numpy array of shape {model.shape}"
    elif isinstance(model, (list, tuple)):
        what = f"a {kind.__name__} of {len(model)}"
        if len(model) and isinstance(model[0], BaseEstimator):
            what += f" that starts with {type(model[0]).__name__}"
    elif kind.__module__ == "builtins":
        what = f"a plain {kind.__name__}" if model is not None else "None"
    raise SourceError(f"{path}: the pickle holds {what}, not a scikit-learn model. {mend}")


def _check_chain(path: Path, chain: list[Any]) -> None:
    last = type(chain[-1]).__name__ if chain else "nothing"
    if chain and isinstance(chain[-1], LegacyObject):
        return  # its class can no longer tell what it did
    if not chain or not hasattr(type(chain[-1]), "predict"):
        from edge_deploy.frontends.sklearn.converters.unsupported import REASONS

        if last in REASONS:
            raise SourceError(f"{path}: {last} cannot be converted: {REASONS[last]}.")
        raise SourceError(
            f"{path}: the model ends in {last}, which predicts nothing. Dump the pipeline with its "
            "regressor or classifier at the end: make_pipeline(transformer, model)."
        )
    if not any(name.endswith("_") and not name.startswith("_") for name in vars(chain[-1])):
        raise SourceError(f"{path}: {last} is not fitted. Fit it, then dump it again.")


def _width(path: Path, chain: list[Any]) -> int:
    """How many columns the first step takes; before 0.24 only its arrays say it."""
    for step in chain:
        if (width := attribute(step, "n_features_in_")) is not None:
            return int(width)
        inner = attribute(step, "estimator_") or step
        for name in ("scale_", "center_", "mean_", "coef_"):
            if shape := getattr(attribute(inner, name), "shape", None):
                return int(shape[-1])
    raise SourceError(f"{path}: the fitted model does not say how many features it takes.")


def _outputs(lowered: Any, width: int, last: Any) -> tuple[TensorSpec, ...]:
    """The outputs as the lowering gives them to one row."""
    import tensorflow as tf

    tensors = lowered(tf.zeros([1, width]))
    if (several := targets(last)) is not None and "class_0" in tensors:
        return outputs_of(tensors, several)
    known = classes(last)
    labels = None if known is None else tuple(str(label) for label in known)
    specs = []
    for name, tensor in tensors.items():
        shape = (None, *map(int, tensor.shape[1:]))
        named = labels if name == "class" or (labels and shape[-1] == len(labels)) else None
        kind = _KINDS.get(name, "tensor")
        specs.append(TensorSpec(name, shape, tensor.dtype.name, kind, named))
    return tuple(specs)


def _predict(path: Path, model: Any, last: Any, outputs: tuple[TensorSpec, ...], x: Any) -> Arrays:
    """The original's own answers, in float64 as scikit-learn computes them."""
    count = x.shape[0] if hasattr(x, "shape") else len(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # feature names: the columns are in the fitted order
        try:
            if outputs[0].name == "value":
                return {"value": np.asarray(model.predict(x)).reshape(count, -1)}
            if outputs[0].name == "class_0":
                return answers_of(model, x, targets(last) or [], outputs)
            found = np.searchsorted(np.asarray(classes(last)), model.predict(x)).astype(np.int32)
            if len(outputs) == 1:
                return {"class": found}
            shares = outputs[1].name
            ask = _probabilities if shares == "probabilities" else type(model).decision_function
            return {"class": found, shares: np.asarray(ask(model, x)).reshape(count, -1)}
        except Exception as error:
            # Estimators of other versions raise anything when an attribute is missing.
            raise SourceError(
                f"{path}: today's scikit-learn cannot predict with this model: "
                f"{first_line(error)}. Load it with the version that saved it, and save it again "
                "from a newer one."
            ) from error


def _probabilities(model: Any, x: Any) -> Array:
    """predict_proba, as the version that saved the model had it."""
    from edge_deploy.frontends.sklearn.converters import steps
    from edge_deploy.frontends.sklearn.converters.linear_model import logistic_form

    last = steps(model)[-1]
    if type(last).__name__ not in ("LogisticRegression", "LogisticRegressionCV"):
        return np.asarray(model.predict_proba(x))
    form = logistic_form(last)
    if form in ("sigmoid", "softmax"):
        return np.asarray(model.predict_proba(x))
    # Today's predict_proba has forgotten these two; the decision is the same.
    from scipy.special import expit

    decision = np.asarray(model.decision_function(x))
    if form == "two-sided":
        return np.stack([expit(-2 * decision), expit(2 * decision)], axis=1)
    shares: Array = expit(decision)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
