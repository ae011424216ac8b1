"""edge-deploy.toml: what it says goes in and comes out; each fault is one message with its line."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from edge_deploy.api import recipe as recipes
from edge_deploy.api.options import ConvertOptions
from edge_deploy.core.errors import UsageError
from edge_deploy.core.spec import Feature, Series
from edge_deploy.frontends.project.recipe import CALLERS
from edge_deploy.frontends.project.recipe_keys import KINDS, TABLES, TOP
from edge_deploy.frontends.project.recipe_text import (
    SCHEMA,
    Draft,
    Entry,
    Fork,
    to_text,
    value_text,
)
from edge_deploy.frontends.project.steps import Step

KEYS = recipes.convert_keys()
FILES = ("scaler.pkl", "model.h5", "labels.txt", "data.csv", "inner/encoder.pkl")
PLAIN = 'recipe = 1\n[[steps]]\nfile = "model.h5"\n'


def write(text: str) -> Path:
    for name in FILES:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("x")
    Path("edge-deploy.toml").write_text(text, encoding="utf-8")
    return Path("edge-deploy.toml")


def values(text: str) -> dict:
    return recipes.values(recipes.read(write(text)))


def test_every_option_of_convert_has_one_place() -> None:
    names = {one.name for one in fields(ConvertOptions)}
    top = set(TOP) - {"recipe", "undecided"}
    places = [*top, *recipes.TABLES, *KEYS, *CALLERS]
    assert sorted(places) == sorted(names)


def test_a_feature_has_the_keys_that_features_json_has() -> None:
    assert list(TABLES["features"].keys) == [one.name for one in fields(Feature)]
    assert set(TABLES["series"].keys) == {one.name for one in fields(Series)}


def test_the_schema_that_is_shipped_is_current() -> None:
    # If not: python -m edge_deploy.api.recipe > edge_deploy/frontends/project/recipe.schema.json
    assert SCHEMA.read_text("utf-8") == recipes.schema_text()


TABLE_KEYS = [
    *(("", name, key) for name, key in TOP.items()),
    *((table, name, key) for table, rule in TABLES.items() for name, key in rule.keys.items()),
    *(("convert", name, key) for name, key in KEYS.items()),
]


@pytest.mark.parametrize(
    ("table", "name", "key"), TABLE_KEYS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_example_of_every_key_is_one(table: str, name: str, key) -> None:
    import jsonschema

    value = tomllib.loads(key.example)[name]
    assert KINDS[key.kind].check(value)
    rules = json.loads(SCHEMA.read_text("utf-8"))["properties"]
    if table:
        rules = rules[table].get("items", rules[table])["properties"]
    jsonschema.validate(value, rules[name])
    assert rules[name]["description"] == key.told


SAID = [
    # what stands in the file -> the option that it becomes
    ('labels = ["no", "yes"]', "labels", ["no", "yes"]),
    ("labels = [0, 1.5, true]", "labels", ["0", "1.5", "True"]),
    ('labels = "labels.txt"', "labels", Path("labels.txt")),
    ("threshold = 0.35", "threshold", 0.35),
    ('reference = "data.csv"', "reference", Path("data.csv")),
    ('label_column = "Exited"', "label_column", "Exited"),
]
TABLED = [
    ('[pad]\nmaxlen = 100\npadding = "post"', "pad", "maxlen=100,padding=post"),
    ("[preprocessing]\nsize = [28, 32]\nscale = 0.5", "preprocess", "size=28x32,scale=0.5"),
    ('[preprocessing]\nsize = [2, 2]\npreset = "torch"', "preprocess", "torch,size=2x2"),
    ("[preprocessing]\nmean = [0.1, 0.2, 1e-7]\nstd = 2", "preprocess", "mean=0.1:0.2:1e-07,std=2"),
    ('[[features]]\nname = "a"\nmin = 1', "features", {"features": [{"name": "a", "min": 1}]}),
    (
        '[[features]]\nname = "a"\n[target]\nunit = "USD"',
        "features",
        {"features": [{"name": "a"}], "target": {"unit": "USD"}},
    ),
    ('[target]\nname = "price"', "features", {"target": {"name": "price"}}),
    ('[series]\nchannels = ["Close"]', "features", {"series": {"channels": ["Close"]}}),
    ('[convert]\nto = "tflite"', "to", "tflite"),
    ('[convert]\nquantize = ["float32", "tflite=int8"]', "quantize", ["float32", "tflite=int8"]),
    ('[convert]\noutput = "build"', "output", Path("build")),
    ("[convert]\natol = {price = 0.5}", "atol", {"price": 0.5}),
    ("[convert]\ninput_shapes = {x = [1, 8, 8, 3]}", "input_shapes", {"x": [1, 8, 8, 3]}),
    ("[convert]\nmax_drop = 0", "max_drop", 0),
]  # fmt: skip


@pytest.mark.parametrize(("line", "option", "value"), SAID)
def test_a_key_becomes_its_option(line: str, option: str, value: object) -> None:
    assert values(f"{line}\n{PLAIN}") == {option: value}
    ConvertOptions(**{option: value})


@pytest.mark.parametrize(("table", "option", "value"), TABLED)
def test_a_table_becomes_its_option(table: str, option: str, value: object) -> None:
    found = values(f"{PLAIN}{table}\n")
    assert found == {option: value}
    ConvertOptions(**found)


@pytest.mark.parametrize("name", sorted(KEYS))
def test_every_key_of_convert_becomes_an_option(name: str) -> None:
    Path("train.csv").write_text("x")
    found = values(f"{PLAIN}[convert]\n{KEYS[name].example}\n")
    assert set(found) == {name}
    ConvertOptions(**found)


def test_steps_come_in_their_order() -> None:
    text = (
        'recipe = 1\n[[steps]]\nfile = "inner/encoder.pkl"\ncolumns = ["a", "b"]\n'
        '[[steps]]\nfile = "scaler.pkl"\ncolumns = "*"\n'
        '[[steps]]\nfile = "model.h5"\nkey = "model"\n'
    )
    assert recipes.read(write(text)).steps == (
        Step(Path("inner/encoder.pkl"), ("a", "b")),
        Step(Path("scaler.pkl"), ("*",)),
        Step(Path("model.h5"), key="model"),
    )


def line(text: str, number: int, words: str) -> tuple[str, str]:
    return text, f"edge-deploy.toml, line {number}: .*{words}"


FAULTS = [
    # the whole file -> what is said of it
    ("recipe = [", "edge-deploy.toml: is no TOML: .* See docs/reference/recipe.md"),
    ("a = " + "[" * 5000, "edge-deploy.toml: cannot be read as TOML"),
    ("recipe = " + "9" * 5000, "edge-deploy.toml: cannot be read as TOML"),
    ('[[steps]]\nfile = "model.h5"', "edge-deploy.toml: does not say its form. .* recipe = 1"),
    line("# one\nrecipe = 2\nnew = 1", 2, "recipe: is of form 2, and this edge-deploy reads 1. Up"),
    line('recipe = "1"', 1, "recipe: is '1', not 1"),
    ("recipe = 1", r"has no \[\[steps\]\], so there is no model"),
    ("recipe = 1\n" + '[[steps]]\nfile = "model.h5"\n' * 201, "has 201 steps; at most 200"),
    line(f"treshold = 0.5\n{PLAIN}", 1, "treshold: no key .* Did you mean threshold?"),
    line(f"{PLAIN}[step]\n", 4, "step: no key is called 'step'. Did you mean steps?"),
    line(f'{PLAIN}colums = ["a"]', 4, r"\[steps\] colums: .* Did you mean columns?"),
    line(f'{PLAIN}[[steps]]\nkey = "a"', 4, r"\[steps\]: file is missing: file = "),
    line(f"{PLAIN}[[pad]]\nmaxlen = 1", 4, r"pad: is no table; write \[pad\]"),
    line(f"steps = 3\n{PLAIN.split('[')[0]}", 1, r"steps: is no table; write \[\[steps\]\]"),
    line(f"threshold = true\n{PLAIN}", 1, "threshold: is true, not a number, such as threshold ="),
    line(f"threshold = nan\n{PLAIN}", 1, "threshold: is nan, not a number"),
    line(f"label_column = 1979-05-27\n{PLAIN}", 1, "label_column: is .*date.*, not a text"),
    line(f"{PLAIN}[pad]\nmaxlen = 1.5", 5, r"\[pad\] maxlen: is 1.5, not a whole number"),
    line(f"{PLAIN}[pad]\nmaxlen = 0", 5, r"\[pad\] maxlen: is 0, and must be at least 1"),
    line(f"{PLAIN}[pad]\npadding = 'past'", 5, "padding: no value is called 'past'. Did you"),
    line(f"{PLAIN}[preprocessing]\nsize = [3]", 5, r"size: is \[3\], not \[height, width\]"),
    line(f"{PLAIN}[preprocessing]\npreset = 'tourch'", 5, "Did you mean torch?"),
    line(f"{PLAIN}[convert]\nquantise = 'int8'", 5, "Did you mean quantize?"),
    line(f"{PLAIN}[convert]\nto = 'tflite,tfsj'", 5, "called 'tfsj'. Did you mean tfjs?"),
    line(f"{PLAIN}[convert]\natol = {{a = 'x'}}", 5, "atol: is .* not a number, or numbers by"),
    line(f"{PLAIN}[convert]\ntrust_pickle = true", 5, "trust_pickle: only who calls can say this"),
    line(f"{PLAIN}[convert]\nbrowser = 'sh'", 5, "browser: only who calls can say this"),
    line(f"{PLAIN}[convert]\noverwrite = true", 5, "overwrite: only who calls can say this"),
    line(f"{PLAIN}[convert]\ncustom_objects = 'own.py'", 5, "only who calls can say this"),
    line(PLAIN.replace("model.h5", "../model.h5"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "/etc/passwd"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "~/model.h5"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "C:/model.h5"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "..\\\\\\\\a"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "\\\\u0000"), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", ""), 3, "is no path within the folder of the recipe"),
    line(PLAIN.replace("model.h5", "outside"), 3, "is a link that leads out of the folder"),
    line(PLAIN.replace("model.h5", "mode.h5"), 3, "no such file or folder. Did you mean model.h5?"),
    line(PLAIN.replace("model.h5", "a" * 5000), 3, "no such file or folder"),
    line(f"reference = 'dat.csv'\n{PLAIN}", 1, "no such file or folder. Did you mean data.csv?"),
    line(f"labels = 'no,yes'\n{PLAIN}", 1, "labels: 'no,yes': no such file"),
    line(f"{PLAIN}[convert]\noutput = '../up'", 5, "is no path within the folder of the recipe"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_a_fault_is_one_message(text: str, words: str, tmp_path: Path) -> None:
    Path("project").mkdir()
    Path("elsewhere").write_text("x")
    Path("project/outside").symlink_to("../elsewhere")
    text = text.replace("\\\\", "\\")
    for name in FILES:
        Path("project", name).parent.mkdir(exist_ok=True)
        Path("project", name).write_text("x")
    Path("project/edge-deploy.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        recipes.read(Path("project/edge-deploy.toml"))


def test_an_open_question_is_asked() -> None:
    recipe = recipes.read(write(f'undecided = ["which scaler?"]\n{PLAIN}'))
    with pytest.raises(
        UsageError, match=r"not decided yet:\n  - which scaler\?\nChoose in the file"
    ):
        recipe.check_decided()


NAMES = [
    "a",
    "ü",
    'quote "',
    "back\\slash",
    "new\nline",
    "tab\t",
    "bell\x07",
    "del\x7f",
    "#",
    "'",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_texts_survive_the_file(name: str) -> None:
    value = {"plain": [name, {name: name}]}
    assert tomllib.loads(f"x = {value_text(value)}")["x"] == value


@pytest.mark.parametrize("value", [True, 0, -3, 0.1, 1e-7, 1e300, [], {}, [[1], ["a"]]])
def test_values_survive_the_file(value: object) -> None:
    assert tomllib.loads(f"x = {value_text(value)}")["x"] == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, b"x"])
def test_what_toml_has_not_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="of a recipe"):
        value_text(value)


def test_a_draft_is_a_recipe_and_evidence_stays_a_comment() -> None:
    one, other = {"file": Entry("scaler.pkl", 'a.py:1 x\n[evil]\r"')}, {"file": Entry("model.h5")}
    draft = Draft(
        top={"labels": Entry(["no", "yes"] * 30, "app.py:3 a list")},
        steps=(one, Fork("which\nscaler?", (("this", (one,)), ("that", (other,)))), other),
        tables={"pad": {"maxlen": Entry(7)}, "preprocessing": {"size": Entry([2, 3])}},
        features=({"name": Entry("a\n")},),
        convert={"name": Entry("churn")},
        remarks=("a remark\nof two lines",),
    )
    text = to_text(draft, KEYS, Path.cwd())
    recipe = recipes.read(write(text))
    assert recipe.undecided == ("which\nscaler?",)
    assert recipe.steps == (Step(Path("scaler.pkl")), Step(Path("model.h5")))
    assert recipe.document == {
        "recipe": 1,
        "undecided": ["which\nscaler?"],
        "labels": ["no", "yes"] * 30,
        "steps": [{"file": "scaler.pkl"}, {"file": "model.h5"}],
        "pad": {"maxlen": 7},
        "preprocessing": {"size": [2, 3]},
        "features": [{"name": "a\n"}],
        "convert": {"name": "churn"},
    }
    # Every option stands there, and each that is a comment is right without its sign.
    section = text.partition("[convert]\n")[2].replace("\n# ", "\n")
    given = [row for row in section.splitlines() if " = " in row and row.split()[0] in KEYS]
    assert [row.split()[0] for row in given] == ["name", *(name for name in KEYS if name != "name")]


def test_the_choices_of_a_fork_are_right_without_their_sign() -> None:
    one, other = {"file": Entry("scaler.pkl")}, {"file": Entry("model.h5")}
    text = to_text(Draft(steps=(Fork("which?", (("1", (one,)), ("2", (other,)))),)), KEYS, Path())
    lines = text.splitlines()
    chosen = lines.index("# [[steps]]")
    lines[chosen : chosen + 2] = [row[2:] for row in lines[chosen : chosen + 2]]
    text = "\n".join(lines).replace('undecided = ["which?"]', "undecided = []")
    assert recipes.read(write(text)).steps == (Step(Path("scaler.pkl")),)


def test_the_example_of_the_documents_is_a_recipe() -> None:
    import jsonschema

    page = Path(__file__).parents[3] / "docs" / "reference" / "recipe.md"
    text = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    for name in ("customers.csv", "encoder.pkl"):
        Path(name).write_text("x")
    found = recipes.values(recipes.read(write(text)))
    assert found["quantize"] == ["float32", "tflite=int8"]
    ConvertOptions(**found)
    jsonschema.validate(tomllib.loads(text), json.loads(SCHEMA.read_text("utf-8")))


def test_the_schema_is_found_beside_an_environment_within_the_folder() -> None:
    import edge_deploy

    root = Path(edge_deploy.__file__).parent.parent
    text = to_text(Draft(), KEYS, root)
    assert text.startswith("#:schema ./edge_deploy/frontends/project/recipe.schema.json\n")
    assert "#:schema" not in to_text(Draft(), KEYS, Path())  # a path of this machine is no other's
