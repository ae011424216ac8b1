"""TF.js with only what some models need, put together from the parts in ``vendor/kernels/``.

The parts are ES modules as esbuild writes them: imports first, one export last. A part becomes a
function that returns its exports, so that names of different parts cannot meet; a file of them
in the order of their imports is what a bundler would make, and needs no Node.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_deploy.formats.tfjs.describe import describe

BACKENDS = ("webgl", "wasm")
PARTS = "vendor/kernels/parts.json"
_IMPORT = re.compile(r'import(?:\{([^}]*)\}from)?"([^"]+)";')
_EXPORT = re.compile(r"export\{([^}]*)\};\s*$")
# What every model's start and end go through, and what the kernels' own code calls.
_ALWAYS = ("Identity", "Reshape", "Cast", "Transpose")


@dataclass(frozen=True)
class _Part:
    imports: tuple[tuple[str, str], ...]
    body: str
    exports: str


def operators(model_json: Path) -> set[str]:
    """The graph operators of a TF.js model, also those in the functions it calls.

    Raises:
        ArtifactError: It is not a TF.js graph model.
    """
    return set(describe(model_json).ops or ())


def link(shell: Path, ops: Iterable[str]) -> dict[str, bytes] | None:
    """TF.js for some graph operators, on WebGL and wasm.

    Args:
        shell: The page's folder.
        ops: Graph operators, such as ``Conv2D``.

    Returns:
        ``core``, ``webgl`` and ``wasm`` -> the code of an ES module; None where an operator is
        not known, so that only the whole of TF.js will do.
    """
    starts = _starts(shell, ops, BACKENDS)
    return None if starts is None else _bundle(shell, *starts)


def link_inside(shell: Path, ops: Iterable[str]) -> str | None:
    """TF.js for some graph operators, on wasm, as a script for a page that is one file.

    Args:
        shell: The page's folder.
        ops: Graph operators.

    Returns:
        JavaScript that sets ``edgeDeployModules`` to functions, which give the exports of
        ``models/tfjs-core.js`` and ``models/tfjs-wasm.js``; None as of ``link``.
    """
    starts = _starts(shell, ops, ("wasm",))
    if starts is None:
        return None
    folder, names, definitions = (shell / PARTS).parent, *starts
    parts: dict[str, _Part] = {}
    order = [f"{start}.js" for own in names.values() for start in own]
    everything = _order(folder, order, parts, definitions)
    number = {part: f"p{n}" for n, part in enumerate(everything)}
    code = "".join(_as_function(part, parts[part], number) for part in everything)
    given = {"core": number["core.js"], "wasm": number["wasm/base.js"]}
    made = ",".join(f"{name}:{value}" for name, value in given.items())
    modules = ",".join(f"'models/tfjs-{name}.js':()=>all().{name}" for name in given)
    return (
        f"{{let made;const all=()=>made??=(()=>{{{code}return{{{made}}}}})();"
        f"globalThis.edgeDeployModules={{{modules}}}}}"
    )


def _starts(
    shell: Path, ops: Iterable[str], backends: Sequence[str]
) -> tuple[dict[str, list[str]], set[str]] | None:
    """The parts that some operators begin with, by module; and which parts only define."""
    known: dict[str, Any] = json.loads((shell / PARTS).read_text(encoding="utf-8"))
    wanted = [known["operators"].get(op) for op in sorted(ops)]
    if any(entry is None for entry in wanted):
        return None
    shared = ["core"]
    shared += sorted({f"family/{entry['family']}" for entry in wanted} | {"family/graph"})
    shared += sorted({f"op/{name}" for entry in wanted for name in entry["operations"]})
    kernels = sorted({name for entry in wanted for name in entry["kernels"]} | {*_ALWAYS})
    starts = {"core": shared}
    for backend in backends:
        there = [f"{backend}/{k}" for k in kernels if k in known["kernels"][backend]]
        starts[backend] = [f"{backend}/base", *there]
    return starts, set(known.get("definitions", ()))


def _bundle(
    shell: Path, starts: dict[str, list[str]], definitions: Collection[str]
) -> dict[str, bytes]:
    folder = (shell / PARTS).parent
    parts: dict[str, _Part] = {}
    orders = {
        name: _order(folder, [f"{start}.js" for start in own], parts, definitions)
        for name, own in starts.items()
    }
    counts = [part for order in orders.values() for part in order]
    core = [part for part in parts if part in orders["core"] or counts.count(part) > 1]
    number = {part: f"p{n}" for n, part in enumerate(parts)}
    files, crossing = {}, set()
    for backend in BACKENDS:
        own = [part for part in orders[backend] if part not in core]
        taken = {path for part in own for path, _ in parts[part].imports if path in core}
        crossing |= taken
        first = f"{backend}/base.js"
        code = f"import{{{','.join(sorted(number[p] for p in taken))}}}from'./CORE';"
        code += "".join(_as_function(part, parts[part], number) for part in own)
        files[backend] = code + _exported(parts[first].exports, number[first])
    code = "".join(_as_function(part, parts[part], number) for part in core)
    code += f"export{{{','.join(sorted(number[p] for p in crossing))}}};"
    files["core"] = code + _exported(parts["core.js"].exports, number["core.js"])
    named = {"core": files["core"].encode()}
    core_name = file_name("core", named["core"])
    for backend in BACKENDS:
        named[backend] = files[backend].replace("./CORE", f"./{core_name}", 1).encode()
    return named


def file_name(part: str, code: bytes) -> str:
    """A name that changes with the content, so that a browser may keep the file for good."""
    return f"tfjs-{part}-{hashlib.sha256(code).hexdigest()[:10]}.js"


def _order(
    folder: Path, starts: Sequence[str], parts: dict[str, _Part], definitions: Collection[str]
) -> list[str]:
    """Parts in the order in which a browser would run them: what is imported comes first."""
    done: dict[str, None] = {}

    def visit(path: str) -> None:
        if path in done:
            return
        if path not in parts:
            part = _read(folder, path, definitions)
            for inner, _ in part.imports:
                visit(inner)
            parts[path] = part
        else:
            for inner, _ in parts[path].imports:
                visit(inner)
        done[path] = None

    for start in starts:
        visit(start)
    return list(done)


def _read(folder: Path, path: str, definitions: Collection[str]) -> _Part:
    code = (folder / path).read_text(encoding="utf-8")
    imports, at = [], 0
    while found := _IMPORT.match(code, at):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        # For the order of evaluation only: of a part that does nothing then, there is no need.
        if found[1] or target not in definitions:
            imports.append((target, found[1] or ""))
        at = found.end()
    end = _EXPORT.search(code)
    return _Part(tuple(imports), code[at : end.start() if end else None], end[1] if end else "")


def _pairs(names: str) -> list[tuple[str, str]]:
    """``a as b,c`` -> [(a, b), (c, c)]."""
    split = (name.split(" as ") for name in names.split(",") if name)
    return [(pair[0], pair[-1]) for pair in split]


def _as_function(path: str, part: _Part, number: dict[str, str]) -> str:
    taken = "".join(
        f"const{{{','.join(f'{a}:{b}' for a, b in _pairs(names))}}}={number[inner]};"
        for inner, names in part.imports
        if names
    )
    given = ",".join(f"{b}:{a}" for a, b in _pairs(part.exports))
    end = f"return{{{given}}}" if given else ""
    body = part.body if part.body.endswith((";", "}", "")) else f"{part.body};"
    return f"const {number[path]}=(()=>{{{taken}{body.rstrip()};{end}}})();"


def _exported(exports: str, name: str) -> str:
    names = [b for _, b in _pairs(exports)]
    return f"export const{{{','.join(names)}}}={name};" if names else ""
