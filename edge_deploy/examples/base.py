"""What an example is, and what building one gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """How an example is asked for.

    Attributes:
        seed: Of its data and its training.
        data: A folder of pictures, a subfolder a class, to train on instead of drawn ones.
        dataset: Which data set, where an example has more than one.
    """

    seed: int = 0
    data: Path | None = None
    dataset: str = "digits"


@dataclass(frozen=True)
class Metric:
    """How good a model is on data that it was not trained on.

    Attributes:
        name: Such as ``accuracy`` or ``r2``.
        value: The number.
        notes: What a user should know about how it came about.
    """

    name: str
    value: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A model that edge-deploy can train by itself, offline, in seconds.

    Attributes:
        name: As the command line takes it.
        title: As a person reads it.
        summary: What it is, in one line.
        toy: What it is not good for.
        model: The file name of the trained model.
        build: Trains it and writes the model and its side files into a folder.
        converts: Whether edge-deploy can convert it yet.
        takes_data: Whether it can be trained on pictures of the user's.
        datasets: Which data sets it can be trained on; empty where there is no choice.
    """

    name: str
    title: str
    summary: str
    toy: str
    model: str
    build: Callable[[Path, Request], Metric]
    converts: bool = True
    takes_data: bool = False
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExampleFiles:
    """An example that has been built.

    Attributes:
        folder: Where it is.
        model: The trained model; its labels, features, reference data lie beside it.
        metric: The name of what was measured on held-out data.
        value: The number.
        seconds: How long it took.
        notes: What a user should know about how it came about.
    """

    folder: Path
    model: Path
    metric: str
    value: float
    seconds: float
    notes: tuple[str, ...] = ()
