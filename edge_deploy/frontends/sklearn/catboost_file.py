"""CatBoost's own files: ``.cbm``, and what it saves as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_deploy.core.errors import SourceError
from edge_deploy.frontends.sklearn.compat.stand_ins import stand_in
from edge_deploy.frontends.sklearn.compat.upgrade import complete
from edge_deploy.frontends.sklearn.converters.boosters.catboost_format import MAGIC

_JSON = (b'"ctr_data"', b'"features_info"')  # its keys are sorted, and one of these comes first


def is_catboost(head: bytes) -> bool:
    """Whether a file that starts so is a model of CatBoost."""
    if head.lstrip().startswith(b"{"):
        return any(key in head for key in _JSON)
    return head.startswith(MAGIC)


def load_catboost(path: Path, *, trust: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Read a ``.cbm`` file, or a JSON file, as a pickle of its estimator would be read.

    Args:
        path: The file.
        trust: Changes nothing: there is no code in it.

    Returns:
        What stands in for the estimator, and no notes.

    Raises:
        SourceError: It is damaged.
        ConversionError: It takes categories, texts or embeddings.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    model = stand_in("catboost.core", "CatBoost")()
    vars(model)["__model"] = data
    complete(model)
    return model, ()
