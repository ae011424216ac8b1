"""Folders of strangers: what is broken, huge or deep is a problem with its line; nothing runs."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.frontends.project.script_reader import read_scripts

DELETES = """
import os, pathlib
HERE = pathlib.Path(__file__).parent
(HERE / 'ran.txt').write_text('it ran')
os.remove(HERE / 'model.h5')
def mark(function):
    (HERE / 'ran.txt').write_text('a decorator ran')
    return function
@mark
def predict(x=(HERE / 'ran.txt').write_text('a default ran')):
    return x
class A(metaclass=mark):
    y: (HERE / 'ran.txt').write_text('an annotation ran') = 1
f'{(HERE / "ran.txt").write_text("an f-string ran")}'
import helper
import joblib
model = joblib.load('model.h5')
"""


def test_an_app_that_deletes_a_file_when_it_runs_is_read_and_the_file_is_still_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "model.h5").write_bytes(b"weights")
    (tmp_path / "app.py").write_text(DELETES)
    (tmp_path / "helper.py").write_text("import os\nos.remove('model.h5')\n")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit")
    modules = set(sys.modules)
    found = read_scripts(tmp_path)
    assert [load.source.path for load in found.loads] == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"weights"
    assert not (tmp_path / "ran.txt").exists()
    assert {"helper", "app", "joblib"} & (set(sys.modules) - modules) == set()


DEEP = {
    "parentheses": "x = " + "(" * 10_000 + ")" * 10_000,
    "brackets": "x = " + "[" * 10_000 + "]" * 10_000,
    "signs": "x = " + "-" * 50_000 + "1",
    "sums": "x = 1" + "+1" * 100_000,
    "calls": "x = f" + "()" * 100_000,
    "parts": "x = a" + "[0]" * 100_000,
    "attributes": "x = a" + ".b" * 100_000,
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "conditions": "x = " + "1 if a else " * 20_000 + "2",
    "elifs": "if a: pass\n" + "elif a: pass\n" * 20_000,
    "an import": "import a" + ".b" * 200_000,
    "a big number": "x = " + "9" * 100_000,
}


@pytest.mark.parametrize("name", sorted(DEEP))
def test_a_source_that_is_nested_too_deep_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(DEEP[name])
    (tmp_path / "good.py").write_text("import joblib\nm = joblib.load('m.pkl')\n")
    found = read_scripts(tmp_path)
    assert [one.evidence.file for one in found.problems] == ["app.py"]
    assert len(found.loads) == 1


BROKEN: dict[str, tuple[bytes, int, str]] = {
    "print of Python 2": (b"import os\nprint 'hello'\n", 2, "syntax error"),
    "a half line": (b"x = (1,\n\n\n", 1, "syntax error"),
    "tabs and spaces": (b"if a:\n\tb = 1\n        c = 2\n", 3, "syntax error"),
    "a null byte": (b"x = 1\ny = '\0'\n", 2, "null byte"),
    "bytes that are no UTF-8": (b"x = 1\n# caf\xe9\n", 2, "utf-8"),
    "an unknown encoding": (b"# coding: klingon\nx = 1\n", 1, "unknown encoding"),
    "an encoding that is no text": (b"# coding: zlib\nx = 1\n", 1, "is not read"),
    "an encoding that escapes": (b"# coding: unicode_escape\nx = 1\n", 1, "is not read"),
    "UTF-16": ("x = 1\n".encode("utf-16"), 1, "null byte"),
    "a shell script": (b"#!/bin/sh\necho $HOME | wc\n", 2, "syntax error"),
    "a merge's marks": (b"x = 1\n<<<<<<< HEAD\n", 2, "syntax error"),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_source_is_a_problem_with_its_line(tmp_path: Path, name: str) -> None:
    data, line, words = BROKEN[name]
    (tmp_path / "app.py").write_bytes(data)
    (problem,) = read_scripts(tmp_path).problems
    assert (problem.evidence.file, problem.evidence.line) == ("app.py", line)
    assert words in problem.message


READ: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbfimport joblib\nm = joblib.load('caf\xc3\xa9.pkl')\n",
    "a cookie": b"# -*- coding: latin-1 -*-\nimport joblib\nm = joblib.load('caf\xe9.pkl')\n",
    "cp1252": b"# vim: set fileencoding=cp1252 :\nimport joblib\nm = joblib.load('caf\xe9.pkl')",
    "lines of Windows": b"import joblib\r\nm = joblib.load('caf\xc3\xa9.pkl')\r\n",
    "lines of the old Mac": b"import joblib\rm = joblib.load('caf\xc3\xa9.pkl')\r",
    "a form feed": b"import joblib\n\x0c\nm = joblib.load('caf\xc3\xa9.pkl')",
    "an escape that is none": b"import joblib\n'\\d'\nm = joblib.load('caf\xc3\xa9.pkl')",
}


@pytest.mark.parametrize("name", sorted(READ))
def test_a_source_of_another_encoding_is_read_as_python_reads_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_bytes(READ[name])
    found = read_scripts(tmp_path)
    assert not found.problems
    (load,) = found.loads
    assert load.source.path == "café.pkl"
    assert load.evidence.text == "m = joblib.load('café.pkl')"


def test_a_script_of_50_megabytes_is_a_problem_and_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "app.py").open("wb") as file:
        file.truncate(50 * 2**20)
    (problem,) = read_scripts(tmp_path).problems
    assert problem.message == "has 52.4 MB; at most 524.3 KB are read"


HEAVY = {
    "a power": "x = 9 ** 9 ** 9 ** 9",
    "a long text": "x = 'a' * 10 ** 12",
    "a long list": "x = [0] * 10 ** 12",
    "doubled texts": "x = 'aaaaaaaaaa'\n" + "x = x + x\n" * 200,
    "doubled lists": "x = [1, 2]\n" + "x = x + x\n" * 200,
    "nested lists": "x = [1]\n" + "x = [x, x]\n" * 100 + "import numpy\nnumpy.array(x)\n",
    "nested dicts": "x = {'a': 1}\n" + "x = {'a': x, 'b': x}\n" * 100 + "f(x)\n",
    "a wide format": "x = '{:>1000000000}'.format(1)\nz = '%999999999d' % 1",
    "a wide f-string": "y = f'{1:>1000000000}'",
    "loops in loops": "".join("    " * i + f"for a{i} in range(24):\n" for i in range(12))
    + "    " * 12
    + "f(a0)\n",
    "calls of calls": "\n".join(
        f"def f{i}(x):\n    f{i + 1}(x); f{i + 1}(x); f{i + 1}(x); f{i + 1}(x)" for i in range(20)
    )
    + "\nf0(1)\n",
    "itself": "def f(x):\n    return f(f(x))\nf(f(f(1)))\nclass A(A): pass\nA(A())\n",
    "comprehensions": "x = [[[[[[a for a in range(24)] for b in range(24)] for c in range(24)]"
    " for d in range(24)] for e in range(24)] for f in range(24)]",
    "a thousand functions": "".join(f"def f{i}():\n    return f{i - 1}()\n" for i in range(1000)),
    "many fields": "import streamlit as st\n"
    + "".join(f"st.number_input('f{i}')\n" for i in range(3000)),
    "many branches": "".join(f"if a == {i}:\n    x{i} = 1\n" for i in range(2000)),
    "a chain of comparisons": "x = 1" + " < 1" * 20_000,
    "many steps": "import joblib\nm = joblib.load('m')\nx = 1\n"
    + "x = m.transform(x)\n" * 1000
    + "m.predict(x)\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HEAVY))
def test_a_script_that_asks_for_much_ends_soon(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(HEAVY[name])
    start = time.monotonic()
    read_scripts(tmp_path)
    assert time.monotonic() - start < 20


SOURCE = """
import joblib, numpy as np, pandas as pd, streamlit as st
m, sc = joblib.load('m.pkl'), joblib.load('sc.pkl')
names = {0: 'a', 1: 'b'}
age = st.slider('Age', 0, 99)
def ask(t, *more, k=[1, 2], **rest):
    t['x'] = 1 if t['x'] == 'y' else 0
    return m.predict(sc.transform(t[['x', 'z']].values.reshape(1, -1) / 255.0))
y = ask(pd.DataFrame({'x': [age], 'z': [2]}))
print(names[np.argmax(y, axis=1)[0]] if y[0] > 0.5 else f'no {y!r:>9}')
"""


def test_a_script_that_is_damaged_anywhere_never_ends_in_an_error(tmp_path: Path) -> None:
    tokens = re.findall(r"\w+|\s+|.", SOURCE)
    random = np.random.default_rng(0)
    folder = tmp_path
    for number in range(150):
        changed = list(tokens)
        for place in random.integers(len(tokens), size=1 + number % 4):
            changed[place] = str(random.choice([*"()[]{}*=.:,", "", "0", "None", "x", "sc", "m"]))
        (folder / f"{number}.py").write_text("".join(changed))
    found = read_scripts(folder)
    assert len(found.files) + len(found.problems) >= 150
    assert len(found.predictions) >= 5


def test_a_long_row_of_imports_ends_and_each_script_is_read(tmp_path: Path) -> None:
    for number in range(200):
        source = f"import a{number + 1}\nimport joblib\nm = joblib.load('m{number}.pkl')\n"
        (tmp_path / f"a{number}.py").write_text(source)
    found = read_scripts(tmp_path)
    assert (len(found.loads), found.problems) == (200, ())


def test_scripts_that_import_one_another_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from b import *\nimport joblib\nm = joblib.load('m.pkl')\n")
    (tmp_path / "b.py").write_text("from a import m\nimport a, b\ny = m.predict([[1]])\n")
    assert len(read_scripts(tmp_path).loads) == 1


SKIPPED = ["venv", ".venv", "node_modules", ".git", "__pycache__", "lib/site-packages", ".hidden"]


@pytest.mark.parametrize("folder", SKIPPED)
def test_environments_and_hidden_folders_are_not_read(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "app.py").write_text("print 'old'")
    found = read_scripts(tmp_path)
    assert (found.files, found.problems) == ((), ())


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.py").write_text("import joblib\nm = joblib.load('m.pkl')\n")
    (inside / "folder").symlink_to(outside)
    (inside / "app.py").symlink_to(outside / "secret.py")
    (inside / "round").symlink_to(inside)
    (inside / "gone.py").symlink_to(inside / "nothing.py")
    (inside / "self.py").symlink_to(inside / "self.py")
    (inside / "real.py").write_text("x = 1\n")
    (inside / "copy.py").symlink_to(inside / "real.py")
    found = read_scripts(inside)
    assert (found.files, found.loads) == (("copy.py", "real.py"), ())


def test_pipes_and_odd_names_are_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "a\nb.py").write_text("x = 1\n")
    (tmp_path / "folder.py").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_text("x = 1\n")
    assert read_scripts(tmp_path).files == ("a\nb.py",)


def test_only_so_much_python_is_read(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"a{number:02}.py").write_text("# " + "x" * 400_000 + "\n")
    found = read_scripts(tmp_path)
    assert [one.evidence.file for one in found.problems] == ["a10.py", "a11.py"]
    assert "more than 4 MB of Python" in found.problems[0].message


def test_only_so_many_files_are_read(tmp_path: Path) -> None:
    for number in range(320):
        (tmp_path / f"a{number:03}.py").write_text("x = 1\n")
    found = read_scripts(tmp_path)
    assert len(found.files) == 300
    assert "no more are read" in found.problems[0].message


@pytest.mark.parametrize("name", ["nothing", "app.py"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match="is no folder"):
        read_scripts(tmp_path / name)


def notebook(*cells: Any, **more: Any) -> bytes:
    """A notebook of code cells."""
    made = [{"cell_type": "code", "source": source, "outputs": []} for source in cells]
    return json.dumps({"cells": made, "nbformat": 4, **more}).encode()


NOTEBOOKS: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "it is not JSON"),
    "no UTF-8": (b"\xff\xfe", "it is not UTF-8"),
    "a list": (b"[]", "is no object"),
    "no cells": (b"{}", "has no cells"),
    "cells that are none": (b'{"cells": 3}', "has no cells"),
    "deep": (b"[" * 100_000, "it is not JSON"),
    "much code": (notebook("x = 1\n" * 200_000), "KB of code"),
}


@pytest.mark.parametrize("name", sorted(NOTEBOOKS))
def test_a_broken_notebook_is_a_problem(tmp_path: Path, name: str) -> None:
    data, words = NOTEBOOKS[name]
    (tmp_path / "a.ipynb").write_bytes(data)
    (problem,) = read_scripts(tmp_path).problems
    assert words in problem.message


LOADS = "import joblib\nm = joblib.load('m.pkl')"
CELLS: dict[str, tuple[bytes, tuple[int, int]]] = {
    "plain": (notebook(LOADS), (1, 2)),
    "a list of lines": (notebook(["import joblib\n", "m = joblib.load('m.pkl')"]), (1, 2)),
    "two cells": (notebook("import joblib", "\nm = joblib.load('m.pkl')"), (2, 2)),
    "magics": (notebook("!pip install x\n%matplotlib inline\n" + LOADS), (1, 4)),
    "a magic that is indented": (notebook("if 1:\n    !ls\n" + LOADS), (1, 4)),
    "a magic of a variable": (notebook("files = !ls\n" + LOADS), (1, 3)),
    "a magic over two lines": (notebook("!pip install a \\\n  b\n" + LOADS), (1, 4)),
    "a question": (notebook("joblib.load?\n" + LOADS), (1, 3)),
    "a timed cell": (notebook("%%time\n" + LOADS), (1, 3)),
    "a cell of a shell": (notebook("%%bash\nls ((", LOADS), (2, 2)),
    "a written file": (notebook("%%writefile app.py\nprint 'x'", LOADS), (2, 2)),
    "a cell that is broken": (notebook("print 'x'", LOADS), (2, 2)),
    "arithmetic": (notebook("x = (7\n % 2)\n" + LOADS), (1, 4)),
    "other cells": (
        json.dumps(
            {
                "cells": [
                    {"cell_type": "markdown", "source": "joblib.load"},
                    {"cell_type": "code", "source": 3},
                    3,
                    {"cell_type": "code", "source": LOADS, "outputs": [{"text": "x" * 100}]},
                ]
            }
        ).encode(),
        (2, 2),
    ),
    "an old notebook": (
        json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": LOADS}]}]}).encode(),
        (1, 2),
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + notebook(LOADS), (1, 2)),
}


@pytest.mark.parametrize("name", sorted(CELLS))
def test_the_code_cells_of_a_notebook_are_read_in_order(tmp_path: Path, name: str) -> None:
    data, place = CELLS[name]
    (tmp_path / "a.ipynb").write_bytes(data)
    (load,) = read_scripts(tmp_path).loads
    assert (load.evidence.cell, load.evidence.line) == place
    assert load.evidence.text == "m = joblib.load('m.pkl')"
