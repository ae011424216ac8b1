"""What a script makes of a model's answer: names and thresholds; and conditions that encode."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from edge_deploy.frontends.project.findings import (
    ClassesFrom,
    Constant,
    Encoding,
    Strength,
    Threshold,
    Window,
)
from edge_deploy.frontends.project.values import (
    UNKNOWN,
    Reader,
    Value,
    blend,
    constant,
    flow,
    inner_answer,
    inner_fields,
    names,
    number,
    plain,
)

_OPERATORS: dict[type, str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_INDEXES = {"argmax", "argsort", "compare", "round"}
_LONGEST_LABEL = 120
Body = list[ast.stmt] | ast.expr


@dataclass(frozen=True)
class _Test:
    """A test of a chain: what is tested, against what."""

    subject: ast.expr
    operator: str  # "==", or that of a threshold
    values: tuple[Any, ...]


def compared(reader: Reader, kind: type, left: Value, right: Value, node: ast.Compare) -> Value:
    """A comparison that is no constant: of an answer with a number, a threshold is noted."""
    sides = blend([left, right])
    sign = _OPERATORS.get(kind)
    if kind is ast.Eq and sides.answer and (left.source is None) != (right.source is None):
        # for word, index in tokenizer.word_index.items(): if index == answer
        one, asked = (right, left) if left.source is not None else (left, right)
        return reader.step("lookup", one, node, source=asked.source)
    if sign is None or not sides.answer:
        return replace(sides, index=left.index or right.index)
    answer, border = (left, right) if left.answer or inner_answer(left) else (right, left)
    if answer is right:
        sign = _TURNED[sign]
    value = number(border)
    if value is None and border.source is None:
        return sides
    largest = any(reader.notes.steps[one].action == "max" for one in flow(answer))
    if value is not None:
        found = Threshold(value, sign, "", "", reader.evidence(node), largest=largest)
        reader.notes.thresholds.append(found)
    arguments = (("value", value), ("operator", sign))
    done = reader.step("compare", answer, node, arguments=arguments, source=border.source)
    return replace(done, index=True)


def condition_chain(reader: Reader, node: ast.If | ast.IfExp) -> tuple[list[Any], Body]:
    """``if``/``elif`` one after another as (test, body) pairs, and what else is done."""
    cases: list[tuple[ast.expr, Body]] = []
    at: Any = node
    if isinstance(at, ast.IfExp):
        for _ in range(64):
            cases.append((at.test, at.body))
            if not isinstance(at.orelse, ast.IfExp):
                break
            at = at.orelse
        return cases, at.orelse
    for _ in range(512):
        cases.append((at.test, at.body))
        if len(at.orelse) != 1 or not isinstance(at.orelse[0], ast.If):
            break
        at = at.orelse[0]
    return cases, at.orelse


def conditions(reader: Reader, cases: list[Any], other: Body, node: ast.AST) -> Value | None:
    """Names or numbers that a chain of conditions chooses between.

    Returns:
        For an expression, its value where it encodes or names; for statements, a dict of the
        variables that it encodes; None where it does neither.
    """
    tests = [_test(reader, test) for test, _ in cases]
    if not tests or any(test is None for test in tests):
        return None
    known = [test for test in tests if test is not None]
    subject = ast.dump(known[0].subject)[:1000]
    if any(ast.dump(test.subject)[:1000] != subject for test in known):
        return None
    value = reader.evaluate(known[0].subject)
    if value.known:
        return None
    if value.answer or inner_answer(value):
        return _named(reader, value, known, cases, other, node)
    if any(test.operator != "==" for test in known):
        return None
    return _encoded(reader, value, known, cases, other, node)


def _test(reader: Reader, node: ast.expr) -> _Test | None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right, op = node.left, node.comparators[0], type(node.ops[0])
        values = plain(reader.evaluate(right))
        if values is UNKNOWN and op in (ast.Eq, *_OPERATORS):
            turned = plain(reader.evaluate(left))
            if turned is UNKNOWN:
                return None
            left, values = right, turned
            sign = _OPERATORS.get(op)
            if sign:
                return _Test(left, _TURNED[sign], (values,))
        if isinstance(values, tuple) and op is ast.Eq and len(values) == 1:
            values = values[0]
        if op in (ast.Eq, ast.Is) and isinstance(values, (str, int, float)):
            return _Test(left, "==", (values,))
        if op is ast.In and isinstance(values, tuple) and values:
            return _Test(left, "==", values)
        if op in _OPERATORS and isinstance(values, (int, float)):
            return _Test(left, _OPERATORS[op], (values,))
        if op is ast.NotEq and isinstance(values, (str, int, float)):
            return _Test(left, "!=", (values,))
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _Test(node.operand, "==", (0,))
    if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute, ast.Call)):
        return _Test(node, "==", (1,))
    return None


def _named(
    reader: Reader, value: Value, tests: list[_Test], cases: list[Any], other: Body, node: ast.AST
) -> Value | None:
    labels = [label(reader, body) for _, body in cases]
    rest = label(reader, other) if not isinstance(other, list) or other else ""
    evidence = reader.evidence(node)
    where = reader.notes
    first = tests[0]
    if first.operator in _TURNED:
        above, below = (labels[0], rest) if first.operator in (">", ">=") else (rest, labels[0])
        for index in range(len(where.thresholds) - 1, -1, -1):
            known = where.thresholds[index]
            same = known.value == first.values[0] and known.operator == first.operator
            if same and known.evidence.file == evidence.file and not known.above:
                where.thresholds[index] = replace(known, above=above, below=below)
                break
        divides = _divides(reader, value, first.values[0])
        if len(tests) == 1 and divides and above and below and above != below:
            where.add_classes((below, above), "threshold", "", evidence)
        return replace(blend([value]), answer=True)
    pairs = [
        (one, name)
        for test, name in zip(tests, labels, strict=True)
        for one in test.values
        if name and test.operator == "=="
    ]
    if first.operator == "!=" and labels[0] and rest and len(tests) == 1:
        pairs, rest = [(first.values[0], rest)], labels[0]
    if not pairs:
        return None
    if all(isinstance(one, str) for one, _ in pairs):
        return None  # the answer has names already
    if rest and len(pairs) == 1 and pairs[0][0] in (0, 1):
        pairs.append((1 - int(pairs[0][0]), rest))
    elif rest:
        ints = [one for one, _ in pairs if isinstance(one, int)]
        missing = [one for one in range(len(ints) + 1) if one not in ints]
        if len(ints) == len(pairs) and missing == [len(ints)]:
            pairs.append((missing[0], rest))
    pairs.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]))
    found = dict(pairs)
    if len(found) >= 2 and len(set(found.values())) >= 2:
        where.add_classes(
            tuple(found.values()), "conditions", value.name, evidence, numbers=tuple(found)
        )
    return replace(blend([value]), answer=True)


def _divides(reader: Reader, value: Value, border: float) -> bool:
    """Whether a number can lie between two classes: a price below 0 is none."""
    steps = [reader.notes.steps[one] for one in flow(value)]
    if any(step.action == "decision_function" for step in steps):
        return True
    return 0 < border < 1 or (0 < border < 100 and any(s.action == "multiply" for s in steps))


def _encoded(
    reader: Reader, value: Value, tests: list[_Test], cases: list[Any], other: Body, node: ast.AST
) -> Value | None:
    if not (value.fields or value.history or value.name or value.column):
        return None
    if isinstance(node, ast.IfExp):
        outcomes: list[dict[str, Any]] = [{"": plain(reader.evaluate(body))} for _, body in cases]
        rest: dict[str, Any] = {"": plain(reader.evaluate(other))}  # type: ignore[arg-type]
    else:
        outcomes = [assigned(reader, body) for _, body in cases]
        rest = assigned(reader, other)
    made: dict[str, Value] = {}
    for name in outcomes[0]:
        if not all(_numeric(one.get(name, UNKNOWN)) for one in outcomes):
            continue
        last = rest.get(name, UNKNOWN)
        if last is not UNKNOWN and not _numeric(last):
            continue
        mapping = tuple(
            (one, outcome[name])
            for test, outcome in zip(tests, outcomes, strict=True)
            for one in test.values
        )
        made[name] = encode(reader, value, mapping, None if last is UNKNOWN else last, node, name)
    if not made:
        return None
    return made[""] if isinstance(node, ast.IfExp) else Value(entries=tuple(made.items()))


def _numeric(found: Any) -> bool:
    if isinstance(found, tuple):
        return bool(found) and all(_numeric(one) for one in found)
    return isinstance(found, (bool, int, float))


def encode(
    reader: Reader,
    value: Value,
    mapping: tuple[tuple[Constant, Constant], ...],
    other: Constant,
    node: ast.AST,
    name: str,
) -> Value:
    """Note that a table of the script makes numbers of a value."""
    notes = reader.notes
    found = Encoding(mapping, other, value.column, name, reader.evidence(node), subject=value.name)
    notes.encodings.append(found)
    fields = inner_fields(value)
    if len(fields) == 1:
        notes.encoded[len(notes.encodings) - 1] = fields[0]
    columns = (value.column,) if value.column else ()
    return reader.step("encode", value, node, encoding=len(notes.encodings) - 1, columns=columns)


def assigned(reader: Reader, body: Body) -> dict[str, Any]:
    """The constants that the statements of a branch give to names; "return" for what it returns."""
    found: dict[str, Any] = {}
    if not isinstance(body, list):
        return found
    for statement in body[:64]:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name) and _simple(statement.value):
                found[target.id] = plain(reader.evaluate(statement.value))
            elif isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                for one, inner in zip(target.elts, statement.value.elts, strict=False):
                    if isinstance(one, ast.Name) and _simple(inner):
                        found[one.id] = plain(reader.evaluate(inner))
        elif isinstance(statement, ast.Return) and statement.value and _simple(statement.value):
            found["return"] = plain(reader.evaluate(statement.value))
    return {name: one for name, one in found.items() if one is not UNKNOWN}


def _simple(node: ast.expr) -> bool:
    if isinstance(node, (ast.List, ast.Tuple)):
        return len(node.elts) <= 64 and all(_simple(one) for one in node.elts)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Constant)


def label(reader: Reader, body: Body) -> str:
    """The text that a branch shows, returns or keeps: its first one; or ""."""
    if not isinstance(body, list):
        return _words(reader, body, 0)
    for statement in body[:16]:
        value: ast.expr | None = None
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr)):
            value = statement.value
        found = _words(reader, value, 0) if value is not None else ""
        if found:
            return found
    return ""


def _words(reader: Reader, node: ast.expr, depth: int) -> str:
    """A text of an expression: a literal, the start of a formatted one, an argument of a call."""
    if depth > 5:
        return ""
    if isinstance(node, ast.Constant):
        return _clean(node.value) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        start = node.values[0] if node.values else None
        return _words(reader, start, depth + 1) if isinstance(start, ast.Constant) else ""
    if isinstance(node, ast.Name):
        found = reader.evaluate(node).constant
        return _clean(found) if isinstance(found, str) else ""
    if isinstance(node, ast.BinOp):
        return _words(reader, node.left, depth + 1)
    if isinstance(node, (ast.Tuple, ast.List)):
        inner: list[ast.expr] = list(node.elts[:4])
    elif isinstance(node, ast.Dict):
        inner = list(node.values[:6])
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return _words(reader, node.func.value, depth + 1)
        inner = [*node.args[:4], *(one.value for one in node.keywords[:6])]
    else:
        return ""
    for one in inner:
        found = _words(reader, one, depth + 1)
        if found and not found.endswith((".html", ".htm", ".png", ".jpg", ".gif")):
            return found
    return ""


def _clean(found: str) -> str:
    words = " ".join(found.split()).strip(" :,-")
    return words.split("{")[0].rstrip(" :(-")[:_LONGEST_LABEL]


def looked_up(reader: Reader, value: Value, key: Value, node: ast.AST) -> Value | None:
    """``value[key]`` where the key is not known: a class by its index, a number by its name."""
    notes = reader.notes
    answer = key.answer or inner_answer(key)
    if value.entries is not None and key.known and not value.table:
        found = value.entry(key.constant)
        return _named_part(value, key, found) if found is not None else None
    if answer:
        return _class_of(reader, value, key, node)
    if value.entries and not key.known and not value.table:
        results = [one for _, one in value.entries]
        if all(one.source is not None or one.callee is not None for one in results):
            return Value(either=tuple(results))
        numbers = [plain(one) for one in results]
        if all(_numeric(one) for one in numbers) and (key.fields or key.name or key.column):
            mapping = tuple(zip((one for one, _ in value.entries), numbers, strict=True))
            return encode(reader, key, mapping, None, node, "")
    if value.source is not None and value.answer is False and (key.fields or key.name):
        source = notes.sources[value.source]
        if source.path is not None and not key.known and value.table is False and key.fields:
            return reader.step("lookup", key, node, source=value.source)
    return None


def _named_part(value: Value, key: Value, found: Value) -> Value:
    if isinstance(key.constant, str) and not found.column and found.source is None:
        single = found.items is None and found.entries is None and found.callee is None
        return replace(found, column=key.constant) if single and not found.known else found
    return found


def _class_of(reader: Reader, value: Value, key: Value, node: ast.AST) -> Value | None:
    notes = reader.notes
    found = names(value)
    evidence = value.where or reader.evidence(node)
    index = key.index or any(notes.steps[one].action in _INDEXES for one in flow(key))
    origin: ClassesFrom = "argmax" if index else "lookup"
    done = Value(history=flow(key), fields=inner_fields(key), answer=True)
    if found:
        notes.add_classes(found, origin, value.name, evidence)
        return reader.step("lookup", done, node)
    if value.entries is not None and not value.table:
        pairs = [(k, plain(one)) for k, one in value.entries]
        if pairs and all(isinstance(one, str) for _, one in pairs):
            if all(_index(k) is not None for k, _ in pairs):
                pairs.sort(key=lambda pair: _index(pair[0]) or 0)
            numbers: tuple[Any, ...] = tuple(_number_of(k) for k, _ in pairs)
            notes.add_classes(
                tuple(one for _, one in pairs), origin, value.name, evidence, numbers=numbers
            )
            return reader.step("lookup", done, node)
        inner = [one.entries for _, one in value.entries]
        if inner and all(one for one in inner):  # {0: {"name": "cat", ...}}
            texts = [_first_text(one) for _, one in value.entries]
            if all(texts):
                notes.add_classes(tuple(texts), "lookup", value.name, evidence)
                return reader.step("lookup", done, node)
    if value.source is not None or value.opened:
        return reader.step("lookup", done, node, source=value.source)
    return None


def _index(key: Any) -> int | None:
    """A key as an index: 0, or "0" as JSON writes it."""
    if isinstance(key, bool):
        return int(key)
    if isinstance(key, int):
        return key
    return int(key) if isinstance(key, str) and key.isdecimal() and len(key) < 7 else None


def _number_of(key: Any) -> Any:
    found = _index(key)
    return key if found is None else found


def _first_text(value: Value) -> str:
    for _, one in value.entries or ():
        if isinstance(one.constant, str):
            return one.constant
    return ""


def named_by_keys(reader: Reader, entries: dict[Any, Value], node: ast.AST) -> None:
    """``{names[i]: float(answer[i]) for i in range(3)}``: the names of the answers."""
    texts = [key for key in entries if isinstance(key, str)]
    given = all(value.answer for value in entries.values())
    if len(texts) == len(entries) > 1 and given:
        reader.notes.add_classes(tuple(texts), "lookup", "", reader.evidence(node))


def named_by_place(reader: Reader, node: ast.Dict) -> None:
    """``{"cat": answer[0][0], "dog": answer[0][1]}``: the same, written out."""
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    texts = [key for key in keys if isinstance(key, str)]
    if len(texts) != len(node.values) or not 1 < len(texts) <= 1000:
        return
    places = [_place(value) for value in node.values]
    if places == list(range(len(places))):
        first = reader.evaluate(node.values[0])
        if first.answer:
            reader.notes.add_classes(tuple(texts), "lookup", "", reader.evidence(node))


def _place(node: ast.AST) -> int | None:
    for _ in range(4):
        if isinstance(node, ast.Call) and node.args:
            node = node.args[0]
        elif isinstance(node, ast.BinOp):
            node = node.left
        else:
            break
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value if isinstance(node.slice.value, int) else None
    return None


def zipped(reader: Reader, first: Value, second: Value, node: ast.AST) -> None:
    """``zip(names, answer)``: the names of the answers."""
    found = names(first)
    if found and (second.answer or inner_answer(second)):
        evidence = first.where or reader.evidence(node)
        reader.notes.add_classes(found, "lookup", first.name, evidence)


def window_slice(reader: Reader, value: Value, cut: ast.Slice, ends: list[Any]) -> None:
    """``data[-60:]`` and ``data[i - 60:i]``: the length of a window."""
    notes, evidence = reader.notes, reader.evidence(cut)
    lower = ends[0]
    if isinstance(lower, int) and lower < -1 and cut.upper is None:
        if value.history or value.table or value.source is not None or value.column:
            notes.windows.append(Window(-lower, None, "", evidence))
    elif isinstance(cut.lower, ast.BinOp) and isinstance(cut.lower.op, ast.Sub):
        steps = constant(reader.evaluate(cut.lower.right))
        same = cut.upper is not None and ast.dump(cut.lower.left) == ast.dump(cut.upper)
        if same and isinstance(steps, int) and steps > 1:
            notes.windows.append(Window(steps, None, "", evidence, Strength.TRAINING))
