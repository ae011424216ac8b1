"""The Python API: every option by keyword, wrong types in words, names that help() shows."""

from __future__ import annotations

import ast
import inspect
import pydoc
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
import typer

import edge_deploy
from edge_deploy.api import keywords, options
from edge_deploy.core.errors import UsageError
from edge_deploy.core.options import InMemory, Options, as_data, given
from edge_deploy.core.spec import LoadKeywords, LoadOptions
from edge_deploy.data.sidecars import DataOptions

COMMANDS = {
    "bench": options.BenchOptions,
    "convert": options.ConvertOptions,
    "inspect": LoadOptions,
    "load_model": LoadOptions,
    "push": options.PushOptions,
    "quantize": options.QuantizeOptions,
    "tune": options.TuneOptions,
    "verify": options.VerifyOptions,
}
SPELLED = {"artifact_version": "version", "input_shape": "input_shapes", "no_cache": "cache"} | {
    "runtime": "runtimes",
    "backend": "backends",
}
# `timeout` stops a process: a function that Python calls is in the caller's.
OF_THE_TERMINAL = {"help", "json", "quiet", "skip_missing", "timeout"}
# Flags that no default can stand for: arguments of the functions.
ARGUMENTS = {"git"}


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"load_model"}))
def test_every_flag_is_a_keyword_argument(command: str) -> None:
    from edge_deploy.cli import app

    flags = {
        option.lstrip("-").replace("-", "_")
        for parameter in typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
        for option in parameter.opts
        if option.startswith("--")
    }
    known = {field.name for field in fields(COMMANDS[command])}
    assert {SPELLED.get(flag, flag) for flag in flags} - OF_THE_TERMINAL - ARGUMENTS <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_signature_and_help_show_every_option(name: str) -> None:
    function, kind = getattr(edge_deploy, name), COMMANDS[name]
    signature, text = inspect.signature(function), inspect.getdoc(function) or ""
    for field in fields(kind):
        assert field.name in signature.parameters
        assert f"\n    {field.name}: " in text, field.name


GROUPS = {
    value.__doc__.split("``")[1]: value
    for value in (*vars(keywords).values(), LoadKeywords)
    if isinstance(value, type) and value.__name__.endswith("Keywords")
}


def test_keywords_are_the_fields_of_the_options() -> None:
    known = {**vars(options), "DataOptions": DataOptions, "LoadOptions": LoadOptions}
    kinds = {
        name
        for name, kind in known.items()
        if isinstance(kind, type) and issubclass(kind, Options) and kind is not Options
    }
    assert set(GROUPS) == kinds
    for name, group in GROUPS.items():
        assert set(get_type_hints(group)) == {field.name for field in fields(known[name])}, name


def test_an_option_is_described_once() -> None:
    for kind in COMMANDS.values():
        parts = [part for part in kind.__mro__ if issubclass(part, Options) and part is not Options]
        lines = [
            line.split(":")[0].strip()
            for text in (inspect.cleandoc(part.__doc__ or "") for part in parts)
            for line in text.partition("Attributes:")[2].splitlines()
            if line.startswith("    ") and not line.startswith("     ")
        ]
        assert sorted(lines) == sorted(field.name for field in fields(kind))


def test_keyword_wins_over_the_object() -> None:
    both = options.ConvertOptions(samples=5, name="a")
    found = given(options.ConvertOptions, both, {"name": "b"}, "convert")
    assert (found.samples, found.name) == (5, "b")


def test_values_become_what_the_program_works_with(tmp_path: Path) -> None:
    found = options.ConvertOptions(
        to="tflite, onnx",
        quantize=["float32", "int8"],
        output=str(tmp_path),
        reference=str(tmp_path / "data.csv"),
        calibration=np.ones((3, 2)),
        labels=["a", "b"],
        input_shapes={"x": (1, 4)},
        atol=1e-3,
        max_drop=np.float32(0.5),
        samples=np.int64(7),
    )
    assert found.to == ("tflite", "onnx") and found.quantize == ("float32", "int8")
    assert (found.output, found.reference) == (tmp_path, tmp_path / "data.csv")
    assert isinstance(found.calibration, InMemory)
    assert found.labels == ("a", "b") and found.input_shapes == (("x", (1, 4)),)
    assert found.tolerances.atol == {"": 1e-3} and found.tolerances.max_drop == 0.5
    assert type(found.samples) is int and found.samples == 7


WRONG = {
    "unknown": ({"quantise": "int8"}, r"convert: no option is called 'quantise'. Did you mean qu"),
    "names": ({"to": 3}, r"to: expected a name or a list of names, got 3 \(int\)"),
    "path": ({"output": ["a"]}, r"output: expected a path, got an object of builtins.list"),
    "flag": ({"overwrite": "yes"}, r"overwrite: expected True or False, got 'yes' \(str\)"),
    "whole": ({"samples": 1.5}, r"samples: expected a whole number, got 1.5 \(float\)"),
    "number": ({"prune": "0.8"}, r"prune: expected a number, got '0.8' \(str\)"),
    "data": ({"reference": 5}, r"reference: expected a path .* or a pair .*, got 5 \(int\)"),
    "shapes": ({"input_shapes": {"x": 3}}, r"input_shapes: expected shapes by input name"),
    "object": ({"options": {"to": "onnx"}}, r"expected options as an object of ConvertOptions"),
    "target": ({"to": "tflit"}, r"no target is called 'tflit'. Did you mean tflite\?"),
    "below 0": ({"atol": -1.0}, "atol=-1: not a number of 0 or more"),
    "no share": ({"max_drop": 3}, "max_drop=3: a share between 0 and 1"),
    "missing model": ({}, r"m.h5: no such file or folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_type_is_said_in_words(case: str) -> None:
    asked, words = WRONG[case]
    with pytest.raises(UsageError, match=words):
        edge_deploy.convert("m.h5", **asked)


WRONG_SEARCH = {
    "objective": ({"objective": "laten"}, r"no objective is called 'laten'. Did you mean latency"),
    "drop": ({"max_drop": 1.0}, "max_drop=1: a share from 0 to below 1"),
    "jobs": ({"jobs": 0}, "jobs=0: at least 1"),
    "sparsities": ({"sparsities": [1.5]}, "sparsities=1.5: shares between 0 and 1"),
    "pruning nothing": (
        {"prune_data": "x.npz", "sparsities": ()},
        "prune_data=... is to train pruned models on, and sparsities=... has none",
    ),
}


@pytest.mark.parametrize("case", WRONG_SEARCH)
def test_search_that_cannot_be_meant_is_told(case: str) -> None:
    asked, words = WRONG_SEARCH[case]
    with pytest.raises(UsageError, match=words):
        edge_deploy.tune("m.h5", **asked)


CALLS = {
    "convert": lambda: edge_deploy.convert(3),
    "load_model": lambda: edge_deploy.load_model(object),
    "verify": lambda: edge_deploy.verify(3),
    "verify a list": lambda: edge_deploy.verify(["a"]),
    "quantize nothing": lambda: edge_deploy.quantize("a"),
    "bench": lambda: edge_deploy.bench(5),
    "build_demo": lambda: edge_deploy.build_demo([5]),
    "snippet": lambda: edge_deploy.snippet(5, "python"),
    "run": lambda: edge_deploy.run(5, ["a"]),
}
SAID = {
    "convert": "of type int; expected the path of a Keras file",
    "load_model": "of type the class object",
    "verify": r"path: expected a path, got 3 \(int\)",
    "verify a list": "path: expected a path",
    "quantize nothing": "quantize: give to=",
    "bench": "paths: expected a path or a list of paths, got 5",
    "build_demo": r"paths: expected a path, got 5",
    "snippet": "artifact: expected a path",
    "run": "artifact: expected a path",
}


@pytest.mark.parametrize("call", CALLS)
def test_wrong_argument_is_said_in_words(call: str) -> None:
    with pytest.raises(UsageError, match=SAID[call]):
        CALLS[call]()


def test_dir_and_help_show_the_public_functions() -> None:
    assert dir(edge_deploy) == sorted(edge_deploy.__all__)
    text = pydoc.render_doc(edge_deploy, renderer=pydoc.plaintext)
    for name in ("bench", "build_demo", "convert", "inspect", "load_model", "quantize", "verify"):
        assert f"\n    {name}(" in text, name


@pytest.mark.slow
def test_types_hold_for_those_who_check_them(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="of [dev], which make test-next does without")
    script = tmp_path / "uses.py"
    script.write_text(
        "import edge_deploy\n"
        "done = edge_deploy.convert('m.h5', reference='d.csv', quantize=['int8'], samples=5)\n"
        "reveal_type(done.artifact)\n"
        "edge_deploy.convert('m.h5', sample=5)\n"
        "edge_deploy.convert('m.h5', samples='5')\n"
    )
    root = Path(edge_deploy.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(script)],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert 'Revealed type is "edge_deploy.artifact.artifact.Artifact | None"' in done.stdout
    assert 'Unexpected keyword argument "sample"' in done.stdout
    assert 'incompatible type "str"; expected "int"' in done.stdout
    assert done.stdout.count("error:") == 2, done.stdout


class Frame:
    """What a data frame looks like."""

    columns = ("a",)

    def itertuples(self) -> None: ...


FORMS = {
    "array": (np.ones((2, 3)), lambda d: set(d.arrays) == {""}),
    "list": ([[1.0, 2.0]], lambda d: d.arrays[""].shape == (1, 2)),
    "dict": ({"x": [1], "labels": [0]}, lambda d: set(d.arrays) == {"x"} and len(d.labels) == 1),
    "pair": ((np.ones((2, 3)), [0, 1]), lambda d: list(d.labels) == [0, 1]),
    "column of labels": ((np.ones((2, 3)), [[0], [1]]), lambda d: d.labels.shape == (2,)),
    "frame": (Frame(), lambda d: d.frame is not None),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_is_taken_in_every_form(form: str) -> None:
    value, right = FORMS[form]
    found = as_data(value, "reference")
    assert isinstance(found, InMemory) and right(found)
    assert str(found) == "the reference data"


MOST = 6


def test_no_function_takes_more_than_six_parameters() -> None:
    """But commands, whose parameters are their flags."""
    root = Path(edge_deploy.__file__).parent
    long = []
    for path in sorted(root.rglob("*.py")):
        if path.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            a = node.args
            names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            if count > MOST:
                long.append(f"{path.relative_to(root)}: {node.name} takes {count}")
    assert not long
