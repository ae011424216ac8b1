"""snippet and bundle: the code is run or parsed, and answers what the original file answers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from PIL import Image

from edge_deploy import ConvertOptions, bundle, convert, run, snippet
from edge_deploy.codegen import PLATFORMS
from edge_deploy.data.preprocessing.encoding import encode_rows
from edge_deploy.examples import EXAMPLES
from tests.codegen import test_platforms as platforms
from tests.data import test_text as texts
from tests.support import text_models

TEXTS = {"spam": "tf-idf", "spam-by-letters": "char counts", "spam-at-night": "beside columns"}
ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "web_demo" / "node_modules"


@pytest.fixture(name="run_cli")
def _run_cli(request: pytest.FixtureRequest) -> Any:
    """conftest's ``run``, whose name is the API's here."""
    return request.getfixturevalue("run")


@pytest.fixture(scope="session")
def examples(
    example_artifact: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Every example model, and classifiers of texts, converted."""
    folder = tmp_path_factory.mktemp("snippets")
    made = {name: example_artifact(name) for name in EXAMPLES}
    for name, row in TEXTS.items():
        joblib.dump(text_models.fitted(row), folder / f"{name}.joblib")
        options = ConvertOptions(to=("tflite",), name=name, output=folder / "artifacts")
        made[name] = convert(folder / f"{name}.joblib", options).artifact.folder
    return made


@pytest.mark.slow
def test_python_bundles_pass_their_own_tests(examples: dict[str, Path]) -> None:
    """Each in the folder of its bundle, without edge_deploy or TensorFlow."""
    for name, artifact in examples.items():
        bundle(artifact, "python", f"app-{name}")
    (blocked := Path("blocked")).mkdir()
    for package in ("edge_deploy", "tensorflow"):
        (blocked / f"{package}.py").write_text("raise ImportError('not in an app')")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *Path().glob("app-*")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(blocked.resolve())},
    )
    assert (done.returncode, "30 passed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.slow
def test_python_snippets_answer_as_run_does(examples: dict[str, Path]) -> None:
    for name, artifact in examples.items():
        bundle(artifact, "python", name)
        module = name.replace("-", "_")
        pictures = sorted((artifact / "samples").glob("*.png"))[:1]
        done = subprocess.run(
            [sys.executable, f"{module}.py", *pictures], cwd=name, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        if pictures:
            inputs = [str(pictures[0])]
        else:
            row = json.loads((artifact / "samples/samples.json").read_text())[0]
            inputs = [f"{key}={value}" for key, value in row.items()]
        *_, outputs = run(artifact, inputs)[0].outputs.values()
        answer = outputs.get("probabilities", outputs.get("value"))
        assert str(answer) in done.stdout, (answer, done.stdout)


PAGE = """<!doctype html><script type="importmap">{"imports": {
  "@litertjs/core": "/npm/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/npm/@litertjs/wasm-utils/dist/index.js"}}</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A page whose server serves a folder, with LiteRT.js as npm installs it."""
    from edge_deploy.web.browser import open_browser
    from edge_deploy.web.server import address, start

    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text(PAGE)
    mounts = {"npm": NODE_MODULES, "page": ROOT / "web_demo" / "src"}
    with start(site, mounts=mounts) as server, open_browser() as browser:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        opened = browser.new_page(bypass_csp=True)
        opened.goto(address(server))
        yield opened, site
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXAMPLES, *TEXTS])
def test_javascript_bundle_passes_its_own_test_in_a_browser(
    page: Any, examples: dict[str, Path], name: str
) -> None:
    opened, site = page
    bundle(examples[name], "js", site / name)
    script = """async ([name, file]) => {
      const {test} = await import(`/${name}/${file}`);
      const model = new URL(`/${name}/${name}_float32.tflite`, location);
      return test(model, new URL('/npm/@litertjs/core/wasm/', location));
    }"""
    assert opened.evaluate(script, [name, f"{name.replace('-', '_')}.test.js"]) == 3


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers with its own input: what reaches it can be seen."""
    import keras

    folder = tmp_path_factory.mktemp("mirror")
    x = keras.Input((11, 14, 3), name="picture")
    keras.Model(x, keras.layers.Flatten(name="seen")(x)).save(folder / "mirror.keras")
    options = ConvertOptions(
        to=("tflite",), output=folder / "artifacts", preprocess="teachable-machine"
    )
    return convert(folder / "mirror.keras", options).artifact.folder


PREPARE = """async (file) => {
  const snippet = await import('/mirror/mirror.js');
  const page = await import('/page/preprocess.js');
  const spec = await (await fetch('/spec.json')).json();
  const blob = new Blob([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))]);
  const ours = page.preprocess(spec, await page.decode(blob));
  return [[...snippet.preprocess(await snippet.decode(blob))], [...ours]];
}"""


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_turned_transparent_photo_reaches_the_model_bit_for_bit_alike(
    page: Any, mirror: Path, orientation: int
) -> None:
    """run, the page, and the Python and JavaScript snippets."""
    opened, site = page
    rng = np.random.default_rng(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.fromarray(rng.integers(0, 256, (37, 52, 4), dtype=np.uint8), "RGBA")
    photo.save("photo.png", exif=exif)
    if not (site / "mirror").exists():
        bundle(mirror, "js", site / "mirror")
        manifest = json.loads((mirror / "manifest.json").read_text())
        (site / "spec.json").write_text(json.dumps(manifest["preprocessing"]))
    snippet_module: dict[str, Any] = {"__name__": "snippet", "__file__": "mirror.py"}
    exec(snippet(mirror, "python").code, snippet_module)
    python = snippet_module["preprocess"](snippet_module["decode"]("photo.png")).ravel()
    file = base64.b64encode(Path("photo.png").read_bytes()).decode()
    seen = run(mirror, ["photo.png"])[0].outputs["seen"]["values"]
    for mine in (*opened.evaluate(PREPARE, file), seen):
        np.testing.assert_array_equal(np.ravel(np.asarray(mine, np.float32)), python)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs and two outputs, and a file whose ends are int8."""
    import keras

    keras.utils.set_random_seed(1)  # for some weights, int8 kernels differ by a step
    folder = tmp_path_factory.mktemp("small")
    width, height = keras.Input((5,), name="width"), keras.Input((3,), name="height")
    joined = keras.layers.Concatenate()([width, height])
    ends = [
        keras.layers.Dense(3, activation="softmax", name="kind")(joined),
        keras.layers.Dense(1, name="area")(joined),
    ]
    keras.Model([width, height], ends).save(folder / "two.keras")
    options = ConvertOptions(
        to=("tflite",), quantize=("float32", "int8"), io="int8", output=folder / "artifacts"
    )
    return convert(folder / "two.keras", options).artifact.folder


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_python_bundle_of_tensors_passes_its_own_test(small: Path, precision: str) -> None:
    bundle(small, "python", "app", precision)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "app"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "3 passed" in done.stdout) == (0, True), done.stdout


@pytest.fixture(scope="session")
def c_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TensorFlow Lite 2.17.1's C library for Linux, from a wheel that ships it for its own use."""
    folder = tmp_path_factory.mktemp("c_library")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder)
    subprocess.run([*pip, "pymicro-wakeword==2.5.0"], check=True, timeout=300, capture_output=True)
    return folder / "pymicro_wakeword" / "lib" / "libtensorflowlite_c.so"


CPP_APPS = [*((name, "float32") for name in EXAMPLES), ("two", "float32"), ("two", "int8")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), CPP_APPS)
def test_cpp_bundle_is_linked_and_passes_its_own_test(
    request: pytest.FixtureRequest, c_library: Path, name: str, precision: str
) -> None:
    """The golden samples, in TensorFlow Lite's own C library; headers: tests/codegen/cpp."""
    small = name == "two"
    artifact = request.getfixturevalue("small" if small else "examples")
    app = bundle(artifact if small else artifact[name], "cpp", "app", precision)
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", f"-I{ROOT / 'tests' / 'codegen' / 'cpp'}"]
    command = ["g++", *flags, "golden_test.cpp", "-o", "golden", c_library]
    built = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[:3000]
    library = {**os.environ, "LD_LIBRARY_PATH": str(c_library.parent)}
    done = subprocess.run(["./golden"], cwd=app, capture_output=True, text=True, env=library)
    assert (done.returncode, "3 samples, 0 failures" in done.stdout) == (0, True), done


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_bundle_is_a_folder_or_a_zip_of_the_same(small: Path, platform: str) -> None:
    folder = bundle(small, platform, "app")
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    assert {"README.md", "two_float32.tflite"} < set(files)
    with zipfile.ZipFile(bundle(small, platform, "app.zip")) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["snippet", "{a}", "--platform", "andriod"], 2, "Did you mean android?"),
        (["snippet", "{a}", "--platform", "js", "--precision", "int9"], 2, "there are: float32"),
        (["snippet", "{a}", "--platform", "js", "--precision", "int8"], 2, "LiteRT.js takes"),
        (["snippet", "nowhere", "--platform", "js"], 2, "no such artifact"),
        (["snippet", ".", "--platform", "js"], 2, "it has no manifest.json"),
        (["snippet", "{a}", "--platform", "cpp", "-o", "mine.txt"], 2, "is left alone"),
        (["bundle", "{a}", "--platform", "cpp", "-o", "mine.txt"], 2, "is left alone"),
        (["bundle", "{a}", "--platform", "cpp", "-o", "."], 2, "is left alone"),
        (["bundle", "{a}", "--platform", "cpp", "-o", "mine.txt/x"], 3, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_told(
    run_cli: Any, small: Path, arguments: list[str], code: int, says: str
) -> None:
    Path("mine.txt").write_text("mine")
    result = run_cli(*[argument.replace("{a}", str(small)) for argument in arguments])
    assert (result.code, says in result.err) == (code, True), result
    assert [p.name for p in Path().iterdir()] == ["mine.txt"]
    assert Path("mine.txt").read_text() == "mine"


@pytest.mark.slow
def test_changed_or_foreign_file_is_refused(run_cli: Any, small: Path) -> None:
    shutil.copytree(small, "copy")
    Path("copy/tflite/two_float32.tflite").write_bytes(b"no TFLite file at all")
    for command in ("snippet", "bundle"):
        result = run_cli(command, "copy", "--platform", "android")
        assert (result.code, "is not the file that was converted" in result.err) == (3, True)
    assert [p.name for p in Path().iterdir()] == ["copy"]


@pytest.mark.slow
def test_snippet_goes_to_stdout_a_file_or_json(run_cli: Any, small: Path) -> None:
    code = run_cli("snippet", small, "--platform", "android").out
    assert run_cli("snippet", small, "--platform", "android", "-o", "Two.kt").code == 0
    assert Path("Two.kt").read_text() == code
    document = json.loads(run_cli("snippet", small, "--platform", "android", "--json").out)
    assert (document["file"], document["code"]) == ("Two.kt", code)


IN_PAGE = """async ([names, pictures, rows]) => {
  const values = [];
  for (const name of names) {
    const {preprocess} = await import(`/code/${name}.js`);
    for (const [height, width, file] of pictures) {
      const data = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
      values.push(...preprocess({data, height, width}));
    }
  }
  const {encode} = await import('/code/table.js');
  return [values, rows.flatMap((row) => [...encode(row)].map(String))];
}"""


@pytest.mark.slow
def test_javascript_prepares_bit_for_bit(page: Any) -> None:
    """Every resize and crop, and the rows of a table."""
    opened, site = page
    (site / "code").mkdir()
    made = PLATFORMS["js"]
    prepared = platforms.pictures()
    for one in (*(one for one, _ in prepared), platforms.PLANS["table"]):
        (site / "code" / made.file(one)).write_text(made.code(one))
    pixels = [(*p.shape[:2], base64.b64encode(p.tobytes()).decode()) for p in platforms.PIXELS]
    names = [one.snake for one, _ in prepared]
    values, rows = opened.evaluate(IN_PAGE, [names, pixels, platforms.ROWS])
    expected = np.concatenate([wanted.ravel() for _, wanted in prepared])
    np.testing.assert_array_equal(np.asarray(values, np.float32), expected)
    encoded = np.asarray(rows, float).astype(np.float32)
    wanted = encode_rows(platforms.FEATURES, platforms.ROWS).ravel()
    np.testing.assert_array_equal(encoded, wanted)


@pytest.mark.slow
def test_javascript_counts_texts_as_python_does(page: Any) -> None:
    opened, site = page
    script = """async ([names, documents]) => Promise.all(names.map(async (name) => {
      const {encode} = await import(`/${name}.js`);
      return documents.map((text) => [...encode({text}).entries()].filter(([, n]) => n).flat());
    }))"""
    ways = ["words", "without accents", "without stop words", "characters of words", "hashed"]
    names = [way.replace(" ", "-") for way in ways]
    for way, name in zip(ways, names, strict=True):
        (site / f"{name}.js").write_text(texts.code(way, "js"), encoding="utf-8")
    counted = opened.evaluate(script, [names, texts.DOCUMENTS])
    for way, theirs in zip(ways, counted, strict=True):
        for document, mine, found in zip(texts.DOCUMENTS, texts.ours(way), theirs, strict=True):
            pairs = [(place, float(mine[place])) for place in np.flatnonzero(mine)]
            assert list(zip(found[::2], found[1::2], strict=True)) == pairs, (way, document)
