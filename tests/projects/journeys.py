"""The way of a folder: ``init``, ``convert``, ``verify``, ``run``, ``demo``, and the page."""

from __future__ import annotations

import csv
import json
import os
import shutil
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_deploy.web.browser import Browser, open_browser
from edge_deploy.web.server import address, start
from tests.conftest import Result, Run
from tests.support import PATIENCE
from tests.support.projects import INPUTS, Project

ALL = bool(os.environ.get("EDGE_DEPLOY_JOURNEYS"))
"""Whether WebGL is asked, too (`make journeys`): here the processor computes it, slowly."""
BACKENDS = ("wasm", "webgl") if ALL else ("wasm",)
ASKED = range(INPUTS) if ALL else (*range(8), *range(8, INPUTS, 8))
"""Which of the inputs the page is asked as one file; the first of the texts are the odd ones."""
SHOWN = (0, 3, 77, 199)
"""Which of the inputs are typed one by one."""


@dataclass
class Journey:
    """How far a project has come.

    Attributes:
        project: It; its folder is a copy, in which the recipe is written.
        init: What ``init`` said.
        convert: What ``convert`` said; None where ``init`` was not through.
        artifact: Where the artifact is.
    """

    project: Project
    init: Result
    convert: Result | None
    artifact: Path

    @property
    def recipe(self) -> dict[str, Any]:
        """What ``init`` wrote."""
        return tomllib.loads((self.project.folder / "edge-deploy.toml").read_text())


@dataclass
class Journeys:
    """The projects of a test file: each travels once, and one page shows them all."""

    names: Sequence[str]
    root: Path
    project: Callable[..., Project]
    stack: ExitStack
    known: dict[str, Journey] = field(default_factory=dict)
    page: Any = None

    def of(self, name: str, run: Run) -> Journey:
        """The project's journey up to its artifact."""
        if name not in self.known:
            self.known[name] = self._travel(name, run)
        return self.known[name]

    def arrived(self, name: str, run: Run) -> Journey:
        """The same, of a project that was converted."""
        journey = self.of(name, run)
        if journey.convert is None or journey.convert.code:
            pytest.fail(f"{name} did not arrive", pytrace=False)
        return journey

    def _travel(self, name: str, run: Run) -> Journey:
        found = self.project(name)
        folder = self.root / name
        shutil.copytree(found.folder, folder)
        project = found.moved(folder)
        init = run("init", folder)
        artifact = self.root / "artifacts" / name / "1"
        if init.code:
            return Journey(project, init, None, artifact)
        done = run("convert", folder, "-o", self.root / "artifacts", "--name", name)
        return Journey(project, init, done, artifact)

    def reached(self, run: Run) -> list[Path]:
        """The artifacts of all that were converted."""
        all_of_them = [self.of(name, run) for name in self.names]
        return [one.artifact for one in all_of_them if one.convert and one.convert.code == 0]

    def visit(self, name: str, backend: str, run: Run) -> Any:
        """The page of a project's model, ready to be asked."""
        if self.page is None:
            self.page = self._site(run)
        self.page.goto(f"{self.url}?model={name}&backend={backend}&lang=en")
        self.page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        return self.page

    def _site(self, run: Run) -> Any:
        done = run("demo", *self.reached(run), "-o", self.root / "site")
        assert done.code == 0, done.err + done.out
        server = start(self.root / "site")
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.stack.callback(server.server_close)
        self.stack.callback(server.shutdown)
        self.url = address(server)
        browser: Browser = self.stack.enter_context(open_browser())
        return browser.new_page(service_workers="block")


class Rows:
    """The tests of a file, which has NAMES and a class of this one."""

    def test_init_names_each_file_with_its_line(
        self, name: str, journeys: Journeys, run: Run
    ) -> None:
        journey = journeys.of(name, run)
        assert journey.init.code == 0, journey.init.err
        # A table is folded to the width of a terminal: what belongs together stands in one row.
        said = "".join(journey.init.out.split())
        for one in journey.project.evidence:
            assert "".join(one.file.split()) in said, one
            # Of "with open('x') as file: y = load(file)" either line says it.
            lines = [one.line, *([one.line + 1] if one.text.startswith("with ") else [])]
            assert any(f"{one.script}:{line}" in said for line in lines), one

    def test_recipe_needs_no_edit(self, name: str, journeys: Journeys, run: Run) -> None:
        journey = journeys.of(name, run)
        assert not journey.recipe.get("undecided")
        assert journey.convert
        assert journey.convert.code == 0, journey.convert.err

    def test_verify_passes(self, name: str, journeys: Journeys, run: Run) -> None:
        # `convert` has just asked the browser for the same, and the page is asked all inputs.
        only = () if ALL else ("--only", "tflite,onnx")
        done = run("verify", journeys.arrived(name, run).artifact, *only)
        assert done.code == 0, done.err + done.out

    def test_run_answers_as_the_own_script(
        self, name: str, journeys: Journeys, run: Run, tmp_path: Path
    ) -> None:
        journey = journeys.arrived(name, run)
        every = written(journey, tmp_path, journey.project.inputs)
        done = run("run", journey.artifact, *every, "--json")
        assert done.code == 0, done.err + done.out
        answers = json.loads(done.out)["answers"]
        assert len(answers) == len(journey.project.inputs)
        for number, answer in enumerate(answers):
            outputs = {key: value for key, value in answer.items() if key != "source"}
            compare(journey.project, number, *said_by_run(outputs, journey.project))

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_page_answers_as_the_own_script(
        self,
        name: str,
        backend: str,
        journeys: Journeys,
        run: Run,
        tmp_path: Path,
        record_property: Callable[[str, object], None],
    ) -> None:
        journey = journeys.arrived(name, run)
        page = journeys.visit(name, backend, run)
        shown = page.evaluate("({...document.documentElement.dataset})")
        assert (shown["check"], shown["backend"]) == ("pass", backend)
        project = journey.project
        for number in SHOWN:
            outputs = ask(page, project, project.inputs[number])
            compare(project, number, *said_by_page(outputs, project))
        answers = asked_at_once(page, journey, tmp_path)
        assert len(answers) == len(ASKED)
        record_property("figures", figures(name, backend, answers, project))
        for number, answer in zip(ASKED, answers, strict=True):
            compare(project, number, *answer)


Answer = tuple[int | None, NDArray[np.float64]]
"""The number of the class, where there is one, and the probabilities or numbers."""


def compare(project: Project, number: int, label: int | None, numbers: Any) -> None:
    """Hold an answer to that of the project's own script."""
    wanted = project.numbers[number]
    scale = np.abs(project.numbers).max()
    np.testing.assert_allclose(
        numbers, wanted, rtol=0, atol=project.tolerance * scale, err_msg=f"input {number}"
    )
    if project.labels is not None:
        assert label == project.classes.index(project.labels[number]), number


def figures(name: str, backend: str, answers: Sequence[Answer], project: Project) -> str:
    """How near all answers are to those of the project's own script: a line of a table."""
    scale = np.abs(project.numbers).max()
    pairs = list(zip(ASKED, answers, strict=True))
    off = max(np.abs(numbers - project.numbers[n]).max() for n, (_, numbers) in pairs)
    named = "-"
    if project.labels is not None:
        wanted = [project.classes.index(label) for label in project.labels]
        named = str(sum(label == wanted[n] for n, (label, _) in pairs))
    return f"{name:15}{backend:6}{len(answers):>7}{named:>7}{off / scale:>10.1e}"


def said_by_run(outputs: Mapping[str, Mapping[str, Any]], project: Project) -> Answer:
    """What ``run --json`` said of one input."""
    label, numbers = None, None
    for output in outputs.values():
        if "label" in output:
            label = index_of(output["label"], project)
        if "probabilities" in output:
            shares = {index_of(word, project): p for word, p in output["probabilities"].items()}
            numbers = [shares[n] for n in sorted(shares)]
            numbers = numbers[-1:] if project.numbers.shape[1] == 1 else numbers
        elif "value" in output:
            numbers = [output["value"]]
        elif "values" in output:
            numbers = output["values"]
    return label, np.asarray(numbers, np.float64).ravel()


def said_by_page(outputs: Mapping[str, Mapping[str, Any]], project: Project) -> Answer:
    """What the page said of one input, as a machine reads it."""
    label, numbers = None, np.zeros(0)
    for output in outputs.values():
        values = np.asarray(output["values"], np.float64)
        if output["shape"] in ([1], []) and project.labels is not None:
            label = int(values[0])
        else:
            numbers = values
    if label is None and project.labels is not None:
        label = int(np.argmax(numbers)) if len(numbers) > 1 else int(numbers[0] > 0.5)
    return label, numbers


def said_by_file(row: Mapping[str, str], project: Project) -> Answer:
    """What the file of all answers, which the page offers, says of one input."""
    said = {title: value for title, value in row.items() if title.startswith("predicted_")}
    named = {title.rpartition(": ")[2]: value for title, value in said.items() if ": " in title}
    if not named:
        return None, np.array([float(value) for value in said.values()])
    (label,) = (index_of(value, project) for title, value in said.items() if ": " not in title)
    shares = {index_of(word, project): float(share) for word, share in named.items()}
    numbers = [shares[n] for n in sorted(shares)]
    return label, np.array(numbers[-1:] if project.numbers.shape[1] == 1 else numbers)


def index_of(word: str, project: Project) -> int:
    """Which class a word names: by the script's own, or as yes and no."""
    classes = project.classes or ("no", "yes")
    if word in classes:
        return classes.index(word)
    return {"0": 0, "1": 1, "no": 0, "yes": 1}[word.lower()]


def written(journey: Journey, folder: Path, inputs: Sequence[Any]) -> list[Path]:
    """Inputs as files that ``run`` takes."""
    project = journey.project
    if project.kind == "picture":
        return list(inputs)
    path = folder / ("asked.npz" if project.kind == "series" else "asked.csv")
    manifest = json.loads((journey.artifact / "manifest.json").read_text())
    if project.kind == "series":
        (given,) = manifest["inputs"]
        np.savez(path, **{given["name"]: np.stack(inputs).astype(np.float32)})
        return [path]
    rows = tuple(inputs)
    if project.kind == "text":
        (column,) = [one["name"] for one in manifest["features"]]
        rows = tuple({column: text} for text in rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({k: "" if v != v else v for k, v in row.items()} for row in rows)
    return [path]


def ask(page: Any, project: Project, given: Any) -> dict[str, Any]:
    """Type, choose or paste one input as a person does, and read the answer."""
    if project.kind == "picture":
        page.set_input_files("#input .drop input", given)
        return answered(page, given.name)
    if project.kind == "text":
        page.fill("form.form textarea", given)
        page.click("form.form button.main")
        return answered(page, [given])
    if project.kind == "table":
        for column, value in given.items():
            control = page.locator(f'form.form [name="{column}"]')
            chosen = control.evaluate("one => one.tagName") == "SELECT"
            (control.select_option if chosen else control.fill)(typed(value))
        page.click("form.form button.main")
        return answered(page, sorted(map(typed, given.values())))
    count = page.locator("#history li").count()
    page.fill("#input textarea", "\n".join(" ".join(map(typed, row)) for row in given))
    page.click("#input button.main")
    page.wait_for_function(
        "count => document.querySelectorAll('#history li').length > count", arg=count
    )
    return answered(page, None)


def asked_at_once(page: Any, journey: Journey, folder: Path) -> list[Answer]:
    """The answers to ASKED, of one file (of many pictures) or, of a series, one by one."""
    project = journey.project
    inputs = [project.inputs[n] for n in ASKED]
    if project.kind == "series":
        texts = ["\n".join(" ".join(map(typed, row)) for row in given) for given in inputs]
        answers = page.evaluate(PASTE, texts)
        return [said_by_page(outputs, project) for outputs in answers]
    box = "#input .drop:not(.small) input" if project.kind == "picture" else "#csv"
    page.set_input_files(box, written(journey, folder, inputs))
    page.wait_for_selector("#own[data-state=done]", timeout=600_000)
    with page.expect_download() as started:
        page.click("#csv-download")
    with Path(started.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return [said_by_file(row, project) for row in csv.DictReader(file)]


PASTE = """async (texts) => {
  const box = document.querySelector('#input textarea');
  const answers = [];
  for (const text of texts) {
    const old = document.querySelector('#output .raw');
    box.value = text;
    box.form.requestSubmit();
    const last = performance.now() + 60_000;
    for (;;) {
      if (performance.now() > last) throw new Error(document.getElementById('output').innerText);
      const raw = document.querySelector('#output .raw');
      if (raw && raw !== old) {
        raw.open = true;
        const said = raw.querySelector('#raw').textContent;
        if (said) {
          answers.push(JSON.parse(said).outputs);
          break;
        }
      }
      await new Promise((next) => setTimeout(next));
    }
  }
  return answers;
}"""
"""Pastes one text after another into the box of a series, and gives the answers."""


def typed(value: Any) -> str:
    """A value as a person types it; nothing for one that is missing."""
    return (
        ""
        if value != value
        else repr(value.item())
        if isinstance(value, np.generic)
        else str(value)
    )


def answered(page: Any, wanted: Any) -> dict[str, Any]:
    """The answer to an input, for machines; where the form asks as it is filled, to the whole."""
    deadline = time.monotonic() + PATIENCE
    while True:
        # A later answer, or a message before it, may take the place of the box that is opened.
        said = page.evaluate(OPENED)
        given = json.loads(said)["input"] if said else None
        if isinstance(given, dict):
            given = sorted(given.values())
        if said and (wanted is None or given == wanted):
            return dict(json.loads(said)["outputs"])
        assert time.monotonic() < deadline, (given, wanted, page.inner_text("#output"))
        page.wait_for_timeout(20)


OPENED = """() => {
  const raw = document.querySelector('#output .raw');
  if (raw) raw.open = true;
  return raw?.querySelector('#raw').textContent;
}"""
"""Opens what is for machines, and gives what stands there by now."""
