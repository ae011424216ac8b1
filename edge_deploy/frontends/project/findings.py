"""What the Python of a project says about its model, each with the line that says so."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, TypeAlias, Union

Constant: TypeAlias = Union[bool, int, float, str, "tuple[Constant, ...]", None]
"""A value that stands in the source: lists are tuples; what is not known is None."""


class Strength(enum.IntEnum):
    """How near a line stands to the answer that a person sees; more is stronger."""

    TRAINING = 1
    """A script or notebook that fits: what it does may differ from what the application does."""
    MENTION = 2
    """A line that is written down and of which no use was seen."""
    PREDICTING = 3
    """On the way from an input to an answer, in a script that loads its model."""


@dataclass(frozen=True)
class Evidence:
    """Where something stands.

    Attributes:
        file: Relative to the folder, with ``/``.
        line: From 1.
        text: The line itself, stripped, at most 200 characters.
        cell: Of a notebook, the code cell's number from 1; ``line`` counts within this cell.
    """

    file: str
    line: int
    text: str
    cell: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}, cell {self.cell}" if self.cell else self.file
        return f"{where}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """A file that could not be read, or not to its end.

    Attributes:
        evidence: The file and line; the text is empty where there is none.
        message: What is wrong, as a clause ("a syntax error: invalid syntax").
    """

    evidence: Evidence
    message: str


@dataclass(frozen=True)
class Source:
    """A fitted thing that a script uses: from a file, from a part of one, or fitted in the script.

    Attributes:
        name: What the script calls it ("scaler", "self.scaler", "bundle['scaler']").
        path: Its file, relative to the folder, with ``/`` ("models/scaler.pkl"); where no such
            file is there, the path as the script writes it. None: fitted here and not saved.
        key: The part of a bundle: a dict's key, or a place in a tuple written as digits ("0").
        kind: Its class, where the script says it ("StandardScaler"); or "".
        exists: Whether ``path`` is a file or folder of the project.
    """

    name: str
    path: str | None = None
    key: str | None = None
    kind: str = ""
    exists: bool = False


@dataclass(frozen=True)
class Load:
    """A file that goes into a variable.

    Attributes:
        source: The file and the variable.
        call: What reads it, by its full name ("joblib.load", "keras.models.load_model").
        evidence: The line.
        strength: Whether a predicting script does it.
    """

    source: Source
    call: str
    evidence: Evidence
    strength: Strength = Strength.PREDICTING


@dataclass(frozen=True)
class Save:
    """A fitted thing that a script writes into a file: says what the file is."""

    source: Source
    call: str
    evidence: Evidence


@dataclass(frozen=True)
class Use:
    """One thing that is done with a value on its way to the answer.

    Attributes:
        action: "transform", "inverse_transform", "predict", "predict_proba", "decision_function",
            "texts_to_sequences", "texts_to_matrix", "pad_sequences", "argmax", "compare", "round",
            "exp", "expm1", "log", "log1p", "fit_transform", "encode" (a dict or a condition that
            makes numbers), "divide", "multiply", "subtract", "add", "resize", "reshape",
            "expand_dims", "preprocess_input", "get_dummies", "reindex", "max", "lookup" (a class by
            its index, or a column by its name), "power", "sqrt".
        source: What does it, where it is a fitted thing.
        columns: Of which columns, in order; none where the script does not say.
        arguments: By name, as constants: ``(("maxlen", 200), ("padding", "pre"))``.
        evidence: The line.
        strength: Whether a predicting script does it.
        made: Names of the columns that come out, where the script says them.
    """

    action: str
    source: Source | None
    evidence: Evidence
    columns: tuple[str, ...] = ()
    arguments: tuple[tuple[str, Constant], ...] = ()
    strength: Strength = Strength.PREDICTING
    made: tuple[str, ...] = ()

    def argument(self, name: str) -> Constant:
        """An argument by its name; None where it is not given."""
        return dict(self.arguments).get(name)


@dataclass(frozen=True)
class Prediction:
    """One way from an input to an answer: what is done, in the order in which data flows.

    Attributes:
        model: What predicts.
        before: From the raw input to the model.
        predict: The call of the model.
        after: From the model's output to the answer.
        columns: The table's columns that go in, in order, where the script says them.
        evidence: The line of the call.
        strength: Whether it is in a predicting script, or in training.
        fields: The form fields that go in, in the order of the page.
    """

    model: Source
    before: tuple[Use, ...]
    predict: Use
    after: tuple[Use, ...]
    columns: tuple[str, ...]
    evidence: Evidence
    strength: Strength
    fields: tuple[FormField, ...] = ()


ColumnRole: TypeAlias = Literal[
    "features",
    "table",
    "list",
    "dummies",
    "reindex",
    "dropped",
    "target",
    "numeric",
    "categorical",
    "row",
]


@dataclass(frozen=True)
class Columns:
    """Names of columns, in order.

    Attributes:
        names: The names.
        role: "features": goes into a model or is chosen as X; "table": a DataFrame that is built;
            "list": a list of names of which no use was seen; "dummies": expanded by get_dummies;
            "reindex": the order after it; "dropped"; "target": what is predicted; "numeric" and
            "categorical": as the script's own list says; "row": variables that go into a model in
            this order, where no table names them.
        name: The variable, or "".
    """

    names: tuple[str, ...]
    role: ColumnRole
    name: str
    evidence: Evidence
    strength: Strength = Strength.MENTION


ClassesFrom: TypeAlias = Literal["argmax", "lookup", "conditions", "threshold", "list", "folder"]


@dataclass(frozen=True)
class Classes:
    """Names of a model's answers.

    Attributes:
        names: By index.
        origin: "argmax": indexed by one; "lookup": indexed by a prediction; "conditions": a chain
            of ``if answer == 0``; "threshold": above or below a number; "list": by its name only;
            "folder": of class folders.
        name: The variable, or "".
        numbers: The numbers that the names stand for, where they are not 0, 1, 2 and so on.
    """

    names: tuple[str, ...]
    origin: ClassesFrom
    name: str
    evidence: Evidence
    strength: Strength = Strength.MENTION
    numbers: tuple[int | float | str, ...] = ()


@dataclass(frozen=True)
class Threshold:
    """A number that an answer is compared with.

    Attributes:
        value: The number.
        operator: ">", ">=", "<" or "<=", with the answer on its left.
        above: The name of the answer where it is more, or "".
        below: The other one.
        largest: Whether it is the largest of several probabilities that is compared: a demand on
            how sure the model is, and no border between two classes.
    """

    value: float
    operator: str
    above: str
    below: str
    evidence: Evidence
    strength: Strength = Strength.PREDICTING
    largest: bool = False


@dataclass(frozen=True)
class Encoding:
    """A table or condition of the script that makes numbers of a column's values.

    Attributes:
        mapping: ``(("Male", 1), ("Female", 0))``; of a form's choice, all of its choices.
        other: What any other value becomes (``1 if sex == "male" else 0``); None: not said.
        column: The column, where the flow tells it, else "".
        name: The variable that has the number, or "".
        subject: The variable whose values are encoded, or "".
    """

    mapping: tuple[tuple[Constant, Constant], ...]
    other: Constant
    column: str
    name: str
    evidence: Evidence
    strength: Strength = Strength.MENTION
    subject: str = ""


@dataclass(frozen=True)
class Padding:
    """``pad_sequences``, with every name resolved; None where the script does not say it."""

    maxlen: int | None
    padding: str | None
    truncating: str | None
    value: float | None
    evidence: Evidence
    strength: Strength = Strength.PREDICTING


@dataclass(frozen=True)
class PictureStep:
    """One thing that is done with a picture.

    Attributes:
        action: "read", "resize", "convert", "scale", "offset", "normalize", "preprocess_input",
            "crop", "pad", "standardize" (by the picture's own mean or norm).
        library: "pillow", "opencv", "tensorflow", "keras", "torchvision", "skimage", "numpy".
        size: Of a resize: (width, height).
        interpolation: Of a resize, in lower case ("bilinear", "lanczos", "area"); or "".
        colours: "rgb", "bgr" or "grey": what comes out, where this step decides it; or "".
        scale: Of "scale": what each value is multiplied by (1/255).
        offset: Of "offset": what is added to each value (-1).
        mean: Of "normalize", a number a channel.
        std: Of "normalize", a number a channel.
        application: Of "preprocess_input": the Keras application's module ("mobilenet_v2").
    """

    action: str
    library: str
    evidence: Evidence
    size: tuple[int, int] | None = None
    interpolation: str = ""
    colours: str = ""
    scale: float | None = None
    offset: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    application: str = ""


@dataclass(frozen=True)
class Picture:
    """How one script makes a model's input of a picture: its steps in order, and what they give.

    Attributes:
        steps: In order.
        size: (width, height), of the last resize; None where it is not said.
        colours: "rgb", "bgr", "grey" or "".
        scale: The product of all scales; 1.0 where there is none.
        offset: What is added after it.
        interpolation: Of the resize that counts, or "".
        library: Of the resize that counts, or of the reading, or "".
        application: Of preprocess_input, or "".
        mean: Of a normalization, after scale and offset.
        std: Of a normalization.
        evidence: The line that says most: the resize, else the first step.
        strength: Whether it goes into a prediction, is in a script of it, or in training.
    """

    steps: tuple[PictureStep, ...]
    size: tuple[int, int] | None
    colours: str
    scale: float
    offset: float
    interpolation: str
    library: str
    application: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    evidence: Evidence
    strength: Strength


@dataclass(frozen=True)
class Window:
    """How many steps of a series go into a model, where the script says it."""

    steps: int
    channels: int | None
    name: str
    evidence: Evidence
    strength: Strength = Strength.MENTION


@dataclass(frozen=True)
class TextStep:
    """What is done with a text before it is encoded.

    Attributes:
        action: "lower", "strip", "regex", "tokenize", "lemmatize", "stem", "stopwords",
            "bag_of_words", "punctuation", "split".
        movable: Whether a phone can do the same: a lemmatizer, a stemmer and nltk's tokenizer
            need Python.
        detail: What the call is ("nltk.word_tokenize"), or the pattern and its replacement.
    """

    action: str
    movable: bool
    detail: str
    evidence: Evidence
    strength: Strength = Strength.PREDICTING


@dataclass(frozen=True)
class Choice:
    """One choice of a field: what the script gets, and what a person reads."""

    value: Constant
    label: str


FieldKind: TypeAlias = Literal[
    "number", "slider", "choice", "choices", "boolean", "text", "picture", "file", "date"
]


@dataclass(frozen=True)
class FormField:
    """One field that a person fills in.

    Attributes:
        label: What the person reads; the name where there is none.
        kind: What is filled in.
        variable: The script's variable, parameter or key; or "".
        column: The column that it feeds, or "" where the script does not tell.
        position: The place in the list that the model is given, from 0; None where there is none.
        minimum: Of a number.
        maximum: Of a number.
        step: Of a number.
        default: What it starts with.
        choices: Of a choice, in order.
        integer: Whether only whole numbers are taken.
        help: A hint, or a placeholder; or "".
        framework: "streamlit", "gradio", "html", "flask", "django", "pydantic", "fastapi", "input".
        name: The name in a form or request, or "".
        derived: Whether the script calculates with the value before it is the column's or the
            place's: ``2020 - year``, a logarithm. A table of numbers or an encoder is none.
        evidence: The line.
    """

    label: str
    kind: FieldKind
    evidence: Evidence
    framework: str
    variable: str = ""
    column: str = ""
    position: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    default: Constant = None
    choices: tuple[Choice, ...] = ()
    integer: bool = False
    help: str = ""
    name: str = ""
    derived: bool = False


@dataclass(frozen=True)
class Findings:
    """All that was found, strongest first within a kind, then as they stand.

    Attributes:
        files: What was read, relative to the folder.
        loads: Files that go into variables.
        saves: What scripts write, which says what a file is.
        uses: Everything that is done with fitted things and answers, file by file in order.
        predictions: The ways from an input to an answer.
        columns: Lists of column names.
        classes: Names of answers.
        thresholds: Numbers that answers are compared with.
        encodings: Tables and conditions that make numbers of values.
        paddings: Calls of pad_sequences.
        pictures: How pictures are prepared.
        windows: Lengths of series.
        texts: What is done with texts.
        fields: Fields of forms, in the order of the page.
        problems: What could not be read.
    """

    files: tuple[str, ...] = ()
    loads: tuple[Load, ...] = ()
    saves: tuple[Save, ...] = ()
    uses: tuple[Use, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    columns: tuple[Columns, ...] = ()
    classes: tuple[Classes, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    encodings: tuple[Encoding, ...] = ()
    paddings: tuple[Padding, ...] = ()
    pictures: tuple[Picture, ...] = ()
    windows: tuple[Window, ...] = ()
    texts: tuple[TextStep, ...] = ()
    fields: tuple[FormField, ...] = ()
    problems: tuple[Problem, ...] = ()
