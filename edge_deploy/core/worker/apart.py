"""Work of the library that a program has done in a caged child, and goes on after it.

A caller of the Python API has it done in his own process.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from edge_deploy.core.errors import EdgeDeployError

T = TypeVar("T")
Doer = Callable[[Callable[[], str], Sequence[Path]], str]

_doer: Doer | None = None


@contextlib.contextmanager
def done_by(doer: Doer) -> Iterator[None]:
    """Within the body a function does it, given what makes a text of it and the files it opens."""
    global _doer
    before, _doer = _doer, doer
    try:
        yield
    finally:
        _doer = before


def work(kind: type[T], do: Callable[[], T], files: Sequence[Path]) -> T:
    """Do some work, apart where the program wants it so.

    Args:
        kind: A dataclass: what it gives.
        do: The work.
        files: Converted files and artifacts that it opens.

    Raises:
        EdgeDeployError: What was said there is no such thing; or what the work raised.
    """
    if _doer is None:
        return do()
    import msgspec

    # That T is a dataclass cannot be said of a type variable.
    told = _doer(lambda: json.dumps(asdict(do()), default=_plain), files)  # type: ignore[call-overload]
    try:
        return msgspec.convert(json.loads(told), kind, strict=False, dec_hook=lambda of, v: of(v))
    except (ValueError, TypeError, RecursionError) as error:  # msgspec's own is a ValueError
        raise EdgeDeployError(f"The answer out of the cage cannot be read ({error}).") from error


def _plain(value: Any) -> Any:
    """Paths as texts, numpy's numbers as numbers."""
    return str(value) if isinstance(value, Path) else value.item()
