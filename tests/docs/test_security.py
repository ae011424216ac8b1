"""The attacks that SECURITY.md lists are tests of ours."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
ROWS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@pytest.mark.parametrize("file", sorted({file for file, _ in ROWS}))
def test_attacks_that_are_listed_are_tests(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = {name for of, name in ROWS if of == file}
    assert named <= there


def test_every_line_of_the_list_names_its_test() -> None:
    table = TEXT.partition("| attack | test |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) > 30
    assert [line for line in table if not re.search(r"`tests/[\w/]+\.py::test_\w+`", line)] == []


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
