"""Runs the scripts of the projects as their people do, without the packages that show an app.

Streamlit, Flask, FastAPI, pydantic and gradio are not needed to ask a script: stand-ins give it
what a person would have typed, and keep what it said.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import linecache
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from tests.support.projects import Evidence

Namespace = dict[str, Any]


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the texts of a project, each without the line break at its start."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.removeprefix("\n"), encoding="utf-8")


def notebook(*cells: str) -> str:
    """The JSON of a notebook of code cells; a cell that starts with ``#`` and a space is words."""
    told: list[dict[str, Any]] = []
    for number, cell in enumerate(cells, 1):
        source = cell.strip("\n").splitlines(keepends=True)
        if cell.startswith("# "):
            told.append({"cell_type": "markdown", "metadata": {}, "source": source})
            continue
        code = {"cell_type": "code", "execution_count": number, "metadata": {}, "outputs": []}
        told.append({**code, "source": source})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    told_of = {"kernelspec": kernel, "language_info": {"name": "python", "version": "3.11.9"}}
    whole = {"cells": told, "metadata": told_of, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1)


def evidence(folder: Path, *lines: tuple[str, str, str]) -> tuple[Evidence, ...]:
    """Where scripts name files.

    Args:
        folder: The project.
        *lines: File, script and the line's text; a notebook's lines are counted in their cell.
    """
    found = []
    for file, script, text in lines:
        parts = _sources(folder / script)
        places = [
            number
            for part in parts
            for number, line in enumerate(part.splitlines(), 1)
            if line.strip() == text
        ]
        assert len(places) == 1, (script, text, places)
        found.append(Evidence(file, script, places[0], text))
    return tuple(found)


def train(folder: Path, script: str) -> Namespace:
    """Run a training script, or all code cells of a notebook, in the folder in which it lies."""
    space: Namespace = {"__name__": "__main__"}
    with _at_home((folder / script).parent):
        import keras

        keras.utils.set_random_seed(7)
        for number, part in enumerate(_sources(folder / script), 1):
            name = f"<{script}, part {number}>"
            # TensorFlow looks up the source of the functions that it traces.
            linecache.cache[name] = (len(part), None, part.splitlines(keepends=True), name)
            exec(compile(part, name, "exec"), space)
    return space


def asked(folder: Path, script: str, ask: Callable[[Namespace], Any]) -> Any:
    """Run a script's top level once, then ask its functions, in the folder in which it lies."""
    with _at_home((folder / script).parent):
        space: Namespace = {"__name__": "app"}
        exec(_code(folder / script), space)
        return ask(space)


def shown(folder: Path, script: str, typed: Sequence[Mapping[str, Any]]) -> list[Namespace]:
    """Run a Streamlit script once for each set of answers: a person presses the button each time.

    Args:
        folder: The project.
        script: The script.
        typed: What is typed or chosen, by the labels of the fields.

    Returns:
        The names of the script's top level after each run; ``said`` is what it showed.
    """
    code, spaces = _code(folder / script), []
    with _at_home((folder / script).parent):
        for values in typed:
            said: list[str] = []
            space: Namespace = {"__name__": "__main__", "said": said}
            with _installed(_stand_ins(values, said)):
                exec(code, space)
            spaces.append(space)
    return spaces


def _sources(script: Path) -> list[str]:
    text = script.read_text(encoding="utf-8")
    if script.suffix != ".ipynb":
        return [text]
    cells = json.loads(text)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _code(script: Path) -> CodeType:
    return compile(script.read_text(encoding="utf-8"), str(script), "exec")


@contextlib.contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """In the folder of a script, with stand-ins for what shows an app, and nothing typed."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # what their own code is warned of is not tested here
        stack.enter_context(_installed(_stand_ins({}, [])))
        stack.enter_context(_quick_keras())
        yield


@contextlib.contextmanager
def _installed(modules: Mapping[str, Any]) -> Iterator[None]:
    """Stand-ins as modules. What else is imported stays: TensorFlow cannot start twice."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextlib.contextmanager
def _quick_keras() -> Iterator[None]:
    """Keras loads a file once, and asks a model without the 30 ms that ``predict`` starts with."""
    import keras

    def predict(model: Any, x: Any, **_: Any) -> Any:
        return model.predict_on_batch(x)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(keras.Model, "predict", predict))
        importlib.import_module("tensorflow.keras.models")
        for name, module in list(sys.modules.items()):
            if name.endswith("keras.models") and hasattr(module, "load_model"):
                stack.enter_context(mock.patch.object(module, "load_model", _load_model))
        yield


def _load_model(path: Any, **options: Any) -> Any:
    return _loaded(Path(path).resolve(), **options)


@functools.lru_cache(maxsize=4)
def _loaded(path: Path, **options: Any) -> Any:
    import keras

    return keras.saving.load_model(str(path), **options)


# Stand-ins for the packages that show an app.


class _Screen(ModuleType):
    """Streamlit: a field gives what was typed; all else is shown."""

    def __init__(self, typed: Mapping[str, Any], said: list[str]) -> None:
        super().__init__("streamlit")
        self.typed, self.said = typed, said
        self.sidebar = self

    def _field(self, label: str, *_: Any, **__: Any) -> Any:
        return self.typed[label] if self.typed else None

    number_input = slider = selectbox = radio = text_input = text_area = file_uploader = _field

    def button(self, *_: Any, **__: Any) -> bool:
        return bool(self.typed)

    def columns(self, count: int) -> list[_Screen]:
        return [self] * count

    def cache_resource(self, function: Any) -> Any:
        return function

    def _show(self, *words: Any, **_: Any) -> None:
        self.said.extend(map(str, words))

    title = header = subheader = write = success = error = warning = _show
    set_page_config = line_chart = image = _show


class _App:
    """Flask and FastAPI: routes are the functions themselves."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def _route(self, *_: Any, **__: Any) -> Callable[[Any], Any]:
        return lambda function: function

    route = get = post = _route


class _Base:
    """pydantic's BaseModel: what it was given by name."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def model_dump(self) -> dict[str, Any]:
        return dict(self.__dict__)

    dict = model_dump


class _Anything:
    """A component of a page of gradio."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def launch(self, *_: Any, **__: Any) -> None:
        pass


def _stand_ins(typed: Mapping[str, Any], said: list[str]) -> dict[str, Any]:
    def module(name: str, **members: Any) -> ModuleType:
        made = ModuleType(name)
        made.__dict__.update(members)
        return made

    def template(_: str, **values: Any) -> dict[str, Any]:
        return values

    request = SimpleNamespace(form={}, files={}, method="POST")
    components = dict.fromkeys(("Interface", "Number", "Dropdown", "Slider", "Label"), _Anything)
    return {
        "streamlit": _Screen(typed, said),
        "flask": module(
            "flask", Flask=_App, request=request, render_template=template, jsonify=dict
        ),
        "fastapi": module("fastapi", FastAPI=_App),
        "pydantic": module("pydantic", BaseModel=_Base, Field=lambda *_, **__: None),
        "gradio": module("gradio", **components),
    }


def table(rows: Any) -> tuple[dict[str, Any], ...]:
    """The rows of a frame as plain values, as a form or a CSV would hold them."""
    return tuple(
        {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row}
        for row in (line.items() for line in rows.to_dict("records"))
    )
