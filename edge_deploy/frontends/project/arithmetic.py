"""Constants of constants: numbers, texts, lists and paths that an operator or an f-string makes."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from edge_deploy.frontends.project.values import (
    LARGEST,
    LONGEST,
    MOST_ITEMS,
    NOTHING,
    UNKNOWN,
    Value,
    as_list,
    blend,
    number,
    text,
)

_NUMBERS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def reverses(parts: list[ast.expr]) -> bool:
    """Whether a subscript ends with ``::-1``."""
    for part in parts:
        step = part.step if isinstance(part, ast.Slice) else None
        if isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub):
            return isinstance(step.operand, ast.Constant) and step.operand.value == 1
    return False


def calculated(op: ast.operator, left: Value, right: Value) -> Value | None:
    """A constant of two constants; None where it is none."""
    one, two = left.constant, right.constant
    if isinstance(op, ast.Div) and isinstance(one, PurePosixPath):
        return Value(constant=one / (text(right) or "")) if right.known else NOTHING
    if isinstance(op, ast.Div) and not left.known and right.known and isinstance(two, str):
        if left.history or left.fields:
            return None
        return Value(constant=PurePosixPath(two))  # a folder that is not known
    if isinstance(op, ast.Add):
        if isinstance(one, str) and isinstance(two, str) and len(one) + len(two) < LONGEST:
            return Value(constant=one + two)
        if left.items is not None and right.items is not None:
            return as_list((*left.items, *right.items), left.where)
        if isinstance(two, str) and not left.known and re.match(r"[/\\]", two):
            return Value(constant=two.lstrip("/\\"))
    if isinstance(op, ast.Mult) and left.items is not None and isinstance(two, int):
        return as_list(left.items * max(0, min(two, MOST_ITEMS // max(len(left.items), 1))))
    if number(left) is None or number(right) is None:
        return None
    if isinstance(op, ast.Pow):
        small = abs(one) <= 10**6 and abs(two) <= 16
        made = one**two if small and (one or two > 0) else UNKNOWN
        return Value(constant=made) if isinstance(made, (int, float)) else NOTHING
    calculate = _NUMBERS.get(type(op))
    if calculate is None:
        return NOTHING
    try:
        made = calculate(one, two)
    except (ZeroDivisionError, OverflowError):
        return NOTHING
    return Value(constant=made) if abs(made) <= LARGEST else NOTHING


def joined(parts: list[Value]) -> Value:
    """An f-string: known where all parts are, or from the last unknown part's ``/`` on."""
    made = ""
    unknown = False
    for part in parts:
        found = part.constant
        if part.known and isinstance(found, (str, int, float, PurePosixPath)):
            piece = str(found)
            if unknown:
                if not piece.startswith(("/", "\\")):
                    return blend(parts)
                made, unknown = piece.lstrip("/\\"), False
            else:
                made += piece
        else:
            unknown = True
        if len(made) > LONGEST:
            return NOTHING
    flow = blend(parts)
    if unknown:
        return flow
    if any(not part.known for part in parts) and (flow.history or flow.fields):
        return flow
    return Value(constant=made)
