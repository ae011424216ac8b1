"""How a language writes what a template puts in: as a literal, unless it is code already.

Names, labels and units come from a model's makers. No template has to remember to escape them:
``{{ value }}`` writes the language's own literal, and ``{{ value | comment }}`` words that cannot
leave their comment. What is code already is a ``Code``; a template's own constants become one
with ``| safe``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from edge_deploy.core.escapes import c_comment, json_text, quoted, visible
from edge_deploy.core.templates import environment

if TYPE_CHECKING:
    from jinja2 import Environment

Code = Markup
"""Text that is code of the language already."""

_WORDS = (
    "and as assert async await break case catch class const continue debugger def default "
    "defer deinit del delete do double elif else enum except export extends extension "
    "external factory false fileprivate final finally float for from fun func function get "
    "global goto guard if implements import in init inline inout int interface internal is "
    "lambda late let library long mixin namespace native new nil none nonlocal not null "
    "object open operator or out override package part pass private protected protocol public "
    "raise register rethrow return self set short signed static struct subscript super switch "
    "template this throw throws true try type typealias typedef typename typeof union "
    "unsigned using val var virtual void volatile when where while with yield False None True "
    "Self "
)
KEYWORDS = frozenset(_WORDS.split())
"""Words that no name in code may be, of all languages together."""


_COMMON = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value: str) -> str:
    """A string literal of JavaScript and Python, which is JSON's."""
    return json_text(value)


def kotlin_text(value: str) -> str:
    """A string literal of Kotlin, where ``$`` begins an expression and ``\\f`` is none."""
    return quoted(value, {**_COMMON, "$": "\\$"}, lambda code: f"\\u{code:04x}")


def dart_text(value: str) -> str:
    """A string literal of Dart, where ``$`` begins an expression too."""
    return quoted(value, {**_COMMON, "$": "\\$"}, lambda code: f"\\u{{{code:x}}}")


def swift_text(value: str) -> str:
    """A string literal of Swift."""
    return quoted(value, _COMMON, lambda code: f"\\u{{{code:x}}}")


def cpp_text(value: str) -> str:
    """A string literal of C++, byte by byte where a character has no name before C++23."""

    def octal(code: int) -> str:
        return "".join(f"\\{byte:03o}" for byte in chr(code).encode())

    return re.sub(r"(?<=\?)\?", r"\\?", quoted(value, _COMMON, octal))  # no trigraph


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
    return json_text(value)


def shortest(value: float) -> str:
    """The shortest decimal that a float32 is read back from."""
    found = str(np.float32(value))
    return found if "." in found or "e" in found or "n" in found else f"{found}.0"


def docstring(value: str) -> str:
    """Words inside Python's triple quotes, or behind ``#``."""
    return visible(value).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


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
    made.tests["identifier"] = lambda name: (
        name.isascii() and name.isidentifier() and name not in KEYWORDS
    )
    return made
