"""What a house costs, from 13 columns: a .keras and its scaler apart, behind a form of Flask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, table, train, write

COLUMNS = (
    "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
)  # fmt: skip

TRAIN = """
import pandas as pd
import joblib
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow import keras
from tensorflow.keras import layers

df = pd.read_csv('data/housing.csv')
X = df.drop('MEDV', axis=1).values
y = df['MEDV'].values

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

model = keras.Sequential([
    layers.Input(shape=(13,)),
    layers.Dense(32, activation='relu'),
    layers.Dense(16, activation='relu'),
    layers.Dense(1)
])
model.compile(optimizer=keras.optimizers.Adam(0.02), loss='mse', metrics=['mae'])
model.fit(X_train, y_train, epochs=15, batch_size=32, validation_split=0.1, verbose=0)

print('test mse, mae:', model.evaluate(X_test, y_test, verbose=0))
model.save('models/housing_model.keras')
joblib.dump(scaler, 'models/scaler.pkl')
"""

APP = """
from flask import Flask, render_template, request
from tensorflow.keras.models import load_model
import joblib
import numpy as np

app = Flask(__name__)

model = load_model('models/housing_model.keras')
scaler = joblib.load('models/scaler.pkl')


@app.route('/')
def home():
    return render_template('index.html')


@app.route('/predict', methods=['POST'])
def predict():
    crim = float(request.form['CRIM'])
    zn = float(request.form['ZN'])
    indus = float(request.form['INDUS'])
    chas = int(request.form['CHAS'])
    nox = float(request.form['NOX'])
    rm = float(request.form['RM'])
    age = float(request.form['AGE'])
    dis = float(request.form['DIS'])
    rad = float(request.form['RAD'])
    tax = float(request.form['TAX'])
    ptratio = float(request.form['PTRATIO'])
    b = float(request.form['B'])
    lstat = float(request.form['LSTAT'])

    features = np.array([[crim, zn, indus, chas, nox, rm, age, dis, rad, tax, ptratio, b, lstat]])
    features = scaler.transform(features)
    price = float(model.predict(features)[0][0])

    return render_template('index.html', prediction_text=f'House price: ${price * 1000:,.2f}', price=price)


if __name__ == '__main__':
    app.run(debug=True)
"""  # noqa: E501 -- as people write it

PAGE = """
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="UTF-8">
  <title>House Price Prediction</title>
</head>
<body>
  <div class="container">
    <h1>House Price Prediction</h1>
    <form action="{{ url_for('predict') }}" method="post">
%s
      <label for="CHAS">Bounds the river</label>
      <select name="CHAS" id="CHAS">
        <option value="0">No</option>
        <option value="1">Yes</option>
      </select>
      <button type="submit" class="btn">Predict</button>
    </form>
    <h2>{{ prediction_text }}</h2>
  </div>
</body>
</html>
"""

FIELDS = {
    "CRIM": ("Crime rate", 0, 90), "ZN": ("Land zoned for large lots (%)", 0, 100),
    "INDUS": ("Non-retail business acres (%)", 0, 30), "NOX": ("Nitric oxides", 0.3, 0.9),
    "RM": ("Rooms", 3, 9), "AGE": ("Built before 1940 (%)", 0, 100),
    "DIS": ("Distance to work", 1, 13), "RAD": ("Highway index", 1, 24),
    "TAX": ("Tax rate", 180, 720), "PTRATIO": ("Pupils a teacher", 12, 23),
    "B": ("B", 0, 400), "LSTAT": ("Lower status (%)", 1, 40),
}  # fmt: skip

NEEDS = """
flask==3.0.3
gunicorn
tensorflow-cpu
scikit-learn
joblib
pandas
"""


def build(folder: Path) -> Project:
    """Train the network, and send the form for houses that it has not seen."""
    fields = "\n".join(
        f'      <label for="{name}">{words}</label>\n'
        f'      <input type="number" step="any" name="{name}" id="{name}" min="{low}" max="{high}" '
        "required>"
        for name, (words, low, high) in FIELDS.items()
    )
    files = {"app.py": APP, "train.py": TRAIN, "requirements.txt": NEEDS}
    write(folder, {**files, "templates/index.html": PAGE % fields})
    for name in ("data", "models"):
        (folder / name).mkdir()
    _houses(400).to_csv(folder / "data/housing.csv", index=False)
    train(folder, "train.py")
    inputs = table(_houses(INPUTS, seed=1)[list(COLUMNS)])

    def ask(app: Namespace) -> list[float]:
        answers = []
        for row in inputs:
            app["request"].form = {name: str(value) for name, value in row.items()}
            answers.append(app["predict"]()["price"])
        return answers

    return Project(
        name="housing",
        folder=folder,
        kind="table",
        inputs=inputs,
        classes=(),
        labels=None,
        numbers=np.array(asked(folder, "app.py", ask))[:, None],
        evidence=evidence(
            folder,
            ("models/scaler.pkl", "app.py", "scaler = joblib.load('models/scaler.pkl')"),
            (
                "models/housing_model.keras",
                "app.py",
                "model = load_model('models/housing_model.keras')",
            ),
        ),
        convert=("models/scaler.pkl", "models/housing_model.keras"),
        data="data/housing.csv",
        target="MEDV",
    )


def _houses(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    city = rng.random(count)
    rows = pd.DataFrame(
        {
            "CRIM": rng.lognormal(-1.5 + 3 * city, 1.0).clip(0.006, 89).round(5),
            "ZN": (rng.random(count) > 0.7) * rng.choice([12.5, 20.0, 25.0, 80.0], count),
            "INDUS": (3 + 16 * city + rng.normal(0, 2, count)).clip(0.5, 28).round(2),
            "CHAS": (rng.random(count) < 0.07).astype(int),
            "NOX": (0.4 + 0.35 * city + rng.normal(0, 0.03, count)).round(3),
            "RM": rng.normal(6.3, 0.7, count).clip(3.5, 8.8).round(3),
            "AGE": (30 + 70 * city * rng.random(count)).round(1),
            "DIS": (7 - 5 * city + rng.normal(0, 0.6, count)).clip(1.1, 12.1).round(4),
            "RAD": np.where(city > 0.7, 24, rng.integers(1, 9, count)),
            "TAX": np.where(city > 0.7, 666, rng.integers(187, 470, count)),
            "PTRATIO": rng.normal(18.5, 2.0, count).clip(12.6, 22).round(1),
            "B": rng.normal(380, 30, count).clip(0.3, 396.9).round(2),
            "LSTAT": (5 + 18 * city * rng.random(count) + rng.exponential(3, count)).round(2),
        }
    )
    worth = 22 + 8 * (rows["RM"] - 6.3) - 0.5 * (rows["LSTAT"] - 12) - 6 * (rows["NOX"] - 0.55)
    rows["MEDV"] = (worth + rng.normal(0, 1.5, count)).clip(5, 50).round(1)
    return rows
