"""Which crop to sow: scaler, forest and label encoder in one dict bundle, behind FastAPI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, table, train, write

TRAIN = """
import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, MinMaxScaler

FEATURES = ["N", "P", "K", "temperature", "humidity", "ph", "rainfall"]

df = pd.read_csv("Crop_recommendation.csv")
X = df[FEATURES]
le = LabelEncoder()
y = le.fit_transform(df["label"])

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

scaler = MinMaxScaler()
X_train_scaled = scaler.fit_transform(X_train)

clf = RandomForestClassifier(n_estimators=20, max_depth=8, random_state=0)
clf.fit(X_train_scaled, y_train)
print("accuracy:", clf.score(scaler.transform(X_test), y_test))

bundle = {
    "model": clf,
    "scaler": scaler,
    "label_encoder": le,
    "features": FEATURES,
}
joblib.dump(bundle, "crop_bundle.joblib")
"""

MAIN = """
import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI()

bundle = joblib.load("crop_bundle.joblib")
model = bundle["model"]
scaler = bundle["scaler"]
label_encoder = bundle["label_encoder"]
features = bundle["features"]


class CropInput(BaseModel):
    N: float = Field(..., ge=0, le=140, description="Nitrogen in the soil")
    P: float = Field(..., ge=0, le=150, description="Phosphorus in the soil")
    K: float = Field(..., ge=0, le=210, description="Potassium in the soil")
    temperature: float = Field(25.0, ge=-10, le=60)
    humidity: float = Field(..., ge=0, le=100)
    ph: float = Field(6.5, ge=0, le=14)
    rainfall: float = Field(..., ge=0, le=400)


@app.post("/predict")
def predict(data: CropInput):
    df = pd.DataFrame([data.model_dump()])[features]
    scaled = scaler.transform(df)
    pred = model.predict(scaled)
    proba = model.predict_proba(scaled)[0]
    crop = label_encoder.inverse_transform(pred)[0]
    return {"crop": crop, "confidence": float(proba.max()), "all": proba.tolist()}
"""

CROPS = {
    "rice": (80, 48, 40, 23.7, 82, 6.4, 236), "maize": (78, 48, 20, 22.4, 65, 6.2, 85),
    "chickpea": (40, 68, 80, 18.9, 17, 7.3, 80), "banana": (100, 82, 50, 27.4, 80, 6.0, 105),
    "coffee": (101, 29, 30, 25.5, 59, 6.8, 158), "cotton": (118, 46, 20, 24.0, 80, 6.9, 80),
}  # fmt: skip


def build(folder: Path) -> Project:
    """Fit the forest, and post fields that it has not seen."""
    _fields(300).to_csv(folder / "Crop_recommendation.csv", index=False)
    needs = "fastapi\nuvicorn\njoblib\npandas\nscikit-learn\n"
    write(folder, {"main.py": MAIN, "train_model.py": TRAIN, "requirements.txt": needs})
    train(folder, "train_model.py")
    inputs = table(_fields(INPUTS, seed=1).drop(columns="label"))

    def ask(main: Namespace) -> list[dict[str, object]]:
        return [main["predict"](main["CropInput"](**row)) for row in inputs]

    answers = asked(folder, "main.py", ask)
    return Project(
        name="crop",
        folder=folder,
        kind="table",
        inputs=inputs,
        classes=tuple(sorted(CROPS)),
        labels=tuple(str(answer["crop"]) for answer in answers),
        numbers=np.array([answer["all"] for answer in answers]),
        evidence=evidence(
            folder, ("crop_bundle.joblib", "main.py", 'bundle = joblib.load("crop_bundle.joblib")')
        ),
        convert=("crop_bundle.joblib",),
        data="Crop_recommendation.csv",
        target="label",
    )


def _fields(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    crops = rng.choice(list(CROPS), count)
    middle = np.array([CROPS[crop] for crop in crops], float)
    drawn = middle * rng.normal(1, 0.22, middle.shape)
    names = ["N", "P", "K", "temperature", "humidity", "ph", "rainfall"]
    rows = pd.DataFrame(drawn.round(2), columns=names)
    rows[["N", "P", "K"]] = rows[["N", "P", "K"]].clip(0, 140).round().astype(int)
    return rows.assign(humidity=rows["humidity"].clip(10, 99), label=crops)
