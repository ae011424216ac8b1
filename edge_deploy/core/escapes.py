"""Names, labels and units as data: what a language would read as more than text, written out."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping

UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
"""Control characters, turns of the reading direction, what has no width, halves of characters."""

_REPLACED = "\ufffd"
_MARKDOWN = re.compile(r"([\\`*\[\]<>&|~])")


def visible(text: str) -> str:
    """A text in one line, with a sign in place of each character that nobody sees."""
    return UNSEEN.sub(_REPLACED, " ".join(text.splitlines()))


def quoted(text: str, special: Mapping[str, str], code: Callable[[int], str]) -> str:
    """A string literal in double quotes.

    Args:
        text: What it stands for; half a character becomes U+FFFD, as no file can hold it.
        special: What characters with a short escape are written as.
        code: The escape of any other, by its number.
    """

    def escape(found: re.Match[str]) -> str:
        one = found[0]
        if "\ud800" <= one <= "\udfff":
            one = _REPLACED
        return special.get(one) or code(ord(one))

    pattern = "|".join([*map(re.escape, sorted(special, key=len, reverse=True)), UNSEEN.pattern])
    return f'"{re.sub(pattern, escape, text)}"'


def json_text(value: object) -> str:
    """JSON that is JavaScript and YAML too: neither takes all that JSON leaves as it is."""
    text = json.dumps(value, ensure_ascii=False)
    # Outside of strings there is none of these: dumps writes one line.
    return UNSEEN.sub(lambda found: f"\\u{ord(_whole(found[0])):04x}", text)


def _whole(one: str) -> str:
    return _REPLACED if "\ud800" <= one <= "\udfff" else one


def c_comment(text: str) -> str:
    """Words that end neither ``// a line`` nor ``/* a block */``, and begin no block in it.

    In C++ a backslash at a line's end takes the next line in, and ``??/`` may be one.
    """
    plain = re.sub(r"\?(?=\?)", "? ", visible(text)).replace("*/", "* /").replace("/*", "/ *")
    return f"{plain}." if plain.rstrip().endswith("\\") else plain


def code_span(text: str) -> str:
    """Words of Markdown in backticks."""
    plain = visible(text)
    marks = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    return f"{marks} {plain} {marks}" if len(marks) > 1 else f"`{plain}`"


def yaml_text(text: str) -> str:
    """A YAML string: in quotes where it may be read as something else."""
    return text if re.fullmatch(r"[A-Za-z][\w./-]*", text, re.ASCII) else json_text(text)


def html_text(text: str) -> str:
    """Words between tags or in an attribute's quotes; line breaks are space there anyway."""
    return html.escape(visible(text))


def markdown(text: str) -> str:
    """Words of a Markdown paragraph: no HTML, link, code or emphasis."""
    return _MARKDOWN.sub(r"\\\1", visible(text))
