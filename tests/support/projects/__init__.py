"""Twelve folders as people have them: data, a training script, what it saved, and an app around it.

Each module has ``build(folder) -> Project``: it writes data and scripts, runs the project's own
training, and asks the project's own script for its answers on 200 raw inputs. Scripts, names and
data are made here; :mod:`.scripts` runs them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.support.once import once

INPUTS = 200
"""How many raw inputs each project's own script has answered."""

NAMES = (
    "churn",
    "housing",
    "price",
    "sentiment",
    "sentiment_json",
    "spam",
    "chatbot",
    "crop",
    "stroke",
    "structured",
    "topics",
    "fruit",
)
"""The modules of this package that build a project."""


@dataclass(frozen=True)
class Evidence:
    """A line of a script that names a file.

    Attributes:
        file: The file that the line names, relative to the project's folder.
        script: The script, relative to the project's folder.
        line: The line, from 1; in a notebook, the line within its code cell.
        text: The line without the spaces around it.
    """

    file: str
    script: str
    line: int
    text: str


@dataclass(frozen=True)
class Project:
    """A folder, raw inputs, and what its own script answers to them.

    Attributes:
        name: Its module.
        folder: Where it is.
        kind: What an input is: a row of a table, a text, a picture or a window of a series.
        inputs: Rows as ``{column: value}``, texts, paths of pictures, or windows: arrays
            ``(steps, channels)``.
        classes: What the script calls the classes, in the order of the model's answers.
        labels: What the script answered to each input; ``None`` where it answers numbers only.
        numbers: Its probabilities ``(inputs, classes)`` or ``(inputs, 1)``, or its numbers.
        evidence: The lines that name the files which a prediction needs.
        convert: What a person types after ``edge-deploy convert``, in the folder, without a recipe.
        data: The training data within the folder, if it is one file.
        target: The column of the true answers in it.
        tolerance: By how much a number may differ, as a share of the largest one.
    """

    name: str
    folder: Path
    kind: Literal["table", "text", "picture", "series"]
    inputs: tuple[Any, ...]
    classes: tuple[str, ...]
    labels: tuple[str, ...] | None
    numbers: NDArray[np.float64]
    evidence: tuple[Evidence, ...]
    convert: tuple[str, ...]
    data: str | None = None
    target: str | None = None
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        assert len(self.inputs) == len(self.numbers) == INPUTS
        assert self.labels is None or len(self.labels) == INPUTS

    def moved(self, folder: Path) -> Project:
        """The same of a copy of its folder."""
        inputs = self.inputs
        if self.kind == "picture":
            inputs = tuple(folder / path.relative_to(self.folder) for path in inputs)
        return replace(self, folder=folder, inputs=inputs)


def built(name: str, root: Path, **options: bool) -> Project:
    """Build a project once, however many processes ask.

    Args:
        name: A module of this package.
        root: The folder of all projects, which the processes share.
        **options: What the module's ``build`` can be asked for beside.

    Returns:
        The project. Its folder is for reading: copy it before something is written there.
    """

    def make(folder: Path) -> Project:
        folder.mkdir()
        project = importlib.import_module(f"{__name__}.{name}").build(folder, **options)
        assert isinstance(project, Project)
        return project

    return once(root / "-".join([name, *(option for option in options if options[option])]), make)
