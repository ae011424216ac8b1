"""Statements and calls of a project's scripts, followed by their syntax; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from edge_deploy.frontends.project import fitted, form_fields, pictures, tables, texts
from edge_deploy.frontends.project.expressions import ALIASES, Scope, Spent
from edge_deploy.frontends.project.findings import Evidence, Problem
from edge_deploy.frontends.project.notebooks import Cell
from edge_deploy.frontends.project.paths import canonical, path_call
from edge_deploy.frontends.project.script_files import Folder, Script
from edge_deploy.frontends.project.statements import Statements
from edge_deploy.frontends.project.values import (
    NOTHING,
    Call,
    Value,
    as_list,
    blend,
    richer,
    text,
    whole,
    written,
)

_MOST_STEPS = 50_000  # expressions of a script, those of called functions counted again
_MOST_ALL = 400_000
_DEEPEST_CALL = 6
_DEEPEST_IMPORT = 10
_FARTHEST = 2000  # lines above a load, in which the file's name is looked for
_ROUTES = {"post", "get", "put", "route", "api_view", "websocket"}


@dataclass(frozen=True)
class Function:
    """A function of a script, with what is around it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    script: Script
    cell: Cell
    owner: Value | None = None


@dataclass(frozen=True)
class Class:
    """A class of a script."""

    node: ast.ClassDef
    scope: Scope
    script: Script
    cell: Cell
    bases: tuple[str, ...]


class Machine(Statements):
    """Follows scripts; what it sees goes into its notes.

    Args:
        folder: The folder that is read.
    """

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self.problems: list[Problem] = []
        self._scripts = {script.file: script for script in folder.scripts}
        self._modules: dict[str, Scope] = {}
        self._all_left = _MOST_ALL
        self._reading = 0
        self._sites: list[tuple[Script, Cell, int]] = []  # of the calls that are followed
        self._called: set[int] = set()
        self._calls: list[int] = []

    def define(self, node: ast.stmt) -> None:
        """A function, a class or an import."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = Function(node, self.scope, self.script, self.cell)
            self.scope.put(node.name, Value(callee=function, name=node.name))
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.Import):
            self._import(node)
        elif isinstance(node, ast.ImportFrom):
            self._import_from(node)

    def naming(self, where: Evidence, path: str) -> Evidence:
        """The line that names a path, where the one that reads it does not.

        The nearest one above it, or above a call that led to it.
        """
        name = path.rpartition("/")[2]
        for script, cell, line in [(self.script, self.cell, where.line), *reversed(self._sites)]:
            for number in range(min(line, len(cell.lines)), max(0, line - _FARTHEST), -1):
                if name in cell.lines[number - 1]:
                    return script.evidence(number, cell)
        return where

    # Modules.

    def read(self, script: Script) -> Scope:
        """Follow a script from its first line, then the functions that nobody called."""
        if script.file in self._modules:
            return self._modules[script.file]
        scope = self._modules[script.file] = Scope()
        outer = (self.scope, self.script, self.cell, self.left, self._depth)
        self.scope, self.script, self._depth = scope, script, 0
        # A function may import it: what is being called is not to be lost.
        calls, returned = self._calls, self._returned
        self._calls, self._returned = [], []
        start = self.left = min(_MOST_STEPS, self._all_left)
        self._reading += 1
        scope.names["__file__"] = Value(constant=script.file)
        try:
            for tree, cell in script.trees:
                self.cell = cell
                self.run(tree.body)
            self._uncalled(script, scope)
        except Spent:
            message = "more than is followed; what stands behind it was not looked at"
            self.problems.append(Problem(self.evidence(ast.Pass(lineno=1)), message))
        except RecursionError:
            message = "nested too deep to be followed"
            self.problems.append(Problem(self.evidence(ast.Pass(lineno=1)), message))
        finally:
            self._reading -= 1
            self._all_left -= start - max(self.left, 0)
            self.scope, self.script, self.cell, self.left, self._depth = outer
            self._calls, self._returned = calls, returned
        return scope

    def _uncalled(self, script: Script, scope: Scope) -> None:
        """Functions that a framework calls: first those that load into globals."""
        found = list(_functions(script))
        asked = _names_asked(one for one, _, _ in found)
        # Those that another calls come last: by then they have been followed with its arguments.
        found.sort(key=lambda one: (not _loads(one[0]), one[0].name in asked))
        for node, cell, owner in found:
            if id(node) in self._called:
                continue
            self.cell = cell
            value = scope.find(owner.name) if owner is not None else None
            if owner is not None:
                if value is None or not isinstance(value.callee, Class):
                    continue
                made = scope.names.get(f"an {owner.name}") or self._made(value.callee, [], {}, node)
                scope.names[f"an {owner.name}"] = made
                function = Function(node, scope, script, cell, made)
            else:
                function = Function(node, scope, script, cell)
            self._enter(function, [], {}, fresh=True)

    def _import(self, node: ast.Import) -> None:
        for one in node.names:
            top = one.name.partition(".")[0]
            found = self._sibling(one.name, 0)
            if found is not None:
                value = Value(attributes=found.names)
                self.scope.put(one.asname or top, value)
            else:
                self.scope.put(one.asname or top, Value(dotted=one.name if one.asname else top))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = self._sibling(node.module or "", node.level)
        for one in node.names:
            if one.name == "*":
                if module is not None:
                    for name, value in list(module.names.items()):
                        self.scope.put(name, value)
                elif node.module:
                    self.scope.put("*" + node.module, NOTHING)
                continue
            name = one.asname or one.name
            if module is not None and one.name in module.names:
                self.scope.put(name, module.names[one.name])
                continue
            inner = self._sibling(
                f"{node.module}.{one.name}" if node.module else one.name, node.level
            )
            if inner is not None:
                self.scope.put(name, Value(attributes=inner.names))
            else:
                dotted = f"{node.module}.{one.name}" if node.module else one.name
                self.scope.put(name, Value(dotted=dotted))

    def _sibling(self, module: str, level: int) -> Scope | None:
        """A module of the project itself."""
        home = PurePosixPath(self.script.file).parent
        for _ in range(max(0, min(level, 20) - 1)):
            home = home.parent
        if self._reading > _DEEPEST_IMPORT:
            return None
        inner = module.replace(".", "/")
        starts = [home] if level else [home, PurePosixPath()]
        for start in starts:
            for end in (f"{inner}.py", f"{inner}/__init__.py") if inner else ("__init__.py",):
                file = str(start / end)
                if file in self._scripts and file != self.script.file:
                    return self.read(self._scripts[file])
        return None

    # Functions and classes.

    def function(self, node: ast.Lambda) -> Value:
        """A function without a name."""
        return Value(callee=Function(node, self.scope, self.script, self.cell))

    def _class(self, node: ast.ClassDef) -> None:
        bases = tuple(self._base(one) for one in node.bases[:8])
        outer, self.scope = self.scope, Scope(self.scope)
        try:
            for statement in node.body:
                if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                    self._statement(statement)
            inner = dict(self.scope.names)
        finally:
            self.scope = outer
        made = Class(node, self.scope, self.script, self.cell, bases)
        if any(one.rpartition(".")[2].endswith("Enum") for one in bases):
            value = Value(entries=tuple(inner.items()), name="Enum")
        else:
            value = Value(callee=made, attributes=inner)
        self.scope.put(node.name, value)

    def _base(self, node: ast.expr) -> str:
        value = self.evaluate(node)
        if isinstance(value.callee, Class):
            return "BaseModel" if "BaseModel" in value.callee.bases else value.callee.node.name
        last = (value.dotted or value.name).rpartition(".")[2]
        return "BaseModel" if last in ("BaseModel", "Schema") else value.dotted or value.name

    def _made(
        self, found: Class, arguments: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """An object of a class of the script."""
        made = Value(attributes={})
        assert made.attributes is not None
        if "BaseModel" in found.bases:
            return self._pydantic(found)
        for statement in found.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = Function(statement, found.scope, found.script, found.cell, made)
                made.attributes[statement.name] = Value(callee=inner)
        stored = found.scope.find(found.node.name)
        for name, value in (stored.attributes or {}).items() if stored is not None else ():
            made.attributes.setdefault(name, value)
        start = made.attributes.get("__init__")
        if start is not None:
            self._enter(start.callee, arguments, keywords)
        return made

    def _pydantic(self, found: Class) -> Value:
        """A model of pydantic: its fields are a form's."""
        entries: list[tuple[Any, Value]] = []
        outer = (self.scope, self.script, self.cell)
        self.scope, self.script, self.cell = found.scope, found.script, found.cell
        try:
            for statement in found.node.body[:500]:
                if not isinstance(statement, ast.AnnAssign):
                    continue
                if isinstance(statement.target, ast.Name):
                    name = statement.target.id
                    field = form_fields.annotated(
                        self,
                        name,
                        statement.annotation,
                        statement.value,
                        self.evidence(statement),
                        "pydantic",
                    )
                    value = form_fields.add(self, field) if field is not None else NOTHING
                    if field is None:
                        inner = self.evaluate(statement.annotation)
                        if isinstance(inner.callee, Class) and inner.callee is not found:
                            value = self._pydantic(inner.callee)
                    entries.append((name, replace(value, name=name)))
        finally:
            self.scope, self.script, self.cell = outer
        return Value(entries=tuple(entries))

    def call_value(self, callee: Value, arguments: list[Value], node: ast.AST) -> Value:
        """What a function gives that is a value."""
        if isinstance(callee.callee, Function):
            return self._enter(callee.callee, arguments, {})
        return blend(arguments)

    def _enter(
        self,
        function: Function,
        arguments: list[Value],
        keywords: dict[str, Value],
        fresh: bool = False,
    ) -> Value:
        """Follow a function's body with these arguments.

        Args:
            function: What is called.
            arguments: By place.
            keywords: By name.
            fresh: Whether a framework calls it: its parameters may be fields of a form.
        """
        node = function.node
        if id(node) in self._calls or len(self._calls) >= _DEEPEST_CALL:
            return blend([*arguments, *keywords.values()])
        self._called.add(id(node))
        self._calls.append(id(node))
        outer = (self.scope, self.script, self.cell)
        self.scope, self.script, self.cell = Scope(function.scope), function.script, function.cell
        try:
            self._parameters(function, arguments, keywords, fresh)
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body)
            self._returned.append([])
            self.run(node.body)
            given = self._returned.pop()
            best = NOTHING
            for one in given:
                best = richer(best, one) if best is not NOTHING else one
            yielded = [one for one in node.body if isinstance(one, ast.Expr)]
            if not given and yielded:
                return NOTHING
            return best
        finally:
            self._calls.pop()
            self.scope, self.script, self.cell = outer

    def _parameters(
        self, function: Function, arguments: list[Value], keywords: dict[str, Value], fresh: bool
    ) -> None:
        node = function.node
        places = [*node.args.posonlyargs, *node.args.args]
        late = node.args.defaults
        defaults: list[ast.expr | None] = [*[None] * (len(places) - len(late)), *late]
        given = list(arguments)
        static = isinstance(node, ast.FunctionDef) and any(
            isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list
        )
        if function.owner is not None and not static:
            given.insert(0, function.owner)
        route = fresh and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _route(node)
        pairs = [*zip(places, defaults, strict=True)]
        pairs.extend(zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True))
        for place, (one, default) in enumerate(pairs):
            if place < len(given) and place < len(places):
                value = given[place]
            elif one.arg in keywords:
                value = keywords[one.arg]
            else:
                value = self._unknown_parameter(one, default, route)
            if len(value.fields) == 1 and not value.history:
                value = self._titled(value, one.arg)
            elif not value.name:
                value = replace(value, name=one.arg)
            self.scope.names[one.arg] = value
        if node.args.vararg is not None:
            self.scope.names[node.args.vararg.arg] = as_list(given[len(places) :])
        if node.args.kwarg is not None:
            rest = {key: one for key, one in keywords.items() if key not in self.scope.names}
            self.scope.names[node.args.kwarg.arg] = Value(entries=tuple(rest.items()))

    def _unknown_parameter(self, one: ast.arg, default: ast.expr | None, route: bool) -> Value:
        if one.annotation is not None:
            annotation = self.evaluate(one.annotation)
            if isinstance(annotation.callee, Class):
                if "BaseModel" in annotation.callee.bases:
                    return self._pydantic(annotation.callee)
            elif route and annotation.name.lower() in ("dict", "any"):
                return Value(dotted="fastapi.request.json")
            elif route:
                found = form_fields.parameter(self, one, default, self.evidence(one))
                if found is not None:
                    return found
        if one.arg in ("request", "req"):
            return Value(dotted="flask.request")
        return self.evaluate(default) if default is not None else Value(name=one.arg)

    # Calls.

    def call(self, node: ast.Call) -> Value:
        """What a call gives."""
        receiver: Value | None = None
        if isinstance(node.func, ast.Attribute):
            receiver = self.evaluate(node.func.value)
            callee = self._method_callee(receiver, node.func)
        elif isinstance(node.func, ast.Name) and self.scope.find(node.func.id) is None:
            callee = Value(dotted=ALIASES.get(node.func.id, node.func.id))
        else:
            callee = self.evaluate(node.func)
        arguments: list[Value] = []
        for one in node.args[:512]:
            value = self.evaluate(one)
            if isinstance(one, ast.Starred) and value.items is not None:
                arguments.extend(value.items)
            else:
                arguments.append(value)
        keywords: dict[str, Value] = {}
        for keyword in node.keywords[:512]:
            value = self.evaluate(keyword.value)
            if keyword.arg is None:
                inner = {key: one for key, one in value.entries or () if isinstance(key, str)}
                keywords.update(inner)
            else:
                keywords[keyword.arg] = value
        if isinstance(callee.callee, Function):
            self._sites.append((self.script, self.cell, node.lineno))
            try:
                found = self._enter(callee.callee, arguments, keywords)
            finally:
                self._sites.pop()
            return found if found.weight else richer(found, blend([*arguments, *keywords.values()]))
        if isinstance(callee.callee, Class):
            return self._made(callee.callee, arguments, keywords, node)
        if callee.dotted:
            made = Call(self, node, canonical(callee.dotted), None, arguments, keywords)
            return self._library(made, callee)
        if receiver is not None and isinstance(node.func, ast.Attribute):
            return self._method(Call(self, node, node.func.attr, receiver, arguments, keywords))
        call = Call(self, node, written(node.func), None, arguments, keywords)
        if callee.source is not None and not callee.answer:
            return fitted.called(call, callee)
        return blend([callee, *call.all])

    def _method_callee(self, receiver: Value, node: ast.Attribute) -> Value:
        """What a method is, where it is a function of the script or of a library."""
        if receiver.attributes is not None:
            found = receiver.attributes.get(node.attr, NOTHING)
            if found.callee is not None and isinstance(receiver.callee, Class):
                return found
            return found
        stored = self.scope.module.names.get(written(node))
        if stored is not None:
            return stored
        if receiver.dotted and receiver.source is None and receiver.entries is None:
            if receiver.history or receiver.form:
                return NOTHING
            return Value(dotted=f"{receiver.dotted}.{node.attr}")
        return NOTHING

    def _library(self, call: Call, callee: Value) -> Value:
        if callee.entries is not None and callee.dotted.startswith("keras.layers."):
            return pictures.called_layer(call, callee)
        if call.name == "argparse.ArgumentParser":
            return Value(attributes={}, dotted="argparse.parser")
        if callee.dotted == "torchvision.transform":
            return blend([call.given(0), blend([callee])])
        if callee.dotted.startswith("spacy") and call.arguments:
            return texts.said(self, call.arguments[0], call.node, "lemmatize", False, "spacy")
        for ask in (path_call, form_fields.call, form_fields.clicked, pictures.call, fitted.call):
            found = ask(call)
            if found is not None:
                return found
        for ask in (texts.call, tables.call):
            found = ask(call)
            if found is not None:
                return found
        if "." in call.name:
            holder = Value(dotted=call.name.rpartition(".")[0])
            method = replace(call, name=call.last, receiver=holder)
            found = fitted.method(method) or pictures.method(method) or texts.method(method)
            if found is not None:
                return found
        return blend(call.all)

    def _method(self, call: Call) -> Value:
        receiver = call.receiver or NOTHING
        if isinstance(receiver.constant, (str, PurePosixPath)):
            found = path_call(replace(call, name=f"path.{call.name}"))
            if found is not None:
                return found
        if receiver.entries is not None and call.name in ("dict", "model_dump", "json"):
            return receiver
        if receiver.dotted == "argparse.parser":
            return _parsed(call, receiver)
        changed = self._changed(call, receiver)
        if changed is not None:
            return changed
        for ask in (
            form_fields.clicked,
            pictures.method,
            fitted.method,
            tables.method,
            texts.method,
        ):
            found = ask(call)
            if found is not None:
                return found
        if receiver.form and call.name in ("values", "items", "to_dict", "keys"):
            return receiver
        if receiver.source is not None and call.name in ("get",) and text(call.given(0)):
            key = text(call.given(0))
            note = self.notes.sources[receiver.source]
            if note.path is not None and not note.kind:
                return fitted.part(self, receiver, key, "", call.node)
        return blend(call.all)

    def _changed(self, call: Call, receiver: Value) -> Value | None:
        """``items.append(x)``, ``items.extend(...)``, ``items.insert(0, x)``."""
        function = call.node.func
        if not isinstance(function, ast.Attribute) or not call.arguments:
            return None
        if receiver.items is None or call.name not in ("append", "extend", "insert"):
            return None
        items = list(receiver.items)
        if call.name == "append":
            items.append(call.arguments[0])
        elif call.name == "extend":
            if call.arguments[0].items is None:
                self.bind(function.value, blend([receiver, call.arguments[0]]))
                return NOTHING
            items.extend(call.arguments[0].items)
        else:
            place = whole(call.arguments[0]) or 0
            items.insert(place, call.given(1))
        self.bind(function.value, replace(receiver, items=tuple(items)[:4096]))
        return NOTHING

    def part(self, value: Value, key: Value, node: ast.AST) -> Value:
        """``value[key]``."""
        if isinstance(node, ast.Subscript):
            stored = self.scope.module.names.get(written(node)) if value.dotted else None
            if stored is not None:
                return stored
            if value.dotted:
                found = form_fields.subscript(self, value, key, node)
                if found is not None:
                    return found
            if value.dotted == "keras.word_index":
                return texts.worded(self, key, node)
            found = fitted.subscript(self, value, key, node)
            if found is not None:
                return found
            if value.dotted == "keras.dataset" and key.known:
                return NOTHING
        return super().part(value, key, node)


def _parsed(call: Call, parser: Value) -> Value:
    """``parser.add_argument("--model", default="model.h5")`` and what it gives."""
    if call.name == "parse_args":
        return Value(attributes=parser.attributes)
    if call.name == "add_argument" and parser.attributes is not None:
        flags = [text(one) for one in call.arguments]
        name = text(call.given(-1, "dest")) or next((one for one in flags if one[:2] == "--"), "")
        name = (name or (flags[0] if flags else "")).lstrip("-").replace("-", "_")
        parser.attributes[name] = call.given(-1, "default")
    return Value(attributes=parser.attributes, dotted="argparse.parser")


def _route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a web framework calls a function: by its decorator's name, which is not run."""
    for one in node.decorator_list:
        target = one.func if isinstance(one, ast.Call) else one
        if isinstance(target, ast.Attribute) and target.attr in _ROUTES:
            return True
    return False


def _functions(
    script: Script,
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, Cell, ast.ClassDef | None]]:
    for tree, cell in script.trees:
        for node in tree.body:
            inner = node.body if isinstance(node, ast.If) else [node]
            for one in inner:
                if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield one, cell, None
                elif isinstance(one, ast.ClassDef):
                    for method in one.body:
                        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
                            yield method, cell, one


def _names_asked(functions: Iterable[ast.AST]) -> set[str]:
    """The names of what functions call."""
    found: set[str] = set()
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                found.add(written(node.func).rpartition(".")[2])
    return found


def _loads(node: ast.AST) -> bool:
    """Whether a function gives values to globals, or is run at the start of an app."""
    return any(isinstance(one, (ast.Global, ast.Yield)) for one in ast.walk(node))
