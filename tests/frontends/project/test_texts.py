"""What scripts do with texts, and what of it a phone cannot do; texts that are constants."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_deploy.frontends.project.findings import Findings

Read = Callable[..., Findings]

STEPS: dict[str, tuple[str, list[tuple[str, bool]]]] = {
    "lower": ("t = t.lower()", [("lower", True)]),
    "strip": ("t = t.strip()", [("strip", True)]),
    "a pattern": ("t = re.sub('[^a-z]', '', t)", [("regex", True)]),
    "punctuation": ("t = t.translate(str.maketrans('', '', '.,'))", [("punctuation", True)]),
    "nltk's words": ("t = nltk.word_tokenize(t)", [("tokenize", False)]),
    "nltk's words by name": (
        "from nltk.tokenize import word_tokenize\nt = word_tokenize(t)",
        [("tokenize", False)],
    ),
    "a lemmatizer": (
        "from nltk.stem import WordNetLemmatizer\nw = WordNetLemmatizer()\n"
        "t = [w.lemmatize(one) for one in t.split()]",
        [("lemmatize", False)],
    ),
    "a stemmer": (
        "from nltk.stem.porter import PorterStemmer\nps = PorterStemmer()\nt = ps.stem(t)",
        [("stem", False)],
    ),
    "spaCy": ("import spacy\nnlp = spacy.load('en')\nt = nlp(t)", [("lemmatize", False)]),
    "a word index": (
        "from keras.datasets import imdb\nw = imdb.get_word_index()\n"
        "t = [w.get(one, 2) for one in t]",
        [("word_index", True)],
    ),
    "a word index by its part": (
        "from keras.datasets import imdb\nw = imdb.get_word_index()\nt = [w[one] for one in t]",
        [("word_index", True)],
    ),
    "a function": (
        "def clean(s):\n    s = s.lower()\n    return ' '.join(s.split())\nt = clean(t)",
        [("lower", True)],
    ),
    "a function that is applied": (
        "d = pd.DataFrame({'t': [t]})\nt = d['t'].apply(lambda s: s.lower())",
        [("lower", True)],
    ),
}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_what_is_done_with_a_text_before_a_model_is_told(used: Read, name: str) -> None:
    source, expected = STEPS[name]
    found = used(f"t = st.text_area('Text')\n{source}\nm.predict(sc.transform([t]))")
    assert [(one.action, one.movable) for one in found.texts] == expected


TEXTS = {
    "joined": "'/'.join(['x', 'm.pkl'])",
    "joined of unknown": "'/'.join([folder, 'm.pkl'])",
    "replaced": "'m.h5'.replace('.h5', '.pkl')",
    "lower": "'M.PKL'.lower()",
    "a part": "'xm.pkl'[1:]",
    "split": "'a m.pkl'.split()[1]",
    "split by a sign": "'a,m.pkl'.split(',')[-1]",
    "lines": "'a\\nm.pkl'.splitlines()[1]",
    "formatted by place": "'{0}.{1}'.format('m', 'pkl')",
    "formatted by name": "'{n}.pkl'.format(n='m')",
    "an f-string": 'f\'{"m"}.{"pkl"}\'',
    "a choice": "'m.pkl' if True else 'n.pkl'",
    "a fallback": "None or 'm.pkl'",
    "a list's part": "['n.pkl', 'm.pkl'][1]",
    "a dict's part": "{'a': 'm.pkl'}['a']",
    "a dict's get": "{'a': 'm.pkl'}.get('a')",
    "a named expression": "(p := 'm.pkl')",
    "str of a path": "str(pathlib.Path('x') / 'm.pkl')",
    "a parent": "pathlib.Path('x/y.txt').parent / 'm.pkl'",
    "parents": "pathlib.Path('x/y/z').parents[1] / 'm.pkl'",
    "a name": "pathlib.Path('x/m.pkl').name",
    "a base name": "os.path.basename('/a/b/m.pkl')",
    "the folder that it runs in": "os.path.join(os.getcwd(), 'm.pkl')",
    "the home": "os.path.expanduser('~/m.pkl')",
    "a sum": "BASE + '/m.pkl'",
    "a setting": "os.environ.get('MODEL', 'm.pkl')",
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_constant_text_is_worked_out(read: Read, name: str) -> None:
    found = read(f"import joblib, os, pathlib\nm = joblib.load({TEXTS[name]})", "m.pkl")
    assert [one.source.path for one in found.loads] == ["m.pkl"]


NUMBERS = {
    "a sum": "4 + 5",
    "a power": "3 ** 2",
    "a quotient": "19 // 2",
    "a remainder": "19 % 10",
    "a length": "len(['a'] * 9)",
    "a length of a text": "len('123456789')",
    "a length of a dict": "len({i: 1 for i in range(9)})",
    "int of a text": "int('9')",
    "int of a number": "int(9.7)",
    "a rounding": "round(9.4)",
    "a sign": "-(-9)",
    "a largest": "[1, 9][-1]",
    "unpacked": "n",
    "augmented": "k",
    "a default": "f()",
    "a keyword": "g(n=9)",
    "keywords": "g(**{'n': 9})",
}


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_constant_number_is_worked_out(used: Read, name: str) -> None:
    found = used(
        "from keras.utils import pad_sequences\n(n, _), *rest = (9, 1), 2\nk = 4\nk += 5\n"
        "def f(n=9):\n    return n\ndef g(*, n):\n    return n\n"
        f"pad_sequences(x, maxlen={NUMBERS[name]})"
    )
    assert [one.maxlen for one in found.paddings] == [9]


UNKNOWN = {
    "by zero": "1 / 0",
    "huge": "9 ** 9 ** 9",
    "a text": "'9' * 3",
    "infinite": "1e308 * 10",
    "no number": "float('nan')",
    "many digits": "int('9' * 5000)",
    "an unknown": "some.thing",
    "half": "4.5",
    "an index too far": "[1][5]",
}


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_is_no_number_stays_unknown(used: Read, name: str) -> None:
    found = used(f"from keras.utils import pad_sequences\npad_sequences(x, maxlen={UNKNOWN[name]})")
    assert [one.maxlen for one in found.paddings] == [None]
