"""Code of our own modules and of the page's, taken over into a snippet."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence

_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const) (\w+)", re.MULTILINE)


def source_of(function: Callable[..., object]) -> str:
    """A function of ours as it stands there, without its annotations."""
    code = inspect.getsource(function).rstrip()
    lines = code.splitlines()
    cuts = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.arg) and node.annotation:
            cuts.append((node.annotation, node.col_offset + len(node.arg)))
        elif isinstance(node, ast.AnnAssign):
            cuts.append((node.annotation, node.target.end_col_offset or 0))
        elif isinstance(node, ast.FunctionDef) and node.returns:
            before = lines[node.returns.lineno - 1][: node.returns.col_offset]
            cuts.append((node.returns, before.rindex(" ->")))
    for annotation, start in sorted(cuts, key=lambda cut: -cut[1]):
        line = lines[annotation.lineno - 1]
        lines[annotation.lineno - 1] = line[:start] + line[annotation.end_col_offset :]
    return "\n".join(lines)


def closure(sources: Sequence[str], start: str) -> list[str]:
    """The top-level declarations of modules that a piece of code needs, in their order.

    The page's sources are formatted: a declaration begins in the first column and ends before
    the next one, or the comment of the next one.
    """
    blocks: dict[str, str] = {}
    for source in sources:
        for part in re.split(r"\n\n(?=\S)", source):
            plain = re.sub(r"^import .*\n", "", part, flags=re.MULTILINE)
            if found := _DECLARED.search(plain):
                for single in _statements(plain):
                    name = _DECLARED.search(single)
                    blocks.setdefault(name[1] if name else found[1], single)
    wanted: list[str] = []
    queue = [start]
    while queue:
        plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", queue.pop(), flags=re.DOTALL)
        words = set(re.findall(r"\w+", plain))
        for known, block in blocks.items():
            if known in words and known not in (*wanted, "preprocess", "resize"):
                wanted.append(known)
                queue.append(block)
    return [blocks[name] for name in blocks if name in wanted]


def _statements(block: str) -> list[str]:
    """One-line constants that stand together, apart."""
    lines = block.strip().splitlines()
    if all(re.match(r"const \w+ = .*;( //.*)?$", line) for line in lines):
        return lines
    return [block.strip()]


def one_filter(block: str, method: str) -> str:
    """A block of the page's code whose table of FILTERS has that method alone."""
    if "const FILTERS" not in block:
        return block
    kept = [
        line
        for line in block.splitlines()
        if not re.match(r"  \w+: \[", line) or line.startswith(f"  {method}:")
    ]
    return "\n".join(kept)
