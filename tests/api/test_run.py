"""run and inspect: the same answers on the command line, without TensorFlow."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_deploy import ConvertOptions, convert
from edge_deploy import run as ask
from edge_deploy.core import dependencies
from edge_deploy.core.errors import ArtifactError, UsageError

pytestmark = pytest.mark.slow

FEATURES = [
    {"name": "age", "min": 18, "max": 64, "default": 30, "unit": "years", "label": "Age"},
    {"name": "smoker", "kind": "category", "categories": ["no", "yes"], "encode": "one-hot"},
]


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression in USD over a number and a category; value = 100·age + 5000·smoker + 7."""
    from sklearn.linear_model import LinearRegression

    folder = tmp_path_factory.mktemp("table")
    x = np.array([[a, 1 - s, s] for a in range(18, 65, 3) for s in (0, 1)], float)
    model = LinearRegression().fit(x, 100 * x[:, 0] + 5000 * x[:, 2] + 7)
    (folder / "cost.pkl").write_bytes(pickle.dumps(model))
    document = {"features": FEATURES, "target": {"name": "cost", "unit": "USD"}}
    (folder / "features.json").write_text(json.dumps(document))
    options = ConvertOptions(to=("tflite", "onnx"), output=folder / "artifacts")
    return convert(folder / "cost.pkl", options).artifact.folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says whether a picture is bright, by its mean."""
    import keras

    folder = tmp_path_factory.mktemp("pictures")
    x = keras.Input((8, 8, 3), name="picture")
    y = keras.layers.Dense(1, activation="sigmoid", name="bright")(
        keras.layers.GlobalAveragePooling2D()(x)
    )
    model = keras.Model(x, y)
    model.layers[-1].set_weights([np.full((3, 1), 4.0), np.array([-6.0])])
    model.save(folder / "bright.keras")
    options = ConvertOptions(
        to=("tflite",), output=folder / "artifacts", labels="dark,bright", preprocess="unit"
    )
    return convert(folder / "bright.keras", options).artifact.folder


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three times the mean of a picture, and the difference of two numbers."""
    import keras

    folder = tmp_path_factory.mktemp("beside")
    x, z = keras.Input((8, 8, 3), name="photo"), keras.Input((2,), name="sizes")
    mean = keras.layers.GlobalAveragePooling2D()(x)
    y = keras.layers.Dense(1, name="y")(keras.layers.Concatenate()([mean, z]))
    model = keras.Model([x, z], y)
    model.layers[-1].set_weights([np.array([[1.0], [1], [1], [1], [-1]]), np.zeros(1)])
    model.save(folder / "beside.keras")
    options = ConvertOptions(to=("tflite",), output=folder / "artifacts", preprocess="unit")
    return convert(folder / "beside.keras", options).artifact.folder


def test_run_takes_a_picture_beside_numbers(run, beside: Path) -> None:
    Image.new("RGB", (9, 7), "white").save("white.png")
    Path("in").mkdir()
    Image.new("RGB", (20, 20), "black").save("in/black.png")
    Path("in/t.csv").write_text('photo,sizes,label\nblack.png,"5 2",3\n../white.png,"[1, 0]",4\n')
    answers = [*ask(beside, ["photo=white.png", "sizes=5;2"]), *ask(beside, ["in/t.csv"])]
    assert [a.outputs["y"]["value"] for a in answers] == pytest.approx([6, 3, 4])
    result = run("run", beside, "in/t.csv", "--output", "answers.csv")
    assert "R² 1" in result.out, result.out + result.err
    kept = list(csv.DictReader(io.StringIO(Path("answers.csv").read_text("utf-8-sig"))))
    assert [row["photo"] for row in kept] == ["black.png", "../white.png"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["photo=white.png"], "nothing for the input 'sizes', but photo"),
        (["photo=no.png", "sizes=1 2"], r"'photo': no\.png: no such picture"),
        (["photo=white.png", "sizes=1 2 3"], "'sizes': has 3 numbers, the input takes 2"),
        (["photo=white.png", "sizes=1 two"], "'two' is no number"),
        (
            ["photo=white.png", "size=1 2"],
            r"'size'\. This .* photo=picture\.jpg sizes=\[2\]",
        ),
        (["a.csv"], "a.csv: row 1: has nothing for the input 'sizes', but photo, size"),
        (["white.png"], "give an .npz with a key each, or a .csv with a column each"),
    ],
)
def test_wrong_fields_are_told(beside: Path, given: list[str], says: str) -> None:
    Image.new("RGB", (9, 7), "white").save("white.png")
    Path("a.csv").write_text("photo,size\nwhite.png,1\n")
    with pytest.raises(UsageError, match=says):
        ask(beside, given)


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forecast of the next price of three: the last one and 2."""
    import keras

    folder = tmp_path_factory.mktemp("prices")
    x = keras.Input((3, 1), name="window")
    model = keras.Model(x, keras.layers.Dense(1, name="next")(keras.layers.Flatten()(x)))
    model.layers[-1].set_weights([np.array([[0.0], [0.0], [1.0]]), np.array([2.0])])
    model.save(folder / "price.keras")
    series = {"channels": ["Close"], "unit": "USD", "target": "Close"}
    (folder / "features.json").write_text(json.dumps({"series": series}))
    rows = "".join(f"2024-01-{n:02},{100 + 2 * n}\n" for n in range(1, 31))
    (folder / "prices.csv").write_text(f"Date,Close\n{rows}")
    options = ConvertOptions(
        to=("tflite",), output=folder / "artifacts", reference=folder / "prices.csv"
    )
    return convert(folder / "price.keras", options).artifact.folder


def test_run_answers_the_last_rows_of_a_series(run, prices: Path) -> None:
    Path("p.csv").write_text("Close\n7\n100\n110\n120\n")
    result = run("run", prices, "p.csv", "--json")
    (answer,) = json.loads(result.out)["answers"]
    assert answer["source"] == "rows 2 to 4 of p.csv"
    assert answer["next"] == {"value": pytest.approx(122), "unit": "USD", "target": "Close"}
    assert run("run", prices, "p.csv").out == "rows 2 to 4 of p.csv  next Close: 122 USD\n"
    (found,) = ask(prices, np.array([1, 2, 3, 4.0]))
    assert found.source == "rows 2 to 4 of the data of inputs"
    assert found.outputs["next"]["value"] == pytest.approx(6)
    assert [a.outputs["next"]["value"] for a in ask(prices, np.ones((2, 3, 1)))] == [3, 3]


def test_a_forecast_is_scored_by_what_came_next(run, prices: Path) -> None:
    manifest = json.loads((prices / "manifest.json").read_text())
    assert manifest["series"] == {
        "channels": ["Close"], "steps": 3, "unit": "USD", "target": "Close", "horizon": 1,
    }  # fmt: skip
    assert manifest["reference"]["performance"]["values"]["R²"] == pytest.approx(1)
    result = run("verify", prices, "--only", "tflite")
    assert re.search(r"the original: R² 1, MAE \S+ USD, RMSE \S+ USD, of 27 samples", result.out)
    assert " USD (the original " in (prices / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Close\n1\n2\n", "p.csv: has 2 rows under its header, and the model needs 3"),
        ("Close\n1\n2\nx\n", "p.csv: row 3, column 'Close': 'x' is not a number."),
        ("close\n1\n2\n3\n", "p.csv: has no column 'Close'. Is it the one called close?"),
        (None, "p.csv: no such file. This model takes a .csv, of which it is asked the last 3"),
    ],
)
def test_run_says_what_is_wrong_with_a_series(run, prices: Path, text, says: str) -> None:
    if text is not None:
        Path("p.csv").write_text(text)
    result = run("run", prices, "p.csv")
    assert (result.code, says in result.err) == (2, True), result


@pytest.mark.parametrize("target", ["tflite", "onnx"])
@pytest.mark.parametrize(
    ("pairs", "value"),
    [
        (["age=40", "smoker=no"], 4007),
        (["age=40", "smoker=yes"], 9007),
        (["smoker=no"], 3007),  # the default age
        (["Age=40", "smoker=no"], 4007),  # as the form calls it
    ],
)
def test_run_answers_named_features(run, table: Path, pairs, value: float, target: str) -> None:
    result = run("run", table, *pairs, "--only", target, "--json")
    assert result.code == 0, result
    (answer,) = json.loads(result.out)["answers"]
    assert answer["value"] == {
        "value": pytest.approx(value, rel=1e-5), "unit": "USD", "called": "cost"
    }  # fmt: skip


def test_run_answers_every_row_of_a_csv(run, table: Path) -> None:
    Path("rows.csv").write_text("age,smoker\n20,yes\n64,no\n")
    result = run("run", table, "rows.csv", "--json")
    answers = json.loads(result.out)["answers"]
    assert [a["source"] for a in answers] == ["rows.csv:1", "rows.csv:2"]
    values = [a["value"]["value"] for a in answers]
    assert values == pytest.approx([7007, 6407], rel=1e-5)
    assert "cost: 7007 USD" in run("run", table, "rows.csv").out


def test_run_writes_the_rows_with_the_answers_beside_them(run, table: Path) -> None:
    Path("a.csv").write_text("id,age,smoker,cost\nx,20,yes,7007\ny,64,no,6407\n")
    Path("b.csv").write_text('id,age,smoker,cost\n"z, 1",30,no,3007\n')
    options = ("--output", "answers.csv", "--label-column", "cost")
    result = run("run", table, "a.csv", "b.csv", *options)
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0] == "answers.csv: 3 rows with answers" and len(lines) == 2
    assert re.fullmatch(r"R² 1, MAE \S+, RMSE \S+, of 3 true answers \(cost\)", lines[1])
    with Path("answers.csv").open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["id", "age", "smoker", "cost", "predicted_cost"]
    assert [row[0] for row in rows] == ["x", "y", "z, 1"]
    assert [float(row[-1]) for row in rows] == pytest.approx([7007, 6407, 3007], rel=1e-5)


def test_run_reads_a_table_from_stdin(run, table: Path, monkeypatch) -> None:
    def pipe(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    pipe("age,smoker,label\n20,yes,7000\n64,no,6400\n")
    result = run("run", table, "-")
    assert result.out.splitlines()[:2] == [
        "stdin:1  cost: 7007 USD", "stdin:2  cost: 6407 USD",
    ]  # fmt: skip
    assert "MAE 7, RMSE 7, of 2 true answers" in result.out
    pipe("age,smoker,label\n20,yes,7000\n64,no,6400\n")
    document = json.loads(run("run", table, "-", "--json").out)
    assert document["score"]["MAE"] == pytest.approx(7, rel=1e-3)
    pipe("age,smoker\nold,yes\n")
    result = run("run", table, "-")
    assert (result.code, "stdin: row 1, column 'age': 'old'" in result.err) == (2, True), result


def test_run_scores_classes_and_writes_their_shares(run, pictures: Path) -> None:
    from PIL import Image

    for folder, level in (("dark", 0), ("bright", 255)):
        Path("shots", folder).mkdir(parents=True)
        Image.new("RGB", (9, 9), (level,) * 3).save(Path("shots", folder, "a.png"))
    result = run("run", pictures, "shots", "-o", "answers.csv")
    assert "accuracy 1, macro F1 1, of 2 true answers (bright)" in result.out
    with Path("answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["source", "predicted_bright", "predicted_bright: dark", "predicted_bright: bright"]
    assert list(rows[0]) == names
    assert sorted(row["predicted_bright"] for row in rows) == ["bright", "dark"]
    shares = [float(row[names[2]]) + float(row[names[3]]) for row in rows]
    assert shares == pytest.approx([1, 1])


def test_every_window_of_a_series_is_scored_by_what_came_next(run, prices: Path) -> None:
    Path("p.csv").write_text("Close\n100\n102\n104\n106\n109\n")
    result = run("run", prices, "p.csv", "--every")
    assert result.out.splitlines()[:2] == [
        "rows 1 to 3 of p.csv  next Close: 106 USD", "rows 2 to 4 of p.csv  next Close: 108 USD",
    ]  # fmt: skip
    assert "MAE 0.5" in result.out and "of 2 true answers (next)" in result.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rows.csv", "--output", "answers.txt"], "answers are written as a .csv"),
        (["rows.csv", "--output", "rows.csv"], "is one of the inputs"),
        (["rows.csv", "--output", "no/answers.csv"], "there is no folder no"),
        (["rows.csv", "--label-column", "cots"], "no column is called 'cots'. Did you mean cost?"),
        (["rows.csv", "--every"], "it goes with a table of a series. This model takes age=…"),
    ],
)
def test_run_refuses_what_it_cannot_do(run, table: Path, arguments, says: str) -> None:
    Path("rows.csv").write_text("age,smoker,cost\n20,yes,7007\n")
    result = run("run", table, *arguments)
    assert (result.code, says in result.err) == (2, True), result


def test_labels_that_do_not_fit_are_told_and_give_no_score(run, table: Path) -> None:
    Path("rows.csv").write_text("age,smoker,label\n20,yes,dear\n64,no,cheap\n")
    result = run("run", table, "rows.csv")
    assert result.code == 0 and "true answers (" not in result.out
    assert "no score: the true answers do not fit what the model gives" in result.err


def test_run_notes_on_stderr_what_may_not_be_meant(run, table: Path) -> None:
    path = Path("features.json")
    path.write_text(json.dumps([FEATURES[0], {**FEATURES[1], "unknown": "ignore"}]))
    source = table.parents[2] / "cost.pkl"
    folder = convert(source, ConvertOptions(to=("onnx",), features=path)).artifact.folder
    result = run("run", folder, "age=40", "smoker=yess", "--json")
    assert json.loads(result.out)["answers"]  # and no note among them
    assert result.err.startswith("note: smoker: no category is called 'yess'"), result
    assert run("run", folder, "age=40", "smoker=yes").err == ""


def test_run_answers_pictures(run, pictures: Path) -> None:
    from PIL import Image

    for name, level in (("black.png", 0), ("white.png", 255)):
        Image.new("RGB", (30, 20), (level,) * 3).save(name)
    result = run("run", pictures, "black.png", "white.png", "--json")
    answers = json.loads(result.out)["answers"]
    assert [a["bright"]["label"] for a in answers] == ["dark", "bright"]
    shares = [a["bright"]["probabilities"]["bright"] for a in answers]
    assert shares == pytest.approx([1 / (1 + np.exp(6)), 1 / (1 + np.exp(-6))], rel=1e-5)


def test_run_says_that_a_model_takes_pictures(run, pictures: Path) -> None:
    Path("rows.csv").write_text("age,smoker\n20,yes\n")
    result = run("run", pictures, "rows.csv")
    assert (result.code, "this model takes pictures" in result.err) == (2, True), result


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["height=3"], "no feature is called 'height'"),
        (["age=old", "smoker=no"], "'old'"),
        (["age=30", "smoker=maybe"], "'maybe'"),
        (["no.csv"], "no.csv: no such file"),
        (["age=30", "smoker=no", "--only", "tfjs"], "no tfjs file to run here"),
        (["age=30", "smoker=no", "--only", "tflit"], "Did you mean tflite?"),
        (["age=30", "smoker=no", "--precision", "int8"], "no file here is called 'int8'"),
    ],
)
def test_run_says_what_the_model_takes(run, table: Path, arguments, says: str) -> None:
    result = run("run", table, *arguments)
    assert (result.code, says in result.err) == (2, True), result


def test_run_asks_the_file_that_was_converted_and_something(table: Path) -> None:
    takes = r"Nothing to ask\. This model takes age=… \(Age\) smoker=…"
    with pytest.raises(UsageError, match=takes):
        ask(table, [])
    shutil.copytree(table, "copy")
    Path("copy/tflite/cost_float32.tflite").write_bytes(b"another")
    with pytest.raises(ArtifactError, match=r"is not the file that was converted .*\. Convert the"):
        ask("copy", ["age=30", "smoker=no"])


def test_artifact_commands_never_import_tensorflow(table: Path) -> None:
    commands = [
        ["run", table, "age=40", "smoker=no"],
        ["verify", table, "--only", "tflite,onnx"],
        ["inspect", table],
        ["snippet", table, "--platform", "android"],
        ["bundle", table, "--platform", "python", "-o", "app"],
    ]
    script = (
        "import sys\nsys.modules['tensorflow'] = None\nfrom edge_deploy.cli import main\n"
        "sys.argv = ['edge-deploy', *sys.argv[1:]]\nmain()"
    )
    for arguments in commands:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True
        )
        assert done.returncode == 0, (arguments, done.stderr)


def test_convert_without_tensorflow_says_what_to_install(table: Path) -> None:
    import keras

    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save("m.keras")
    script = (
        "import sys\nsys.modules['tensorflow'] = None\nsys.modules['keras'] = None\n"
        "sys.argv = ['edge-deploy', 'convert', 'm.keras']\n"
        "from edge_deploy.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 3, done
    assert dependencies.install("convert") in done.stderr


def test_verify_without_playwright_does_the_rest_and_exits_3(table: Path, tmp_path: Path) -> None:
    source = table.parents[2] / "cost.pkl"
    folder = convert(source, ConvertOptions(output=tmp_path / "all")).artifact.folder
    script = (
        "import sys\nsys.modules['playwright'] = sys.modules['playwright.sync_api'] = None\n"
        "from edge_deploy.cli import main\nmain()"
    )
    command = [sys.executable, "-c", script, "verify", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3, done
    assert done.stdout.count("✓ pass") == 2 and done.stdout.count("– not run") == 2
    assert dependencies.install("browser") in done.stderr


def test_inspect_tells_models_files_and_artifacts_apart(run, table: Path) -> None:
    source = table.parents[2] / "cost.pkl"
    model = json.loads(run("inspect", source, "--json").out)
    assert (model["type"], model["kind"], model["parameters"]) == ("model", "sklearn", 4)
    file = json.loads(run("inspect", table / "tflite/cost_float32.tflite", "--json").out)
    assert (file["type"], file["target"]) == ("file", "tflite")
    assert "FULLY_CONNECTED" in file["ops"]
    assert file["inputs"][0]["shape"] == [1, 3]
    artifact = json.loads(run("inspect", table.parent, "--json").out)
    assert (artifact["type"], artifact["name"]) == ("artifact", "cost")
    assert "input: features [any x 3] float32 table" in run("inspect", table).out


ANSWERS = {
    "a class beyond the last": ("class", ["a", "b"], [2]),
    "a class before the first": ("class", ["a", "b"], [-1]),
    "more shares than classes": ("probabilities", ["a", "b"], [[0.2, 0.3, 0.5]]),
    "a share of three classes": ("probability", ["a", "b", "c"], [[0.2]]),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_the_manifest_has_no_class_for_is_refused(case: str) -> None:
    from edge_deploy.api.run import _readable
    from edge_deploy.core.spec import TensorSpec

    kind, classes, values = ANSWERS[case]
    spec = TensorSpec("y", (None,), "float32", kind, tuple(classes))
    with pytest.raises(ArtifactError, match="the manifest has"):
        _readable(spec, np.array(values))
