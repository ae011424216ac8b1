"""The page as people use it, in a real Chromium: inputs, answers, languages, faults, safety."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from edge_deploy.api.demo import build_demo
from edge_deploy.artifact import artifact
from edge_deploy.artifact.document import read, to_document
from edge_deploy.artifact.manifest import Manifest
from edge_deploy.core.errors import UsageError
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.data.preprocessing.features import features_to_json, parse_features
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import FLAGS, Browser
from edge_deploy.web.page_head import PageInfo
from tests.api.test_demo import make_artifact
from tests.page.conftest import Site, drop, raw, serious_issues, served, site_of, small_model, until
from tests.support.picture_files import KINDS
from tests.support.tfjs_files import write_model

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=alert(1)>"
LABELS = [EVIL, "b", "c", "d", "e", "f", "g"]
CARD = """# Costs <b>of care</b>

What a year costs.

## Limits

<script>alert(1)</script> [more](https://a.example/more)
"""
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def edit(folder: Path, **changes: Any) -> Path:
    """An artifact with another manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def without_names(root: Path) -> Path:
    made = make_artifact(root, "unnamed")
    (made / "samples" / "samples.json").unlink()
    manifest = json.loads((made / "manifest.json").read_text())
    kept = [f for f in manifest["files"] if not f["path"].startswith("samples/")]
    return edit(made, features=None, files=kept)


def without_preprocessing(root: Path) -> Path:
    made = make_artifact(root, "raw picture", picture=6, classes=list("ab"))
    return edit(made, preprocessing=None)


def with_numbers_beside(root: Path) -> Path:
    """A model that takes a picture and two numbers."""
    made = make_artifact(root, "picture and numbers", picture=6, classes=list("ab"))
    rng = np.random.default_rng(3)
    w, v = (rng.normal(size=(n, 2)).astype(np.float32) for n in (36, 2))
    nodes = [("flat", "MatMul", ["x", "w"]), ("more", "MatMul", ["z", "v"]),
             ("sum", "AddV2", ["flat", "more"]), ("y", "Softmax", ["sum"])]  # fmt: skip
    given = [("x", "DT_FLOAT", 36), ("z", "DT_FLOAT", 2)]
    written = write_model(made / "tfjs" / "float32", given, nodes, {"w": w, "v": v})
    with np.load(made / "reference.npz") as data:
        x = data["in:x"]
    z = rng.normal(size=(len(x), 2)).round(2).astype(np.float32)
    y = np.exp(x @ w + z @ v)
    y /= y.sum(1, keepdims=True)
    np.savez(made / "reference.npz", **{"in:x": x, "in:z": z, "out:y": y})
    manifest = json.loads((made / "manifest.json").read_text())
    for place, kind in ((manifest["inputs"], "tensor"), (manifest["artifacts"][0]["inputs"], None)):
        more = {"name": "z", "shape": [None, 2], **({"kind": kind} if kind else {})}
        place.append({**place[0], **more})
    files = artifact.describe_files(made, list(written.parent.iterdir()))
    manifest["artifacts"][0]["files"] = list(map(to_document, files))
    (made / "manifest.json").unlink()
    artifact.write_manifest(made, read(Manifest, {**manifest, "files": []}))
    return made


def with_gaps(root: Path) -> Path:
    """A length may be missing, a pet be unknown; a pet must not be missing."""
    made = make_artifact(root, "gaps")
    length, pet = json.loads((made / "manifest.json").read_text())["features"]
    return edit(made, features=[{**length, "missing": "value"}, {**pet, "unknown": "ignore"}])


TRUTHS = [
    {"name": "length", "kind": "number"},
    {"name": "member", "kind": "number", "min": 0, "max": 1, "step": 1},
    {"name": "vip", "kind": "number", "min": 0, "max": 1, "step": 1, "missing": "nan"},
]


def with_truths(root: Path) -> Path:
    """A member or not; a person of importance, not one, or not known."""
    made = make_artifact(root, "truths")
    rows = [{"length": 2, "member": "1", "vip": "0"}, {"length": 3, "member": "True", "vip": ""}]
    (made / "samples" / "samples.json").write_text(json.dumps(rows))
    files = json.loads((made / "manifest.json").read_text())["files"]
    own = artifact.describe_files(made, [made / "samples" / "samples.json"])
    kept = [f for f in files if not f["path"].startswith("samples/")]
    features = features_to_json(parse_features(TRUTHS)[0])
    own = [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in own]
    return edit(made, features=features, files=[*kept, *own])


def with_score(root: Path) -> Path:
    """Samples with labels, of which the original has two in three right and the file one."""
    made = make_artifact(root, "scored", picture=8, classes=[EVIL, "b"])
    told = json.loads((made / "manifest.json").read_text())
    output = told["outputs"][0]["name"]
    with np.load(made / "reference.npz") as data:
        arrays = dict(data)
    arrays["out:y"] = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], np.float32)
    np.savez(made / "reference.npz", **arrays, labels=np.array([0, 1, 1]))
    pictures = artifact.describe_files(made, sorted((made / "samples").iterdir()))
    confusion = {"counts": ["1 0", "1 1"], "pairs": ["1 0 1"]}
    good = {"accuracy": 2 / 3, "macro F1": 2 / 3}
    score = {"output": output, "samples": 3, "values": good, "confusion": confusion}
    row = {
        "runtime": "tfjs", "backend": "wasm", "status": "pass", "samples": 3, "reason": None,
        "problems": [], "median_ms": 1, "max_abs_error": 0,
        "performance": {**score, "values": {"accuracy": 1 / 3}, "original": good},
    }  # fmt: skip
    files = [{**one, "verification": [row]} for one in told["artifacts"]]
    own = [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in pictures]
    return edit(
        made, reference={**told["reference"], "performance": score}, artifacts=files, files=own
    )


built = site_of(
    small_model("costs"),
    small_model("digits", picture=28, classes=LABELS),
    without_names,
    without_preprocessing,
    with_gaps,
    with_numbers_beside,
    with_truths,
    with_score,
    small_model("many", picture=8, classes=[f"c{n}" for n in range(12)]),
    small_model("photos", picture=72, classes=["cat", "dog"]),
)


# Answers and inputs.


def test_label_that_looks_like_html_is_text(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    page.click(".thumbs button")
    page.wait_for_selector("#output .bars")
    page.click("#output .more")
    labels = page.locator(".bars .label").all_inner_texts()
    assert sorted(labels) == sorted(LABELS)
    assert page.locator("#output img, #history img").count() == 0


def test_all_bars_are_shown_on_demand_and_stay(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    page.click(".thumbs button")
    page.wait_for_selector("#output .bars")
    visible = page.locator(".bars li:visible")
    assert visible.count() == 5
    page.click("text=Show all 7")
    assert visible.count() == 7
    page.click(".thumbs button:nth-child(2)")
    page.wait_for_selector("#history li:nth-child(2)")
    assert visible.count() == 7
    values = raw(page)["outputs"]["y"]["values"]
    assert len(values) == 7
    assert sum(values) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_picture_comes_by(site: Site, event: str) -> None:
    page = site.open("?model=digits&lang=en")
    drop(page, "body", "night.png", "image/png", KINDS["png"](), event)
    page.wait_for_selector("#output .bars")
    assert raw(page)["input"] == "night.png"


def test_bad_picture_clears_the_old_answer(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=digits&lang=en")
    page.click(".thumbs button")
    page.wait_for_selector("#output .bars")
    (tmp_path / "cat.png").write_text("no")
    page.set_input_files(".drop input", tmp_path / "cat.png")
    page.wait_for_selector("#status.trouble")
    assert "not a picture" in page.inner_text("#status")
    assert page.locator("#output .bars").count() == 0
    assert "not a picture" in page.inner_text("#output")  # the status may be out of sight
    assert not page.is_visible("#preview")


def test_several_pictures_give_a_table_to_download(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=digits&lang=en")
    kinds = ["png", "jpeg 4:2:0", "webp lossy"]
    names = [f"{n}, {kind.replace(':', '')}" for n, kind in enumerate(kinds)]
    for name, kind in zip(names, kinds, strict=True):
        (tmp_path / name).write_bytes(KINDS[kind]())
    (tmp_path / "notes.txt").write_text("no")
    page.set_input_files(".drop input", [tmp_path / name for name in [*names, "notes.txt"]])
    page.wait_for_selector("#csv-download")
    assert "3 answered, 1 could not be" in page.inner_text(".results")
    with page.expect_download() as started:
        page.click("#csv-download")
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    head, *rows, bad = csv.reader(io.StringIO(text, newline=""))
    shares = [f"predicted_y: {label}" for label in LABELS]
    assert head == ["file name", "predicted_y", *shares, "no answer because"]
    assert (bad[0], bad[1:-1]) == ("notes.txt", [""] * 8)
    assert "not a picture" in bad[-1]
    for name, row in zip(names, rows, strict=True):
        page.set_input_files(".drop input", tmp_path / name)  # one alone
        page.wait_for_function(
            """(name) => {
              const box = document.querySelector('#output .raw');
              if (box) box.open = true;
              return document.querySelector('#raw')?.textContent.includes(name);
            }""",
            arg=name,
        )
        alone = raw(page)["outputs"]["y"]["values"]
        assert [float(value) for value in row[2:-1]] == alone
        assert row[:2] == [name, LABELS[int(np.argmax(alone))]]
    assert page.locator(".results tbody tr").count() == 4  # the table stays


def test_table_of_many_classes_shows_the_likeliest(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=many&lang=en")
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(KINDS["png"]())
    page.set_input_files(".drop input", [tmp_path / "a.png", tmp_path / "b.png"])
    page.wait_for_selector("#csv-download")
    heads = ["thumbnail", "answer", "sure", "file name"]
    assert page.locator(".results th").all_inner_texts() == heads
    shown = page.locator(".results tbody tr").first.locator("td").all_inner_texts()
    with page.expect_download() as started:
        page.click("#csv-download")
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    head, first, _ = csv.reader(io.StringIO(text, newline=""))
    assert head == ["file name", "predicted_y", *(f"predicted_y: c{n}" for n in range(12))]
    shares = [float(value) for value in first[2:]]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert first[:2] == ["a.png", f"c{int(np.argmax(shares))}"]
    assert shown == ["", first[1], f"{max(shares) * 100:.1f} %", "a.png"]
    assert "all columns" in page.inner_text(".results")


def test_camera_answers_live_and_stops(browser: Browser, site: Site) -> None:
    launched = browser._launch((*FLAGS, *CAMERA))
    page = launched.new_page(service_workers="block")
    requests: list[str] = []
    page.goto(f"{site.url}?model=digits&lang=en")
    page.wait_for_selector("html[data-state=ready]", state="attached")
    assert "stay on this device" in page.inner_text(".camera")
    page.on("request", lambda r: requests.append(r.url))
    page.click("#camera")
    page.wait_for_selector("#rate:has-text('answers a second')")
    page.wait_for_selector("#output .bars")
    chart = page.locator(".running svg[role=img]")
    expect(chart).to_have_attribute("aria-label", re.compile(r"last seconds\. .+: \d+\.\d %"))
    page.click("#turn")
    page.wait_for_selector("#rate:has-text('answers a second')")
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    assert page.evaluate("document.querySelector('video').srcObject") is None
    page.click("#camera")
    page.wait_for_selector("#rate:has-text('answers a second')")
    # As the browser says it of a camera that is unplugged.
    page.evaluate("document.querySelector('video').srcObject.getTracks()[0].onended()")
    page.wait_for_selector("#status:has-text('unplugged')")
    assert page.inner_text("#camera") == "Use the camera"
    page.wait_for_timeout(200)  # an answer that was still on its way
    assert "unplugged" in page.inner_text("#status")
    # The page's own code, and the list of what is kept offline, come when it finds the time.
    code = (f"{site.url}src/", f"{site.url}sw.js")
    assert [url for url in requests if not url.startswith(code)] == []
    page.close()


# A second of a canvas that changes, as a browser records it.
FILM = """async (type) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
  const context = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: type });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (let n = 0; n < 20; n += 1) {
    context.fillStyle = `rgb(${n * 12}, 90, ${255 - n * 12})`;
    context.fillRect(0, 0, 64, 48);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  recorder.stop();
  await ended;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""


def test_video_is_answered_as_it_plays(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=photos&lang=en", viewport={"width": 360, "height": 740})
    (tmp_path / "film.webm").write_bytes(bytes(page.evaluate(FILM, "video/webm;codecs=vp8")))
    page.evaluate("document.querySelector('video').defaultPlaybackRate = 0.1")  # time to look
    page.set_input_files(".drop input", tmp_path / "film.webm")
    page.wait_for_selector("#camera:has-text('Stop the video')")
    page.wait_for_selector(".running svg[role=img]")
    page.evaluate("document.querySelector('video').playbackRate = 4")
    expect(page.locator("#camera")).to_have_text("Use the camera", timeout=60_000)
    assert page.evaluate("document.querySelector('video').ended")
    assert page.locator("#output .bars").count() == 1  # the last answer stays
    (tmp_path / "film.mp4").write_bytes(b"not a film")
    page.set_input_files(".drop input", tmp_path / "film.mp4")
    page.wait_for_selector("#status:has-text('cannot play the video')")
    assert page.locator("video").is_hidden()


def test_camera_that_is_not_there_is_told(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    page.click("#camera")
    page.wait_for_selector("#status.trouble")
    assert re.search("camera", page.inner_text("#status"))


def dense_of(site: Site, name: str) -> Callable[[Sequence[float]], float]:
    """What a table model must answer, by its reference."""
    every = site.folder.parent.glob("artifacts/*/1/manifest.json")
    (path,) = [path for path in every if json.loads(path.read_text())["name"] == name]
    with np.load(path.with_name("reference.npz")) as data:
        x, y = data["in:x"].astype(float), data["out:y"]
    solution, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
    return lambda row: float(([*row, 1] @ solution)[0])


def costs(site: Site, length: float, pet: int) -> float:
    return dense_of(site, "costs")([length, 1 - pet, pet])


def test_slider_predicts_as_it_moves(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    page.wait_for_selector("#output .value")
    slider = page.locator("input[type=range]")
    for length in (2, 8):
        slider.fill(str(length))
        right = pytest.approx(costs(site, length, 0), rel=1e-3, abs=1e-4)
        until(page, lambda right=right: raw(page)["outputs"]["y"]["values"][0] == right)
    assert page.input_value("input[name=length]") == "8"


def test_value_outside_the_range_is_answered_with_a_warning(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    page.fill("input[name=length]", "90")
    page.wait_for_selector("#output .warn")
    warning = page.inner_text("#output .warn")
    told = "Not sure, for this lies outside the ranges that the features give"
    assert warning == f"{told}: length (1 to 9)."
    assert "Outside 1 to 9" in page.inner_text(".field .range")
    assert page.get_attribute("input[name=length]", "aria-invalid") == "true"
    page.fill("input[name=length]", "9")
    page.wait_for_selector("#output .warn", state="detached")


@pytest.mark.parametrize(
    ("code", "warning", "answers"),
    [
        (
            "en",
            "Not sure, for this lies outside all that the 12 reference samples hold: column 1 (",
            "The 12 reference samples give ",
        ),
        (
            "id",
            "Tidak yakin, karena ini di luar semua yang ada pada 12 contoh acuan: kolom 1 (",
            "12 contoh acuan memberi ",
        ),
    ],
)
def test_ranges_that_no_feature_gives_are_of_all_samples(
    site: Site, code: str, warning: str, answers: str
) -> None:
    page = site.open(f"?model=unnamed&lang={code}")
    page.wait_for_selector("#output .value")
    with np.load(next(site.folder.parent.glob("artifacts/2/1/reference.npz"))) as data:
        column = data["in:x"][:, 0]
    field, slider = page.locator(".field input[type=number]"), page.locator("input[type=range]")
    for value, warned in ((column.min(), 0), (column.max(), 0), (column.max() + 1, 1)):
        field.first.fill(str(value))
        page.wait_for_timeout(150)
        expect(page.locator("#output .warn")).to_have_count(warned, timeout=60_000)
    assert page.inner_text("#output .warn").startswith(warning)
    assert page.inner_text("#output .scale + p").startswith(answers)
    low, high, step = (
        float(slider.first.get_attribute(key) or "nan") for key in ("min", "max", "step")
    )
    assert 0 <= low - column.min() < step  # on round numbers, inside
    assert 0 <= column.max() - high < step
    assert low / step == pytest.approx(round(low / step), abs=1e-6)


def test_history_has_each_row_once_by_its_values(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    page.wait_for_selector("#output .value")
    assert "takes a row of 2 columns: length, pet" in page.text_content("#facts")
    page.fill("input[name=length]", "6.5")
    page.select_option("select[name=pet]", "yes")
    page.wait_for_timeout(150)
    assert page.locator("#history li").count() == 0  # filling in is no question
    page.click("text=Predict")
    page.wait_for_selector("#history li", state="attached")
    page.click("text=Predict")
    page.wait_for_timeout(150)
    table = page.locator("#samples table")
    assert table.locator("th").all_inner_texts() == ["#", "length cm", "pet"]
    assert table.locator("tbody tr").all_inner_texts() == ["1\t2.5\tyes", "2\t7\tno"]
    table.get_by_role("cell", name="2.5", exact=True).click()  # any place of a row takes it
    page.wait_for_selector("#history li:nth-child(2)")
    page.click("text=Predict")  # the sample's own row
    page.wait_for_timeout(150)
    assert page.locator("#history .what").all_inner_texts() == ["Sample 1", "6.5, yes"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([1, [0.25, 0.75]], "b (75.0 %)"),
        ([0, [0.25, 0.75]], "a · b (75.0 %)"),  # of another threshold, or of votes
        ([1], "b"),
    ],
    ids=str,
)
def test_history_says_a_class_once(modules: Any, answers: list[Any], words: str) -> None:
    script = """async (answers) => {
      const {summaries} = await import(new URL('src/view/answer.js', document.baseURI));
      const kinds = ['class', 'probabilities'];
      const specs = answers.map((_, n) => ({name: kinds[n], kind: kinds[n], classes: ['a', 'b']}));
      const outputs = answers.map((answer, n) => [kinds[n], {data: [answer].flat()}]);
      return summaries(specs, Object.fromEntries(outputs));
    }"""
    assert modules.evaluate(script, answers) == words


def test_history_says_the_class_of_each_target_once(modules: Any) -> None:
    script = """async () => {
      const {summaries} = await import(new URL('src/view/answer.js', document.baseURI));
      const specs = [0, 1].flatMap((n) => ['class', 'probabilities'].map((kind) =>
        ({name: `${kind}_${n}`, kind, classes: ['no', 'yes']})));
      return summaries(specs, {class_0: {data: [1]}, probabilities_0: {data: [0.25, 0.75]},
                               class_1: {data: [1]}, probabilities_1: {data: [0.6, 0.4]}});
    }"""
    # The second says another class than its larger share: by another threshold, say.
    assert modules.evaluate(script) == "yes (75.0 %) · yes · no (60.0 %)"


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        ("abcd", "en", "takes a row of 4 columns: a, b, c, d"),
        ("abcdef", "id", "menerima satu baris dengan 6 kolom: a, b, c, d, …"),
        ("a", "en", "takes a row of one column: a"),
        ("", "en", "takes a text"),
    ],
)
def test_facts_tell_what_a_row_has(modules: Any, names: str, code: str, words: str) -> None:
    script = """async ([code, features]) => {
      const {chooseLanguage} = await import(new URL('src/i18n.js', document.baseURI));
      const {facts} = await import(new URL('src/view/header.js', document.baseURI));
      document.body.innerHTML = '<p id="facts"></p>';
      await chooseLanguage(code, [code]);
      const source = {framework: 'keras', parameters: 3};
      facts({version: '1'}, {bytes: 10, precision: 'float32'}, {features, inputs: [], source});
    }"""
    features = [{"name": name, "kind": "number"} for name in names]
    modules.evaluate(script, [code, features or [{"name": "review", "kind": "text"}]])
    assert modules.text_content("#facts").endswith(words)


def test_link_restores_model_backend_and_inputs(site: Site) -> None:
    page = site.open("?model=costs&backend=cpu&lang=en")
    page.fill("input[name=length]", "6.5")
    page.select_option("select[name=pet]", "yes")
    page.click("text=Predict")
    page.wait_for_function("() => /6.5.*yes/.test(location.search)")
    again = site.open("?" + page.url.partition("?")[2])
    again.wait_for_selector("#output .value")
    assert again.inner_text("#output .value") == page.inner_text("#output .value")
    assert again.input_value("select[name=pet]") == "yes"
    assert again.evaluate("document.documentElement.dataset.backend") == "cpu"


def test_back_and_forward_go_through_the_models(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    page.fill("input[name=length]", "6.5")
    page.click("text=Predict")
    page.wait_for_function("() => location.search.includes('6.5')")
    page.click("#gallery button[data-key=digits]")
    page.wait_for_selector("html[data-model=digits][data-state=ready]", state="attached")
    page.locator("#details").evaluate("one => { one.open = true; }")
    page.select_option("#backend", "cpu")
    page.wait_for_selector("html[data-backend=cpu][data-state=ready]", state="attached")
    page.evaluate("location.hash = 'main'")  # as the link that skips to the model does
    steps = [
        (page.go_back, "digits", "cpu"),  # from the hash
        (page.go_back, "digits", "auto"),
        (page.go_back, "costs", "auto"),
        (page.go_forward, "digits", "auto"),
        (page.go_forward, "digits", "cpu"),
    ]
    for step, model, backend in steps:
        step()
        ready = f"html[data-model={model}][data-state=ready]"
        page.wait_for_selector(
            ready + ("[data-backend=cpu]" if backend == "cpu" else ":not([data-backend=cpu])"),
            state="attached",
        )
        assert (page.title(), page.inner_text("#title")) == (model, model)
        assert page.input_value("#backend") == backend
        if model == "costs":
            assert page.input_value("input[name=length]") == "6.5"


def test_back_returns_to_a_model_that_is_not_there(site: Site) -> None:
    page = site.open("?model=gone&lang=en", state="error")
    page.click("#gallery button[data-key=digits]")
    page.wait_for_selector("html[data-model=digits][data-state=ready]", state="attached")
    page.go_back()
    page.wait_for_selector("html[data-state=error]", state="attached")
    assert "no model “gone”" in page.inner_text("#status")
    assert not page.is_visible("#input")
    assert page.title() == "Models in your browser"
    page.go_forward()
    page.wait_for_selector("html[data-state=ready]", state="attached")
    assert page.is_visible("#title")


def test_back_returns_from_a_model_that_cannot_be_fetched(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    page.route("**/models/costs/**", lambda route: route.abort())
    page.click("#gallery button[data-key=costs]")
    page.wait_for_selector("html[data-state=error]", state="attached")
    assert "cannot be fetched. Check the connection" in page.inner_text("#status")
    page.go_back()
    page.wait_for_selector("html[data-model=digits][data-state=ready]", state="attached")
    assert page.inner_text("#title") == "digits"
    assert not page.is_visible("#cancel")


def test_csv_gives_a_table_to_download(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=costs&lang=en")
    rows = [("2", "no"), ("7.5", "yes"), ("4", "perhaps"), ("3", "no")]
    lines = ["name;pet;length", *(f'"row; {n}";{p};{le}' for n, (le, p) in enumerate(rows))]
    (tmp_path / "towns.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    page.set_input_files("#csv", tmp_path / "towns.csv")
    page.wait_for_selector("#csv-download")
    assert "3 answered, 1 could not be" in page.inner_text(".results")
    with page.expect_download() as started:
        page.click("#csv-download")
    assert started.value.suggested_filename == "towns-answers.csv"
    text = Path(started.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert text[0] == "name;pet;length;predicted_y;no answer because"
    for n in (0, 1, 3):
        length, pet = rows[n]
        value = float(text[n + 1].rsplit(";", 4)[3])
        assert value == pytest.approx(
            costs(site, float(length), int(pet == "yes")), rel=1e-3, abs=1e-4
        )
    assert "perhaps is not one of its categories" in text[3]


def download(page: Any, data: bytes, separator: str = ",") -> list[list[str]]:
    """Drop a CSV file, and read what can be downloaded."""
    drop(page, ".csv .drop", "t.csv", "text/csv", data, "drop")
    page.wait_for_selector("#csv-download")
    with page.expect_download() as started:
        page.click("#csv-download")
    text = Path(started.value.path()).read_bytes().decode("utf-8-sig")
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


# What each holds: length 2.5 without a pet, length 7 with one, length 1234.5 with one.
TABLES: dict[str, tuple[bytes, str, str]] = {
    "plain": (b"length,pet\n2.5,no\n7,yes\n1234.5,yes\n", ",", "."),
    "no line end": (b"length,pet\n2.5,no\n7,yes\n1234.5,yes", ",", "."),
    "CRLF and BOM": (b"\xef\xbb\xbflength,pet\r\n2.5,no\r\n7,yes\r\n1234.5,yes\r\n", ",", "."),
    "old Mac": (b"length,pet\r2.5,no\r7,yes\r1234.5,yes\r", ",", "."),
    "decimal commas": (b"length;pet\r\n2,5;no\r\n7;yes\r\n1234,5;yes\r\n", ";", ","),
    "points for thousands": (b"length;pet\r\n2,5;no\r\n7,0;yes\r\n1.234,5;yes\r\n", ";", ","),
    "semicolons, points": (b"length;pet\n2.5;no\n7;yes\n1234.5;yes\n", ";", "."),
    "tabs": (b"length\tpet\n2,5\tno\n7\tyes\n1234,5\tyes\n", "\t", ","),
    "commas in quotes": (b'length,pet\n"2,5",no\n"7",yes\n"1234,5",yes\n', ",", ","),
    "Excel's own line": (b"sep=;\r\nlength;pet\r\n2,5;no\r\n7;yes\r\n1234,5;yes\r\n", ";", ","),
    "quotes": (b'"length","pet"\n"2.5","no"\n" 7 "," yes"\n"1234.5","yes"\n', ",", "."),
    "another order": (b"pet, length \nno,2.5\nyes,7\nyes,1234.5\n", ",", "."),
    "more columns, empty lines": (
        b'id,length,"said; ""so"", twice",pet\n1,2.5,"a, ""b""\nc",no\n\n2,7,,yes\n,,,\n'
        b"3,1234.5,x,yes\n",
        ",",
        ".",
    ),
    "the code page of Excel": (
        "length;pet;Straße\r\n2,5;no;Ö\r\n7;yes;é\r\n1234,5;yes;€\r\n".encode("cp1252"),
        ";",
        ",",
    ),
    "a column of the answer's name": (
        b"length,y,pet,error\n2.5,1,no,0\n7,2,yes,0\n1234.5,3,yes,0\n",
        ",",
        ".",
    ),
    "an earlier download": (
        b"length,pet,predicted_y\n2.5,no,1\n7,yes,2\n1234.5,yes,3\n",
        ",",
        ".",
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_csv_comes_as_people_have_it(site: Site, table: str) -> None:
    data, separator, mark = TABLES[table]
    page = site.open("?model=costs&lang=en")
    lines = download(page, data, separator)
    assert len(set(lines[0])) == len(lines[0])
    assert lines[0][-1] == "predicted_y"
    given = [float(line[-1].replace(mark, ".")) for line in lines if line[-1] != "predicted_y"]
    expected = [costs(site, 2.5, 0), costs(site, 7, 1), costs(site, 1234.5, 1)]
    assert given == pytest.approx(expected, rel=1e-3, abs=1e-4)
    if "column" in table:  # all of them are kept as they were
        kept = list(csv.reader(io.StringIO(data.decode()), delimiter=separator))
        assert [line[:-1] for line in lines] == [line for line in kept if any(line)]


@pytest.mark.parametrize(("code", "no", "yes"), [("en", "no", "yes"), ("id", "tidak", "ya")])
def test_column_of_bool_is_a_choice_of_two(site: Site, code: str, no: str, yes: str) -> None:
    page = site.open(f"?model=truths&lang={code}")
    options = {
        name: page.locator(f"select[name={name}] option").all_inner_texts()
        for name in ("member", "vip")
    }
    assert options["member"] == [f"{no} (0)", f"{yes} (1)"]
    assert options["vip"][1:] == options["member"]
    page.fill("input[name=length]", "2")
    for name, value in (("member", "1"), ("vip", "0")):
        page.select_option(f"select[name={name}]", value)
    page.click("button.main")
    page.wait_for_selector("#output .value")
    assert raw(page)["input"] == {"length": "2", "member": "1", "vip": "0"}
    (value,) = raw(page)["outputs"]["y"]["values"]
    model = dense_of(site, "truths")
    assert value == pytest.approx(model([2, 1, 0]), rel=1e-6, abs=1e-6)
    # A sample and a link may hold what Python writes.
    page.click("#samples button >> nth=1")
    page.wait_for_function("() => document.querySelector('select[name=vip]').value === ''")
    assert page.locator("select[name=member]").input_value() == "1"
    page = site.open(
        f"?model=truths&lang={code}&row=" + quote('{"member": "false", "vip": "TRUE"}')
    )
    assert page.locator("select[name=member]").input_value() == "0"
    assert page.locator("select[name=vip]").input_value() == "1"


def test_csv_takes_the_words_for_truth_that_run_takes(site: Site) -> None:
    words = ["True", "false", "TRUE", " 0", "1", "1.0", "yes", "T", "", "2"]
    page = site.open("?model=truths&lang=en")
    table = "length,member,vip\n" + "".join(f"3,{word},1\n" for word in words)
    lines = download(page, table.encode())
    features = parse_features(TRUTHS)[0]
    model = dense_of(site, "truths")
    for word, line in zip(words, lines[1:], strict=True):
        try:
            encoded = encode_rows(features, [{"length": "3", "member": word, "vip": "1"}])
        except UsageError:
            assert (line[3], bool(line[4])) == ("", True), word
        else:
            assert float(line[3]) == pytest.approx(model(encoded[0]), rel=1e-5, abs=1e-6), word
    assert [bool(line[3]) for line in lines[1:]] == [True] * 6 + [False] * 3 + [True]


def test_gaps_and_unknown_words_are_what_the_features_say(site: Site) -> None:
    page = site.open("?model=gaps&lang=en")
    lines = download(page, b"length,pet\n,yes\nNA,yes\n4,\n4,dog\nlong,yes\n4,yes\n")
    assert lines[0] == ["length", "pet", "predicted_y", "no answer because"]
    answers = [float(line[2]) if line[2] else None for line in lines[1:]]
    full = answers[5]
    assert answers[:2] == [full, full]  # the length's default is 4
    assert answers[2] is None
    assert answers[4] is None
    assert answers[3] not in (None, full)  # an unknown pet is neither of the two
    assert [line[3] for line in lines[1:]] == [
        "", "", "pet has no value", "", "length: long is not a number", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"length\n1\n", "no column pet"),
        (b"length,pet\n", "has no rows"),
        (b"PK\x03\x04\0\0\xff\xfe", "not a CSV file"),
    ],
)
def test_wrong_csv_is_told(site: Site, content: bytes, words: str) -> None:
    page = site.open("?model=costs&lang=en")
    drop(page, ".csv .drop", "t.csv", "text/csv", content, "drop")
    page.wait_for_selector("#status.trouble")
    assert words in page.inner_text("#status")


def test_model_without_names_starts_at_its_first_sample(site: Site) -> None:
    page = site.open("?model=unnamed&lang=en")
    page.wait_for_selector("#output .value")
    folder = next(site.folder.parent.glob("artifacts/2/1"))
    with np.load(folder / "reference.npz") as data:
        x, y = data["in:x"][0], data["out:y"][0]
    shown = [float(page.input_value(f"input[name='column {n}']")) for n in (1, 2, 3)]
    assert np.array_equal(np.asarray(shown, np.float32), x)
    assert raw(page)["outputs"]["y"]["values"][0] == pytest.approx(float(y[0]), rel=1e-5, abs=1e-6)
    assert "--features" in page.inner_text("#input")


def test_picture_model_without_preprocessing_says_why(site: Site) -> None:
    page = site.open("?model=raw%20picture&lang=en")
    assert "--preprocess" in page.inner_text("#input .warn")
    page.click("#samples .chips button")
    page.wait_for_selector("#output .bars")


def test_a_picture_beside_numbers_is_chosen_and_asked_with_them(site: Site) -> None:
    page = site.open("?model=picture%20and%20numbers&lang=en")
    assert page.locator("#json").count() == 0
    page.click("text=Predict")
    page.wait_for_selector("#status.trouble")
    assert "Choose a picture first" in page.inner_text("#status")
    folder = next(
        one.parent
        for one in site.folder.parent.glob("artifacts/*/1/manifest.json")
        if json.loads(one.read_text())["name"] == "picture and numbers"
    )
    with np.load(folder / "reference.npz") as data:
        z, expected = data["in:z"], data["out:y"]
    for n in (1, 2):
        for place in range(2):
            page.fill(f"input[name='z {place + 1}']", str(float(z[n, place])))
        page.set_input_files("#input .drop input", folder / "samples" / f"{n:02d}_a class.png")
        page.wait_for_selector("#output .raw", state="attached")
        until(page, lambda n=n: raw(page)["input"] == f"{n:02d}_a class.png")  # type: ignore[misc]
        values = raw(page)["outputs"]["y"]["values"]
        assert np.abs(np.asarray(values) - expected[n]).max() <= 1e-5
    page.fill("input[name='z 1']", "")
    page.click("text=Predict")
    page.wait_for_selector("#status.trouble")
    assert "no value for the input “z 1”" in page.inner_text("#status")
    page.click("#samples .chips button")
    until(page, lambda: raw(page)["input"] != "02_a class.png")
    assert float(page.input_value("input[name='z 1']")) == pytest.approx(float(z[0, 0]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2", "This is not JSON"),
        ('{"z": 1}', "no value for the input “x”"),
        ("[1, 2, 3]", "“x” has 3 numbers; the model takes 36"),
        (json.dumps(["a"] * 36), "not a number"),
    ],
)
def test_wrong_json_is_told(site: Site, text: str, words: str) -> None:
    page = site.open("?model=raw%20picture&lang=en")
    page.fill("#json", text)
    page.click("text=Predict")
    page.wait_for_selector("#status.trouble")
    assert words in page.inner_text("#status")


def test_json_is_answered(site: Site) -> None:
    page = site.open("?model=raw%20picture&lang=en")
    page.click("text=Predict")
    page.wait_for_selector("#output .bars")
    folder = next(site.folder.parent.glob("artifacts/3/1"))
    with np.load(folder / "reference.npz") as data:
        expected = data["out:y"][0]
    values = raw(page)["outputs"]["y"]["values"]
    assert np.abs(np.asarray(values) - expected).max() <= 1e-5


def test_answer_is_copied_as_json(browser: Browser, built: tuple[Path, str]) -> None:
    context = browser._plain.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{built[1]}?model=costs&lang=en")
    page.wait_for_selector("#output .value")
    page.click("#copy")
    page.wait_for_selector("text=Copied.")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["model"] == "costs"
    assert copied["input"]["length"] == "4"
    page.click("#link")
    until(page, lambda: page.evaluate("navigator.clipboard.readText()") == page.url)
    context.close()


# Languages.

SOURCE = shell_folder() / "src"


def strings(code: str) -> dict[str, str]:
    """Every text of a language; of one with plural forms, that of most numbers."""
    words = json.loads((SOURCE / "locales" / f"{code}.json").read_text(encoding="utf-8"))
    plain = {key: text["other"] if isinstance(text, dict) else text for key, text in words.items()}
    return {key: text for key, text in plain.items() if not key.startswith("language.")}


@pytest.mark.parametrize("model", ["costs", "digits", "unnamed", "raw%20picture"])
def test_no_english_is_left_when_indonesian_is_chosen(site: Site, model: str) -> None:
    page = site.open(f"?model={model}&lang=id")
    assert page.get_attribute("html", "lang") == "id"
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    page.locator("#samples [data-sample]").last.click()
    page.wait_for_selector("#history:visible")
    page.click("#compare-start")
    page.wait_for_selector("#compare[data-state=done]", timeout=60_000)
    shown = page.evaluate(
        """() => {
          const labels = [...document.querySelectorAll('[aria-label], [title], [placeholder]')];
          const said = labels.flatMap((e) => ['aria-label', 'title', 'placeholder'].map((a) =>
            e.getAttribute(a) ?? ''));
          return [document.title, document.body.innerText, ...said].join('\\n');
        }"""
    )
    for own in ("a class", "picture and numbers"):  # names of a sample and of a model
        shown = shown.replace(own, "")
    english, indonesian = strings("en"), strings("id")
    for key, text in english.items():
        if text == indonesian[key] or key.startswith("tensor.numbers"):
            continue
        parts = [part.strip() for part in re.split(r"\{\w+\}", text)]
        telling = [
            part for part in parts if len(part) >= 4 and part not in " ".join(indonesian.values())
        ]
        for part in telling:
            pattern = rf"(?<![\w-]){re.escape(part)}(?![\w-])"
            assert not re.search(pattern, shown), (key, part)


def test_language_is_the_browser_s_and_can_be_chosen(site: Site) -> None:
    page = site.open("?model=costs", locale="id-ID")
    assert page.inner_text("h1") == "Model di peramban Anda"
    page.select_option("#language", "en")
    page.wait_for_selector("html[lang=en][data-state=ready]", state="attached")
    assert page.inner_text("h1") == "Models in your browser"
    page.goto(f"{site.url}?model=costs")  # it is kept for the next visit
    page.wait_for_selector("html[data-state=ready]", state="attached")
    assert page.get_attribute("html", "lang") == "en"
    numbers = site.open("?model=costs&lang=id", locale="en-US")
    numbers.fill("input[name=length]", "6.5")
    numbers.wait_for_selector("#output .value")
    assert "parameter" in numbers.text_content("#facts")


# Pleasant and safe.

VIEWS = [
    ("?model=digits&lang=en", {"color_scheme": "light"}),
    ("?model=digits&lang=id", {"color_scheme": "dark"}),
    ("?model=costs&lang=en", {"color_scheme": "dark"}),
    ("?model=costs&lang=id", {"viewport": {"width": 320, "height": 640}}),
    ("?model=raw%20picture&lang=en", {}),
]


@pytest.mark.parametrize(("query", "options"), VIEWS)
def test_axe_finds_no_serious_issue(site: Site, query: str, options: dict[str, Any]) -> None:
    page = site.open(query, bypass_csp=True, **options)
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    page.click("#samples [data-sample='1']")
    page.click("#compare-start")
    page.wait_for_selector("#compare[data-state=done]", timeout=60_000)
    raw(page)
    assert serious_issues(page) == []


@pytest.mark.parametrize("model", ["costs", "digits", "unnamed", "raw%20picture"])
def test_phone_shows_the_answer_before_the_samples(site: Site, model: str) -> None:
    page = site.open(f"?model={model}&lang=id", viewport={"width": 320, "height": 640})
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    for width in (320, 390):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        output, samples = (page.locator(one).bounding_box() for one in ("#output", "#samples"))
        assert output["y"] < samples["y"]


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_first_screen_has_a_picture_in_its_box_and_its_answer(
    site: Site, width: int, height: int
) -> None:
    page = site.open("?model=photos&lang=en", viewport={"width": width, "height": height})
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    page.evaluate("window.scrollTo(0, 0)")
    preview = page.locator(".drop #preview")
    expect(preview).to_be_in_viewport(ratio=1)
    expect(page.locator("#output .winner, #output .value").first).to_be_in_viewport(ratio=1)
    box, whole = preview.bounding_box(), page.locator(".drop").first.bounding_box()
    assert box["width"] > 0.9 * whole["width"] and box["height"] > 0.7 * whole["height"]


COVERED = """() => {
  const hidden = [];
  for (const one of document.querySelectorAll('input, select, textarea, button, canvas.drawing')) {
    if (!one.checkVisibility() || one.type === 'file') continue;
    one.scrollIntoView({ block: 'nearest' });
    const box = one.getBoundingClientRect();
    const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (!one.contains(there)) hidden.push([one.outerHTML.slice(0, 80), there?.id]);
  }
  return hidden;
}"""


@pytest.mark.parametrize("model", ["costs", "digits", "unnamed"])
def test_phone_covers_no_input(site: Site, model: str) -> None:
    page = site.open(f"?model={model}&lang=id", viewport={"width": 360, "height": 500})
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    for height in (500, 740):
        page.set_viewport_size({"width": 360, "height": height})
        for place in ("0", "document.body.scrollHeight"):
            page.evaluate(f"window.scrollTo(0, {place})")
            assert page.evaluate(COVERED) == []


def test_phone_has_the_answer_beside_what_moves(site: Site) -> None:
    phone = {"width": 360, "height": 500}
    page = site.open("?model=costs&lang=en", viewport=phone)
    page.wait_for_selector("#output .value")
    assert page.locator(".live:not(:empty)").count() == 0
    page.locator("input[type=range]").fill("8")
    live = page.locator(".field:has(input[name=length]) .live")
    expect(live).to_have_text(re.compile(r"USD$"))
    number = float(live.inner_text().split(" ")[0])
    assert number == pytest.approx(costs(site, 8, 0), rel=1e-3, abs=1e-4)
    expect(live).to_be_in_viewport()
    page.click("#samples button")
    expect(live).to_be_empty()
    page = site.open("?model=digits&lang=en", viewport={"width": 360, "height": 740})
    box = page.locator(".drawing").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 160)
    page.mouse.up()
    live = page.locator(".draw .live")
    expect(live).to_have_text(re.compile(r" %\)$"))
    expect(live).to_be_in_viewport()
    assert live.bounding_box()["y"] >= box["y"] + box["height"]
    page.set_viewport_size({"width": 1100, "height": 800})  # where the answer stands beside it
    assert not live.is_visible()


def test_picture_unlike_all_samples_is_told(
    browser: Browser, tmp_path: Path, built: tuple[Path, str]
) -> None:
    page = browser.new_page(service_workers="block", locale="en-US")

    def answer(route: Any) -> None:
        told = json.loads(route.fetch().text())
        told["pixels"] = {"mean": [0.4, 0.6], "deviation": [0.1, 0.3]}
        route.fulfill(json=told)

    def more(route: Any) -> None:
        told = json.loads(route.fetch().text())
        told["reference"]["samples"] = 30
        route.fulfill(json=told)

    page.route("**/reference.json*", answer)
    page.route("**/manifest.json*", more)
    page.goto(f"{built[1]}?model=digits&lang=en")
    page.wait_for_selector("html[data-state=ready]", state="attached")
    words = {0: "darker and paler in contrast", 255: "brighter and paler in contrast"}
    for level, told in words.items():
        Image.new("L", (28, 28), level).save(tmp_path / f"{level}.png")
        page.set_input_files(".drop input >> nth=0", tmp_path / f"{level}.png")
        expect(page.locator("#output .warn")).to_have_text(
            f"Not sure, for this picture is {told} than all that the model was checked with."
        )
    page.click(".thumbs button")  # noise
    expect(page.locator("#output .warn")).to_have_count(0)
    page.close()


@pytest.mark.parametrize(("model", "code"), [("costs", "en"), ("costs", "id"), ("digits", "en")])
def test_phone_cuts_nothing_of_an_answer(site: Site, model: str, code: str) -> None:
    page = site.open(f"?model={model}&lang={code}", viewport={"width": 320, "height": 568})
    page.click("#samples button")
    page.wait_for_selector("#output .tools")
    tall = "(e => e.scrollHeight - e.clientHeight)(document.querySelector('#output'))"
    raw = page.locator("#raw")
    for width in (320, 360, 390):
        page.set_viewport_size({"width": width, "height": 568})
        assert page.evaluate(tall) <= 0
        page.locator("#output .raw summary").click()
        page.wait_for_selector("#raw:not(:empty)")
        assert page.evaluate(tall) <= 0
        assert raw.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
        expect(raw).to_be_in_viewport()
        page.locator("#output .raw summary").click()


def test_many_models_have_cards_with_pictures(site: Site) -> None:
    page = site.open("?model=costs&lang=en")
    models = json.loads((site.folder / "models/index.json").read_text())["models"]
    pictured = sum(bool(one["pictures"]) for one in models)
    assert page.locator("nav .face").count() == len(models)
    there = "[...document.querySelectorAll('nav img')].filter((one) => one.naturalWidth).length"
    until(page, lambda: page.evaluate(there) == pictured)
    assert page.locator("nav .face svg").count() == len(models) - pictured
    page.click("nav button[data-key=photos] img")
    page.wait_for_selector("html[data-model=photos][data-state=ready]", state="attached")


def test_phone_shows_the_chosen_model_of_many(site: Site) -> None:
    page = site.open("?model=gaps&lang=en", viewport={"width": 320, "height": 640})
    box = page.locator("nav [aria-current=true]").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 320


def test_everything_is_reached_by_the_keyboard(site: Site) -> None:
    page = site.open("?model=digits&lang=en")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => `${document.activeElement.tagName} ${document.activeElement.type}`"
            )
        )
    assert {"SELECT select-one", "INPUT file", "BUTTON button"} <= reached
    page.focus(".thumbs button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#output .bars")


def test_reduced_motion_moves_nothing(site: Site) -> None:
    page = site.open("?model=digits&lang=en", reduced_motion="reduce")
    page.click(".thumbs button")
    page.wait_for_selector("#output .bars")
    script = "getComputedStyle(document.querySelector('.fill')).transitionDuration"
    assert page.evaluate(script) == "0s"


def test_policy_is_strict_and_nothing_is_inline(site: Site) -> None:
    text = (site.folder / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'content="(default-src[^"]*)"', text)
    assert policy
    videos = "media-src 'self' blob:;"  # a file that the visitor chose, of which no copy is made
    assert videos in policy[1]
    others = policy[1].replace(videos, "")
    sources = set(re.findall(r"'[^']+'|https?:\S*|blob:|data:|\*", others))
    assert sources <= {"'self'", "'wasm-unsafe-eval'", "'none'"}
    assert policy[1].startswith("default-src 'self'")
    assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert scripts == [
        (' type="module" src="src/preload.js" async', ""),
        (' type="module" src="src/main.js"', ""),
    ]
    code = "".join(p.read_text(encoding="utf-8") for p in (site.folder / "src").rglob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_page_paints_and_answers_clicks_while_a_model_loads(site: Site, browser: Browser) -> None:
    page = browser.new_page(service_workers="block")
    held: list[Any] = []
    page.route("**/group1-shard*", lambda route: held.append(route))
    page.goto(f"{site.url}?model=digits&lang=en&backend=wasm")
    page.wait_for_selector("#cancel:visible")
    assert page.inner_text("h1") == "Models in your browser"
    assert page.inner_text("#title") == "digits"
    page.wait_for_selector("#progress:visible")
    page.click("#cancel")
    page.wait_for_selector("html[data-state=stopped]", state="attached")
    assert page.inner_text("#status") == "Stopped."
    page.unroute("**/group1-shard*")
    page.click("#cancel")  # now it says "Load again"
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
    page.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404, "body": "gone"}, "HTTP 404"),
        (
            {"status": 200, "body": "<!doctype html>", "content_type": "text/html"},
            "sends a web page in its place",
        ),
        ({"status": 200, "body": "12345678"}, "the weights are damaged"),
    ],
)
def test_weights_that_are_none_are_told_with_the_mend(
    browser: Browser, built: tuple[Path, str], answer: dict[str, Any], words: str
) -> None:
    page = browser.new_page(service_workers="block")
    page.route("**/group1-shard*", lambda route: route.fulfill(**answer))
    page.goto(f"{built[1]}?model=costs&lang=en")
    page.wait_for_selector("html[data-state=error]", state="attached", timeout=60_000)
    shown = page.inner_text("#status")
    assert words in shown
    assert "Upload the whole site again" in shown
    page.close()


def test_browser_without_webgl_takes_another_and_says_so(
    browser: Browser, built: tuple[Path, str]
) -> None:
    launched = browser._launch(("--disable-gpu", "--disable-software-rasterizer"))
    page = launched.new_page(service_workers="block")
    page.goto(f"{built[1]}?model=costs&backend=webgl&lang=en")
    page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
    assert page.evaluate("document.documentElement.dataset.backend") == "wasm"
    assert "did not start here, so WebAssembly (CPU) is used" in page.inner_text("#note")
    page.close()


def test_quality_by_the_true_answers_is_shown_beside_the_originals(site: Site) -> None:
    # This page's check fails: its reference has other answers than the model gives.
    phone = {"viewport": {"width": 360, "height": 800}, "bypass_csp": True}
    page = site.open("?model=scored&lang=en", "error", **phone)
    quality = page.locator("#quality")
    said = (
        "Right for 66.7 % of 3 samples whose true answers are known. On others like them: 20.8 % to"
    )
    expect(quality.locator("#quality-lead")).to_contain_text(said)
    own = quality.locator("#quality-lead + p").inner_text()
    assert own.startswith("This file (TF.js float32): accuracy 33.3 %")
    assert own.endswith("the original on the same: accuracy 66.7 %, macro F1 0.6667.")
    rows = quality.locator("tbody tr")
    assert rows.first.locator("th").inner_text() == EVIL
    assert rows.nth(1).locator("td").all_inner_texts() == ["1", "1"]
    quality.get_by_role("button", name=f"b taken for {EVIL}: 1 ×").click()
    marked = page.locator("#samples [data-marked]")
    assert marked.count() == 1 and marked.get_attribute("data-sample") == "1"
    assert quality.locator(".bars .quiet").all_inner_texts() == [
        "1 of 1; answered 2 ×",
        "1 of 2; answered 1 ×",
    ]
    assert quality.locator("svg circle").count() == 2
    for width, scheme in ((360, "light"), (1280, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert serious_issues(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
    other = site.open("?model=costs")
    assert not other.locator("#quality").is_visible()


def test_many_classes_show_their_mistakes_first(modules: Any) -> None:
    counts = [" ".join(str(int(n == m)) for m in range(16)) for n in range(16)]
    for size, pairs, whole in ((15, ["0 1 2"], False), (16, ["0 1 2"], True), (16, [], False)):
        [told, closed] = modules.evaluate(
            """async ([counts, pairs]) => {
              const { mistaken } = await import('./src/view/quality.js');
              const [figure] = mistaken({ counts, pairs }, (n) => `c${n}`, []);
              const closed = figure.querySelector('details:not([open]) table');
              return [figure.textContent, Boolean(closed)];
            }""",
            [counts[:size], pairs],
        )
        assert ("c0 taken for c1: 2 ×" in told, closed) == (whole, whole)


def test_page_says_what_it_is_and_what_a_model_is_for(browser: Browser, tmp_path: Path) -> None:
    made = make_artifact(tmp_path / "artifacts", "costs")
    (made / "MODEL_CARD.md").write_text(CARD)
    artifact.write_manifest(made, artifact.open_artifact(made).manifest)
    info = PageInfo("Mine & yours", "All", "Ana", "https://a.example/", "#0a7d5a")
    build_demo(made, tmp_path / "www", page=info)
    page = browser.new_page(service_workers="block", color_scheme="light", bypass_csp=True)
    with served(tmp_path / "www") as url:
        page.goto(f"{url}?lang=en")
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        assert (page.inner_text("h1"), page.inner_text("#description")) == ("Mine & yours", "All")
        assert page.title() == page.inner_text("#title") == "Costs <b>of care</b>"
        assert page.inner_text("#purpose") == "What a year costs."
        assert page.get_attribute("#author a", "href") == "https://a.example/"
        card = page.locator("#card")
        expect(card.locator("h4")).to_have_text("Limits")
        assert "<script>alert(1)</script>" in card.inner_text()
        assert card.locator("script").count() == 0
        assert card.get_by_role("link", name="more").get_attribute("target") == "_blank"
        button = page.locator("button.main")
        assert button.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(10, 125, 90)"
        assert serious_issues(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.close()


def test_unused_words_are_not_kept() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in [*SOURCE.rglob("*.js"), shell_folder() / "index.html"]
        if path.parent.name != "words"
    )
    families = ("backend.", "runs.", "facts.", "check.", "compare.", "feature.", "error.")
    families += ("quality.files.", "series.", "own.order.", "why.place.", "why.for", "why.against")
    families += ("picture.mean.", "picture.deviation.", "marks.right", "marks.wrong")
    families += ("release.", "versions.")
    unused = [
        key
        for key in strings("en")
        if f"'{key}'" not in code and f'"{key}"' not in code and not key.startswith(families)
    ]
    assert unused == []
