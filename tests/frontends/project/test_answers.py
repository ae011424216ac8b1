"""Names of answers, thresholds, and conditions that make numbers of a form's values."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_deploy.frontends.project.findings import Findings, Strength

Read = Callable[..., Findings]

NAMED: dict[str, tuple[str, str]] = {
    "a list by argmax": ("n = ['a', 'b']\nr = n[np.argmax(y)]", "argmax"),
    "a tuple by argmax": ("n = ('a', 'b')\nr = n[y.argmax(axis=-1)[0]]", "argmax"),
    "argmax of rows": ("n = ['a', 'b']\nr = n[np.argmax(y, axis=1)[0]]", "argmax"),
    "tf.argmax": ("n = ['a', 'b']\nr = n[int(tf.argmax(y[0]))]", "argmax"),
    "softmax first": ("n = ['a', 'b']\nr = n[np.argmax(tf.nn.softmax(y[0]))]", "argmax"),
    "argsort": ("n = ['a', 'b']\nfor i in np.argsort(y[0])[::-1][:3]:\n    print(n[i])", "argmax"),
    "an index of a threshold": ("n = ['a', 'b']\nr = n[int(y[0][0] > 0.5)]", "argmax"),
    "a rounding": ("n = ['a', 'b']\nr = n[int(round(y[0][0]))]", "argmax"),
    "a class itself": ("n = ['a', 'b']\nr = n[y[0]]", "lookup"),
    "a dict": ("r = {0: 'a', 1: 'b'}[y[0]]", "lookup"),
    "a dict's get": ("n = {1: 'b', 0: 'a'}\nr = n.get(int(np.argmax(y)), '?')", "argmax"),
    "texts as keys": ("n = {'0': 'a', '1': 'b'}\nr = n[str(np.argmax(y))]", "argmax"),
    "keys of a dict": ("n = {'a': 0, 'b': 1}\nr = list(n.keys())[np.argmax(y)]", "argmax"),
    "a dict turned round": (
        "n = {'a': 0, 'b': 1}\nn = {v: k for k, v in n.items()}\nr = n[np.argmax(y)]",
        "argmax",
    ),
    "a search in a dict": (
        "n = {'a': 0, 'b': 1}\nr = [k for k, v in n.items() if v == np.argmax(y)][0]",
        "lookup",
    ),
    "an f-string": ("n = ['a', 'b']\nr = f'It is {n[np.argmax(y)]}'", "argmax"),
    "a class's attribute": ("class C:\n    n = ['a', 'b']\nr = C.n[np.argmax(y)]", "argmax"),
    "a split text": ("n = 'a b'.split()\nr = n[np.argmax(y)]", "argmax"),
    "a sorted list": ("n = sorted(['b', 'a'])\nr = n[np.argmax(y)]", "argmax"),
    "zip": ("n = ['a', 'b']\nfor k, p in zip(n, y[0]):\n    print(k, p)", "lookup"),
    "a dict of zip": ("r = dict(zip(['a', 'b'], map(float, y[0])))", "lookup"),
    "a dict made by range": (
        "n = ['a', 'b']\nr = {n[i]: float(y[0][i]) for i in range(2)}",
        "lookup",
    ),
    "a dict made by enumerate": (
        "n = ['a', 'b']\nr = {k: float(y[0][i]) for i, k in enumerate(n)}",
        "lookup",
    ),
    "a dict written out": ("p = y[0]\nr = {'a': float(p[0]), 'b': float(p[1])}", "lookup"),
    "if and else": ("if y[0][0] > 0.5:\n    r = 'b'\nelse:\n    r = 'a'", "threshold"),
    "if and before": ("r = 'a'\nif y[0][0] > 0.5:\n    r = 'b'", "threshold"),
    "an expression": ("r = 'b' if y[0][0] >= 0.5 else 'a'", "threshold"),
    "less": ("r = 'a' if y[0][0] < 0.5 else 'b'", "threshold"),
    "the other way round": ("r = 'b' if 0.5 < y[0][0] else 'a'", "threshold"),
    "printed": ("if y[0][0] > 0.5:\n    print('b')\nelse:\n    print('a')", "threshold"),
    "shown": ("if y[0][0] > 0.5:\n    st.success('b')\nelse:\n    st.error('a')", "threshold"),
    "np.where": ("r = np.where(y > 0.5, 'b', 'a')", "threshold"),
    "of a class": ("r = 'b' if y[0] == 1 else 'a'", "conditions"),
    "of the other class": ("r = 'a' if y[0] == 0 else 'b'", "conditions"),
    "not equal": ("r = 'b' if y[0] != 0 else 'a'", "conditions"),
    "a truth": ("c = (y > 0.5).astype(int)[0]\nr = 'b' if c else 'a'", "conditions"),
    "not": ("r = 'a' if not y[0] else 'b'", "conditions"),
    "elif": ("if y == 0:\n    r = 'a'\nelif y == 1:\n    r = 'b'", "conditions"),
    "a list of one": ("if y == [1]:\n    r = 'b'\nelse:\n    r = 'a'", "conditions"),
    "returned": (
        "def f(c):\n    if c == 0: return 'a'\n    if c == 1: return 'b'\nf(np.argmax(y))",
        "conditions",
    ),
    "returned at the end": (
        "def f(c):\n    if c == 0: return 'a'\n    return 'b'\nf(y[0])",
        "conditions",
    ),
    "a page": (
        "def f():\n    if y[0] == 1:\n        return render_template('r.html', text='b')\n"
        "    else:\n        return render_template('r.html', text='a')",
        "conditions",
    ),
    "JSON": (
        "def f():\n    if y[0] == 1:\n        return jsonify({'r': 'b'})\n"
        "    return jsonify({'r': 'a'})",
        "conditions",
    ),
    "match": (
        "match y[0]:\n    case 0:\n        r = 'a'\n    case _:\n        r = 'b'",
        "conditions",
    ),
}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_names_of_answers_are_found_in_each_spelling(used: Read, name: str) -> None:
    source, origin = NAMED[name]
    first = used("y = m.predict(x)\n" + source).classes[0]
    assert (first.names, first.origin, first.numbers) == (("a", "b"), origin, ())
    assert first.strength is Strength.PREDICTING


OTHER_NAMES: dict[str, tuple[str, tuple[str, ...], tuple[object, ...]]] = {
    "three": ("r = ['a', 'b', 'c'][np.argmax(y)]", ("a", "b", "c"), ()),
    "three and else": (
        "if y == 0:\n    r = 'a'\nelif y == 1:\n    r = 'b'\nelse:\n    r = 'c'",
        ("a", "b", "c"),
        (),
    ),
    "numbers from 1": ("r = {1: 'rice', 2: 'maize'}[y[0]]", ("rice", "maize"), (1, 2)),
    "letters": ("r = {'M': 'malignant', 'B': 'benign'}[y[0]]", ("malignant", "benign"), ("M", "B")),
    "a sentence": ("print('Yes: it is' if y[0] == 1 else 'No.')", ("No.", "Yes: it is"), ()),
    "a number inside": (
        "if y[0] > 0.5:\n    print(f'Dog ({y[0]})')\nelse:\n    print(f'Cat ({y[0]})')",
        ("Cat", "Dog"),
        (),
    ),
    "format": (
        "if y[0] > 0.5:\n    print('Dog: {}'.format(y))\nelse:\n    print('Cat: {}'.format(y))",
        ("Cat", "Dog"),
        (),
    ),
    "entries with more": (
        "r = {0: {'n': 'cat', 'k': 1}, 1: {'n': 'dog', 'k': 2}}[np.argmax(y)]",
        ("cat", "dog"),
        (),
    ),
    "a generator's": (
        "from keras.preprocessing.image import ImageDataGenerator\n"
        "g = ImageDataGenerator().flow_from_directory('t', classes=['u', 'v'])\n"
        "r = {v: k for k, v in g.class_indices.items()}[np.argmax(y)]",
        ("u", "v"),
        (),
    ),
}


@pytest.mark.parametrize("name", sorted(OTHER_NAMES))
def test_names_are_taken_with_the_numbers_that_they_stand_for(used: Read, name: str) -> None:
    source, names, numbers = OTHER_NAMES[name]
    first = used("y = m.predict(x)\n" + source).classes[0]
    assert (first.names, first.numbers) == (names, numbers)


def test_the_list_itself_is_the_evidence(used: Read) -> None:
    first = used("CLASSES = [\n    'cat', 'dog']\nr = CLASSES[np.argmax(m.predict(x))]").classes[0]
    assert (first.name, first.evidence.text) == ("CLASSES", "CLASSES = [")


@pytest.mark.parametrize(
    "source",
    ["class_names = ['a', 'b']", "labels = {0: 'a', 1: 'b'}", "CLASSES = {'a': 0, 'b': 1}"],
)
def test_a_list_that_nothing_uses_is_a_mention(read: Read, source: str) -> None:
    (one,) = read(source).classes
    assert (one.names, one.origin, one.strength) == (("a", "b"), "list", Strength.MENTION)


def test_class_folders_are_names_in_training(used: Read, tmp_path: object) -> None:
    found = used(
        "d = tf.keras.utils.image_dataset_from_directory('data', image_size=(32, 16))\nm.fit(d)",
        "data/dog/1.png",
        "data/cat/1.png",
    )
    (one,) = found.classes
    assert (one.names, one.origin, one.strength) == (("cat", "dog"), "folder", Strength.TRAINING)


def test_two_lists_that_both_name_answers_are_both_given(used: Read) -> None:
    found = used("y = np.argmax(m.predict(x))\na = ['u', 'v'][y]\nb = ['v', 'u'][y]")
    assert [one.names for one in found.classes] == [("u", "v"), ("v", "u")]


NO_NAMES = {
    "options of a form": "o = ['a', 'b']\nr = st.selectbox('x', o)",
    "a length": "if len(y) > 0:\n    r = 'a'\nelse:\n    r = 'b'",
    "a button": "if st.button('x'):\n    r = 'a'\nelse:\n    r = 'b'",
    "names already": "if y[0] == 'yes':\n    r = 'a'\nelse:\n    r = 'b'",
    "a price below 0": "p = round(y[0], 2)\nif p < 0:\n    r = 'a'\nelse:\n    r = 'b'",
    "an input": "if st.number_input('x') > 3:\n    r = 'a'\nelse:\n    r = 'b'",
}


@pytest.mark.parametrize("name", sorted(NO_NAMES))
def test_what_names_no_answer_is_left(used: Read, name: str) -> None:
    assert used("y = m.predict(x)\n" + NO_NAMES[name]).classes == ()


THRESHOLDS: dict[str, tuple[str, tuple[float, str, str, str, bool]]] = {
    "more": ("r = 'b' if y[0][0] > 0.5 else 'a'", (0.5, ">", "b", "a", False)),
    "at least": ("r = 'b' if y[0][0] >= 0.3 else 'a'", (0.3, ">=", "b", "a", False)),
    "less": ("r = 'a' if y[0][0] < 0.5 else 'b'", (0.5, "<", "b", "a", False)),
    "turned": ("r = 'b' if 0.5 <= y[0][0] else 'a'", (0.5, ">=", "b", "a", False)),
    "a constant": ("LEAST = 0.25\nr = (y > LEAST).astype(int)", (0.25, ">", "", "", False)),
    "a calculation": ("r = y > 1 / 4", (0.25, ">", "", "", False)),
    "a percentage": ("p = y[0][0] * 100\nr = 'b' if p > 50 else 'a'", (50, ">", "b", "a", False)),
    "how sure": ("r = 'unsure' if np.max(y) < 0.7 else 'sure'", (0.7, "<", "sure", "unsure", True)),
}


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_a_threshold_is_found_with_its_sides(used: Read, name: str) -> None:
    source, expected = THRESHOLDS[name]
    (one,) = used("y = m.predict(x)\n" + source).thresholds
    assert (one.value, one.operator, one.above, one.below, one.largest) == expected


MALE = (("m", 1), ("f", 0))
S = "s = st.radio('Sex', ['m', 'f'])\n"
ENCODED: dict[str, tuple[str, list[tuple[object, ...]]]] = {
    "an expression": (S + "v = 1 if s == 'm' else 0", [(MALE, 0, "v", "s")]),
    "statements": (S + "if s == 'm':\n    v = 1\nelse:\n    v = 0", [(MALE, 0, "v", "s")]),
    "elif": (
        S + "if s == 'm':\n    v = 1\nelif s == 'f':\n    v = 0",
        [(MALE, None, "v", "s")],
    ),
    "two in a row": (
        S + "if s == 'm':\n    v = 1\nif s == 'f':\n    v = 0",
        [(MALE, None, "v", "s")],
    ),
    "a dict": (S + "v = {'m': 1, 'f': 0}[s]", [(MALE, None, "v", "s")]),
    "a dict's get": (S + "d = {'m': 1, 'f': 0}\nv = d.get(s)", [(MALE, None, "v", "s")]),
    "the place in a list": (
        S + "v = ['f', 'm'].index(s)",
        [((("f", 0), ("m", 1)), None, "v", "s")],
    ),
    "one of several": (
        S + "v = 1 if s in ('m', 'x') else 0",
        [((("m", 1), ("x", 1), ("f", 0)), 0, "v", "s")],
    ),
    "a function": (
        S + "def f(t):\n    if t == 'm':\n        return 1\n    return 0\nv = f(s)",
        [(MALE, 0, "return", "t")],
    ),
    "one-hot by hand": (
        S + "if s == 'm':\n    v = [1, 0]\nelse:\n    v = [0, 1]",
        [((("m", (1, 0)), ("f", (0, 1))), (0, 1), "v", "s")],
    ),
    "two at once": (
        S + "if s == 'm':\n    a, b = 1, 0\nelse:\n    a, b = 0, 1",
        [(MALE, 0, "a", "s"), ((("m", 0), ("f", 1)), 1, "b", "s")],
    ),
    "a checkbox": ("s = st.checkbox('Smoker')\nv = 1 if s else 0", []),
    "a checkbox turned round": (
        "s = st.checkbox('Smoker')\nv = 0 if s else 1",
        [(((True, 0), (False, 1)), 1, "v", "s")],
    ),
    "a text": ("s = st.text_input('Sex')\nv = 1 if s == 'm' else 0", [((("m", 1),), 0, "v", "s")]),
    "a column's map": (
        "t = pd.read_csv('t.csv')\nt['s'] = t['s'].map({'m': 1, 'f': 0})",
        [(MALE, None, "t['s']", "")],
    ),
    "a table's replace": (
        "t = pd.read_csv('t.csv')\nt = t.replace({'s': {'m': 1, 'f': 0}})",
        [(MALE, None, "", "t")],
    ),
}


@pytest.mark.parametrize("name", sorted(ENCODED))
def test_a_condition_that_makes_numbers_of_values_is_an_encoding(used: Read, name: str) -> None:
    source, expected = ENCODED[name]
    found = used(source + "\nm.predict([[v]])").encodings
    assert [(one.mapping, one.other, one.name, one.subject) for one in found] == expected


def test_an_encoding_has_the_column_that_it_goes_into(used: Read) -> None:
    found = used(S + "v = 1 if s == 'm' else 0\nm.predict(pd.DataFrame({'Sex': [v]}))")
    assert [one.column for one in found.encodings] == ["Sex"]
    assert [one.column for one in found.fields] == ["Sex"]
    assert [use.action for use in found.predictions[0].before] == ["encode"]


def test_variables_of_a_row_are_its_columns_where_no_table_names_them(used: Read) -> None:
    found = used(S + "sex = 1 if s == 'm' else 0\nage = st.slider('Age')\nm.predict([[age, sex]])")
    assert [(one.names, one.role) for one in found.columns] == [(("age", "sex"), "row")]
    assert [(one.column, one.mapping) for one in found.encodings] == [("sex", MALE)]


def test_an_encoding_of_a_place_has_the_field_s_name(used: Read) -> None:
    found = used(
        "def view(request):\n    row = [float(request.POST['age'])]\n"
        "    row.append(request.POST['sex'])\n"
        "    row[1] = {'m': 1, 'f': 0}[row[1]]\n    m.predict([row])"
    )
    assert [one.column for one in found.encodings] == ["sex"]


def test_choices_of_a_page_complete_an_encoding(used: Read) -> None:
    found = used(
        "def ask():\n    fuel = request.form['fuel']\n    v = 1 if fuel == 'Petrol' else 0\n"
        "    m.predict([[v, float(request.form['km'])]])",
        templates__i_dot_html="<select name=fuel><option>Petrol<option>Diesel</select>",
    )
    assert [one.mapping for one in found.encodings] == [(("Petrol", 1), ("Diesel", 0))]
