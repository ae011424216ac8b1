"""Magnitude pruning of Keras models: the smallest weights of each kernel become zeros.

What becomes zero is masks.py's, training what is left finetuning.py's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_deploy.artifact.document import part
from edge_deploy.artifact.file_entry import PruningEntry
from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import option
from edge_deploy.core.spec import LoadedModel
from edge_deploy.optimize.finetuning import FineTuneData, fine_tune
from edge_deploy.optimize.masks import Kernel, prune_once
from edge_deploy.verification.verdicts import ZEROS

_EDGE = 0.5  # the first and the last layer get this share of the sparsity asked for
_THIN = 0.1  # if they hold at most this share of the weights each; a larger one is no edge
_MOST = 0.99  # of a kernel: with nothing left, a layer says nothing


@dataclass(frozen=True, eq=False)
class PrunedModel:
    """A pruned model, good for as long as ``pruned`` has not ended.

    Attributes:
        model: Its function and answers.
        asked: The share of zeros that was asked for.
        sparsity: The share of zeros over all kernels that was reached.
        layers: The same by kernel.
        epoch: The epoch of the fine-tuning that was kept; 0 where none was better than none, None
            without fine-tuning.
    """

    model: LoadedModel
    asked: float
    sparsity: float
    layers: dict[str, float]
    epoch: int | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know, one line each."""
        text = f"pruned: {self.sparsity:.1%} of the kernels are zeros, asked were {self.asked:.1%}"
        if self.epoch is not None:
            best = (
                f"epoch {self.epoch} of the fine-tuning was best"
                if self.epoch
                else ("fine-tuning made it no better: it is pruned at once")
            )
            text = f"{text}; {best}"
        return text, ZEROS

    @property
    def entry(self) -> PruningEntry:
        """The manifest's form."""
        told = {"sparsity": round(self.sparsity, 4), "asked": self.asked, "epoch": self.epoch}
        return part(PruningEntry, told)


def check_options(sparsity: float | None, data: Any, epochs: int) -> None:
    """Refuse what cannot be meant by ``prune``, ``prune_data`` and ``prune_epochs``.

    Raises:
        UsageError: No share, no epoch, or data for nothing.
    """
    if sparsity is not None:
        check_sparsity(sparsity)
    elif data is not None:
        raise UsageError(
            f"{option('prune_data')} is to train a pruned model on: give {option('prune', 0.8)} "
            "too.",
            option="prune_data",
        )
    if epochs < 1:
        raise wrong_option(
            "prune_epochs",
            epochs,
            f"at least 1; leave {option('prune_data')} out for none.",
        )


def check_kind(kind: str) -> None:
    """Refuse models that are not Keras files.

    Raises:
        UsageError: What is not Keras has no kernels that could be told from its other numbers.
    """
    if not kind.startswith("keras"):
        name = kind.replace("_", " ")
        name = {"sklearn": "scikit-learn model", "saved_model": "SavedModel"}.get(kind, name)
        raise UsageError(
            f"{option('prune')}: only Keras files (.keras, .h5) can be pruned, and this is a "
            f"{name}, of which only the answers can be had. Leave {option('prune')} out, or save "
            "the model with Keras.",
            option="prune",
        )


def check_sparsity(sparsity: float) -> None:
    """Refuse what is no share.

    Raises:
        UsageError: Not between 0 and 1.
    """
    if not 0 < sparsity < 1:
        raise wrong_option(
            "prune",
            sparsity,
            "the share of the weights that become zeros, between 0 and 1, such as 0.8.",
        )


@contextlib.contextmanager
def pruned(
    model: LoadedModel,
    sparsity: float,
    tuning: FineTuneData | None = None,
) -> Iterator[PrunedModel]:
    """Prune a Keras model for as long as the body runs; then its own weights are put back.

    Args:
        model: A Keras model; its variables change meanwhile, so it must not be asked itself.
        sparsity: The share of zeros over all kernels, between 0 and 1. The first and the last
            layer are kept denser where they are thin, and the others made up for it.
        tuning: Data to train the remaining weights on.

    Raises:
        UsageError: Not a share, not a Keras model, no kernels in it, or labels that do not fit.
    """
    check_sparsity(sparsity)
    check_kind(model.kind)
    found = kernels(model, sparsity)
    if not found:
        raise UsageError(
            f"{option('prune')}: the model has no kernel to prune (of a dense, convolutional or "
            f"recurrent layer). Leave {option('prune')} out.",
            option="prune",
        )
    weights = _variables(model)
    before = [weight.numpy() for weight in weights]
    try:
        epoch = None
        if tuning is None:
            prune_once(found)
        else:
            epoch = fine_tune(model, found, weights, tuning)
        # A function of its own: what was traced of the original must not stand for this one, and
        # only from here on are its weights the pruned ones.
        function, plain = model.function, model.plain
        changed = replace(
            model,
            function=lambda tensors: function(tensors),
            plain=None if plain is None else lambda tensors: plain(tensors),
        )
        shares = {k.name: float(np.mean(k.variable.numpy() == 0)) for k in found}
        sizes = [int(np.prod(k.variable.shape)) for k in found]
        reached = float(np.average(list(shares.values()), weights=sizes))
        yield PrunedModel(changed, sparsity, reached, shares, epoch)
    finally:
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)


def kernels(model: LoadedModel, sparsity: float) -> list[Kernel]:
    """The kernels of a Keras model in the order of its layers, and what each is pruned to.

    Depthwise kernels, a few weights for each channel, are left as they are, as in TensorFlow
    Model Optimization; so are biases, norms and embeddings.
    """
    (keras_model,) = model.trackables
    layers: list[Any] = list(keras_model._flatten_layers())
    # The innermost layer that has a weight is its owner: it comes after those around it.
    owner = {id(weight): layer for layer in layers for weight in layer.weights}
    found: dict[str, tuple[Any, bool]] = {}
    seen: set[int] = set()
    outputs = {spec.name for spec in model.spec.outputs}
    for layer in layers:
        for weight in layer.weights:
            name = _name(weight)
            mine = owner[id(weight)] is layer and id(weight) not in seen
            if not mine or not name.endswith("kernel"):
                continue
            if "depthwise" in (type(layer).__name__ + name).lower():
                continue
            seen.add(id(weight))
            label = unique = f"{layer.name}/{name}"
            number = 1
            while unique in found:
                unique, number = f"{label}_{number}", number + 1
            found[unique] = _plain_variable(weight), layer.name in outputs
    names = list(found)
    sizes = [int(np.prod(found[name][0].shape)) for name in names]
    ends = {0, len(names) - 1, *(n for n, name in enumerate(names) if found[name][1])}
    edges = {n for n in ends if sizes[n] <= _THIN * sum(sizes)}
    shares = _shares(sizes, edges, sparsity)
    return [Kernel(name, found[name][0], shares[n]) for n, name in enumerate(names)]


def _shares(sizes: Sequence[int], edges: set[int], asked: float) -> list[float]:
    """What each kernel is pruned to, so that all together have what was asked."""
    rest = sum(size for n, size in enumerate(sizes) if n not in edges)
    thin = sum(sizes) - rest
    if not rest:
        return [asked] * len(sizes)
    most = min(_MOST, (asked * sum(sizes) - asked * _EDGE * thin) / rest)
    return [asked * _EDGE if n in edges else max(most, asked) for n in range(len(sizes))]


def _variables(model: LoadedModel) -> list[Any]:
    """All numbers of the model that are real, statistics of norms among them."""
    (keras_model,) = model.trackables
    found = {id(weight): _plain_variable(weight) for weight in keras_model.weights}
    return [variable for variable in found.values() if variable.dtype.is_floating]


def _plain_variable(weight: Any) -> Any:
    """The tf.Variable in a weight: Keras 3 wraps it, Keras 2 is one."""
    return weight if callable(weight.value) else weight.value


def _name(weight: Any) -> str:
    """``kernel`` of ``dense/kernel:0``."""
    return str(weight.name).split("/")[-1].split(":")[0]
