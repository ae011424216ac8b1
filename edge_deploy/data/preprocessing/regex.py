r"""Regular expressions of Python, written so that other languages read them the same.

``\w``, ``\d``, ``\s`` and ``\b`` are Unicode's in Python and ASCII's in JavaScript, ``.`` and
``$`` differ too. Here they are spelled out in classes that JavaScript (flag ``u``), Java,
Kotlin, Swift and Dart all know. Checked over all of Unicode: Python's ``\w`` is letters, numbers
of any kind, and the underscore.
"""

from __future__ import annotations

import re
from typing import Any

_WORD = r"\p{L}\p{N}_"
_SPACE = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CLASSES = {"WORD": _WORD, "DIGIT": r"\p{Nd}", "SPACE": _SPACE}
_AT_WORD = f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
_PLACES = {
    "AT_BEGINNING": "^",
    "AT_BEGINNING_STRING": "^",
    "AT_END": r"(?=\n?(?![\s\S]))",  # Python's $ is before a last line break too
    "AT_END_STRING": r"(?![\s\S])",
    "AT_BOUNDARY": _AT_WORD,
    "AT_NON_BOUNDARY": f"(?!{_AT_WORD})",
}
# Runs of word characters, which need no look to the left: older Safari cannot do that.
_KNOWN = {
    r"(?u)\b\w\w+\b": f"[{_WORD}]{{2,}}",
    r"\b\w\w+\b": f"[{_WORD}]{{2,}}",
    r"(?u)\b\w+\b": f"[{_WORD}]+",
    r"\b\w+\b": f"[{_WORD}]+",
}


def portable(pattern: str) -> str:
    r"""A Python pattern as JavaScript (flag ``u``), Java, Kotlin, Swift and Dart read it.

    Raises:
        ValueError: It is no pattern, or has what those do not (named groups, references, flags).
    """
    if pattern in _KNOWN:
        return _KNOWN[pattern]
    parser: Any = re._parser  # type: ignore[attr-defined]
    try:
        parsed = parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
    if parsed.state.flags & ~re.UNICODE:
        raise ValueError(f"{pattern!r} has flags, which other languages read otherwise")
    if parsed.state.groups > 2:
        raise ValueError(f"{pattern!r} has more than one group")
    return _sequence(parsed, pattern)


def _sequence(parsed: Any, pattern: str) -> str:
    return "".join(_part(op.name, argument, pattern) for op, argument in parsed)


def _part(op: str, argument: Any, pattern: str) -> str:
    match op:
        case "LITERAL":
            return _character(argument)
        case "NOT_LITERAL":
            return f"[^{_character(argument)}]"
        case "ANY":
            return r"[^\n]"
        case "IN":
            return _set(argument)
        case "AT":
            return _PLACES[argument.name]
        case "BRANCH":
            return f"(?:{'|'.join(_sequence(one, pattern) for one in argument[1])})"
        case "SUBPATTERN" if not argument[1] and not argument[2]:
            return f"({'' if argument[0] else '?:'}{_sequence(argument[3], pattern)})"
        case "MAX_REPEAT" | "MIN_REPEAT":
            low, high, inner = argument
            most = "" if high == re._constants.MAXREPEAT else int(high)  # type: ignore[attr-defined]
            times = f"{{{low}}}" if low == high else f"{{{low},{most}}}"
            return f"(?:{_sequence(inner, pattern)}){times}{'?' * (op == 'MIN_REPEAT')}"
        case "ASSERT" | "ASSERT_NOT":
            sign = "=" if op == "ASSERT" else "!"
            side = "<" if argument[0] < 0 else ""
            return f"(?{side}{sign}{_sequence(argument[1], pattern)})"
    raise ValueError(f"{pattern!r} has {op.lower().replace('_', ' ')}, which JavaScript has not")


def _set(items: Any) -> str:
    """A class; what is no part of a class elsewhere (all but digits) stands beside it."""
    inside, beside, without = "", [], False
    for op, argument in items:
        if op.name == "NEGATE":
            without = True
        elif op.name == "LITERAL":
            inside += _character(argument)
        elif op.name == "RANGE":
            inside += "-".join(map(_character, argument))
        else:
            name = argument.name.removeprefix("CATEGORY_")
            known = _CLASSES[name.removeprefix("NOT_")]
            if name.startswith("NOT_"):
                beside.append(f"[^{known}]")
            else:
                inside += known
    if not beside:
        return f"[{'^' * without}{inside}]"
    either = "|".join([f"[{inside}]", *beside] if inside else beside)
    return rf"(?:(?!{either})[\s\S])" if without else f"(?:{either})"


def _character(code: int) -> str:
    text = chr(code)
    if text.isascii() and not text.isalnum():
        return f"\\x{code:02x}"
    return text
