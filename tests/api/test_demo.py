"""The site: what build_demo writes and leaves alone, and the page at work in a real Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_deploy.api.demo import DemoSite, build_demo
from edge_deploy.artifact import artifact
from edge_deploy.artifact.document import read, to_document
from edge_deploy.artifact.manifest import SCHEMA, Manifest
from edge_deploy.core.errors import ArtifactError, MissingDependencyError, UsageError
from edge_deploy.data.preprocessing.decode import decode_image
from edge_deploy.data.preprocessing.features import features_to_json, parse_features
from edge_deploy.data.preprocessing.image import parse_preprocess, preprocess_image, with_size
from edge_deploy.web import precompress
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from edge_deploy.web.page_head import PageInfo
from edge_deploy.web.server import address, start
from edge_deploy.web.site_writer import Files
from tests.conftest import Run
from tests.support.tfjs_files import write_model

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(11)
FEATURES = [
    {"name": "length", "kind": "number", "min": 1, "max": 9, "step": 1, "default": 4, "unit": "cm"},
    {"name": "pet", "kind": "category", "categories": ["no", "yes"], "encode": "one-hot"},
]


def tensor(name: str, shape: list[int | None], kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "dtype": "float32", "kind": kind, **more}


def make_artifact(
    folder: Path,
    name: str,
    *,
    version: str = "1",
    picture: int | None = None,
    classes: list[str] | None = None,
    targets: tuple[str, ...] = ("tfjs",),
) -> Path:
    """An artifact with a model of one product and one sum, as `convert` would leave it.

    Args:
        folder: Its parent.
        name: The model's name.
        version: Its version.
        picture: The side of a grey picture that it takes; None makes it a table model.
        classes: Labels of a softmax; None makes it a regression in USD.
        targets: What was converted: tfjs, onnx.
    """
    root = folder / f"{len(list(folder.iterdir())) if folder.exists() else 0}" / version
    width = picture * picture if picture else 3
    count = len(classes) if classes else 1
    w = RNG.normal(0, 1 / width, (width, count)).astype(np.float32)
    b = RNG.normal(size=count).astype(np.float32)
    nodes = [("flat", "MatMul", ["x", "w"]), ("y", "AddV2", ["flat", "b"])]
    if classes:
        nodes = [nodes[0], ("sum", "AddV2", ["flat", "b"]), ("y", "Softmax", ["sum"])]
    (root / "samples").mkdir(parents=True)
    files: dict[str, list[Path]] = {}
    if "tfjs" in targets:
        model = write_model(
            root / "tfjs" / "float32", [("x", "DT_FLOAT", width)], nodes, {"w": w, "b": b}
        )
        files["tfjs"] = list(model.parent.iterdir())
    if "onnx" in targets:
        files["onnx"] = [write_onnx(root / "onnx" / f"{name}_float32.onnx", w, b, bool(classes))]
    spec: dict[str, Any] | None = None
    if picture:
        preset = f"unit,size={picture}x{picture},color=gray"
        spec = with_size(parse_preprocess(preset), (width,))
        tensors = []
        for n in range(3):
            file = root / "samples" / f"{n:02d}_a class.png"
            noise = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(file)
            tensors.append(preprocess_image(spec, decode_image(file), (width,)))
        x = np.stack(tensors)
    else:
        x = RNG.normal(size=(12, 3)).astype(np.float32)
        rows = [{"length": 2.5, "pet": "yes"}, {"length": "7", "pet": "no"}]
        (root / "samples" / "samples.json").write_text(json.dumps(rows))
    y = x @ w + b
    if classes:
        y = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    np.savez(root / "reference.npz", **{"in:x": x, "out:y": y})
    output = tensor("y", [None, count], "probabilities" if classes else "value")
    common = {
        "precision": "float32",
        "pruned": None,
        **dict.fromkeys(("ops", "min_runtime", "verification")),
        **{
            side: [{"name": name, "shape": [None, size], "dtype": "float32", "quantization": None}]
            for side, name, size in (("inputs", "x", width), ("outputs", "y", count))
        },
    }
    entries = [
        {
            "target": target,
            **common,
            "files": list(map(to_document, artifact.describe_files(root, paths))),
        }
        for target, paths in files.items()
    ]
    document = {
        "schema": SCHEMA,
        "name": name,
        "version": version,
        "command": "edge-deploy convert secret/place.h5",
        "created": "2026-01-01T00:00:00Z",
        "source": {
            "file": "m.h5",
            "sha256": "0" * 64,
            "kind": "keras3",
            "framework": "keras 3",
            "parameters": width * count,
        },
        "inputs": [tensor("x", [None, width], "image" if picture else "table")],
        "outputs": [{**output, "classes": classes, "unit": None if classes else "USD"}],
        "preprocessing": spec,
        "features": None if picture else features_to_json(parse_features(FEATURES)[0]),
        "reference": {"samples": len(x), "origin": "user"},
        "artifacts": entries,
        "files": [],
        "tools": {},
    }
    artifact.write_manifest(root, read(Manifest, document))
    return root


def write_onnx(path: Path, w: Any, b: Any, classifies: bool) -> Path:
    """The same model as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["flat"]),
        helper.make_node("Add", ["flat", "b"], ["sum" if classifies else "y"]),
        *([helper.make_node("Softmax", ["sum"], ["y"])] if classifies else []),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in zip("xy", w.shape, strict=True)
    )
    weights = [numpy_helper.from_array(value, name) for name, value in (("w", w), ("b", b))]
    graph = helper.make_graph(nodes, "small", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True)
    save(model, path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return make_artifact(tmp_path / "artifacts", "costs")


def files_of(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_site_holds_the_page_and_the_models_and_nothing_else(table: Path, tmp_path: Path) -> None:
    site = build_demo([table], tmp_path / "site")
    assert isinstance(site, DemoSite)
    assert site.models == ("costs",)
    found = files_of(site.folder)
    assert found == set(site.files)
    assert {"index.html", "src/main.js", "vendor/tfjs.js", "vendor/LICENSES.txt"} < found
    assert "vendor/sbom.json" in found
    assert {"models/index.json", "models/site.json", "models/costs/1/reference.bin"} < found
    assert not {path for path in found if "package" in path or "node_modules" in path}
    assert "secret" not in (site.folder / "models/costs/1/manifest.json").read_text()


BOTH = ("tfjs", "onnx")


def with_onnx(folder: Path, name: str, status: str | None = None) -> Path:
    """An artifact with an ONNX file beside its TF.js file, which `verify` found so."""
    made = make_artifact(folder, name)
    (made / "onnx").mkdir()
    (made / "onnx" / "m.onnx").write_bytes(b"onnx")
    document = json.loads((made / "manifest.json").read_text())
    [entry] = document["artifacts"]
    files = list(map(to_document, artifact.describe_files(made, [made / "onnx" / "m.onnx"])))
    other = {**entry, "target": "onnx", "files": files}
    if status:
        row = {"runtime": "tfjs", "backend": "wasm", "status": status, "samples": 1}
        row |= {"reason": None, "problems": [], "median_ms": None, "max_abs_error": 0.0}
        entry["verification"] = [row]
    (made / "manifest.json").write_text(json.dumps({**document, "artifacts": [entry, other]}))
    return made


# What is asked for, what verify found of the TF.js file -> the runtimes, the file shown.
BROUGHT: dict[str, tuple[dict[str, Any], str | None, set[str], str]] = {
    "what is needed": ({}, None, {"tfjs"}, "tfjs"),
    "a runtime by name": ({"runtimes": "ort-web"}, None, {"ort-web"}, "onnx"),
    "two": ({"runtimes": ["tfjs", "ort-web"]}, None, {"tfjs", "ort-web"}, "tfjs"),
    "all, to compare": ({"compare": True}, None, {"tfjs", "ort-web"}, "tfjs"),
    "a file that passed": ({}, "pass", {"tfjs"}, "tfjs"),
    "a file that failed": ({}, "fail", {"tfjs", "ort-web"}, "tfjs"),
}


@pytest.mark.parametrize("case", BROUGHT)
def test_site_brings_the_runtimes_that_are_needed_or_asked_for_once(
    tmp_path: Path, case: str
) -> None:
    asked, status, runtimes, shown = BROUGHT[case]
    made = [with_onnx(tmp_path / "made", name, status) for name in ("one", "two")]
    site = build_demo(made, tmp_path / "site", **asked)
    there = set(site.sizes) - {"page", "models", "compressed"}
    assert there == runtimes
    found = files_of(site.folder)
    assert ("vendor/ort.js" in found) is ("ort-web" in runtimes)
    assert ("vendor/tfjs.js" in found) is ("tfjs" in runtimes)
    wasm = [path for path in found if path.endswith(".wasm")]
    assert len({path.rpartition("/")[2] for path in wasm}) == len(wasm)  # each once
    for entry in json.loads((site.folder / "models/index.json").read_text())["models"]:
        assert entry["target"] == shown
        targets = {"tfjs": "tfjs", "ort-web": "onnx"}
        assert {one["target"] for one in entry["files"]} == {targets[name] for name in runtimes}
    on_disk = sum((site.folder / path).stat().st_size for path in site.files)
    record = (site.folder / "models/site.json").stat().st_size
    assert sum(site.sizes.values()) == on_disk - record


WRONG_RUNTIMES: dict[str, tuple[dict[str, Any], str]] = {
    "none of that name": ({"runtimes": "tflite"}, "no runtime of the page is called 'tflite'"),
    "no file for it": (
        {"runtimes": "litert-web"},
        "no file for litert-web; .* runs in ort-web, tfjs",
    ),
    "some and all": ({"runtimes": "tfjs", "compare": True}, "leave one out"),
    "unknown": ({"runtime": "tfjs"}, "Did you mean 'runtimes'|no option"),
}


@pytest.mark.parametrize("case", WRONG_RUNTIMES)
def test_runtimes_that_cannot_be_meant_are_told(tmp_path: Path, case: str) -> None:
    asked, words = WRONG_RUNTIMES[case]
    with pytest.raises(UsageError, match=words):
        build_demo([with_onnx(tmp_path / "made", "one")], tmp_path / "site", **asked)
    assert not (tmp_path / "site").exists()


def test_site_of_a_small_model_is_small(table: Path, tmp_path: Path, run: Run) -> None:
    result = run("demo", table, "-o", tmp_path / "site")
    assert result.code == 0
    told = re.search(
        r"^([\d.]+) MB: page [\d.]+ KB, models [\d.]+ KB, tfjs [\d.]+ MB", result.out, re.M
    )
    assert told and float(told[1]) < 4  # it was 55
    document = json.loads(run("demo", table, "-o", tmp_path / "site", "--json").out)
    assert set(document["bytes"]) == {"page", "models", "tfjs", "compressed"}


def test_reference_is_light_and_complete(table: Path, tmp_path: Path) -> None:
    site = build_demo([table], tmp_path / "site")
    folder = site.folder / "models" / "costs" / "1"
    document = json.loads((folder / "reference.json").read_text())
    samples = document["samples"]
    data = (folder / "reference.bin").read_bytes()
    assert len(samples) == 8
    with np.load(table / "reference.npz") as original:
        y = original["out:y"]
        whole = {"scale": float(np.abs(y).max()), "power": float(np.square(y).mean())}
        told = document["whole"]["y"]
        assert (told.pop("columns"), told.pop("rounding")) == (None, 0.0)  # one column, exact
        assert told == pytest.approx(whole, rel=1e-6)
        for n, sample in enumerate(samples):
            for side, name in (("inputs", "x"), ("outputs", "y")):
                place = sample[side][name]
                values = np.frombuffer(data[place["start"] : place["end"]], "<f4")
                key = f"{side.removesuffix('puts')}:{name}"
                expected = original[key][n * 12 // 8 :][:1]
                assert np.array_equal(values.reshape(place["shape"]), expected)


@pytest.mark.parametrize(("side", "count"), [(8, 3), (400, 2), (700, 2)])
def test_large_samples_are_few_and_more_than_one(tmp_path: Path, side: int, count: int) -> None:
    model = make_artifact(tmp_path / "made", "big", picture=side)
    folder = build_demo([model], tmp_path / "site").folder / "models" / "big" / "1"
    assert len(json.loads((folder / "reference.json").read_text())["samples"]) == count


def test_ranges_are_of_all_that_the_artifact_holds(table: Path, tmp_path: Path) -> None:
    with np.load(table / "reference.npz") as data:
        x, y = data["in:x"], data["out:y"]
    more = x[:5].copy()
    others = np.full((5, 1), y.max() + 1, y.dtype)
    more[:, 0] = [0.1, 99.5, np.nan, 2, 3]
    np.savez(table / "evaluation.npz", **{"in:x": more, "out:y": others})
    site = build_demo([table], tmp_path / "site")
    document = json.loads((site.folder / "models" / "costs" / "1" / "reference.json").read_text())
    least = min(float(x[:, 0].min()), float(np.float32(0.1)))
    length, pet = document["columns"]["ranges"]
    assert document["columns"]["samples"] == 17
    assert np.float32(length["min"]) == np.float32(least)
    assert (length["max"], length["whole"], pet) == (99.5, False, None)
    assert document["answers"]["samples"] == 17
    ends = [float(np.float32(end)) for end in document["answers"]["ranges"]["y"]]
    assert ends == [float(y.min()), float(others.max())]


def test_rerun_replaces_its_own_files_and_drops_the_stale(tmp_path: Path) -> None:
    first = make_artifact(tmp_path / "artifacts", "one")
    second = make_artifact(tmp_path / "artifacts", "two")
    site = build_demo([first, second], tmp_path / "site")
    (site.folder / "CNAME").write_text("mine")
    (site.folder / "models/two/1/notes.txt").write_text("mine")
    again = build_demo([first], tmp_path / "site")
    found = files_of(site.folder)
    assert found == {*again.files, "CNAME", "models/two/1/notes.txt"}
    assert (site.gone, again.gone) == ((), ("two",))
    assert build_demo([first], tmp_path / "site").files == again.files


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("index.html", "not written by"),
        ("models/costs/1/tfjs/float32/model.json", "not written by"),
        ("src", "cannot be written|not written|not empty"),
    ],
)
def test_file_of_somebody_else_is_left_alone(
    table: Path, tmp_path: Path, path: str, words: str
) -> None:
    file = tmp_path / "site" / path
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(Exception, match=words):
        build_demo([table], tmp_path / "site")
    assert file.read_text() == "mine"


OWN_PAGE: dict[str, dict[str, Any]] = {
    "host": {"host": "nginx"},
    "embed": {"embed": True},
    "title": {"page": PageInfo(title="Mine")},
    "accent": {"page": PageInfo(accent="#0a7d5a")},
}


@pytest.mark.parametrize("name", OWN_PAGE)
def test_the_checkout_s_own_page_is_not_changed(table: Path, name: str) -> None:
    given = OWN_PAGE[name]
    with pytest.raises(
        UsageError, match=f"is the checkout's own page, which {name}=.* would change"
    ):
        build_demo([table], shell_folder(), **given)


def test_own_file_that_was_edited_is_left_alone(table: Path, tmp_path: Path) -> None:
    site = build_demo([table], tmp_path / "site")
    page = site.folder / "style.css"
    page.write_text("body { color: red }")
    shutil.rmtree(table.parent)
    other = make_artifact(tmp_path / "artifacts", "costs")
    build_demo_failed = pytest.raises(UsageError, match=r"style\.css was changed since")
    with build_demo_failed:
        build_demo([other], tmp_path / "site")
    assert page.read_text() == "body { color: red }"


KILLED = """
import os, sys
from pathlib import Path
from edge_deploy.api import demo
from edge_deploy.web import site_writer
put, left = site_writer._put, int(sys.argv[3])
def dying(*arguments):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    put(*arguments)
site_writer._put = dying
demo.build_demo([sys.argv[1]], sys.argv[2])
"""


@pytest.mark.parametrize("steps", [0, 1, 5, 25])
def test_kill_leaves_whole_files_and_the_next_run_mends(
    table: Path, tmp_path: Path, steps: int
) -> None:
    (tmp_path / "site").mkdir()  # a folder that is there is filled file by file
    script = [sys.executable, "-c", KILLED, str(table), str(tmp_path / "site"), str(steps)]
    assert subprocess.run(script, check=False).returncode == 9
    whole = build_demo([table], tmp_path / "whole")
    for path in files_of(tmp_path / "site") - {"models/site.json"}:
        assert (tmp_path / "site" / path).read_bytes() == (whole.folder / path).read_bytes()
    site = build_demo([table], tmp_path / "site")
    assert files_of(site.folder) == set(whole.files)


def test_names_of_any_kind_become_plain_folders(tmp_path: Path) -> None:
    names = ["costs", "Costs", "né 猫", "猫", "a 'b' #1!", "cön", "%41"]
    made = [make_artifact(tmp_path / "artifacts", name) for name in names]
    site = build_demo(made, tmp_path / "site")
    assert site.models == tuple(names)
    index = json.loads((site.folder / "models/index.json").read_text())["models"]
    folders = [entry["folder"] for entry in index]
    assert len({folder.lower() for folder in folders}) == len(names)
    assert all(folder.isascii() and " " not in folder for folder in folders)


def test_two_versions_stand_side_by_side(tmp_path: Path) -> None:
    old = make_artifact(tmp_path / "artifacts", "costs", version="1")
    new = make_artifact(tmp_path / "artifacts", "costs", version="2")
    assert build_demo([old, new], tmp_path / "site").models == ("costs@1", "costs@2")
    assert build_demo([old, old], tmp_path / "site").models == ("costs",)
    twin = make_artifact(tmp_path / "artifacts", "costs", version="1")
    with pytest.raises(UsageError, match="costs@1 is there twice"):
        build_demo([old, twin], tmp_path / "site")


def test_artifact_without_a_file_is_told(tmp_path: Path) -> None:
    made = make_artifact(tmp_path / "artifacts", "nothing", targets=())
    with pytest.raises(UsageError, match="has no converted file, so there is nothing to show"):
        build_demo([made], tmp_path / "site")


@pytest.mark.parametrize("path", ["tfjs/float32/model.json", "reference.npz"])
def test_changed_file_is_told_and_nothing_is_written(
    table: Path, tmp_path: Path, path: str
) -> None:
    (table / path).write_bytes((table / path).read_bytes() + b" ")
    with pytest.raises(ArtifactError, match="is not the file that was converted"):
        build_demo([table], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_missing_vendor_is_told(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_deploy.web import assets

    (tmp_path / "clone" / "edge_deploy").mkdir(parents=True)
    monkeypatch.setattr(assets, "__file__", str(tmp_path / "clone/edge_deploy/web/assets.py"))
    with pytest.raises(MissingDependencyError, match="not part of this installation"):
        build_demo([table], tmp_path / "site")
    (tmp_path / "clone" / "web_demo").mkdir()
    (tmp_path / "clone" / "web_demo" / "package.json").write_text("{}")
    page = tmp_path / "clone" / "web_demo"
    # No vendor/ at all, then one of before there were kernels to choose from.
    for older in (False, True):
        if older:
            (page / "vendor").mkdir()
            (page / "vendor" / "LICENSES.txt").write_text("Apache-2.0")
            (page / "vendor" / "tfjs.mjs").write_text("export {};")
        with pytest.raises(
            MissingDependencyError, match=r"vendor is (not built|of an older build)"
        ):
            build_demo([table], tmp_path / "site")
        assert not (tmp_path / "site").exists()


def test_building_imports_no_tensorflow(table: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from edge_deploy.api.demo import build_demo; "
        f"build_demo([{str(table)!r}], {str(tmp_path / 'site')!r}); "
        "assert not {'tensorflow', 'keras', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# The page, in a real browser, from a sub-path as on GitHub Pages.

Open = Callable[..., Any]
DIGITS = "dígits '猫'"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    root = tmp_path_factory.mktemp("web")
    made = [
        make_artifact(root / "artifacts", "costs"),
        make_artifact(root / "artifacts", DIGITS, picture=28, classes=list("abcdefg")),
    ]
    build_demo(made, root / "www" / "some" / "where")
    server = start(root / "www")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield root / "www" / "some" / "where", f"{address(server)}some/where/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Browser, site: tuple[Path, str]) -> Iterator[Open]:
    pages: list[Any] = []
    noise: list[str] = []

    def open_page(query: str = "", state: str = "ready", quiet: bool = True) -> Any:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        pages.append(page)
        origin = site[1].rsplit("/some", 1)[0]
        page.on("request", lambda r: r.url.startswith(origin) or noise.append(r.url))
        if quiet:
            page.on("console", lambda m: noise.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: noise.append(str(error)))
        page.goto(site[1] + query)
        page.wait_for_selector(f"html[data-state={state}]", state="attached", timeout=60_000)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert noise == []  # no error, and no request off the site


def dataset(page: Any) -> dict[str, str]:
    found: dict[str, str] = page.evaluate("() => ({...document.documentElement.dataset})")
    return found


@pytest.mark.parametrize("backend", ["webgl", "wasm", "cpu"])
def test_page_checks_itself_on_the_backend_that_was_asked(visit: Open, backend: str) -> None:
    page = visit(f"?model=costs&backend={backend}")
    shown = dataset(page)
    shown.pop("thread", None)  # comes later, and is test_fastest.py's
    assert shown == {
        "state": "ready",
        "model": "costs",
        "file": "tfjs/float32/model.json",
        "input": "table",
        "backend": backend,
        "check": "pass",
    }
    assert "8 reference samples" in page.text_content("#check")


def test_auto_takes_wasm_when_there_is_no_gpu(visit: Open) -> None:
    assert dataset(visit())["backend"] == "wasm"  # SwiftShader is the CPU pretending


def test_form_answers_with_a_number_and_its_unit(visit: Open, site: tuple[Path, str]) -> None:
    page = visit("?model=costs")
    page.fill("input[name=length]", "6.5")
    page.select_option("select[name=pet]", "yes")
    page.click("text=Predict")
    page.wait_for_selector("#output .value")
    shown = page.inner_text("#output .value")
    with np.load(next(site[0].parents[2].glob("artifacts/0/1/reference.npz"))) as data:
        x, y = data["in:x"], data["out:y"]
    solution, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
    expected = float(([6.5, 0, 1, 1] @ solution)[0])
    assert shown.endswith("USD")
    assert float(shown.split()[0].replace(",", "")) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    page.fill("input[name=length]", "")
    page.click("text=Predict")
    page.wait_for_selector("#status.trouble")
    assert page.inner_text("#status") == "length has no value"
    page.click("[data-sample='0']")
    page.wait_for_selector("#status:not(.trouble)")
    assert page.input_value("input[name=length]") == "2.5"


def bars(page: Any) -> dict[str, float]:
    page.wait_for_selector("#output .bars")
    rows = page.locator(".bars li:not([hidden])")
    names, shares = rows.locator(".label"), rows.locator(".share")
    values = [float(text.split()[0]) for text in shares.all_inner_texts()]
    return dict(zip(names.all_inner_texts(), values, strict=True))


def test_pictures_are_answered_as_python_does(visit: Open, site: tuple[Path, str]) -> None:
    page = visit(f"?model={DIGITS}")
    folder = next(site[0].parents[2].glob("artifacts/1/1"))
    with np.load(folder / "reference.npz") as data:
        expected = 100 * data["out:y"][1]
    page.click(".thumbs button:nth-child(2)")
    shown = bars(page)
    assert len(shown) == 5
    by_label = dict(zip("abcdefg", expected, strict=True))
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    assert all(abs(share - by_label[label]) <= 0.051 for label, share in shown.items())
    page.set_input_files("input[type=file]", folder / "samples" / "01_a class.png")
    page.wait_for_selector("#preview:not([hidden])")
    assert bars(page) == shown


def test_drawing_asks_the_model(visit: Open) -> None:
    page = visit(f"?model={DIGITS}")
    page.evaluate("document.querySelector('.drawing').scrollIntoView({block: 'nearest'})")
    box = page.locator(".drawing").bounding_box()
    assert box["y"] + box["height"] <= page.locator("#output").bounding_box()["y"]
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 200, steps=4)
    page.mouse.up()
    assert bars(page)


def test_file_that_is_no_picture_is_told(visit: Open, tmp_path: Path) -> None:
    page = visit(f"?model={DIGITS}")
    (tmp_path / "cat.png").write_text("no")
    page.set_input_files("input[type=file]", tmp_path / "cat.png")
    page.wait_for_selector("#status.trouble")
    assert "not a picture" in page.inner_text("#status")


def test_models_and_backends_are_changed_on_the_page(visit: Open) -> None:
    page = visit("?model=costs&backend=cpu")
    for _ in range(2):
        page.click("nav button:nth-child(2)")
        page.wait_for_selector("html[data-state=ready][data-model*=gits]", state="attached")
        page.locator("#details").evaluate("one => { one.open = true; }")
        page.select_option("#backend", "wasm")
        page.wait_for_selector("html[data-state=ready][data-backend=wasm]", state="attached")
        page.click("nav button:nth-child(1)")
        page.wait_for_selector("html[data-state=ready][data-model=costs]", state="attached")
        page.locator("#details").evaluate("one => { one.open = true; }")
        page.select_option("#backend", "cpu")
        page.wait_for_selector("html[data-state=ready][data-backend=cpu]", state="attached")
    assert page.url.endswith("?model=costs&backend=cpu")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_unknown_model_is_told(visit: Open) -> None:
    page = visit("?model=cats", state="error")
    assert "no model “cats”" in page.inner_text("#status")


def test_wrong_weights_show_as_wrong(visit: Open, site: tuple[Path, str]) -> None:
    weights = site[0] / "models/costs/1/tfjs/float32/group1-shard1of1.bin"
    good = weights.read_bytes()
    values = np.frombuffer(good, "<f4").copy()
    values[-1] += 0.03  # the bias
    packed = {path: path.read_bytes() for path in weights.parent.glob(f"{weights.name}.*")}
    assert len(packed) == 2
    for path in packed:
        path.unlink()
    try:
        weights.write_bytes(values.tobytes())
        page = visit("?model=costs", state="error")
        assert dataset(page)["check"] == "fail"
        assert page.inner_text("#check.fail").startswith("✗ Wrong on this device")
        weights.write_bytes(good[:-4])
        page = visit("?model=costs", state="error")
        assert "model.json says 16" in page.inner_text("#status")
        weights.unlink()
        page = visit("?model=costs", state="error", quiet=False)
        assert "HTTP 404" in page.inner_text("#status")
    finally:
        weights.write_bytes(good)
        for path, data in packed.items():
            path.write_bytes(data)


def test_folder_with_other_things_gets_no_site(table: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures" / "roses").mkdir(parents=True)
    with pytest.raises(UsageError, match="not empty and is not a site"):
        build_demo([table], tmp_path / "pictures")
    assert [p.name for p in (tmp_path / "pictures").iterdir()] == ["roses"]


def test_artifact_that_another_run_changes_meanwhile_is_told(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, compressed = table / "manifest.json", precompress.with_compressed

    def meanwhile(planned: Files, *folders: Path) -> Files:
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "command": "edge-deploy quantize"}))
        (table / "tfjs/float32/model.json").unlink()
        return compressed(planned, *folders)

    monkeypatch.setattr(precompress, "with_compressed", meanwhile)
    with pytest.raises(ArtifactError, match="was changed by another run meanwhile"):
        build_demo([table], tmp_path / "site")
    assert not (tmp_path / "site").exists()
