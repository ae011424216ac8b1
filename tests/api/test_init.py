"""A folder to its recipe: read and never run, each line with its evidence, questions asked."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import edge_deploy
from edge_deploy.api import recipe as recipes
from edge_deploy.core.errors import UsageError
from tests.conftest import Run

pytestmark = pytest.mark.slow

NAMES = ("age", "weight", "height")
APP = """\
import joblib, os, shutil
import numpy as np
os.remove("precious.txt")
shutil.rmtree("data", ignore_errors=True)
scaler = joblib.load("scaler.pkl")
model = joblib.load("model.pkl")
classes = ["no", "yes"]
def predict(age, weight, height):
    x = scaler.transform(np.array([[age, weight, height]]))
    return classes[model.predict(x)[0]]
"""


def make(folder: str, script: str | None = APP, *, scalers: tuple[str, ...] = ("scaler.pkl",)):
    """A scaler beside a model, each in a pickle of its own, and a table."""
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    root = Path(folder)
    root.mkdir()
    rng = np.random.default_rng(0)
    x = rng.normal(100, 30, (80, 3)).round(1)
    y = (x[:, 0] > x[:, 1]).astype(int)
    for number, name in enumerate(scalers):
        scaler = StandardScaler().fit(x * (1 + number))
        joblib.dump(scaler, root / name)
    joblib.dump(LogisticRegression().fit(StandardScaler().fit_transform(x), y), root / "model.pkl")
    rows = [",".join(map(str, (*row, answer))) for row, answer in zip(x, y, strict=True)]
    (root / "data.csv").write_text("\n".join([",".join((*NAMES, "label")), *rows]))
    (root / "precious.txt").write_text("kept")
    if script is not None:
        (root / "app.py").write_text(script)
    return root


def documents(folder: Path) -> dict:
    return dict(recipes.read(folder / "edge-deploy.toml").document)


def test_a_project_becomes_a_recipe_that_converts_as_it_is() -> None:
    root = make("churn app!")
    done = edge_deploy.init(root)
    assert done.undecided == () and done.path == root / "edge-deploy.toml"
    assert done.path.read_text("utf-8") == done.text
    found = documents(root)
    assert found["steps"] == [{"file": "scaler.pkl"}, {"file": "model.pkl"}]
    assert found["labels"] == ["no", "yes"]
    assert (found["reference"], found["label_column"]) == ("data.csv", "label")
    assert [one["name"] for one in found["features"]] == list(NAMES)
    assert found["convert"] == {"name": "churn-app"}
    made = edge_deploy.convert(root, to="onnx")
    assert made.passed and made.artifact is not None
    assert made.artifact.folder.as_posix() == "artifacts/churn-app/1"
    kept = made.manifest.recipe
    assert kept.content == found and len(kept.sha256) == 64
    assert [feature.name for feature in made.manifest.features or ()] == list(NAMES)


def test_nothing_of_the_project_is_run() -> None:
    root = make("p")
    before = sorted(path.name for path in root.iterdir())
    edge_deploy.init(root, dry_run=True)
    assert sorted(path.name for path in root.iterdir()) == before
    assert (root / "precious.txt").read_text() == "kept"
    edge_deploy.init(root)
    assert sorted(path.name for path in root.iterdir()) == sorted([*before, "edge-deploy.toml"])


def test_each_file_has_the_line_that_says_so() -> None:
    done = edge_deploy.init(make("p"), dry_run=True)
    evidence = {row.found.split(":")[0]: row.evidence for row in done.rows if row.what == "step"}
    assert evidence == {
        "scaler.pkl": 'app.py:5 scaler = joblib.load("scaler.pkl")',
        "model.pkl": 'app.py:6 model = joblib.load("model.pkl")',
    }
    assert 'file = "scaler.pkl" # app.py:5 scaler = joblib.load("scaler.pkl")\n' in done.text
    assert done.scripts == ("app.py",) and done.path is None


def test_a_recipe_that_is_there_is_left() -> None:
    root = make("p")
    (root / "edge-deploy.toml").write_text("mine")
    with pytest.raises(UsageError, match=r"edge-deploy.toml: is there already.* overwrite=True"):
        edge_deploy.init(root)
    assert (root / "edge-deploy.toml").read_text() == "mine"
    assert edge_deploy.init(root, dry_run=True).path is None
    edge_deploy.init(root, overwrite=True)
    assert documents(root)["recipe"] == 1


def test_a_link_in_the_recipes_place_is_not_written_through() -> None:
    root = make("p")
    Path("elsewhere").write_text("kept")
    (root / "edge-deploy.toml").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        edge_deploy.init(root, overwrite=True)
    assert Path("elsewhere").read_text() == "kept"


def test_without_scripts_the_files_alone_say_it() -> None:
    root = make("p", None)
    done = edge_deploy.init(root)
    assert documents(root)["steps"] == [{"file": "scaler.pkl"}, {"file": "model.pkl"}]
    why = next(row.evidence for row in done.rows if row.found.startswith("scaler.pkl"))
    assert why == "StandardScaler of 3 columns, as many as the model takes"


def test_two_scalers_that_fit_are_a_question_until_one_is_chosen() -> None:
    root = make("p", None, scalers=("scaler.pkl", "scaler_old.pkl"))
    done = edge_deploy.init(root)
    (question,) = done.undecided
    assert "scaler.pkl or scaler_old.pkl fit equally" in question
    with pytest.raises(UsageError, match="not decided yet:\n  - which one is before the model"):
        edge_deploy.convert(root)
    # A person takes one of the lines, and the question out.
    text = re.sub(r"undecided = \[\n.*?\n\]\n", "", done.text, flags=re.DOTALL)
    lines = text.splitlines()
    place = lines.index('# file = "scaler.pkl" # StandardScaler of 3 columns, as many as the model '
                        "takes")  # fmt: skip
    lines[place - 1 : place + 1] = [line[2:] for line in lines[place - 1 : place + 1]]
    (root / "edge-deploy.toml").write_text("\n".join(lines))
    assert documents(root)["steps"] == [{"file": "scaler.pkl"}, {"file": "model.pkl"}]
    assert edge_deploy.convert(root, dry_run=True).passed


def test_options_of_the_call_go_over_the_recipe() -> None:
    root = make("p")
    edge_deploy.init(root)
    text = (root / "edge-deploy.toml").read_text().replace("[convert]", '[convert]\nto = "tflite"')
    (root / "edge-deploy.toml").write_text(text)
    options = edge_deploy.ConvertOptions(version="7")
    made = edge_deploy.convert(root, options, to="onnx", name="mine")
    assert (made.manifest.name, made.manifest.version) == ("mine", "7")
    assert {entry.target for entry in made.manifest.artifacts} == {"onnx"}


def test_the_current_folders_recipe_is_taken_where_no_model_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = make("p")
    edge_deploy.init(root)
    monkeypatch.chdir(root)
    made = edge_deploy.convert(to="onnx")
    assert made.artifact is not None
    assert made.artifact.folder == Path("artifacts/p/1")
    again = edge_deploy.verify(made.artifact.folder, against=Path(), only="onnx")
    assert again.passed


def test_a_bundle_is_one_step() -> None:
    import joblib

    root = make("p", None)
    parts = {name: joblib.load(root / f"{name}.pkl") for name in ("scaler", "model")}
    for name in parts:
        (root / f"{name}.pkl").unlink()
    joblib.dump(parts, root / "bundle.joblib")
    (root / "app.py").write_text(
        "import joblib\nb = joblib.load('bundle.joblib')\n"
        "def ask(rows):\n    return b['model'].predict(b['scaler'].transform(rows))\n"
    )
    edge_deploy.init(root)
    steps = documents(root)["steps"]
    assert {one["file"] for one in steps} == {"bundle.joblib"}
    assert edge_deploy.convert(root, dry_run=True).passed


FAULTS = [
    # what is done to the project -> the error, or what the table says of it
    ("no folder", "such: no such folder"),
    ("a file", "precious.txt: is no folder"),
    ("no model", "there is no model in it that can be read"),
    ("code", "evil.pkl: .* would run code"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_what_cannot_be_examined_is_one_message(fault: str, words: str) -> None:
    root = make("p")
    given = {"no folder": root / "such", "a file": root / "precious.txt"}.get(fault, root)
    if given == root:
        for name in ("scaler.pkl", "model.pkl"):
            (root / name).unlink()
    if fault == "code":
        (root / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UsageError, match=words):
        edge_deploy.init(given)
    assert not Path("marker").exists()


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("marker", "w")


def test_what_is_not_used_or_not_read_is_told() -> None:
    import joblib
    from sklearn.preprocessing import LabelEncoder

    root = make("p")
    joblib.dump(LabelEncoder().fit(list("abcde")), root / "unused.pkl")
    (root / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    (root / "broken.py").write_text("def (")
    (root / "lost.py").write_text(
        "import joblib\nm = joblib.load('model.pkl')\ns = joblib.load('lost.pkl')\n"
        "def ask(rows):\n    return m.predict(s.transform(rows))\n"
    )
    told = {(row.what, row.found.split(":")[0].split(" ")[0]) for row in
            edge_deploy.init(root, dry_run=True).rows}  # fmt: skip
    assert {("not read", "evil.pkl"), ("not read", "broken.py")} <= told


def test_a_history_or_a_dict_of_encoders_is_no_second_model() -> None:
    import joblib
    from sklearn.preprocessing import LabelEncoder

    root = make("p", None)
    joblib.dump({"loss": [0.3, 0.2], "accuracy": [0.8, 0.9]}, root / "history.pkl")
    joblib.dump({"city": LabelEncoder().fit(["a", "b", "c"])}, root / "encoders.pkl")
    done = edge_deploy.init(root)
    assert done.undecided == ()
    assert documents(root)["steps"] == [{"file": "scaler.pkl"}, {"file": "model.pkl"}]
    left = [row.found for row in done.rows if row.what == "not used"]
    assert left == ["encoders.pkl: a bundle without a model"]


def test_a_lemmatizer_is_named_as_what_stays_behind() -> None:
    import joblib
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    root = Path("p")
    root.mkdir()
    texts = ["good fine day", "bad awful day", "fine and good", "awful and bad"] * 5
    words = CountVectorizer().fit(texts)
    joblib.dump(words, root / "words.pkl")
    joblib.dump(MultinomialNB().fit(words.transform(texts), [1, 0] * 10), root / "model.pkl")
    (root / "app.py").write_text(
        "import joblib\nfrom nltk.stem import WordNetLemmatizer\n"
        "import re\nlemmatizer = WordNetLemmatizer()\n"
        "words, model = joblib.load('words.pkl'), joblib.load('model.pkl')\n"
        "def ask(text):\n"
        "    text = re.sub(r'[^a-z ]', '', text)\n"
        "    text = ' '.join(lemmatizer.lemmatize(word) for word in text.split())\n"
        "    return model.predict(words.transform([text]))[0]\n"
    )
    done = edge_deploy.init(root)
    left = [row.evidence.split(" ")[0] for row in done.rows if row.what == "not moved"]
    assert left == ["app.py:7", "app.py:8"]
    assert "not moved" in done.text
    json.dumps([row.found for row in done.rows])


def test_a_step_that_a_script_takes_and_no_file_gives_is_a_question(tmp_path: Path) -> None:
    """Without its scaler the model would convert, pass, and be wrong."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path / "lacking"
    folder.mkdir()
    x = np.arange(20.0).reshape(10, 2)
    joblib.dump(LogisticRegression().fit(x, x[:, 0] > 9), folder / "model.pkl")
    (folder / "app.py").write_text(
        "import joblib\ns = joblib.load('scaler.pkl')\nm = joblib.load('model.pkl')\n"
        "answer = m.predict(s.transform(x))\n"
    )
    joblib.dump(x, folder / "sc\naler.pkl")
    done = edge_deploy.init(folder)
    question, renamed = done.undecided
    assert question.startswith("scaler.pkl (s) (app.py:4") and "put it there" in question
    assert renamed.startswith("'sc\\naler.pkl'") and "rename it" in renamed
    with pytest.raises(UsageError, match=r"not decided yet:\n  - scaler\.pkl"):
        edge_deploy.convert(folder, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_numbers_of_a_file_that_a_script_scales_by_are_a_question(tmp_path: Path) -> None:
    """``(x - mean) / std`` of two .npy files is a scaler that no file holds."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    x = np.arange(20.0).reshape(10, 2)
    joblib.dump(LogisticRegression().fit(x, x[:, 0] > 9), tmp_path / "model.pkl")
    np.save(tmp_path / "mean.npy", x.mean(0))
    np.save(tmp_path / "std.npy", x.std(0))
    (tmp_path / "infer.py").write_text(
        "import joblib\nimport numpy as np\nmean = np.load('mean.npy')\nstd = np.load('std.npy')\n"
        "m = joblib.load('model.pkl')\ndef predict(a: float, b: float):\n"
        "    x = (np.array([[a, b]]) - mean) / std\n    return m.predict(x)[0]\n"
    )
    done = edge_deploy.init(tmp_path)
    first, second = done.undecided
    assert first.startswith("a step for mean.npy (subtract) (infer.py:7")
    assert second.startswith("a step for std.npy (divide) (infer.py:7")


def test_columns_that_get_dummies_makes_are_asked_as_no_or_yes(tmp_path: Path) -> None:
    import joblib
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    x = pd.DataFrame({"age": np.arange(20.0), "sex_male": [0, 1] * 10, "sexes": [2.0, 3] * 10})
    joblib.dump(LogisticRegression().fit(x, x.age > 9), tmp_path / "model.pkl")
    joblib.dump(list(x), tmp_path / "columns.pkl")
    (tmp_path / "serve.py").write_text(
        "import joblib\nimport pandas as pd\nm = joblib.load('model.pkl')\n"
        "columns = joblib.load('columns.pkl')\ndef predict(rows):\n"
        "    q = pd.get_dummies(pd.DataFrame(rows), columns=['sex'])\n"
        "    return m.predict(q.reindex(columns=columns, fill_value=0))\n"
    )
    done = edge_deploy.init(tmp_path)
    (told,) = [row for row in done.rows if row.what == "not moved"]
    assert "asks for sex_male, each no or yes" in told.found and "serve.py:6" in told.evidence
    assert 'name = "sex_male"\nmin = 0\nmax = 1\nstep = 1\n' in done.text
    assert done.text.count("max = 1\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("told", ["table", "form"])
def test_columns_that_get_dummies_makes_of_one_are_a_choice(tmp_path: Path, told: str) -> None:
    """Of two values one has no column of its own here, as after drop_first."""
    import joblib
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"geo": rng.choice(["FR", "DE", "ES"], 60), "age": rng.integers(18, 80, 60)}
    )
    table["sex"] = rng.choice(["male", "female"], 60)
    table["label"] = table.age + 20 * (table.geo == "ES") - 20 * (table.sex == "male") > 50
    x = pd.get_dummies(table[["geo", "age", "sex"]], columns=["geo", "sex"], dtype=int)
    x = x.drop(columns="sex_female")
    model = LogisticRegression(max_iter=1000).fit(x, table.label)
    joblib.dump(model, tmp_path / "model.pkl")
    joblib.dump(list(x), tmp_path / "columns.pkl")
    table.to_csv(tmp_path / "t.csv", index=False)
    lines = (
        "import joblib\nimport pandas as pd\nimport streamlit as st\n"
        "m = joblib.load('model.pkl')\ncolumns = joblib.load('columns.pkl')\n"
        "geo = st.selectbox('Land', ['DE', 'ES', 'FR'])\nage = st.number_input('Age')\n"
        "sex = st.radio('Sex', ['male', 'female'])\n"
        "q = pd.DataFrame({'geo': [geo], 'age': [age], 'sex': [sex]})\n"
        "q = pd.get_dummies(q, columns=['geo', 'sex']).reindex(columns=columns, fill_value=0)\n"
        "m.predict(q)\n"
    )
    (tmp_path / "app.py").write_text(lines)
    if told == "form":
        (tmp_path / "t.csv").rename(tmp_path.parent / "t.csv")
    done = edge_deploy.init(tmp_path)
    assert not done.undecided and not [row for row in done.rows if row.what == "not moved"]
    found = [row.found for row in done.rows if row.what == "category"]
    assert found == ["geo: DE, ES, FR, of get_dummies", "sex: female, male, of get_dummies"]
    if told == "table":
        artifact = edge_deploy.convert(tmp_path, output=tmp_path / "out", to=["onnx"]).artifact
        assert artifact
        answers = edge_deploy.run(artifact.folder, table)
        said = [answer.outputs["class"]["label"] == "True" for answer in answers]
        assert said == list(model.predict(x)) and len(set(said)) == 2


STACKED = """
import pickle
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
app = FastAPI()
class Row(BaseModel):
    kind: str
    a: float
    b: float
def load():
    with open("bundle.pkl", "rb") as fh:
        return pickle.load(fh)
bundle = load()
@app.post("/predict")
def predict(row: Row):
    codes = bundle["codes"].transform([[row.kind]])
    x = np.hstack([codes, [[row.a, row.b]]])
    return bundle["model"].predict(bundle["scaler"].transform(x))[0]
"""


def test_columns_that_are_stacked_beside_an_encoder_are_named_by_the_script(
    tmp_path: Path, run: Run
) -> None:
    """Parts of a dict, in the order of the script and not in that of the table."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    rng = np.random.default_rng(0)
    x = pd.DataFrame({"b": rng.normal(5, 2, 60).round(2), "kind": rng.choice(["x", "y", "z"], 60),
                      "a": rng.normal(0, 9, 60).round(2)})  # fmt: skip
    codes = OrdinalEncoder().fit(x[["kind"]].to_numpy())
    table = np.hstack([codes.transform(x[["kind"]].to_numpy()), x[["a", "b"]].to_numpy()])
    scaler = StandardScaler().fit(table)
    y = 7 * table[:, 0] - 2 * table[:, 1] + 0.5 * table[:, 2]
    model = LinearRegression().fit(scaler.transform(table), y)
    bundle = {"model": model, "scaler": scaler, "codes": codes}
    (tmp_path / "bundle.pkl").write_bytes(pickle.dumps(bundle))
    (tmp_path / "app.py").write_text(STACKED)
    x.assign(price=y).to_csv(tmp_path / "table.csv", index=False)
    done = edge_deploy.init(tmp_path)
    assert not done.undecided
    assert re.findall(r'^name = "(\w+)" # \w+: app', done.text, re.M) == ["kind", "a", "b"]
    made = edge_deploy.convert(tmp_path, output=tmp_path / "out", to=("tflite",)).artifact
    assert made is not None
    said = run("run", made.folder, tmp_path / "table.csv", "--json")
    score = json.loads(said.out)["score"]
    assert score["R²"] == pytest.approx(1.0) and score["samples"] == 60


SEVERAL = """
import joblib, pandas as pd
model = joblib.load("model.joblib")
TARGETS = ["upper", "lower"]
def predict(a, b):
    out = model.predict(pd.DataFrame([[a, b]], columns=["a", "b"]))[0]
    return dict(zip(TARGETS, out))
"""


@pytest.mark.parametrize("kind", ["values", "classes"])
def test_several_answers_have_a_column_of_true_ones_each(kind: str, run: Run) -> None:
    """A score of each, from the folder on to ``run``, which finds the columns by their names."""
    import joblib
    import pandas as pd
    from sklearn.linear_model import LinearRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.tree import DecisionTreeClassifier

    folder = Path("several")
    folder.mkdir()
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)).round(2), columns=["a", "b"])
    if kind == "values":
        y = pd.DataFrame({"lower": x.a - 1, "upper": 2 * x.b + 1})
        model = LinearRegression().fit(x, y[["upper", "lower"]])
        told, figures = "upper,lower", {"R²": 1.0, "MAE": 0.0, "RMSE": 0.0}
    else:
        y = pd.DataFrame({"lower": x.a > 0, "upper": np.where(x.b > 0, "high", "low")})
        model = MultiOutputClassifier(DecisionTreeClassifier()).fit(
            x, y[["upper", "lower"]].astype(str)
        )
        told = "upper,lower"
        figures = dict.fromkeys(
            ("accuracy", "macro F1", "accuracy of upper", "accuracy of lower"), 1.0
        )
    joblib.dump(model, folder / "model.joblib")
    (folder / "app.py").write_text(SEVERAL)
    pd.concat([x, y], axis=1).to_csv(folder / "table.csv", index=False)
    done = edge_deploy.init(folder)
    assert f'label_column = "{told}"' in done.text
    artifact = edge_deploy.convert(folder, output=Path("out"), to=("tflite",)).artifact.folder
    answered = run("run", artifact, folder / "table.csv", "--output", "answers.csv", "--json")
    found = json.loads(answered.out)
    assert found["score"].pop("samples") == 60
    assert found["score"] == pytest.approx(figures, abs=1e-5)
    answers = pd.read_csv("answers.csv")
    for name in ("upper", "lower"):
        if kind == "values":
            np.testing.assert_allclose(answers[f"predicted_{name}"], answers[name], atol=1e-5)
        else:
            assert (answers[f"predicted_{name}"] == answers[name]).all()
