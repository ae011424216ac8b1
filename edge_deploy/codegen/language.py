"""How a language writes what a template puts in: as a literal, unless it is code already.

Names, labels and units come from a model's makers. No template has to remember to escape them:
``{{ value }}`` writes the language's own literal, and ``{{ value | comment }}`` words that cannot
leave their comment. What is code already is a ``Code``; a template's own constants become one
with ``| safe``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from edge_deploy.core.templates import environment

if TYPE_CHECKING:
    from jinja2 import Environment

Code = Markup
"""Text that is code of the language already."""


def text(value: str) -> str:
    """A string literal that JavaScript, Swift, C++ and Python read alike."""
    return json.dumps(value, ensure_ascii=False)


def dollar_text(value: str) -> str:
    """A string literal of Kotlin or Dart, where ``$`` begins an expression."""
    return text(value).replace("$", "\\$")


def plain(value: object) -> str:
    """A number as all languages read it.

    Raises:
        TypeError: It is none: a template must say how it is written.
    """
    if not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} has no literal; a template must write it out")
    return repr(value)


def json_value(value: object) -> str:
    """A number, a list or an object of JavaScript."""
    return json.dumps(value, ensure_ascii=False)


def shortest(value: float) -> str:
    """The shortest decimal that a float32 is read back from."""
    found = str(np.float32(value))
    return found if "." in found or "e" in found or "n" in found else f"{found}.0"


def c_comment(value: str) -> str:
    """Words that end neither ``// a line`` nor ``/* a block */``, and begin no block in it."""
    return " ".join(value.splitlines()).replace("*/", "* /").replace("/*", "/ *")


def docstring(value: str) -> str:
    """Words inside Python's triple quotes, or behind ``#``."""
    return " ".join(value.replace("\\", "\\\\").splitlines()).replace('"""', '\\"\\"\\"')


@dataclass(frozen=True)
class Language:
    """The literals of a language.

    Attributes:
        text: A string.
        value: What is no string.
        float32: A float32, without a sign.
        comment: Words in a comment.
    """

    text: Callable[[str], str] = text
    value: Callable[[object], str] = plain
    float32: Callable[[float], str] = shortest
    comment: Callable[[str], str] = c_comment

    def literal(self, value: object) -> Code:
        """A value as the language writes it; code as it is."""
        if isinstance(value, Code):
            return value
        return Code(self.text(value) if isinstance(value, str) else self.value(value))

    def f32(self, value: float) -> Code:
        """A float32 as an operand: in brackets where it is negative."""
        shown = self.float32(value)
        return Code(f"({shown})" if value < 0 else shown)

    def joined(self, values: Iterable[object], pattern: str = "%s", between: str = ", ") -> Code:
        """Literals in a pattern, which takes as many as each value holds, with commas between."""
        each = (value if isinstance(value, tuple) else (value,) for value in values)
        return Code(between.join(pattern % tuple(map(self.literal, one)) for one in each))


@cache
def templates(language: Language) -> Environment:
    """The templates of ``codegen/templates``, with a language's literals."""
    made = environment("edge_deploy.codegen", escape=language.literal)
    made.filters.update(
        comment=lambda value: Code(language.comment(value)),
        f32=language.f32,
        float32=lambda value: Code(language.float32(value)),
        shortest=lambda value: Code(shortest(value)),
        double_quoted=lambda value: Code(text(value)),
        joined=language.joined,
    )
    return made
