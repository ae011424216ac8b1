"""What ``init`` proposes: a draft of the recipe, and a table that says why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_deploy.frontends.project.findings import Evidence
from edge_deploy.frontends.project.recipe_text import Draft, Entry, Fork, Section


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


@dataclass
class DraftBuilder:
    """A draft while it grows."""

    steps: list[Section | Fork] = field(default_factory=list)
    top: dict[str, Entry] = field(default_factory=dict)
    tables: dict[str, Section] = field(default_factory=dict)
    forks: dict[str, Fork] = field(default_factory=dict)
    features: tuple[Section, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def put(self, name: str, found: Section | Fork | Entry | None) -> None:
        """A table or a key; a question goes to the questions."""
        if isinstance(found, Fork):
            self.forks[name] = found
            self.rows.append(
                Row("choose", found.question, "; ".join(why for why, _ in found.readings), name)
            )
        elif isinstance(found, Entry):
            self.top[name] = found
        elif found:
            self.tables[name] = found
