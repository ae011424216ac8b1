"""The pages that the program writes: they are what it says today, and explain every field."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> ModuleType:
    """A script of tools/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference, drawing = tool("write_reference"), tool("draw_imports")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


def test_reference_pages_are_what_the_program_says(pages: dict[str, str]) -> None:
    stale = [
        name
        for name, text in pages.items()
        if (reference.REFERENCE / name).read_text("utf-8") != text
    ]
    assert stale == [], "run: python tools/write_reference.py"


def test_every_command_is_on_the_page_with_its_options(pages: dict[str, str]) -> None:
    import typer

    from edge_deploy.cli import app

    text = pages["commands.md"]
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        part = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[0] in part, (name, parameter.opts)


def test_every_public_name_is_on_the_page(pages: dict[str, str]) -> None:
    import edge_deploy

    text = pages["python-api.md"]
    listed = [line[4:] for line in text.splitlines() if line.startswith(":::")]
    assert sorted(listed) == sorted(
        f"edge_deploy.{name}" for name in edge_deploy.__all__ if not name.startswith("__")
    )
    for name in edge_deploy.__all__:
        if name.endswith("Options"):
            part = text.split(f"::: edge_deploy.{name}\n")[1].split("\n:::")[0]
            for one in dataclasses.fields(getattr(edge_deploy, name)):
                assert f"| `{one.name}` |" in part, (name, one.name)


@pytest.mark.parametrize("page", ["manifest.md", "report.md", "python-api.md"])
def test_every_field_is_explained(page: str, pages: dict[str, str]) -> None:
    assert reference.unexplained(pages[page]) == [], (
        "say what it is: an option in its docstring, a field in tools/field_meanings.toml"
    )


@pytest.mark.parametrize("part", ["report", "precisions", "preprocessing"])
def test_nothing_is_explained_that_is_not_there(part: str, pages: dict[str, str]) -> None:
    gone = [name for name in reference.fields(part) if f"| `{name}` |" not in pages[f"{part}.md"]]
    assert gone == []


def test_picture_of_the_imports_is_current_and_none_runs_up() -> None:
    pairs = drawing.imports()
    assert len(pairs) > 20
    assert drawing.climbing(pairs) == []
    assert drawing.PICTURE.read_text("utf-8") == drawing.picture(pairs), (
        "run: python tools/draw_imports.py"
    )


def test_an_import_that_runs_up_shows_in_the_picture() -> None:
    pairs = {*drawing.imports(), ("data", "api")}
    assert drawing.climbing(pairs) == [("data", "api")]
    assert drawing.picture(pairs).count('class="up"') == 1


def test_each_estimator_of_scikit_learn_converts_or_is_told_why_not() -> None:
    told = reference.estimator_states()
    assert Counter(state for _, _, state, _ in told) == {
        "all": 167, "onnx": 1, "holder": 4, "no": 37,
    }  # fmt: skip
    short = [name for name, _, state, words in told if state == "no" and len(words) < 60]
    assert short == []
