"""Who may have a stroke: an imblearn pipeline with SMOTE, read where imblearn is not installed.

``stroke/`` has what the training script left, and the app's own answers. Made once, with
imbalanced-learn 0.14.2 beside scikit-learn 1.9.1::

    pip install --target SOMEWHERE --no-deps imbalanced-learn sklearn-compat
    PYTHONPATH=SOMEWHERE:. python -m tests.support.projects.stroke
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import evidence, shown, table, train, write

KEPT = Path(__file__).parent / "stroke"

TRAIN = """
import pandas as pd
import pickle
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline as SkPipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

df = pd.read_csv('stroke-data.csv')
df = df.drop('id', axis=1)
X = df.drop('stroke', axis=1)
y = df['stroke']

num_cols = ['age', 'avg_glucose_level', 'bmi']
cat_cols = ['gender', 'hypertension', 'work_type', 'smoking_status']

preprocessor = ColumnTransformer([
    ('num', SkPipeline([('imputer', SimpleImputer(strategy='median')), ('scaler', StandardScaler())]), num_cols),
    ('cat', OneHotEncoder(handle_unknown='ignore'), cat_cols),
])

pipeline = Pipeline([
    ('preprocessor', preprocessor),
    ('smote', SMOTE(random_state=42)),
    ('classifier', LogisticRegression(max_iter=1000)),
])

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)
pipeline.fit(X_train, y_train)
print(pipeline.score(X_test, y_test))

with open('stroke_pipeline.pkl', 'wb') as f:
    pickle.dump(pipeline, f)
"""  # noqa: E501 -- as people write it

APP = """
import pickle
import pandas as pd
import streamlit as st

pipeline = pickle.load(open('stroke_pipeline.pkl', 'rb'))

st.title('Stroke risk')

gender = st.selectbox('Gender', ['Female', 'Male'])
age = st.number_input('Age', min_value=0, max_value=110, value=45)
hypertension = st.selectbox('Hypertension', ['No', 'Yes'])
work_type = st.selectbox('Work type', ['Govt_job', 'Private', 'Self-employed', 'children'])
avg_glucose_level = st.number_input('Average glucose level', min_value=50.0, max_value=300.0, value=100.0)
bmi = st.number_input('BMI', min_value=10.0, max_value=70.0, value=25.0)
smoking_status = st.selectbox('Smoking status', ['formerly smoked', 'never smoked', 'smokes', 'Unknown'])

if st.button('Predict'):
    input_df = pd.DataFrame({
        'gender': [gender],
        'age': [age],
        'hypertension': [hypertension],
        'work_type': [work_type],
        'avg_glucose_level': [avg_glucose_level],
        'bmi': [bmi],
        'smoking_status': [smoking_status],
    })
    prediction = pipeline.predict(input_df)[0]
    probability = pipeline.predict_proba(input_df)[0]
    if prediction == 1:
        st.error(f'High risk ({probability[1]:.1%})')
    else:
        st.success(f'Low risk ({probability[1]:.1%})')
"""  # noqa: E501 -- as people write it

FIELDS = {
    "gender": "Gender", "age": "Age", "hypertension": "Hypertension", "work_type": "Work type",
    "avg_glucose_level": "Average glucose level", "bmi": "BMI", "smoking_status": "Smoking status",
}  # fmt: skip
CLASSES = ("Low risk", "High risk")
ANSWERS = ["prediction", "low", "high"]
NEEDS = "streamlit\npandas\nscikit-learn\nimbalanced-learn\n"


def build(folder: Path) -> Project:
    """Lay out the folder as its training left it, with the answers that its app gave then."""
    write(folder, {"app.py": APP, "train.py": TRAIN, "requirements.txt": NEEDS})
    _people(400).to_csv(folder / "stroke-data.csv", index=False)
    shutil.copy(KEPT / "stroke_pipeline.pkl", folder)
    # "smoke", "Unknown" and an empty BMI are as they were: only an empty cell is missing.
    asked = pd.read_csv(KEPT / "answers.csv", keep_default_na=False, na_values={"bmi": [""]})
    return Project(
        name="stroke",
        folder=folder,
        kind="table",
        inputs=table(asked.drop(columns=ANSWERS)),
        classes=CLASSES,
        labels=tuple(CLASSES[label] for label in asked["prediction"]),
        numbers=asked[["low", "high"]].to_numpy(np.float64),
        evidence=evidence(
            folder,
            (
                "stroke_pipeline.pkl",
                "app.py",
                "pipeline = pickle.load(open('stroke_pipeline.pkl', 'rb'))",
            ),
        ),
        convert=("stroke_pipeline.pkl",),
        data="stroke-data.csv",
        target="stroke",
    )


def _people(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "id": rng.permutation(90_000)[:count],
            "gender": rng.choice(["Female", "Male"], count),
            "age": rng.uniform(1, 90, count).round(),
            "hypertension": rng.choice(["No", "Yes"], count, p=[0.85, 0.15]),
            "work_type": rng.choice(["Govt_job", "Private", "Self-employed", "children"], count),
            "avg_glucose_level": rng.gamma(8, 13, count).clip(55, 280).round(2),
            "bmi": rng.normal(29, 7, count).clip(12, 65).round(1),
            "smoking_status": rng.choice(
                ["formerly smoked", "never smoked", "smokes", "Unknown"], count
            ),
        }
    )
    risk = (rows["age"] - 70) / 12 + (rows["hypertension"] == "Yes")
    rows["stroke"] = (risk + rng.normal(0, 0.7, count) > 0.6).astype(int)
    rows.loc[rng.random(count) < 0.04, "bmi"] = np.nan
    return rows


def _make() -> None:
    """Train with imblearn, and ask the app."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder, {"app.py": APP, "train.py": TRAIN})
        _people(400).to_csv(folder / "stroke-data.csv", index=False)
        train(folder, "train.py")
        rows = _people(INPUTS, seed=1).drop(columns=["id", "stroke"])
        typed = [{FIELDS[name]: value for name, value in row.items()} for row in table(rows)]
        spaces = shown(folder, "app.py", typed)
        answers = [[int(space["prediction"]), *space["probability"]] for space in spaces]
        rows[ANSWERS] = pd.DataFrame(answers, dtype=object)
        KEPT.mkdir(exist_ok=True)
        rows.to_csv(KEPT / "answers.csv", index=False)
        shutil.copy(folder / "stroke_pipeline.pkl", KEPT)


if __name__ == "__main__":
    _make()
