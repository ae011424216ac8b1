"""Writes the pages of docs/reference/ that the program itself knows.

    python tools/write_reference.py

Run it after a change of a command's help, a precision, a budget, a preset, the manifest's schema
or the list of public names; tests/docs/test_reference.py fails until it was run.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
SCHEMA = ROOT / "edge_deploy" / "artifact" / "manifest.schema.json"
MEANINGS = ROOT / "tools" / "field_meanings.toml"
INTRO = ROOT / "tools" / "recipe_intro.md"
NOTE = "<!-- Written by tools/write_reference.py: change the program, then run that. -->\n\n"
WIDTH = "88"  # of the help texts: what a page shows without a scroll bar


def pages() -> dict[str, str]:
    """The text of each page, by its name in docs/reference/."""
    return {
        "commands.md": NOTE + commands(),
        "python-api.md": NOTE + python_api(),
        "manifest.md": NOTE + manifest(),
        "report.md": NOTE + report(),
        "precisions.md": NOTE + precisions(),
        "preprocessing.md": NOTE + preprocessing(),
        "features.md": NOTE + features(),
        "recipe.md": NOTE + recipe(),
        "estimators.md": NOTE + estimators(),
        "layers.md": NOTE + layers(),
    }


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def commands() -> str:
    """Every command's help, as a terminal shows it."""
    import typer
    from typer.testing import CliRunner

    from edge_deploy.cli import app

    def shown(*arguments: str) -> str:
        quiet = {"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
        result = CliRunner().invoke(
            app, [*arguments, "--help"], prog_name="edge-deploy", env=quiet, terminal_width=None
        )
        lines = [line.rstrip() for line in result.output.strip().splitlines()]
        return "```text\n" + "\n".join(lines) + "\n```\n"

    group = typer.main.get_command(app)
    text = (
        "# Commands\n\nEvery command takes `--help`, and prints one JSON document on stdout with "
        "`--json`. [Exit codes](exit-codes.md) are the same for all.\n\n" + shown()
    )
    for name in group.list_commands(typer.Context(group)):  # type: ignore[attr-defined]
        text += f"\n## {name}\n\n{shown(name)}"
    return text


def python_api() -> str:
    """A place for each public name; mkdocstrings fills in the docstrings."""
    import edge_deploy

    names = [name for name in edge_deploy.__all__ if not name.startswith("__")]
    groups = {
        "Functions": [name for name in names if name.islower()],
        "Options": [name for name in names if name.endswith("Options") or name == "Tolerances"],
        "Errors": [name for name in names if name.endswith("Error")],
    }
    rest = [name for name in names if not any(name in group for group in groups.values())]
    text = (
        "# Python API\n\nThe functions are named as the commands are. Import them from "
        "`edge_deploy`; nothing heavy is imported before a function is called.\n\n"
        "```py\nimport edge_deploy\n\n"
        'done = edge_deploy.convert("model.h5", reference="data.csv", '
        'quantize=["float32", "int8"])\n'
        "```\n\n"
        "Every option of a command is a keyword argument of its function. The same options can "
        "be given as one object (`ConvertOptions` for `convert`); a keyword beside it wins. "
        "Models are paths, or live Keras models, tf.Modules and fitted scikit-learn estimators; "
        "data are paths, arrays, dicts of arrays, data frames, or a pair of one of these and its "
        "labels.\n\n"
        "What TensorFlow and others write to the terminal is held back while a call runs, unless "
        "`verbose=True`. Each step is told by `logging`, on level INFO of the logger "
        "`edge_deploy`; what you should know, by `edge_deploy.notes`. An error says what was "
        "found and how to mend it; a `UsageError` about one option has its name and value as "
        "`error.option` and `error.got`.\n\n"
        "```python\nimport logging\n\nlogging.basicConfig(level=logging.INFO)\n```\n"
    )
    for title, group in (
        ("Functions", groups["Functions"]),
        ("Results and values", rest),
        ("Options", groups["Options"]),
        ("Errors", groups["Errors"]),
    ):
        text += f"\n## {title}\n"
        for name in group:
            text += f"\n::: edge_deploy.{name}\n"
            if name.endswith("Options"):
                text += PLAIN + table(
                    ["keyword", "default", "what it is"], option_rows(getattr(edge_deploy, name))
                )
    return text


PLAIN = (
    "    options:\n      members: false\n      show_bases: false\n"
    "      show_docstring_attributes: false\n\n"
)


def option_rows(kind: type) -> list[list[str]]:
    """The fields of a class of options, those of its groups too, as its docstrings explain them."""
    told: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        attributes = inspect.cleandoc(part.__doc__ or "").partition("\nAttributes:\n")[2]
        for entry in re.split(r"\n(?= {4}\w+:)", attributes.partition("\n\n")[0]):
            name, _, meaning = entry.strip().partition(": ")
            told[name] = " ".join(meaning.replace("``", "`").replace("|", "\\|").split())
    return [
        [f"`{one.name}`", default(one), told.get(one.name, "?")] for one in dataclasses.fields(kind)
    ]


def default(one: dataclasses.Field[Any]) -> str:
    if one.default_factory is not dataclasses.MISSING:
        return f"`{one.default_factory()!r}`"
    if one.default is dataclasses.MISSING:
        return "must be given"
    value = str(one.default) if isinstance(one.default, Path) else one.default
    return f"`{value!r}`"


def precisions() -> str:
    """The tables of formats/ and of verification/tolerances.py."""
    from edge_deploy.formats.registry import FORMATS
    from edge_deploy.verification.tolerances import BUDGETS, PRUNED, RTOL

    meanings = fields("precisions")
    names = list(dict.fromkeys(name for one in FORMATS.values() for name in one.precisions))
    have = [
        [
            f"`{name}`",
            *("yes" if name in one.precisions else "–" for one in FORMATS.values()),
            "yes" if any(name in one.static_precisions for one in FORMATS.values()) else "–",
            meanings[name],
        ]
        for name in names
    ]
    budgets = [
        [
            f"`{name}`",
            f"{b.agreement:g}",
            f"{b.error:g}",
            f"{b.mean_error:g}",
            f"{b.snr:g} dB",
            f"{b.drop:g}",
        ]
        for name, b in {**BUDGETS, "pruned float32": PRUNED}.items()
    ]
    header = ["precision", *FORMATS, "needs calibration data", "what it is"]
    limits = ["precision", "least agreement", "largest error", "mean error", "least SNR", "drop"]
    return (
        "# Precisions and budgets\n\n"
        "`--quantize` of `convert` and `--to` of `quantize` take these names. A plain name applies "
        "to every target that has it, `tflite=int8` to one. A precision that no target has is an "
        "error; nothing is put in its place.\n\n" + table(header, have) + "\n## What passes\n\n"
        f"A `float32` file must agree with the original: no error over **{RTOL:g}** of the "
        "output's scale, which is the largest absolute value of the original's answers (at least "
        "1e-6). `--atol` and `--rtol` of `verify` set another limit.\n\n"
        "A compressed file is judged by what it costs against the original:\n\n"
        + table(limits, budgets)
        + "\n- **agreement**: the share of samples whose winner stays the same. One sample may "
        "always differ.\n"
        "- **error**, **mean error**: as a share of the output's scale.\n"
        "- **SNR**: signal-to-noise ratio.\n"
        "- **drop**: how far accuracy or R² may fall, where the reference has labels.\n"
        "- A pruned file in another precision may cost the sum of both.\n"
        "- `--max-drop` and `--min-agreement` set your own budget. The limits for errors and SNR "
        "are then not asked.\n"
    )


def preprocessing() -> str:
    """The presets of data/preprocessing/image.py, spelled out."""
    from edge_deploy.data.preprocessing.image import CHANNELS, CROPS, PRESETS, RESIZES, TRAINED
    from edge_deploy.frontends.project.recipe_keys import PREPROCESSING

    meanings = fields("preprocessing")
    keys = [key for key in next(iter(PRESETS.values()))["image"] if key not in ("size",)]

    def told(value: Any) -> str:
        if isinstance(value, list):
            return " : ".join(f"{number:g}" for number in value)
        return f"{value:.6g}" if isinstance(value, float) else str(value or "–")

    rows = [
        [f"`{name}`", *(told(preset["image"][key]) for key in keys), meanings[name]]
        for name, preset in PRESETS.items()
    ]
    trained = [
        [f"`{name}`", *(told(preset["image"][key]) for key in keys), words]
        for name, (preset, words) in TRAINED.items()
    ]
    values = {
        "size": "height x width, such as `224x224`; else the model's own",
        "crop": ", ".join(f"`{name}`" for name in CROPS),
        "resize": ", ".join(f"`{name}`" for name in RESIZES),
        "color": ", ".join(f"`{name}`" for name in CHANNELS) + "; else by the model's channels",
        "scale": "a number or a fraction, such as `1/255`",
        "offset": "a number",
        "mean": "a number, or one a channel: `0.485:0.456:0.406`",
        "std": "the same",
    }
    return (
        "# Preprocessing of pictures\n\n"
        "`--preprocess` takes a preset, or values (`size=224x224,resize=bilinear,scale=1/255`), or "
        "a preset and then values that differ (`torch,size=128x128`). The steps are: decode, crop, "
        "resize, colour, then `(x * scale + offset - mean) / std`, each rounded to float32. Python "
        "and the page give the same bits ([how](../how-it-works/pixels.md)).\n\n## Presets\n\n"
        + table(["preset", *keys, "for"], rows)
        + "\nThe same by what a model was trained with:\n\n"
        + table(["preset", *keys, "for"], trained)
        + "\n## Values\n\n"
        + table(["key", "takes"], [[f"`{key}`", text] for key, text in values.items()])
        + "\n## preprocessing.json\n\n"
        "The same in a file beside the model, which is taken without being asked for. All keys are "
        'within `"image"`:\n\n'
        + json_keys(PREPROCESSING, {"preset"})
        + '\n```json\n{"image": {"size": [224, 224], "resize": "bilinear", "scale": '
        "0.00392156862745098}}\n```\n"
    )


def json_keys(keys: Mapping[str, Any], without: set[str] | None = None) -> str:
    """Keys of the recipe as they stand in a JSON file, each with an example."""
    rows = [
        [
            f"`{name}`",
            f"`{json.dumps(tomllib.loads(key.example), ensure_ascii=False)[1:-1]}`",
            key.told + (" Required." if key.required else ""),
        ]
        for name, key in keys.items()
        if name not in (without or ())
    ]
    return table(["key", "example", "what it is"], rows)


def features() -> str:
    """features.json key by key, with an example of each."""
    from edge_deploy.frontends.project.recipe_keys import FEATURE, SERIES, TARGET

    return (
        "# features.json\n\n"
        "What the columns of a table are, in the model's order, and what is predicted; beside the "
        "model it is taken without being asked for, elsewhere `--features FILE` names it. A fitted "
        "pipeline knows its categories itself: ranges, units, defaults and labels are added to "
        "them. `[[features]]` of [the recipe](recipe.md) has the same keys.\n\n"
        '```json\n{\n  "features": [\n'
        '    {"name": "NumOfProducts", "label": "Products", "min": 1, "max": 4, "step": 1},\n'
        '    {"name": "Geography", "kind": "category", "categories": ["France", "Spain"], '
        '"encode": "one-hot"}\n  ],\n'
        '  "target": {"name": "leaves the bank"}\n}\n```\n\n'
        "A list of features alone will do, and a target alone.\n\n## Of a column\n\n"
        + json_keys(FEATURE)
        + '\n## `"target"`\n\n'
        + json_keys(TARGET)
        + '\n## `"series"`\n\nIn the place of columns, of a model that takes a window.\n\n'
        + json_keys(SERIES)
    )


def estimators() -> str:
    """What becomes of each estimator that scikit-learn lists."""
    told = estimator_states()
    count = Counter(state for _, _, state, _ in told)
    text = (
        "# Every estimator of scikit-learn\n\nEach class that scikit-learn lists, with its "
        "defaults: "
        f"{count['all']} become TFLite, TF.js and ONNX files, {count['onnx']} an ONNX file alone "
        f"by skl2onnx, {count['holder']} as what they hold. {count['no']} are refused, in these "
        "words.\n\n"
    )
    return text + table(
        ("estimator", "what it does", "converts"),
        [[f"`{name}`", does, words] for name, does, _, words in told],
    )


def estimator_states() -> list[tuple[str, str, str, str]]:
    """Name, what it does, the state (all, onnx, holder or no), and that in words."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401, it lists the class
    from sklearn.utils import all_estimators

    from edge_deploy.frontends.sklearn.converters import PREDICTORS, TRANSFORMERS
    from edge_deploy.frontends.sklearn.converters.unsupported import ONNX_ONLY, REASONS
    from edge_deploy.frontends.sklearn.dataframe.vectorizers import VECTORIZERS

    holders = ("FrozenEstimator", "GridSearchCV", "Pipeline", "RandomizedSearchCV")
    rows = []
    for name, kind in all_estimators():
        base = {one.__name__ for one in kind.__mro__}
        does = ", ".join(word for mixin, word in _MIXINS.items() if mixin in base) or "other"
        step = name in TRANSFORMERS or name in VECTORIZERS
        if name in holders:
            state, words = "holder", "as what it holds"
        elif name in PREDICTORS:
            state, words = "all", "yes, also as a step before a model" if step else "yes"
        elif step:
            state, words = "all", "yes, before a model or alone"
        elif name in ONNX_ONLY:
            state, words = "onnx", "to ONNX alone, by skl2onnx"
        else:
            state, words = "no", f"no: {REASONS[name]}"
        rows.append((name, does, state, words))
    return rows


_MIXINS = {
    "ClassifierMixin": "classifies",
    "RegressorMixin": "estimates a value",
    "ClusterMixin": "groups",
    "OutlierMixin": "tells outliers",
    "TransformerMixin": "transforms",
}


def recipe() -> str:
    """edge-deploy.toml key by key, from its tables."""
    from edge_deploy.api.recipe import convert_keys
    from edge_deploy.frontends.project.recipe import CALLERS
    from edge_deploy.frontends.project.recipe_keys import KINDS, TABLES, TOP, Keys

    def listed(keys: Keys) -> str:
        rows = [
            [
                f"`{name}`",
                ", ".join(f"`{one}`" for one in key.choices) or KINDS[key.kind].words,
                f"`{key.example}`",
                key.told + (" Required." if key.required else ""),
            ]
            for name, key in keys.items()
        ]
        return table(["key", "takes", "example", "what it is"], rows)

    callers = ", ".join(f"`{name}`" for name in CALLERS if name != "command")
    text = INTRO.read_text("utf-8").replace("{callers}", callers)
    text += "\n## Before the first table\n\n" + listed(TOP)
    for name, one in TABLES.items():
        head = f"[[{name}]]" if one.many else f"[{name}]"
        text += f"\n## {head}\n\n{one.told}\n\n{listed(one.keys)}"
    told = "Options of `convert`, named as in Python."
    return text + f"\n## [convert]\n\n{told}\n\n{listed(convert_keys())}"


def layers() -> str:
    """The rows of tests/support/layer_table.py, which a test runs."""
    if str(ROOT) not in sys.path:  # a script has its own folder there
        sys.path.insert(0, str(ROOT))
    from tests.support import layer_table as known

    def cells(row: known.Row, target: str) -> str:
        if not row.inputs:
            return "–"
        return "no" if {"load", target} & set(row.refused) else "yes"

    def listed(rows: Mapping[str, known.Row]) -> str:
        return table(
            ["layer", "TFLite", "TF.js", "ONNX", "note"],
            [
                [f"`{name}`", *(cells(row, one) for one in ("tflite", "tfjs", "onnx")), row.note]
                for name, row in sorted(rows.items())
            ],
        )

    old = {name: row for name, row in known.KERAS_2.items() if name not in known.KERAS_3}
    return (
        "# Layers\n\n"
        "Every public layer and activation of Keras 3, as a small model with random weights: a "
        "test converts each, and compares the answers in LiteRT, TF.js (wasm and webgl) and ONNX "
        "Runtime, with batches of 1 and 3 where the runtime takes them. `no` is refused before "
        "anything is written, with what to use. Other names of the same layer (`Convolution2D`, "
        "`MaxPool2D`) are left out.\n\n"
        + listed(known.KERAS_3)
        + "\n## Activations\n\n"
        + listed(known.ACTIVATIONS)
        + "\n## What else is asked of them\n\n"
        + listed(known.VARIANTS)
        + "\n## Only in Keras 2\n\nThe other layers of `tf_keras` are those above, and are asked "
        "in the same way.\n\n" + listed(old)
    )


def manifest() -> str:
    """manifest.json field by field, from its JSON Schema."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    rows = [
        [f"`{path}`", kind, " ".join(told.replace("``", "`").replace("|", "\\|").split())]
        for path, kind, told in schema_fields(schema, schema, "")
    ]
    return (
        "# manifest.json\n\n"
        "Each version of an artifact has one: what the model is, its files, and their verdicts. "
        "The JSON Schema is in the package, `edge_deploy/artifact/manifest.schema.json`; "
        "`[]` is an item of a list. A file that is not as its manifest says is refused.\n\n"
        + table(["field", "type", "what it is"], rows)
    )


def schema_fields(
    schema: Mapping[str, Any], node: Mapping[str, Any], path: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, str]]:
    """Each field under a node of a JSON Schema: its path, its type in words, its description."""
    node, names = resolved(schema, node)
    if set(names) & set(seen):
        return
    seen = (*seen, *names)
    known = node.get("properties", {})
    for name in dict.fromkeys((*known, *node.get("required", ()))):
        found = known.get(name, {})
        here, (child, _) = f"{path}.{name}" if path else name, resolved(schema, found)
        yield here, words(schema, found), found.get("description", child.get("description", "?"))
        yield from schema_fields(schema, found, here, seen)
    if "items" in node:
        yield from schema_fields(schema, node["items"], f"{path}[]", seen)


def resolved(
    schema: Mapping[str, Any], node: Mapping[str, Any]
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """A node with references followed, null left out of choices, and the names it went by."""
    names: tuple[str, ...] = ()
    while True:
        options = [o for o in node.get("anyOf", node.get("oneOf", ())) if o != {"type": "null"}]
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            names, node = (*names, name), schema["$defs"][name]
        elif len(options) == 1:
            node = {**{k: v for k, v in node.items() if k == "description"}, **options[0]}
        else:
            return node, names


def words(schema: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """The type of a node, as a table has it."""
    options = node.get("anyOf", node.get("oneOf", ()))
    empty = {"type": "null"} in options
    node, _ = resolved(schema, node)
    if choices := node.get("anyOf"):
        return " or ".join(words(schema, one) for one in choices)
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node["enum"]).replace("|", "\\|")
    kinds = node.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "array" in kinds and "items" in node:
        inner = words(schema, node["items"])
        kinds[kinds.index("array")] = f"list of {inner}" if inner != "any" else "list"
    return " or ".join([*kinds, *(["null"] if empty else [])])


def report() -> str:
    """report.json field by field: what a full verdict becomes."""
    meanings = fields("report")
    rows = [
        [f"`{path}`", kind, meanings.get(path, "?")] for path, kind in values(full_report(), "")
    ]
    return (
        "# report.json\n\n"
        "`verify`, `convert` and `quantize` write `report.json` and `report.html` beside the "
        "manifest; `--json` prints the same document. `[]` is an item of a list. JSON has no "
        "infinity: a number that is not finite is null.\n\n"
        + table(["field", "type", "what it is"], rows)
    )


def full_report() -> Mapping[str, Any]:
    """A report in which every field has a value."""
    from edge_deploy.artifact.manifest import ReferenceEntry, Source
    from edge_deploy.formats.layers import LayerError
    from edge_deploy.verification.metrics import Task
    from edge_deploy.verification.report import to_document
    from edge_deploy.verification.verdicts import OutputVerdict, Verdict

    output = OutputVerdict("y", 0.1, 0.1, 1.0, 0.2, 0.1, 0, 1.0, ("off",), ((1.0, 0.1),), 20.0)
    verdict = Verdict(
        target="tflite",
        precision="int8",
        path="tflite/a_int8.tflite",
        runtime="litert",
        samples=1,
        outputs=(output,),
        median_ms=0.1,
        batches=(1, 3),
        task=Task("y", "R²", 1.0, 0.9, {"MAE": (0.1, 0.2)}),
        layers=(LayerError("dense", 0.1, 0.2),),
        advice=("keep dense in float",),
    )
    source = Source(file="a", sha256="0", kind="keras3", framework="keras", parameters=1)
    data = ReferenceEntry(samples=1, origin="user")
    head: Any = SimpleNamespace(name="a", version="1", source=source, reference=data)
    # Both are the manifest's, which has a page of its own.
    return {**to_document(head, [verdict]), "source": {}, "reference": {}}


def values(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Each field of a JSON value: its path and its type."""
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", list: "list"}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{path}.{key}" if path else key
            yield here, kinds.get(type(inner), "null" if inner is None else "object")
            yield from values(inner, here)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from values(value[0], f"{path}[]")


def fields(part: str) -> dict[str, str]:
    """What a person wrote of each field or name; a part of field_meanings.toml."""
    return dict(tomllib.loads(MEANINGS.read_text("utf-8"))[part])


def unexplained(text: str) -> list[str]:
    """The fields of a page that nobody has explained."""
    return re.findall(r"^\| (\S+) \|.*\| \? \|$", text, re.MULTILINE)


if __name__ == "__main__":
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
