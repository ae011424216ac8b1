"""What a caged process makes is put in its place by the parent.

The process may write to a folder beside that place and not around it: a page that is written to the
home folder must not open the home folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_deploy.core.filesystem import rename

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_stages: Mapping[Path, Path] = {}
_ask: Ask | None = None


def begin(stages: Mapping[Path, Path], ask: Ask) -> None:
    """From now on these places are the parent's to fill.

    Args:
        stages: By what is made, the folder beside it that may be written to.
        ask: Has the parent do something, and gives its answer.
    """
    global _stages, _ask
    _stages, _ask = stages, ask


def stage_of(final: Path) -> Path | None:
    """Where something is made that the parent puts in its place; None where we do that."""
    return _stages.get(final.absolute()) if _stages else None


def stage_in(folder: Path) -> Path | None:
    """The same for whatever is made in a folder."""
    wanted = folder.absolute()
    return next((stage for final, stage in _stages.items() if final.parent == wanted), None)


def put(source: Path, final: Path) -> bool:
    """Have the parent move a file or a folder to its place, or let two folders change places.

    Returns:
        Whether it was done.

    Raises:
        OSError: The parent cannot.
    """
    stage = stage_of(final)
    if stage is None or _ask is None:
        return False
    if source.parent != stage:  # the parent takes what lies in that folder itself
        inner = stage / f"{os.getpid()}-{source.name}"
        rename(source, inner)
        source = inner
    answer = _ask({"call": "put", "from": str(source), "to": str(final.absolute())})
    if (told := answer.get("refused")) is not None:
        raise OSError(int(told["number"]), str(told["words"]), str(final))
    return bool(answer["done"])
