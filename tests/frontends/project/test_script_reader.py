"""Scripts read by their syntax: what goes into what, on the way from an input to an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_deploy.frontends.project.findings import Findings, Strength, Use

Read = Callable[..., Findings]


CHURN = """
    import pickle
    import pandas as pd
    import streamlit as st
    import tensorflow as tf

    model = tf.keras.models.load_model('model.h5')
    with open('gender.pkl', 'rb') as file:
        gender_encoder = pickle.load(file)
    with open('geo.pkl', 'rb') as file:
        geo_encoder = pickle.load(file)
    with open('scaler.pkl', 'rb') as file:
        scaler = pickle.load(file)

    geography = st.selectbox('Geography', geo_encoder.categories_[0])
    gender = st.selectbox('Gender', gender_encoder.classes_)
    age = st.slider('Age', 18, 92)
    table = pd.DataFrame({
        'Gender': [gender_encoder.transform([gender])[0]],
        'Age': [age],
    })
    geo = geo_encoder.transform([[geography]]).toarray()
    made = pd.DataFrame(geo, columns=geo_encoder.get_feature_names_out(['Geography']))
    table = pd.concat([table.reset_index(drop=True), made], axis=1)
    answer = model.predict(scaler.transform(table))[0][0]
    if answer > 0.5:
        st.write('leaves')
    else:
        st.write('stays')
"""


def test_a_network_with_encoders_is_followed_from_the_form_to_the_name_of_the_answer(
    read: Read,
) -> None:
    found = read(CHURN, "model.h5", "gender.pkl", "geo.pkl", "scaler.pkl")
    (one,) = found.predictions
    assert [(use.source and use.source.path, use.action, use.columns) for use in one.before] == [
        ("gender.pkl", "transform", ("Gender",)),
        ("geo.pkl", "transform", ("Geography",)),
        ("scaler.pkl", "transform", ("Gender", "Age", "Geography_*")),
    ]
    assert (one.model.path, one.strength) == ("model.h5", Strength.PREDICTING)
    assert [(use.action, use.argument("value")) for use in one.after] == [("compare", 0.5)]
    assert one.columns == ("Gender", "Age", "Geography_*")
    assert [(field.column, field.kind) for field in found.fields] == [
        ("Geography", "choice"),
        ("Gender", "choice"),
        ("Age", "slider"),
    ]
    assert found.classes[0].names == ("stays", "leaves")
    assert str(one.evidence) == "app.py:25"
    assert one.evidence.text.startswith("answer = model.predict(")


LOADS: list[tuple[str, tuple[str, str | None, str]]] = [
    ("import joblib\nm = joblib.load('m.pkl')", ("m.pkl", None, "m")),
    ("from joblib import load\nm = load('m.pkl')", ("m.pkl", None, "m")),
    ("from sklearn.externals import joblib\nm = joblib.load('m.pkl')", ("m.pkl", None, "m")),
    ("import pickle\nm = pickle.load(open('m.pkl', 'rb'))", ("m.pkl", None, "m")),
    ("import pickle\nwith open('m.pkl', 'rb') as f:\n    m = pickle.load(f)", ("m.pkl", None, "m")),
    ("import pickle\nf = open('m.pkl', 'rb')\nm = pickle.loads(f.read())", ("m.pkl", None, "m")),
    ("import dill as pickle\nm = pickle.load(open('m.pkl', 'rb'))", ("m.pkl", None, "m")),
    ("import pandas as pd\nm = pd.read_pickle('m.pkl')", ("m.pkl", None, "m")),
    ("import skops.io as sio\nm = sio.load('m.pkl', trusted=[])", ("m.pkl", None, "m")),
    ("from keras.models import load_model\nm = load_model('m.pkl')", ("m.pkl", None, "m")),
    ("import keras\nm = keras.saving.load_model('m.pkl')", ("m.pkl", None, "m")),
    ("from keras.models import *\nm = load_model('m.pkl')", ("m.pkl", None, "m")),
    ("import tensorflow as tf\nm = tf.saved_model.load('m.pkl')", ("m.pkl", None, "m")),
    (
        "import tensorflow as tf\nm = tf.keras.layers.TFSMLayer('m.pkl', call_endpoint='a')",
        ("m.pkl", None, "m"),
    ),
    ("import xgboost as xgb\nm = xgb.Booster()\nm.load_model('m.pkl')", ("m.pkl", None, "m")),
    ("import os, joblib\nm = joblib.load(os.path.join('a', 'm.pkl'))", ("m.pkl", None, "m")),
    (
        "import os, joblib\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
        "m = joblib.load(os.path.join(HERE, 'm.pkl'))",
        ("m.pkl", None, "m"),
    ),
    (
        "from pathlib import Path\nimport joblib\nROOT = Path(__file__).resolve().parent\n"
        "m = joblib.load(ROOT / 'm.pkl')",
        ("m.pkl", None, "m"),
    ),
    ("import joblib\nD = 'x'\nm = joblib.load(f'{D}/m.pkl')", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load(f'{folder()}/m.pkl')", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load('{}/{}'.format('x', 'm.pkl'))", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load('./' + 'm' + '.pkl')", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load(r'C:\\Users\\me\\m.pkl')", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load('/content/drive/MyDrive/m.pkl')", ("m.pkl", None, "m")),
    ("import joblib, os\nm = joblib.load(os.getenv('M', 'm.pkl'))", ("m.pkl", None, "m")),
    ("import joblib\nm = joblib.load(settings.BASE_DIR / 'm.pkl')", ("m.pkl", None, "m")),
    (
        "import joblib\nclass A:\n    def __init__(self):\n        self.m = joblib.load('m.pkl')",
        ("m.pkl", None, "self.m"),
    ),
    (
        "import joblib\nm = None\ndef start():\n    global m\n    m = joblib.load('m.pkl')",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\ntry:\n    m = joblib.load('m.pkl')\nexcept OSError:\n    m = None",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib, argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('-m', '--model-file', default='m.pkl')\na = p.parse_args()\n"
        "m = joblib.load(a.model_file)",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib, dataclasses\n@dataclasses.dataclass\nclass C:\n    path: str = 'm.pkl'\n"
        "c = C()\nm = joblib.load(c.path)",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\nPATHS = {'model': 'm.pkl'}\nm = joblib.load(PATHS['model'])",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib, os\nP = os.path.join(os.path.dirname(__file__), '..', 'x', 'm.pkl')\n"
        "m = joblib.load(P)",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\nfrom pathlib import Path\nm = joblib.load(Path('x').joinpath('m.pkl'))",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\nfrom huggingface_hub import hf_hub_download\n"
        "m = joblib.load(hf_hub_download(repo_id='a/b', filename='m.pkl'))",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\ndef get(path='m.pkl'):\n    return joblib.load(path)\nm = get()",
        ("m.pkl", None, "m"),
    ),
    (
        "import joblib\nload = lambda name: joblib.load(name + '.pkl')\nm = load('m')",
        ("m.pkl", None, "m"),
    ),
    ("import pickle\nm = pickle.load(Path('m.pkl').open('rb'))", ("m.pkl", None, "m")),
    ("import pickle\nm = pickle.loads(Path('m.pkl').read_bytes())", ("m.pkl", None, "m")),
    ("import joblib\nb = joblib.load('m.pkl')\ns = b['scaler']", ("m.pkl", "scaler", "s")),
    ("import joblib\nb = joblib.load('m.pkl')\ns = b.get('scaler')", ("m.pkl", "scaler", "s")),
    ("import joblib\nb, s = joblib.load('m.pkl')", ("m.pkl", "1", "s")),
    ("import joblib\nb = joblib.load('m.pkl')\ns = b.scaler", ("m.pkl", "scaler", "s")),
    ("import json\nc = json.load(open('m.pkl'))['columns']", ("m.pkl", "columns", "c")),
    ("c = [line.strip() for line in open('m.pkl').readlines()]", ("m.pkl", None, "c")),
    ("import numpy as np\nc = np.load('m.pkl', allow_pickle=True)", ("m.pkl", None, "c")),
    ("import pandas as pd\nc = pd.read_csv('m.pkl')", ("m.pkl", None, "c")),
]


@pytest.mark.parametrize(("source", "expected"), LOADS)
def test_a_load_is_found_with_its_file_and_variable_in_each_spelling(
    read: Read, source: str, expected: tuple[str, str | None, str]
) -> None:
    found = read(source, "m.pkl")
    loads = [(one.source.path, one.source.key, one.source.name) for one in found.loads]
    assert expected in loads, loads
    assert all(one.source.exists for one in found.loads)


def test_a_path_that_is_not_there_is_given_as_written(read: Read) -> None:
    (load,) = read("import joblib\nm = joblib.load('models/none.pkl')").loads
    assert (load.source.path, load.source.exists) == ("models/none.pkl", False)


@pytest.mark.parametrize("path", ["../secret.pkl", "../../etc/passwd", "a/../../secret.pkl"])
def test_a_path_out_of_the_folder_names_no_file(read: Read, path: str, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.pkl").touch()
    (load,) = read(f"import joblib\nm = joblib.load({path!r})").loads
    assert not load.source.exists


# Each row: the source; what is done before, with which columns; and after.
FLOWS: dict[str, tuple[str, list[str], list[str]]] = {
    "one row of a list": ("m.predict(sc.transform([[1, 2]]))", ["sc.transform"], []),
    "a model that is called": (
        "r = m(sc.transform(x), training=False).numpy()",
        ["sc.transform"],
        [],
    ),
    "a signature": ("r = m.signatures['serving_default'](x)", [], []),
    "probabilities": ("m.predict_proba(sc.transform(x))[:, 1]", ["sc.transform"], []),
    "two steps": (
        "a = sc.transform(x)\nb = le.transform(a)\nm.predict(b)",
        ["sc.transform", "le.transform"],
        [],
    ),
    "a column of a dict": (
        "d = {'a': g, 'b': 2}\nd['a'] = le.transform([d['a']])[0]\n"
        "m.predict(pd.DataFrame(d, index=[0]))",
        ["le.transform(a)"],
        [],
    ),
    "a column of a table": (
        "t = pd.DataFrame({'a': [g], 'b': [2]})\nt['a'] = le.transform(t['a'])\nm.predict(t)",
        ["le.transform(a)"],
        [],
    ),
    "a column by its attribute": (
        "t = pd.DataFrame({'a': [g]})\nt['a'] = le.transform(t.a)\nm.predict(t)",
        ["le.transform(a)"],
        [],
    ),
    "some columns": (
        "t = pd.DataFrame({'a': [g], 'b': [2], 'c': [3]})\nn = ['b', 'c']\n"
        "t[n] = sc.transform(t[n])\nm.predict(t)",
        ["sc.transform(b, c)"],
        [],
    ),
    "columns in another order": (
        "t = pd.DataFrame([[a, b]], columns=['a', 'b'])\nm.predict(sc.transform(t[['b', 'a']]))",
        ["sc.transform(b, a)"],
        [],
    ),
    "a name for what was made": (
        "g = le.transform([x])[0]\nm.predict(pd.DataFrame({'Gender': [g], 'Age': [3]}))",
        ["le.transform(Gender)"],
        [],
    ),
    "helpers in helpers": (
        "def one(v):\n    return le.transform([v])[0]\ndef row(d):\n    d['sex'] = one(d['sex'])\n"
        "    return sc.transform(pd.DataFrame([d]))\nm.predict(row({'sex': s, 'age': 4}))",
        ["le.transform(sex)", "sc.transform(sex, age)"],
        [],
    ),
    "a class of the script": (
        "class P:\n    def __init__(self):\n        self.enc = joblib.load('e.pkl')\n"
        "    def ask(self, x):\n        return m.predict(self.enc.transform(x))\nP().ask([[1]])",
        ["self.enc.transform"],
        [],
    ),
    "a class that nobody makes": (
        "class P:\n    def __init__(self, path='e.pkl'):\n        self.enc = joblib.load(path)\n"
        "    def ask(self, x):\n        return m.predict(self.enc.transform(x))",
        ["self.enc.transform"],
        [],
    ),
    "a cached function that gives two": (
        "@st.cache_resource\ndef load():\n    a = joblib.load('a.pkl')\n"
        "    b = joblib.load('b.pkl')\n"
        "    return a, b\nnet, scaler = load()\nnet.predict(scaler.transform(x))",
        ["scaler.transform"],
        [],
    ),
    "globals of a start": (
        "def ask():\n    return net.predict(scaler.transform(x))\ndef start():\n"
        "    global net, scaler\n    net, scaler = joblib.load('n.pkl'), joblib.load('s.pkl')",
        ["scaler.transform"],
        [],
    ),
    "a lifespan": (
        "ml = {}\nasync def life(app):\n    ml['s'] = joblib.load('s.pkl')\n    yield\n"
        "def ask():\n    return m.predict(ml['s'].transform(x))",
        ["ml['s'].transform"],
        [],
    ),
    "a session's state": (
        "st.session_state.s = joblib.load('s.pkl')\nm.predict(st.session_state.s.transform(x))",
        ["st.session_state.s.transform"],
        [],
    ),
    "an app's state": (
        "app.state.s = joblib.load('s.pkl')\ndef ask():\n"
        "    return m.predict(app.state.s.transform(x))",
        ["app.state.s.transform"],
        [],
    ),
    "a bundle": (
        "b = joblib.load('b.pkl')\nb['model'].predict(b['scaler'].transform(x))",
        ["b['scaler'].transform"],
        [],
    ),
    "a bundle taken apart": (
        "net, scaler = joblib.load('b.pkl')\nnet.predict(scaler.transform(x))",
        ["scaler.transform"],
        [],
    ),
    "encoders in a loop": (
        "enc = {}\nfor c in ['a', 'b']:\n    enc[c] = joblib.load(f'{c}.pkl')\n"
        "t = pd.DataFrame([[1, 2]], columns=['a', 'b'])\nfor c in ['a', 'b']:\n"
        "    t[c] = enc[c].transform(t[c])\nm.predict(t)",
        ["enc['a'].transform(a)", "enc['b'].transform(b)"],
        [],
    ),
    "a branch": (
        "if scaled:\n    x = sc.transform(x)\nm.predict(x)",
        ["sc.transform"],
        [],
    ),
    "a try": (
        "try:\n    y = m.predict(sc.transform(x))\nexcept ValueError:\n    y = None\n"
        "le.inverse_transform(y)",
        ["sc.transform"],
        ["le.inverse_transform"],
    ),
    "a target scaler": (
        "p = sc.inverse_transform(m.predict(sc.transform(x)))[0][0]",
        ["sc.transform"],
        ["sc.inverse_transform"],
    ),
    "a class by its index": (
        "le.inverse_transform([np.argmax(m.predict(x))])[0]",
        [],
        ["argmax", "le.inverse_transform"],
    ),
    "classes of an encoder": ("le.classes_[np.argmax(m.predict(x))]", [], ["argmax", "le.lookup"]),
    "classes of a file": (
        "c = open('l.txt').read().splitlines()\nc[np.argmax(m.predict(x))]",
        [],
        ["argmax", "c.lookup"],
    ),
    "words of a tokenizer": (
        "t = joblib.load('t.pkl')\ny = np.argmax(m.predict(x))\n"
        "for word, index in t.word_index.items():\n    if index == y:\n        print(word)",
        [],
        ["argmax", "t.lookup"],
    ),
    "classes of JSON": (
        "c = {int(k): v for k, v in json.load(open('c.json')).items()}\nc[m.predict(x).argmax()]",
        [],
        ["argmax", "c.lookup"],
    ),
    "a threshold of a file": (
        "t = joblib.load('t.pkl')\nr = int(m.predict(x)[0][0] >= t)",
        [],
        ["t.compare"],
    ),
    "a logarithm": (
        "y = np.expm1(m.predict(np.log1p(sc.transform(x))))",
        ["sc.transform", "log1p"],
        ["expm1"],
    ),
    "a scale by hand": ("y = m.predict(x) * (100 - 20) + 20", [], ["multiply", "add"]),
    "a rounding": ("y = round(m.predict(x)[0][0])", [], ["round"]),
    "padding": (
        "from keras.utils import pad_sequences\nt = joblib.load('t.pkl')\n"
        "m.predict(pad_sequences(t.texts_to_sequences([x]), maxlen=5))",
        ["t.texts_to_sequences", "pad_sequences"],
        [],
    ),
    "dummies": (
        "t = pd.DataFrame({'a': [g]})\n"
        "t = pd.get_dummies(t, columns=['a']).reindex(columns=['b', 'c'])\n"
        "m.predict(t)",
        ["get_dummies(a)", "reindex(b, c)"],
        [],
    ),
    "the order of the model": (
        "t = pd.DataFrame({'a': [g]}).reindex(columns=sc.feature_names_in_)\nm.predict(t)",
        ["sc.reindex"],
        [],
    ),
    "a pickled list of columns": (
        "c = joblib.load('c.pkl')\nm.predict(pd.DataFrame({'a': [g]})[c])",
        ["c.reindex"],
        [],
    ),
    "onnxruntime": (
        "import onnxruntime as ort\ns = ort.InferenceSession('a.onnx')\n"
        "r = s.run(None, {'x': sc.transform(x)})[0]",
        ["sc.transform"],
        [],
    ),
    "a model's JSON": (
        "from keras.models import model_from_json\nn = model_from_json(open('n.json').read())\n"
        "n.load_weights('n.h5')\nn.predict(sc.transform(x))",
        ["sc.transform"],
        [],
    ),
    "TensorFlow Lite": (
        "i = tf.lite.Interpreter(model_path='m.tflite')\ni.set_tensor(0, sc.transform(x))\n"
        "i.invoke()\ny = np.argmax(i.get_tensor(1)[0])",
        ["sc.transform"],
        ["argmax"],
    ),
    "a name without an import": (
        "m.predict(tokenizer.texts_to_sequences(x))",
        ["tokenizer.texts_to_sequences"],
        [],
    ),
}


def shown(use: Use) -> str:
    """A use, in short."""
    columns = f"({', '.join(use.columns)})" if use.columns else ""
    return (f"{use.source.name}." if use.source else "") + use.action + columns


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_what_is_done_before_and_after_a_prediction_is_found_in_order(
    used: Read, name: str
) -> None:
    source, before, after = FLOWS[name]
    (one,) = used(source).predictions
    left = {"reshape", "expand_dims"}
    assert [shown(use) for use in one.before if use.action not in left] == before
    assert [shown(use) for use in one.after] == after
    assert one.strength is Strength.PREDICTING


def test_each_model_of_a_choice_is_a_prediction(used: Read) -> None:
    found = used(
        "all = {'a': joblib.load('a.pkl'), 'b': joblib.load('b.pkl')}\n"
        "all[st.selectbox('Which', list(all))].predict(sc.transform(x))"
    )
    models = [(one.model.path, shown(one.before[0])) for one in found.predictions]
    assert models == [("a.pkl", "sc.transform"), ("b.pkl", "sc.transform")]


def test_each_prediction_has_its_own_fields(used: Read) -> None:
    found = used(
        "a, b = st.text_input('A'), st.text_input('B')\nm.predict([[float(a)]])\n"
        "joblib.load('n.pkl').predict(pd.DataFrame({'b': [2020 - int(b)]}))"
    )
    assert [[one.label for one in each.fields] for each in found.predictions] == [["A"], ["B"]]
    shown_fields = [(one.kind, one.position, one.column, one.derived) for one in found.fields]
    assert shown_fields == [("number", 0, "", False), ("number", None, "b", True)]


def test_a_module_of_the_project_is_followed(read: Read) -> None:
    found = read(
        "from lib.steps import prepare, net\nimport lib.names as names\n"
        "r = names.CLASSES[net.predict(prepare(x)).argmax()]",
        lib____init___dot_py="",
        lib__steps_dot_py="import joblib\nnet, s = joblib.load('n.pkl'), joblib.load('s.pkl')\n"
        "def prepare(x):\n    return s.transform(x)\n",
        lib__names_dot_py="CLASSES = ['cat', 'dog']\n",
    )
    (one,) = found.predictions
    assert [shown(use) for use in one.before] == ["s.transform"]
    assert str(one.before[0].evidence) == "lib/steps.py:4"
    assert found.classes[0].names == ("cat", "dog")


TRAINING = """
    import joblib, pandas as pd, tensorflow as tf
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import LabelEncoder, StandardScaler
    df = pd.read_csv('data/churn.csv')
    df = df.drop(['Id'], axis=1)
    le = LabelEncoder()
    df['Sex'] = le.fit_transform(df['Sex'])
    df = pd.get_dummies(df, columns=['Geo'])
    X, y = df.drop(columns='Exited'), df['Exited']
    a, b, c, d = train_test_split(X, y, test_size=0.2)
    sc = StandardScaler()
    a = sc.fit_transform(a)
    net = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    net.fit(a, c)
    net.save('net.h5')
    with open('sc.pkl', 'wb') as f:
        joblib.dump(sc, f)
    joblib.dump({'le': le}, 'bundle.pkl')
    p = net.predict(sc.transform(b)) > 0.5
"""


def test_the_line_that_names_the_file_is_the_evidence(read: Read) -> None:
    found = read(
        "import pickle, json\nwith open('a.pkl', 'rb') as f:\n    a = pickle.load(f)\n"
        "h = open('b.json')\nb = json.load(\n    h)\nc = json.loads(\n    open('c.json').read())\n"
    )
    lines = [(one.source.path, one.source.name, one.evidence.line) for one in found.loads]
    assert lines == [("a.pkl", "a", 2), ("b.json", "b", 4), ("c.json", "c", 8)]


def test_the_line_that_names_the_file_of_a_function_is_where_it_is_called(read: Read) -> None:
    found = read(
        "from lib import load\nPATH = 'x/m.pkl'\nm = load(PATH)\n\ns = load('s.pkl')\n"
        "p = 'not' + '.pkl'\nt = load(p)",
        lib_dot_py="import joblib\ndef load(path):\n    return joblib.load(path)\n",
    )
    lines = [(one.source.path, str(one.evidence)) for one in found.loads]
    assert lines == [("x/m.pkl", "app.py:2"), ("s.pkl", "app.py:5"), ("not.pkl", "lib.py:3")]


def test_a_history_is_no_name_of_a_model(read: Read) -> None:
    found = read("net = Sequential()\nhistory = net.fit(x, y)\nnet.save('n.h5')")
    assert [one.source.name for one in found.saves] == ["net"]


def test_a_training_script_says_columns_target_and_what_each_file_is(read: Read) -> None:
    found = read(TRAINING, data__churn_dot_csv="Id,Sex,Geo,Age,Exited\n1,m,f,3,0\n")
    saves = [(one.source.path, one.source.key, one.source.kind) for one in found.saves]
    assert saves == [
        ("net.h5", None, "Sequential"),
        ("sc.pkl", None, "StandardScaler"),
        ("bundle.pkl", "le", "LabelEncoder"),
    ]
    roles = {(one.role, one.names) for one in found.columns}
    assert ("target", ("Exited",)) in roles
    assert ("dropped", ("Id",)) in roles
    assert ("features", ("Sex", "Age", "Geo_*")) in roles
    (one,) = found.predictions
    assert (one.strength, one.model.kind) == (Strength.TRAINING, "Sequential")
    assert [one.strength for one in found.thresholds] == [Strength.TRAINING]


def test_a_file_that_training_wrote_has_its_kind_where_it_is_loaded(read: Read) -> None:
    found = read(
        "import joblib\ns = joblib.load('models/sc.pkl')\nb = joblib.load('b.pkl')['enc']\n"
        "joblib.load('m.h5').predict(s.transform(x))",
        train_dot_py="import joblib\nfrom sklearn.preprocessing import *\ns = MinMaxScaler()\n"
        "s.fit(x)\njoblib.dump(s, 'out/sc.pkl')\ne = OneHotEncoder()\n"
        "joblib.dump({'enc': e}, 'b.pkl')",
    )
    kinds = {(one.source.path, one.source.key): one.source.kind for one in found.loads}
    assert kinds[("models/sc.pkl", None)] == "MinMaxScaler"
    assert kinds[("b.pkl", "enc")] == "OneHotEncoder"


def test_weights_that_are_loaded_make_a_model_that_predicts(read: Read) -> None:
    found = read("m = Sequential()\nm.load_weights('w.h5')\nr = m.predict(x) > 0.5")
    (one,) = found.predictions
    assert (one.model.path, one.strength) == ("w.h5", Strength.PREDICTING)


def test_a_notebook_that_trains_and_loads_is_weaker_than_an_application(read: Read) -> None:
    found = read(
        "import joblib\nm = joblib.load('m.pkl')\nr = m.predict(x) > 0.4",
        a_train_dot_py="import joblib\nm = LogisticRegression()\nm.fit(x, y)\n"
        "joblib.dump(m, 'm.pkl')\nn = joblib.load('m.pkl')\nr = n.predict(x) > 0.5\n",
    )
    strengths = [(one.value, one.strength.name) for one in found.thresholds]
    assert strengths == [(0.4, "PREDICTING"), (0.5, "MENTION")]


def test_what_predicts_is_stronger_than_what_trains(read: Read) -> None:
    found = read(
        "import joblib\nm = joblib.load('m.pkl')\n"
        "r = 'a' if m.predict_proba(x)[0][1] > 0.3 else 'b'",
        a_train_dot_py="m = Model()\nm.fit(x, y)\np = m.predict(x) > 0.5\n",
    )
    assert [(one.value, one.strength.name) for one in found.thresholds] == [
        (0.3, "PREDICTING"),
        (0.5, "TRAINING"),
    ]


WINDOWS: dict[str, tuple[str, list[tuple[int, int | None]]]] = {
    "a name": ("look_back = 30", [(30, None)]),
    "another name": ("WINDOW_SIZE = 24", [(24, None)]),
    "a sequence": ("SEQ_LEN = 12", [(12, None)]),
    "a slice": ("d = sc.transform(x)[-60:]", [(60, None)]),
    "a slice of two": ("d = sc.transform(x)[-60:, 0]", [(60, None)]),
    "a loop": (
        "d = sc.transform(x)\nfor i in range(10, len(d)):\n    y = d[i - 10:i, 0]",
        [(10, None)],
    ),
    "a shape": ("y = np.reshape(sc.transform(x), (1, 60, 2))", [(60, 2)]),
    "a shape of the method": ("y = sc.transform(x).reshape(1, 60, 1)", [(60, 1)]),
    "a picture's shape": ("y = cv2.resize(x, (9, 8)).reshape(1, 9, 8)", []),
    "no window": ("windows = 1\nstep_count = 5\nlabels = x[-1:]", []),
}


@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_the_window_of_a_series_is_found(used: Read, name: str) -> None:
    source, expected = WINDOWS[name]
    assert [(one.steps, one.channels) for one in used(source).windows] == expected


PADDINGS: dict[str, tuple[str, tuple[int | None, str | None, str | None, float | None]]] = {
    "names": (
        "pad_sequences(s, maxlen=9, padding='post', truncating='pre', value=1)",
        (9, "post", "pre", 1),
    ),
    "places": ("pad_sequences(s, 9)", (9, None, None, None)),
    "constants": (
        "N = 3 * 3\nHOW = 'post'\npad_sequences(s, maxlen=N, padding=HOW)",
        (9, "post", None, None),
    ),
    "a default": (
        "def f(s, n=9):\n    return pad_sequences(s, maxlen=n)\nf(x)",
        (9, None, None, None),
    ),
    "keras.utils": ("tf.keras.utils.pad_sequences(s, maxlen=9)", (9, None, None, None)),
    "keras.preprocessing": (
        "tf.keras.preprocessing.sequence.pad_sequences(s, maxlen=9)",
        (9, None, None, None),
    ),
    "another name": (
        "from keras.utils import pad_sequences as pad\npad(s, maxlen=9)",
        (9, None, None, None),
    ),
    "the model's": ("pad_sequences(s, maxlen=m.input_shape[1])", (None, None, None, None)),
    "a dict of settings": ("C = {'n': 9}\npad_sequences(s, maxlen=C['n'])", (9, None, None, None)),
    "a class of settings": (
        "class C:\n    N = 9\npad_sequences(s, maxlen=C.N)",
        (9, None, None, None),
    ),
}


@pytest.mark.parametrize("name", sorted(PADDINGS))
def test_padding_is_found_with_its_constants(used: Read, name: str) -> None:
    source, expected = PADDINGS[name]
    (one,) = used(source).paddings
    assert (one.maxlen, one.padding, one.truncating, one.value) == expected


CHATBOT = """
    lemmatizer = nltk.stem.WordNetLemmatizer()
    words = pickle.load(open('words.pkl', 'rb'))
    classes = pickle.load(open('classes.pkl', 'rb'))
    def clean(sentence):
        found = nltk.word_tokenize(sentence)
        return [lemmatizer.lemmatize(word.lower()) for word in found]
    def bow(sentence):
        found = clean(sentence)
        bag = [0] * len(words)
        for s in found:
            for i, word in enumerate(words):
                if word == s:
                    bag[i] = 1
        return np.array(bag)
    def ask(sentence):
        res = m.predict(np.array([bow(sentence)]))[0]
        found = [[i, r] for i, r in enumerate(res) if r > 0.25]
        return classes[found[0][0]]
"""


def test_words_that_need_python_are_told(used: Read) -> None:
    found = used(CHATBOT)
    assert [(one.action, one.movable) for one in found.texts] == [
        ("tokenize", False),
        ("lower", True),
        ("lemmatize", False),
        ("bag_of_words", True),
    ]
    (one,) = found.predictions
    assert [shown(use) for use in one.after] == ["compare", "classes.lookup"]


def test_cleaning_in_front_of_a_vectorizer_is_told(used: Read) -> None:
    found = used(
        "def clean(t):\n    t = t.lower()\n    return re.sub('[^a-z]', ' ', t).strip()\n"
        "m.predict(sc.transform([clean(st.text_area('Text'))]))\nother.lower()"
    )
    assert [one.action for one in found.texts] == ["lower", "regex", "strip"]
    assert found.texts[1].detail == "re.sub('[^a-z]', ' ')"


def test_a_module_that_a_function_imports_is_followed(read: Read) -> None:
    found = read(
        """
        def load_all():
            from loading import of
            return of('scaler.pkl'), of('m.pkl')

        def predict(row):
            scaler, m = load_all()
            return m.predict(scaler.transform(row))
        """,
        "scaler.pkl",
        "m.pkl",
        loading_dot_py="""
        import joblib

        def of(name):
            return joblib.load(name)

        of('other.pkl')
        """,
    )
    assert found.problems == ()
    (one,) = found.predictions
    assert [use.source and use.source.path for use in one.before] == ["scaler.pkl"]
    assert one.model.path == "m.pkl"
