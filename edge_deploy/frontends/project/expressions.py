"""What is known of an expression by its syntax: constants, paths, lists, and what data went in."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any

from edge_deploy.frontends.project import answers, pictures, tables
from edge_deploy.frontends.project.arithmetic import calculated, joined, reverses
from edge_deploy.frontends.project.findings import Evidence
from edge_deploy.frontends.project.values import (
    LARGEST,
    LONGEST,
    MOST_ITEMS,
    NOTHING,
    UNKNOWN,
    Notes,
    Value,
    as_list,
    blend,
    literal,
    number,
)

_MOST_UNROLLED = 24
_DEEPEST = 60

# Names that everybody gives them, where a snippet or a star import says nothing.
ALIASES = {
    "np": "numpy",
    "pd": "pandas",
    "st": "streamlit",
    "gr": "gradio",
    "tf": "tensorflow",
    "xgb": "xgboost",
    "lgb": "lightgbm",
    "plt": "matplotlib.pyplot",
    "Image": "PIL.Image",
    "keras": "keras",
    "cv2": "cv2",
    "joblib": "joblib",
    "pickle": "pickle",
    "os": "os",
    "json": "json",
    "re": "re",
    "nltk": "nltk",
    "request": "flask.request",
    "request_": "flask.request",
    "Path": "pathlib.Path",
    "hub": "tensorflow_hub",
}
_COMPARED: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ACTIONS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}


class Spent(Exception):
    """A script asks for more steps than are taken."""


class Scope:
    """The names of a module, or of a call of a function.

    Args:
        outer: What is looked in next; None for a module.
    """

    def __init__(self, outer: Scope | None = None) -> None:
        self.names: dict[str, Value] = {}
        self.outer = outer
        self.shared: set[str] = set()  # what a `global` or `nonlocal` declares

    @property
    def module(self) -> Scope:
        """The module that it is in."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def find(self, name: str) -> Value | None:
        """A name's value, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def put(self, name: str, value: Value) -> None:
        """Give a name its value."""
        if name in self.shared:
            scope = self.outer or self
            while scope.outer is not None and name not in scope.names:
                scope = scope.outer
            scope.names[name] = value
        else:
            self.names[name] = value


class Evaluator:
    """Reads expressions; statements and calls are of the class that goes on."""

    notes: Notes
    scope: Scope

    def __init__(self) -> None:
        self._depth = 0
        self.left = 0
        self.asked_answer = False  # whether a comprehension's condition asked for an answer

    def evidence(self, node: ast.AST) -> Evidence:
        """Where a node stands."""
        raise NotImplementedError

    def step(self, action: str, value: Value, node: ast.AST, **more: Any) -> Value:
        """Note that something is done to a value; the value after it."""
        raise NotImplementedError

    def bind(self, target: ast.AST, value: Value) -> None:
        """Give a value to a variable."""
        raise NotImplementedError

    def bind_element(self, target: ast.AST, value: Value) -> None:
        """Give a variable of a loop its value, which keeps the name it has."""
        raise NotImplementedError

    def call(self, node: ast.Call) -> Value:
        """What a call gives."""
        raise NotImplementedError

    def function(self, node: ast.Lambda) -> Value:
        """A function without a name."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str, node: ast.Attribute) -> Value:
        """An attribute of a value."""
        raise NotImplementedError

    def call_value(self, callee: Value, arguments: list[Value], node: ast.AST) -> Value:
        """What a function gives that is a value."""
        raise NotImplementedError

    def find(self, written_path: str) -> str | None:
        """The file of the folder that a path means."""
        raise NotImplementedError

    def naming(self, where: Evidence, path: str) -> Evidence:
        """The line that names a path, where the one that reads it does not."""
        raise NotImplementedError

    def class_folders(self, path: str) -> tuple[str, ...]:
        """The class folders of a folder."""
        raise NotImplementedError

    def header(self, path: str) -> tuple[str, ...]:
        """The columns of a CSV file of the folder."""
        raise NotImplementedError

    def evaluate(self, node: ast.AST | None) -> Value:
        """What is known of an expression.

        Raises:
            Spent: The script has used up its steps.
        """
        if node is None:
            return NOTHING
        self.left -= 1
        if self.left < 0:
            raise Spent
        if self._depth > _DEEPEST:
            return NOTHING
        read = getattr(self, "_" + type(node).__name__.lower(), None)
        if read is None:
            return NOTHING
        self._depth += 1
        try:
            found: Value = read(node)
            return found
        finally:
            self._depth -= 1

    def _constant(self, node: ast.Constant) -> Value:
        found = node.value
        if isinstance(found, str):
            return Value(constant=found) if len(found) <= LONGEST else NOTHING
        if isinstance(found, (bool, float)) or found is None:
            return Value(constant=found)
        if isinstance(found, int):
            return Value(constant=found) if abs(found) <= LARGEST else NOTHING
        return NOTHING

    def _name(self, node: ast.Name) -> Value:
        found = self.scope.find(node.id)
        if found is not None:
            return found
        if node.id == "__name__":
            return Value(constant="__main__")
        if node.id in ALIASES:
            return Value(dotted=ALIASES[node.id])
        return Value(name=node.id)

    def _attribute(self, node: ast.Attribute) -> Value:
        value = self.evaluate(node.value)
        return self.attribute(value, node.attr, node)

    def _await(self, node: ast.Await) -> Value:
        return self.evaluate(node.value)

    def _starred(self, node: ast.Starred) -> Value:
        return self.evaluate(node.value)

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.bind(node.target, value)
        return value

    def _lambda(self, node: ast.Lambda) -> Value:
        return self.function(node)

    def _call(self, node: ast.Call) -> Value:
        return self.call(node)

    def _yield(self, node: ast.Yield) -> Value:
        return self.evaluate(node.value)

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        found: list[Value] = []
        for item in node.elts[:MOST_ITEMS]:
            value = self.evaluate(item)
            if isinstance(item, ast.Starred):
                if value.items is None:
                    whole = blend([*found, value])
                    rest = [self.evaluate(one) for one in node.elts[len(found) + 1 :][:MOST_ITEMS]]
                    return blend([whole, *rest])
                found.extend(value.items)
            else:
                found.append(value)
        return as_list(found, self.evidence(node))

    _tuple = _list
    _set = _list

    def _dict(self, node: ast.Dict) -> Value:
        entries: dict[Any, Value] = {}
        loose: list[Value] = []
        for key, item in list(zip(node.keys, node.values, strict=True))[:MOST_ITEMS]:
            value = self.evaluate(item)
            if key is None:
                if value.entries is None:
                    loose.append(value)
                entries.update(dict(value.entries or ()))
                continue
            known = self.evaluate(key)
            if isinstance(known.constant, (str, int, float)):
                entries[known.constant] = value
                if value.source is not None and not self.notes.sources[value.source].name:
                    self.notes.sources[value.source].name = str(known.constant)[:80]
            else:
                loose.extend((known, value))
        answers.named_by_place(self, node)
        flow = blend(loose)
        return Value(
            entries=tuple(entries.items()),
            history=flow.history,
            fields=flow.fields,
            answer=flow.answer,
            where=self.evidence(node),
        )

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        parts: list[Value] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.evaluate(part.value)
                plain_format = part.format_spec is None
                parts.append(value if plain_format else blend([value]))
            else:
                parts.append(self.evaluate(part))
        return joined(parts)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        found = number(value)
        if isinstance(node.op, ast.USub) and found is not None:
            return Value(constant=-value.constant)
        if isinstance(node.op, ast.Not):
            if value.known:
                return Value(constant=not value.constant)
            return blend([value])
        return value if not value.known else NOTHING

    def _boolop(self, node: ast.BoolOp) -> Value:
        found = [self.evaluate(item) for item in node.values[:MOST_ITEMS]]
        if isinstance(node.op, ast.Or):
            for value in found:
                if value.known and value.constant:
                    return value
        best = found[0]
        for value in found[1:]:
            if value.weight > best.weight:
                best = value
        merged = blend(found)
        return best if best.weight >= merged.weight else merged

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        return self.operate(node.op, left, right, node)

    def operate(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """What an operator makes of two values."""
        found = calculated(op, left, right)
        if found is not None:
            return found
        kind = type(op)
        flow = blend([left, right])
        if kind in _ACTIONS and (picture := pictures.arithmetic(self, kind, left, right, node)):
            return picture
        for kept, other in ((left, right), (right, left)):
            if kind in _ACTIONS and other.source is not None and not (other.known or kept.known):
                plain = kept.source is None or kept.table
                if plain and not (kept.answer or other.answer or other.table):
                    return self.step(_ACTIONS[kind], kept, node, source=other.source)
        value = number(right)
        turned = value is None
        value = number(left) if value is None else value
        if kind in _ACTIONS and value is not None and (flow.history or flow.fields):
            operand = left if turned else right
            kept = right if turned else left
            arguments: tuple[tuple[str, Any], ...] = (("value", operand.constant),)
            if turned and kind in (ast.Sub, ast.Div, ast.Pow):
                arguments = (*arguments, ("turned", True))
            return self.step(_ACTIONS[kind], kept, node, arguments=arguments)
        return flow

    def _compare(self, node: ast.Compare) -> Value:
        values = [self.evaluate(node.left)]
        values.extend(self.evaluate(item) for item in node.comparators[:MOST_ITEMS])
        if len(values) == 2:
            left, right = values
            kind = type(node.ops[0])
            if left.known and right.known and kind in _COMPARED:
                try:
                    return Value(constant=bool(_COMPARED[kind](left.constant, right.constant)))
                except TypeError:
                    return NOTHING
            return answers.compared(self, kind, left, right, node)
        return blend(values)

    def _ifexp(self, node: ast.IfExp) -> Value:
        test = self.evaluate(node.test)
        if test.known and isinstance(test.constant, (bool, int)):
            return self.evaluate(node.body if test.constant else node.orelse)
        first, second = self.evaluate(node.body), self.evaluate(node.orelse)
        cases, other = answers.condition_chain(self, node)
        found = answers.conditions(self, cases, other, node)
        if found is not None:
            return found
        best = first if first.weight >= second.weight else second
        if best.known or best.source is not None or best.dotted:
            return best
        merged = blend([test, first, second])
        return best if best.weight >= merged.weight else merged

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                self.evaluate(part)
            return self._sliced(value, node.slice)
        if isinstance(node.slice, ast.Tuple) and reverses(node.slice.elts[-1:]):
            turned = pictures.swapped(self, value, node)  # picture[..., ::-1]
            if turned is not None:
                return turned
        for one in node.slice.elts[:1] if isinstance(node.slice, ast.Tuple) else ():
            if isinstance(one, ast.Slice):  # data[-60:, 0]
                self._sliced(value, one)
        key = self.evaluate(node.slice)
        return self.part(value, key, node)

    def _sliced(self, value: Value, cut: ast.Slice) -> Value:
        start, end, step = (
            self.evaluate(cut.lower).constant,
            self.evaluate(cut.upper).constant,
            self.evaluate(cut.step).constant,
        )
        ends = [None if one is UNKNOWN or one is None else one for one in (start, end, step)]
        given = (cut.lower, cut.upper, cut.step)
        sure = all(a is None or isinstance(b, int) for a, b in zip(given, ends, strict=True))
        if sure and ends[2] != 0:
            piece = slice(*ends)
            if value.items is not None:
                return as_list(value.items[piece], value.where)
            if isinstance(value.constant, str):
                return Value(constant=value.constant[piece])
        answers.window_slice(self, value, cut, ends)
        return tables.kept(value)

    def part(self, value: Value, key: Value, node: ast.AST) -> Value:
        """``value[key]``."""
        if value.either:
            return self.part(value.either[0], key, node)
        if value.items is not None and isinstance(key.constant, int):
            place = key.constant
            if -len(value.items) <= place < len(value.items):
                found = value.items[place]
                return found
        if isinstance(value.constant, str) and isinstance(key.constant, int):
            return NOTHING
        looked = answers.looked_up(self, value, key, node)
        if looked is not None:
            return looked
        found_part = tables.part(self, value, key, node)
        if found_part is not None:
            return found_part
        return blend([value, key]) if not value.dotted else tables.kept(value)

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
        made: list[Value] = []
        loose = False
        before, self.asked_answer = self.asked_answer, False
        for whole in self._looped(node.generators):
            made.append(self.evaluate(node.elt))
            loose = loose or not whole
        asked, self.asked_answer = self.asked_answer, before
        if asked:  # [name for name, index in numbers.items() if index == answer]
            answers.zipped(self, as_list(made, self.evidence(node)), Value(answer=True), node)
        if loose:
            flow = blend(made)
            only = made[0] if made else NOTHING
            path = only.opened if only.opened and not only.known else ""
            form = only.form or any(one.form for one in made)
            return Value(
                history=flow.history,
                fields=flow.fields,
                answer=flow.answer,
                opened=path,
                source=only.source,
                form=form,
            )
        return as_list(made, self.evidence(node))

    _generatorexp = _listcomp
    _setcomp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Value:
        entries: dict[Any, Value] = {}
        loose: list[Value] = []
        for _ in self._looped(node.generators):
            key, value = self.evaluate(node.key), self.evaluate(node.value)
            if isinstance(key.constant, (str, int)):
                entries[key.constant] = value
            else:
                loose.extend((key, value))
        answers.named_by_keys(self, entries, node)
        flow = blend(loose)
        turned = loose[1].name if len(loose) > 1 else ""
        return Value(
            entries=tuple(entries.items()) or None,
            history=flow.history,
            fields=flow.fields,
            answer=flow.answer,
            source=next((one.source for one in loose if one.source is not None), None),
            where=self.evidence(node),
            name=turned,
        )

    def _looped(self, generators: list[ast.comprehension]) -> Iterator[bool]:
        """Bind the variables of a comprehension; whether each turn is one of a known list."""
        outer = self.scope
        self.scope = Scope(outer)
        try:
            yield from self._turns(generators)
        finally:
            self.scope = outer

    def _turns(self, generators: list[ast.comprehension]) -> Iterator[bool]:
        if not generators:
            yield True
            return
        first, rest = generators[0], generators[1:]
        values, whole = self.each(self.evaluate(first.iter))
        for value in values:
            self.bind_element(first.target, value)
            for test in first.ifs:
                tested = self.evaluate(test)
                self.asked_answer = self.asked_answer or tested.answer
            for inner in self._turns(rest):
                yield whole and inner and not first.ifs

    def each(self, value: Value) -> tuple[list[Value], bool]:
        """What a loop goes over: each item of a known list, else one that stands for all."""
        if value.either:
            return list(value.either), True
        if value.items is not None and len(value.items) <= _MOST_UNROLLED:
            return list(value.items), True
        if value.entries is not None and not value.table and len(value.entries) <= _MOST_UNROLLED:
            return [literal(key) for key, _ in value.entries], True
        if value.table and value.columns and len(value.columns) <= _MOST_UNROLLED:
            return [literal(name) for name in value.columns], True
        if value.items:
            return [blend(value.items[:_MOST_UNROLLED])], False
        one = Value(
            history=value.history,
            fields=value.fields,
            answer=value.answer,
            opened=value.opened,
            source=None if value.table or value.answer else value.source,
            form=value.form,
            dotted=value.dotted if value.dotted.startswith("streamlit") else "",
            name=value.name,
        )
        return [one], False
