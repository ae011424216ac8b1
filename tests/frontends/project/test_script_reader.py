"""Scripts read by their syntax: what goes into what, on the way from an input to an answer."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_deploy.frontends.project.findings import Findings, Strength
from edge_deploy.frontends.project.script_reader import read_scripts

Read = Callable[..., Findings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a script, empty files, and files with a content; and read the folder."""

    def written(app: str = "", /, *empty: str, **files: str) -> Findings:
        for name in empty:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "app.py").write_text(textwrap.dedent(app))
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        return read_scripts(tmp_path)

    return written


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


def shape(found: Findings) -> Any:
    """The steps around the one prediction: (action, file) each."""
    (one,) = found.predictions
    return [
        [(use.action, use.source.path if use.source else None) for use in side]
        for side in (one.before, (one.predict,), one.after)
    ]
