"""Text classifiers from the pickle to the page: what scikit-learn says to a text, they all say."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import joblib
import numpy as np
import pytest

from edge_deploy import ConvertOptions, ConvertResult, convert, load_model, run, verify
from edge_deploy.api.demo import build_demo
from edge_deploy.api.options import VerifyOptions
from edge_deploy.artifact.artifact import save_reference
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.web.browser import open_browser
from edge_deploy.web.server import address, start
from tests.support.text_models import ASKED, HAM, MODELS, SPAM, fitted, frame, labels, rows, theirs

pytestmark = pytest.mark.slow

RUNTIMES = ("litert", "ort", "tfjs", "litert-web", "ort-web")
# How each way of counting is done is in tests/data/test_text.py, and the classifiers are in
# test_all_estimators.py: every model is read here, these are converted, and two to all targets.
WHOLE = ("tf-idf", "beside columns")
CONVERTED = (*WHOLE, "hashed", "words and characters")
Open = Callable[..., Any]


def write_csv(path: Path, table: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ConvertResult]:
    root = tmp_path_factory.mktemp("texts")
    made = {}
    for name in CONVERTED:
        slug = name.replace(" ", "-")
        joblib.dump(fitted(name), root / f"{slug}.joblib")
        table = frame().astype(str).to_dict("records")
        table = [row if "beside" in name else {"text": row["message"]} for row in table]
        known = [{**row, "label": label} for row, label in zip(table, labels(), strict=True)]
        reference = write_csv(root / f"{slug}.csv", known)
        to = None if name in WHOLE else ("tfjs",)
        options = ConvertOptions(to=to, output=root / "artifacts", reference=reference)
        made[name] = convert(root / f"{slug}.joblib", options)
    return made


def folder(made: ConvertResult) -> Path:
    assert made.artifact is not None
    return made.artifact.folder


@pytest.fixture(scope="module")
def site(
    converted: dict[str, ConvertResult], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Open]]:
    """The page with all models, and what opens it at another address."""
    root = tmp_path_factory.mktemp("site") / "www"
    build_demo([folder(made) for made in converted.values()], root)
    server = start(root)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with open_browser() as browser:
        page = browser.new_page(service_workers="block")

        def go(query: str, state: str = "ready") -> Any:
            page.goto(f"{address(server)}?{query}&lang=en")
            page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=60_000)
            return page

        yield page, go
        page.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", MODELS)
def test_a_text_model_is_read(name: str, tmp_path: Path) -> None:
    joblib.dump(fitted(name), tmp_path / "model.joblib")
    model = load_model(tmp_path / "model.joblib")
    asked = rows(name, [text for text in ASKED if text])
    assert model.features is not None
    x = {"features": encode_rows(model.features, asked)}
    output, expected = model.spec.outputs[-1].name, theirs(name, asked)
    close_to(np.asarray(model.function(x)[output]).reshape(expected.shape), expected)
    close_to(model.ask(x, asked)[output].reshape(expected.shape), expected)


@pytest.mark.parametrize("name", CONVERTED)
def test_a_text_model_converts(converted: dict[str, ConvertResult], name: str) -> None:
    made = converted[name]
    assert (made.passed, dict(made.failed)) == (True, {})
    seen = [(v.target, v.backend, v.status, v.problems, v.samples) for v in made.verdicts]
    every = [
        ("tflite", None, "pass", (), 32),
        ("tfjs", "wasm", "pass", (), 32),
        ("onnx", None, "pass", (), 32),
    ]
    assert seen == (every if name in WHOLE else every[1:2])
    # A page downloads the vocabulary once, with the manifest; no file repeats it.
    words = next(f.text.vocabulary for f in made.manifest.features if f.text) or ()
    long = [word for word in words if len(word) > 8 and word.isascii()]
    for file in (file for entry in made.manifest.artifacts for file in entry.files):
        content = (folder(made) / file.path).read_bytes()
        assert not [word for word in long if word.encode() in content]


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_model_verifies_in_every_runtime(
    converted: dict[str, ConvertResult], name: str
) -> None:
    found = folder(converted[name])
    with np.load(found / "reference.npz") as reference:
        packaged = json.loads(str(reference["rows"]))
    assert {row["message" if "beside" in name else "text"] for row in packaged} == {*SPAM, *HAM}
    done = verify(found, VerifyOptions(runtimes=RUNTIMES))
    seen = [(v.runtime, v.backend, v.status, v.problems) for v in done.verdicts]
    assert sorted(seen) == [
        ("litert", None, "pass", ()),
        ("litert-web", "wasm", "pass", ()),
        ("ort", None, "pass", ()),
        ("ort-web", "wasm", "pass", ()),
        ("tfjs", "wasm", "pass", ()),
        ("tfjs", "webgl", "pass", ()),
    ]


def test_the_original_answers_new_texts_again(
    converted: dict[str, ConvertResult], tmp_path: Path
) -> None:
    found = folder(converted["tf-idf"])
    options = VerifyOptions(
        against=found.parents[2] / "tf-idf.joblib",
        reference=write_csv(tmp_path / "new.csv", rows("tf-idf", [t for t in ASKED if t])),
        backends=("wasm",),
    )
    done = verify(found, options)
    assert [(v.status, v.samples) for v in done.verdicts] == [("pass", 8)] * 3


def answer_to(page: Any, row: dict[str, str]) -> np.ndarray:
    """What the page answers to a row, once the answer is there: its last output."""
    script = """(row) => {
      const box = document.querySelector('#output .raw');
      if (!box) return null;
      box.open = true;
      const text = document.querySelector('#raw').textContent;
      const found = text && JSON.parse(text);
      const mine = found && Object.entries(row).every(([name, v]) => found.input[name] === v);
      return mine ? found.outputs : null;
    }"""
    outputs = page.wait_for_function(script, arg=row, timeout=60_000).json_value()
    return np.array(list(outputs.values())[-1]["values"])


def close_to(got: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("name", "backend"),
    [*((name, "wasm") for name in CONVERTED), *((name, "webgl") for name in WHOLE)],
)
def test_texts_in_the_form_get_scikit_learns_answers(site: Any, name: str, backend: str) -> None:
    _, go = site
    page = go(f"model={name.replace(' ', '-')}&backend={backend}")
    assert page.evaluate("document.documentElement.dataset.backend") == backend
    asked = rows(name, ASKED, odd="email")
    for row, expected in zip(asked, theirs(name, asked), strict=True):
        for field, value in row.items():
            put = page.select_option if field == "channel" else page.fill
            put(f"[name={field}]", value)
        page.click("form button[type=submit]")
        close_to(answer_to(page, row), expected)


@pytest.mark.parametrize("name", WHOLE)
def test_a_link_and_a_csv_carry_texts(site: Any, name: str, tmp_path: Path) -> None:
    _, go = site
    asked = rows(name, ASKED[:8])
    expected = theirs(name, asked)
    page = go(f"model={name.replace(' ', '-')}&row={quote(json.dumps(asked[1]))}")
    close_to(answer_to(page, asked[1]), expected[1])
    field = "text" if name == "tf-idf" else "message"
    assert page.input_value(f"[name={field}]") == asked[1][field]
    page.set_input_files("#csv", write_csv(tmp_path / "texts.csv", asked))
    page.wait_for_selector("#csv-download")
    with page.expect_download() as started:
        page.click("#csv-download")
    with Path(started.value.path()).open(newline="", encoding="utf-8-sig") as file:
        answered = list(csv.DictReader(file))
    # A line with nothing but "" is an empty text.
    assert [row[field] for row in answered] == [row[field] for row in asked]
    for row, wanted in zip(answered, expected, strict=True):
        assert row["predicted_class"] == ("spam" if wanted[1] > 0.5 else "ham")
        shares = [float(row[f"predicted_probabilities: {label}"]) for label in ("ham", "spam")]
        close_to(np.array(shares), wanted)


@pytest.mark.parametrize("only", ["tflite", "onnx"])
def test_texts_on_the_command_line_get_scikit_learns_answers(
    converted: dict[str, ConvertResult], tmp_path: Path, only: str
) -> None:
    asked = rows("beside columns", [text for text in ASKED if text])
    expected = theirs("beside columns", asked)
    found = folder(converted["beside columns"])
    pairs = [f"{name}={value}" for name, value in asked[0].items()]
    answers = run(found, pairs, only) + run(
        found, [str(write_csv(tmp_path / "r.csv", asked))], only
    )
    for answer, shares in zip(answers, [expected[0], *expected], strict=True):
        got = answer.outputs["probabilities"]["probabilities"]
        close_to(np.array([got["ham"], got["spam"]]), shares)


@pytest.mark.parametrize("way", ["counts", "page"])
def test_texts_that_are_counted_otherwise_are_seen(
    converted: dict[str, ConvertResult], site: Any, tmp_path: Path, way: str
) -> None:
    if way == "page":  # its own check starts from the texts, so another text must fail it
        page, go = site
        told = go("model=tf-idf").evaluate(
            "fetch('models/tf-idf/1/reference.json').then(r => r.text())"
        )
        other = json.loads(told)
        other["samples"][3]["row"]["text"] += " free prize"
        page.route("**/reference.json?*", lambda route: route.fulfill(json=other))
        try:
            go("model=tf-idf", "error")
            assert page.evaluate("document.documentElement.dataset.check") == "fail"
        finally:
            page.unroute("**/reference.json?*")
        return
    found = tmp_path / "artifact"
    shutil.copytree(folder(converted["tf-idf"]), found)
    made = converted["tf-idf"].artifact
    assert made is not None
    data = made.reference()
    texts = [{**row, "text": row["text"] + " free"} for row in data.rows]
    save_reference(found / "reference.npz", data, texts)
    manifest = json.loads((found / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = [f for f in manifest["files"] if f["path"] != "reference.npz"]
    (found / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = verify(found, VerifyOptions(backends=("wasm",)))
    assert [v.status for v in done.verdicts] == ["fail"] * 3
    for verdict in done.verdicts:
        assert "rows are encoded otherwise here: sample 0 has" in verdict.problems[0]
