"""skops files (``.skops``): a scikit-learn model as a zip of arrays and a schema, without code.

skops builds no type that it was not told to trust; what it may build beyond its own list is
what a pickle may (pickle_names).
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

from edge_deploy.core.dependencies import pip_install
from edge_deploy.core.errors import MissingDependencyError, SourceError, UntrustedError
from edge_deploy.core.messages import first_line, option
from edge_deploy.frontends.sklearn.safe_pickle.allowlist import BUILDERS, VALUES

_SHOWN = 8
_CHECKS_NUMBERS = ("sklearn.utils.validation", "check_array")  # in HistGradientBoosting


def is_skops(path: Path) -> bool:
    """Whether a file is a zip with skops' schema in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "schema.json" in archive.namelist()


def _partials(path: Path) -> set[tuple[str, str]]:
    """What is called, once they are, by the partial functions that a file holds."""
    with zipfile.ZipFile(path) as archive:
        nodes = [json.loads(archive.read("schema.json"))]
    found = set()
    for node in nodes:  # which grows as it is gone through
        if isinstance(node, dict) and node.get("__loader__") == "PartialNode":
            of = node["content"]["func"]
            told = of["__loader__"] == "FunctionNode"
            found.add((str(of["__module__"]), str(of["__class__"])) if told else ("", ""))
        if isinstance(node, (dict, list)):
            nodes += node.values() if isinstance(node, dict) else node
    return found


def load_skops(path: Path, *, trust: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Read a ``.skops`` file.

    Args:
        path: The file.
        trust: Build types that are not on the list too, and so run their code.

    Returns:
        The object, and notes on how it was read.

    Raises:
        UntrustedError: It names types that are not on the list; nothing of it was built.
        MissingDependencyError: skops is not installed.
        SourceError: It is damaged, or of a version that cannot be read here.
    """
    try:
        from skops import io as skops
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path}: a .skops file needs the package skops: {pip_install('skops')}"
        ) from error
    try:
        found = skops.get_untrusted_types(file=path)
        known = {".".join(name) for name in BUILDERS | VALUES}
        if _partials(path) <= {_CHECKS_NUMBERS}:
            known.add("functools.partial")
        unknown = [name for name in found if name not in known]
        if unknown and not trust:
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            raise UntrustedError(
                f"{path}: reading it would build types that are not on the list of what a "
                f"scikit-learn model needs: {', '.join(unknown[:_SHOWN])}{more}. Nothing was run. "
                f"If you trust its author, add {option('trust_pickle', True)}; else ask for the "
                "fitted scikit-learn model alone."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions: what matters is said when it fails
            model = skops.load(path, trusted=found)
    except UntrustedError:
        raise
    except Exception as error:
        # A damaged archive, or another version's state, raises anything.
        raise SourceError(
            f"{path}: this .skops file cannot be read here ({type(error).__name__}: "
            f"{first_line(error)}). Dump it again with today's versions of scikit-learn and skops."
        ) from error
    note = (
        f"types from the file were trusted ({option('trust_pickle', True)}): {', '.join(unknown)}"
    )
    return model, (note,) if unknown else ()
