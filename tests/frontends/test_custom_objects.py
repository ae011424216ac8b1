"""An author's Python file: what of it runs, what it gives, and where a class of it stands."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from edge_deploy.core.errors import SourceError, UsageError
from edge_deploy.frontends.custom_objects import find_definition, load_custom_objects

LAYER = {"class_name": "Scale", "registered_name": "own>Scale", "config": {"name": "scale"}}

TRAINING = """
    import os
    from pathlib import Path
    import numpy as np
    import streamlit as st  # is not installed here

    WIDTH = 4
    DEPTH = WIDTH * 2
    data = np.loadtxt("missing.csv")
    Path("trained").touch()

    def helper(x):
        return x * DEPTH

    class Scale:
        width = WIDTH

        def __call__(self, x):
            return helper(np.asarray(x))

    class Other:
        wide = st.sidebar

    for epoch in range(3):
        Path("trained").touch()

    if __name__ == "__main__":
        Path("trained").touch()
"""

GIVEN = {
    # what stands in the file: (the file, the configuration, what the model may name)
    "of a training script only what is used": (TRAINING, LAYER, {"Scale", "helper"}),
    "all of a file that the model names nothing of": (
        "def own(x):\n    return x\n\nclass Own:\n    pass\n",
        {},
        {"own", "Own"},
    ),
    "what it only imports from Python is not offered": (
        "from os import system\nfrom pathlib import Path\n"
        "def own(x):\n    return Path(x), system\n",
        {},
        {"own"},
    ),
    "a constant that is worked out": (
        "import math\nSIZE = math.prod((2, 3))\nclass Scale:\n    size = SIZE\n",
        LAYER,
        {"Scale"},
    ),
    "one of two versions of a library": (
        "try:\n    from lib_of_old import base as Base\nexcept ImportError:\n    Base = object\n"
        "class Scale(Base):\n    pass\n",
        LAYER,
        {"Scale"},
    ),
    "a base class that stands in the file": (
        "class Base:\n    pass\nclass Scale(Base):\n    pass\nBase.trained = True\n",
        LAYER,
        {"Scale", "Base"},
    ),
    "names of a star": (
        "from math import *\nclass Scale:\n    half = pi / 2\n",
        LAYER,
        {"Scale"},
    ),
    "a function called as one of Python's": (
        "def abs(x):\n    return 7\nclass Scale:\n    size = abs(-1)\n",
        LAYER,
        {"Scale", "abs"},
    ),
    "one of Python's by a star": (
        "from numpy import *\nclass Scale:\n    size = max([[1, 7]], axis=1)[0]\n",
        LAYER,
        {"Scale"},
    ),
    "annotations that are texts": (
        "from __future__ import annotations\nclass Scale:\n    size: Missing = 3\n",
        LAYER,
        {"Scale"},
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_of_a_file_only_what_the_model_needs_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, config, expected = GIVEN[name]
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(textwrap.dedent(source))
    found = load_custom_objects(Path("train.py"), {"config": {"layers": [config]}})
    assert set(found) >= expected, found
    assert {
        n for n in found if getattr(found[n], "__module__", "")[:11] == "edge_deploy"
    } <= expected
    assert not Path("trained").exists()
    if "Python's" in name and "Scale" in found:
        assert found["Scale"].size == 7
    if "Scale" in found and "helper" in found:
        assert found["Scale"]()([1, 2]).tolist() == [8, 16]


WRONG = {
    # the file: (its name, its content, the words of the message)
    "none": ("own.py", None, "no such file"),
    "another kind": ("own.txt", "x = 1", "not a Python file"),
    "no Python": ("own.py", "def own(:\n", r"line 1: SyntaxError"),
    "too deep": ("own.py", "x = " + "(" * 5000 + "1" + ")" * 5000, "Error"),
    "a null byte": ("own.py", "x = 1\0", "Error"),
    "a package that is not here": (
        "own.py",
        "import lib_of_nobody\nclass Own(lib_of_nobody.Base):\n    pass\n",
        "ModuleNotFoundError: No module named 'lib_of_nobody'",
    ),
    "what raises": ("own.py", "class Own:\n    x = 1 / 0\n", "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_gives_nothing_is_one_message(name: str, tmp_path: Path) -> None:
    file, content, words = WRONG[name]
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(UsageError, match=words):
        load_custom_objects(tmp_path / file, {})


PLACES = {
    "beside the model": "train.py",
    "in a folder of it": "src/layers.py",
    "in the folder that holds it": "../layers.py",
    "nested in a function": "nested.py",
}


@pytest.mark.parametrize("name", PLACES)
def test_the_class_is_found_where_it_stands(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "project" / "models"
    path = folder / PLACES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    inside = (
        "def build():\n    class Scale: pass\n" if "nested" in name else "\nclass Scale: pass\n"
    )
    path.write_text(inside)
    (folder / "broken.py").write_text("class Scale(:\n")
    (folder / "words.py").write_text("# Scale\nprint('Scale')\n")
    (folder / "far.py").symlink_to(path)
    found = find_definition(folder / "model.keras", "Scale")
    assert found is not None
    assert (found[0].resolve(), found[1]) == (path.resolve(), 2)


def test_a_class_of_nobody_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "lib.py").write_text("class Scale: pass\n")
    assert find_definition(tmp_path / "model.keras", "Scale") is None
    assert find_definition(tmp_path / "missing" / "model.keras", "Scale") is None


@pytest.mark.slow
def test_a_model_with_its_training_script_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names the file; given, the layer is taken from it, and nothing is trained."""
    import keras
    import numpy as np

    import edge_deploy

    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(
        textwrap.dedent("""
        import keras
        import numpy as np

        UNITS = 3
        rows = np.load("rows.npy")

        class Twice(keras.layers.Layer):
            def call(self, x):
                return 2 * x + UNITS

        model = keras.Sequential([keras.Input((2,)), Twice(), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(rows, rows[:, 0])
        model.save("net.keras")
        """)
    )
    np.save("rows.npy", np.ones((4, 2), np.float32))
    exec(compile(Path("train.py").read_text(), "train.py", "exec"), {"__name__": "__main__"})
    Path("rows.npy").unlink()
    with pytest.raises(SourceError, match=r"Twice stands in train\.py, line 8.*custom_objects"):
        edge_deploy.load_model("net.keras")
    model = edge_deploy.load_model("net.keras", custom_objects="train.py")
    x = np.array([[1.0, 2.0]], np.float32)
    (answer,) = model.predict({model.spec.inputs[0].name: x}).values()
    layer = model.trackables[0].layers[-1]
    kernel, bias = (np.asarray(one) for one in layer.get_weights())
    np.testing.assert_allclose(answer, (2 * x + 3) @ kernel + bias, rtol=1e-6)
    assert keras.__version__ in model.framework
