"""What ``init`` proposes: a draft of the recipe, and a table that says why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_deploy.frontends.project.findings import Evidence
from edge_deploy.frontends.project.recipe_text import Draft


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: What it is about: ``step``, ``labels``, ``not moved``.
        found: What was found.
        evidence: Where: a file and a line, or the file itself.
        check: What a person should look at; "" for nothing.
    """

    what: str
    found: str
    evidence: str = ""
    check: str = ""


@dataclass(frozen=True)
class Proposal:
    """What was made of a folder.

    Attributes:
        draft: The recipe.
        rows: What it rests on.
        scripts: Which scripts were read.
    """

    draft: Draft
    rows: tuple[Row, ...]
    scripts: tuple[str, ...] = ()


def cited(evidence: Evidence) -> str:
    """``app.py:12 scaler = joblib.load('scaler.pkl')``."""
    return f"{evidence} {evidence.text}".rstrip()


def listed(names: Iterable[object], most: int = 6) -> str:
    """The first of some names."""
    every = [str(name) for name in names]
    more = f", … ({len(every)})" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def either(names: Sequence[str]) -> str:
    """``a.h5 or b.h5``."""
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"
