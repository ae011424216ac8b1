"""A project's folder to its recipe: what lies in it, what its scripts say, and one file written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_deploy.api import recipe as recipes
from edge_deploy.api.convert import ConvertResult, convert
from edge_deploy.api.options import ConvertOptions
from edge_deploy.artifact.artifact import check_name
from edge_deploy.core import atomic_io, log
from edge_deploy.core.bounds import DEFAULT, bounded
from edge_deploy.core.errors import EdgeDeployError, MissingDependencyError, UsageError
from edge_deploy.core.messages import first_line, option
from edge_deploy.core.options import as_path
from edge_deploy.core.spec import LoadedModel, LoadOptions
from edge_deploy.core.stdio import quietly, set_environment
from edge_deploy.frontends.load import open_source, read_model
from edge_deploy.frontends.project.columns import Known
from edge_deploy.frontends.project.project import examine
from edge_deploy.frontends.project.proposal import Row
from edge_deploy.frontends.project.recipe import Recipe
from edge_deploy.frontends.project.recipe_keys import FILE
from edge_deploy.frontends.project.recipe_text import to_text
from edge_deploy.frontends.project.steps import Step
from edge_deploy.verification import report

_log = log.logger(__name__)


@dataclass(frozen=True)
class InitResult:
    """What ``init`` found.

    Attributes:
        path: The recipe; None where it was not written.
        text: What it says.
        rows: What was found, each with its evidence and what to check.
        undecided: Questions that ``convert`` will ask for an answer to.
        scripts: Which scripts were read.
    """

    path: Path | None
    text: str
    rows: tuple[Row, ...]
    undecided: tuple[str, ...]
    scripts: tuple[str, ...]


@bounded
@quietly
def init(
    folder: Path | str = ".",
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    max_size: int = DEFAULT,
) -> InitResult:
    """Look at a project's folder, and write its recipe, ``edge-deploy.toml``.

    Fitted files are told by their content, scripts and notebooks are read by their syntax; nothing
    of the project is run. Where two readings fit, both are in the recipe, as a question.

    Args:
        folder: The project: models, scalers, encoders, the script that uses them.
        overwrite: Replace a recipe that is there.
        dry_run: Write nothing.
        max_size: The most bytes that a file may have, and that an archive may become.

    Raises:
        UsageError: It is no folder, has a recipe already, or no model.
        MissingDependencyError: What reads models is not installed.
        EdgeDeployError: The recipe cannot be written.

    Example:
        >>> edge_deploy.init("churn").undecided
        ()
    """
    root = as_path(folder, "folder")
    if not root.is_dir():
        what = "is no folder" if root.exists() else "no such folder"
        raise UsageError(f"{root}: {what}. Name the folder of a project.")
    path = root / FILE
    if path.is_symlink() or (path.exists() and not (overwrite or dry_run)):
        raise UsageError(
            f"{path}: is there already. Look at it, or have it written anew with "
            f"{option('overwrite', True)}.",
            option="overwrite",
            got=False,
        )
    set_environment()
    _log.info("reading %s", root)
    proposal = examine(root, _name(root), _load)
    text = to_text(proposal.draft, recipes.convert_keys(), root)
    recipe = recipes.parse(path, text)
    rows = proposal.rows
    if not recipe.undecided:
        _log.info("asking the model")
        rows = (*rows, *_tried(recipe))
    if not dry_run:
        with atomic_io.writing(path, None):
            atomic_io.replace_text(path, text)
    return InitResult(
        None if dry_run else path, text, rows, recipe.undecided, tuple(proposal.scripts)
    )


def _name(folder: Path) -> str:
    """A name for the artifact, as all systems take it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")
    try:
        return check_name("name", name[:60])
    except UsageError:
        return "model"


def _load(steps: Sequence[Step], options: LoadOptions, known: Known) -> LoadedModel:
    """Steps as one model, as ``convert`` reads them."""
    alone = len(steps) == 1 and steps[0] == Step(steps[0].path)
    with open_source(steps[0].path if alone else list(steps), options) as source:
        return read_model(source, options, known)


def _tried(recipe: Recipe) -> list[Row]:
    """What ``convert`` says to the recipe, without writing anything."""
    options = ConvertOptions(**{**recipes.values(recipe), "dry_run": True})
    try:
        done = convert(recipes.model_of(recipe), options)
    except MissingDependencyError:
        raise
    except EdgeDeployError as error:
        return [Row("does not convert", first_line(error), FILE, "mend the recipe")]
    return _told(done)


def _told(done: ConvertResult) -> list[Row]:
    spec = done.manifest
    takes = ", ".join(one.name for one in spec.features or ()) or ", ".join(
        f"{one.name} {list(one.shape)}" for one in spec.inputs
    )
    gives = ", ".join(f"{one.name} ({one.kind})" for one in spec.outputs)
    rows = [Row("tried", f"takes {takes[:200]}; gives {gives}", "the files read as one model")]
    rows += [Row("tried", line) for line in report.performance(done.manifest)]
    return rows + [
        Row("warning", text.splitlines()[0], "", "see convert") for text in done.warnings
    ]
