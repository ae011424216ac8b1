"""The layers and functions of a model's author, out of the Python file that also trains it.

People define a layer where they train with it, and running that file would train again. So only
what the model names is run: its classes and functions, and the statements of the file that they
use by name. Where the model's file asks for a class that nobody gave, the Python files beside it
are looked through for the one that defines it.
"""

from __future__ import annotations

import ast
import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from edge_deploy.core.bounds import read_bytes
from edge_deploy.core.errors import EdgeDeployError, UsageError, wrong_option
from edge_deploy.core.messages import first_line

MODULE = "edge_deploy_custom_objects"
"""What the author's file is called while it runs."""
_MOST_FILES = 200
_MOST_BYTES = 1_000_000
_SKIPPED = ("venv", "env", "node_modules", "site-packages", "__pycache__", "build", "dist")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# The closest that Python's parser comes to saying no: a file nested too deep, or not a text.
_NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


def load_custom_objects(path: Path, config: Any) -> dict[str, Any]:
    """The public classes and functions of an author's file that a model may name.

    Args:
        path: The Python file. Of it run the definitions that the configuration names (all of
            them where it names none) and what these use: imports, constants, other definitions.
        config: The model's configuration, as it was parsed from JSON.

    Raises:
        UsageError: It is not there, is no Python, or what it needs raises.
    """
    if not path.is_file():
        raise wrong_option("custom_objects", path, "no such file.")
    if path.suffix != ".py":
        raise wrong_option("custom_objects", path, "not a Python file (.py).")
    try:
        tree = _parse(path)
    except _NO_PYTHON as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        raise _wrong(path, f"{line}{type(error).__name__}: {first_line(error)}") from error
    defined = {node.name for node in tree.body if isinstance(node, _DEFINITIONS)}
    named = defined & set(_words(config))
    needed = _reached(tree, named or defined)
    module = types.ModuleType(MODULE)
    module.__file__ = str(path)
    sys.modules[MODULE] = module  # where dataclasses and pickles of the author's look for it
    try:
        exec(compile(needed, str(path), "exec"), vars(module))
    except Exception as error:
        # It is the user's own file: whatever it raises is theirs to mend.
        raise _wrong(path, f"{type(error).__name__}: {first_line(error)}") from error
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and not _is_pythons_own(value)
    }


def find_definition(model: Path, name: str) -> tuple[Path, int] | None:
    """The Python file of a project that defines a class or function, and its line.

    Nothing of it is run. At most 200 files of 1 MB are parsed: those of the model's folder, of the
    folders in it, and of the folder that holds it.
    """
    for path in _python_files(model):
        try:
            text = read_bytes(path, EdgeDeployError)
            found = ast.parse(text) if name.encode() in text else None
        except (EdgeDeployError, *_NO_PYTHON):
            continue
        for node in ast.walk(found) if found else ():
            if isinstance(node, _DEFINITIONS) and node.name == name:
                return path, node.lineno
    return None


def _wrong(path: Path, reason: str) -> UsageError:
    return wrong_option("custom_objects", path, f"{reason}.")


def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a string like "\d", which is the author's to mend
        return ast.parse(read_bytes(path), str(path))


def _words(config: Any) -> Iterator[str]:
    """Every text of a configuration, and what stands last in ``package>Name``."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value.rpartition(">")[2]
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value


def _reached(tree: ast.Module, roots: Collection[str]) -> ast.Module:
    """The statements that define some names, and those that these use, in the file's order."""
    makers: dict[str, list[int]] = {}
    for at, statement in enumerate(tree.body):
        for name in _made(statement):
            makers.setdefault(name, []).append(at)
    kept: set[int] = {
        at for at, one in enumerate(tree.body)
        if isinstance(one, ast.ImportFrom) and one.module == "__future__"
    }  # fmt: skip
    left = [name for name in roots]
    met = set(left)
    while left:
        for at in makers.get(left.pop(), ()):
            if at not in kept:
                kept.add(at)
                used = set(_used(tree.body[at])) - met
                met |= used
                left += used
    return ast.Module([tree.body[at] for at in sorted(kept)], [])


def _made(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives to what comes after it."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(statement, ast.If | ast.Try | ast.With):
        # Versions of a library are told apart so; a loop or a call at this level is training.
        for inner in ast.iter_child_nodes(statement):
            for one in inner.body if isinstance(inner, ast.ExceptHandler) else (inner,):
                if isinstance(one, ast.stmt):
                    yield from _made(one)
    else:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        for target in targets:
            for node in ast.walk(target) if isinstance(target, ast.AST) else ():
                if isinstance(node, ast.Name):
                    yield node.id


def _used(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement reads, wherever they come from; a star may bring any of them."""
    yield "*"
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id  # Python's own too: the file may have a sum or an abs of its own


def _is_pythons_own(value: Any) -> bool:
    """Whether the author's file only imported it from Python, so that no model may call it."""
    kinds: tuple[type, ...] = (type, types.FunctionType, types.BuiltinFunctionType)
    module = str(getattr(value, "__module__", None)).partition(".")[0]
    return isinstance(value, kinds) and module in sys.stdlib_module_names


def _python_files(model: Path) -> Iterator[Path]:
    folder = model.absolute().parent
    found = [*_listed(folder), *_listed(folder.parent)]
    for inner in sorted(_entries(folder, Path.is_dir)):
        found += _listed(inner)
    yield from list(dict.fromkeys(found))[:_MOST_FILES]


def _listed(folder: Path) -> list[Path]:
    def is_small_python(path: Path) -> bool:
        if path.suffix != ".py" or path.is_symlink() or not path.is_file():
            return False
        return path.stat().st_size <= _MOST_BYTES

    return sorted(_entries(folder, is_small_python))


def _entries(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())[: 10 * _MOST_FILES]
        paths = [path for path in paths if path.name[:1] != "." and path.name not in _SKIPPED]
        return [path for path in paths if wanted(path)]
    except OSError:
        return []
