"""The example models, trained offline in seconds each. One file an example, one line each here.

    files = build_example("insurance", Path("examples/insurance"))

writes the trained model and, beside it, what ``convert`` looks for: labels.txt, features.json,
preprocessing.json, reference data. ``example.json`` says what was built and lists the files, by
which a later build knows the folder as its own.
"""

from __future__ import annotations

import time
from pathlib import Path

from edge_deploy.core.errors import UsageError, wrong_option
from edge_deploy.core.messages import call, unknown
from edge_deploy.core.stdio import quietly, set_environment
from edge_deploy.examples import (
    cat_vs_dog,
    chihuahua_vs_muffin,
    digits_mlp,
    fraud_forest,
    housing_linear,
    housing_nn,
    insurance,
)
from edge_deploy.examples.base import Example, ExampleFiles, Request

EXAMPLES: dict[str, Example] = {
    example.name: example
    for example in (
        insurance.EXAMPLE,
        cat_vs_dog.EXAMPLE,
        chihuahua_vs_muffin.EXAMPLE,
        housing_linear.EXAMPLE,
        housing_nn.EXAMPLE,
        digits_mlp.EXAMPLE,
        fraud_forest.EXAMPLE,
    )
}


@quietly
def build_example(
    name: str,
    folder: Path,
    *,
    seed: int = 0,
    data: Path | None = None,
    dataset: str = "digits",
) -> ExampleFiles:
    """Train an example and write it to a folder, which appears whole or not at all.

    Args:
        name: A key of EXAMPLES.
        folder: Where to write it. A folder that an earlier build wrote is replaced.
        seed: Of the data and the training: the same seed gives the same weights.
        data: A folder of pictures, a subfolder a class, for the examples that look at pictures.
        dataset: For digits-mlp: ``digits`` or ``fashion-mnist``, which is downloaded.

    Raises:
        UsageError: The example, an option or the data cannot be used, or the folder holds
            files that are not ours.
        MissingDependencyError: The ``[convert]`` extra is not installed.
        EdgeDeployError: The folder cannot be written, or a download fails.
    """
    from edge_deploy.examples import folders

    if name not in EXAMPLES:
        raise UsageError(unknown(name, EXAMPLES, "example"))
    example = EXAMPLES[name]
    _check_options(example, seed, data, dataset)
    folders.check_ours(folder)
    set_environment()
    start = time.monotonic()
    request = Request(seed, data, dataset)
    with folders.published(folder) as stage:
        metric = folders.train(example, stage, request)
        folders.write_index(stage, example, request, metric)
    seconds = time.monotonic() - start
    return ExampleFiles(
        folder, folder / example.model, metric.name, metric.value, seconds, metric.notes
    )


def _check_options(example: Example, seed: int, data: Path | None, dataset: str) -> None:
    if not 0 <= seed < 2**32:
        raise wrong_option("seed", seed, f"must be from 0 to {2**32 - 1}.")
    if data is not None and not example.takes_data:
        takers = [name for name, other in EXAMPLES.items() if other.takes_data]
        raise wrong_option(
            "data",
            data,
            f"{example.name} takes none. It goes with {' and '.join(takers)}: "
            f"{call('examples', takers[0], data='FOLDER')}.",
            shown=...,
        )
    if dataset == Request().dataset or dataset in example.datasets:
        return
    choices = "; ".join(
        f"{name}: {', '.join(other.datasets)}" for name, other in EXAMPLES.items() if other.datasets
    )
    raise wrong_option("dataset", dataset, f"{example.name} has no such data set ({choices}).")


__all__ = ["EXAMPLES", "Example", "ExampleFiles", "build_example"]
