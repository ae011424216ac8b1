"""Who has a heart disease: a Keras model that takes strings and numbers as they are, in gradio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, notebook, table, train, write

CELLS = (
    "# Structured data classification from scratch",
    """
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
""",
    """
dataframe = pd.read_csv("heart.csv")
val_dataframe = dataframe.sample(frac=0.2, random_state=1337)
train_dataframe = dataframe.drop(val_dataframe.index)
""",
    """
def dataframe_to_dataset(dataframe):
    dataframe = dataframe.copy()
    labels = dataframe.pop("target")
    features = {name: column.to_numpy()[:, None] for name, column in dataframe.items()}
    ds = tf.data.Dataset.from_tensor_slices((features, labels))
    return ds.shuffle(buffer_size=len(dataframe), seed=1337)

train_ds = dataframe_to_dataset(train_dataframe).batch(32)
val_ds = dataframe_to_dataset(val_dataframe).batch(32)
""",
    """
def encode_numerical_feature(feature, name, dataset):
    normalizer = layers.Normalization()
    feature_ds = dataset.map(lambda x, y: x[name])
    normalizer.adapt(feature_ds)
    return normalizer(feature)

def encode_categorical_feature(feature, name, dataset, is_string):
    lookup_class = layers.StringLookup if is_string else layers.IntegerLookup
    lookup = lookup_class(output_mode="one_hot")
    feature_ds = dataset.map(lambda x, y: x[name])
    lookup.adapt(feature_ds)
    return lookup(feature)
""",
    """
# categorical, as integers
sex = keras.Input(shape=(1,), name="sex", dtype="int64")
exang = keras.Input(shape=(1,), name="exang", dtype="int64")
# categorical, as strings
cp = keras.Input(shape=(1,), name="cp", dtype="string")
thal = keras.Input(shape=(1,), name="thal", dtype="string")
# numerical
age = keras.Input(shape=(1,), name="age")
trestbps = keras.Input(shape=(1,), name="trestbps")
chol = keras.Input(shape=(1,), name="chol")
oldpeak = keras.Input(shape=(1,), name="oldpeak")

all_inputs = [sex, exang, cp, thal, age, trestbps, chol, oldpeak]
all_features = layers.concatenate([
    encode_categorical_feature(sex, "sex", train_ds, False),
    encode_categorical_feature(exang, "exang", train_ds, False),
    encode_categorical_feature(cp, "cp", train_ds, True),
    encode_categorical_feature(thal, "thal", train_ds, True),
    encode_numerical_feature(age, "age", train_ds),
    encode_numerical_feature(trestbps, "trestbps", train_ds),
    encode_numerical_feature(chol, "chol", train_ds),
    encode_numerical_feature(oldpeak, "oldpeak", train_ds),
])
x = layers.Dense(32, activation="relu")(all_features)
x = layers.Dropout(0.5)(x)
output = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(all_inputs, output)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
""",
    """
model.fit(train_ds, epochs=8, validation_data=val_ds, verbose=0)
model.save("heart_model.keras")
""",
)

APP = """
import gradio as gr
import tensorflow as tf
from tensorflow import keras

model = keras.models.load_model("heart_model.keras")


def predict(age, sex, cp, trestbps, chol, exang, oldpeak, thal):
    sample = {
        "age": age,
        "sex": sex,
        "cp": cp,
        "trestbps": trestbps,
        "chol": chol,
        "exang": exang,
        "oldpeak": oldpeak,
        "thal": thal,
    }
    input_dict = {name: tf.convert_to_tensor([[value]]) for name, value in sample.items()}
    prediction = model.predict(input_dict)
    return float(prediction[0][0])


demo = gr.Interface(
    fn=predict,
    inputs=[
        gr.Number(label="Age", value=50),
        gr.Dropdown([0, 1], label="Sex"),
        gr.Dropdown(["typical", "atypical", "nonanginal", "asymptomatic"], label="Chest pain"),
        gr.Number(label="Resting blood pressure", value=130),
        gr.Number(label="Cholesterol", value=240),
        gr.Dropdown([0, 1], label="Exercise induced angina"),
        gr.Slider(0, 6.5, label="Oldpeak", step=0.1),
        gr.Dropdown(["normal", "fixed", "reversible"], label="Thal"),
    ],
    outputs=gr.Number(label="Probability of heart disease"),
    title="Heart disease",
)

if __name__ == "__main__":
    demo.launch()
"""


def build(folder: Path) -> Project:
    """Train the network, and ask the app about people it has not seen."""
    _people(300).to_csv(folder / "heart.csv", index=False)
    files = {"app.py": APP, "heart.ipynb": notebook(*CELLS)}
    write(folder, {**files, "requirements.txt": "gradio\ntensorflow\npandas\n"})
    train(folder, "heart.ipynb")
    inputs = table(_people(INPUTS, seed=1).drop(columns="target"))

    def ask(app: Namespace) -> list[float]:
        return [app["predict"](**row) for row in inputs]

    return Project(
        name="structured",
        folder=folder,
        kind="table",
        inputs=inputs,
        classes=(),
        labels=None,
        numbers=np.array(asked(folder, "app.py", ask))[:, None],
        evidence=evidence(
            folder,
            (
                "heart_model.keras",
                "app.py",
                'model = keras.models.load_model("heart_model.keras")',
            ),
        ),
        convert=("heart_model.keras",),
        data="heart.csv",
        target="target",
    )


def _people(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    pains = ["typical", "atypical", "nonanginal", "asymptomatic"]
    rows = pd.DataFrame(
        {
            "age": rng.normal(54, 9, count).clip(29, 77).astype(int),
            "sex": rng.integers(0, 2, count),
            "cp": rng.choice(pains, count),
            "trestbps": rng.normal(131, 17, count).clip(94, 200).astype(int),
            "chol": rng.normal(246, 50, count).clip(126, 564).astype(int),
            "exang": (rng.random(count) < 0.33).astype(int),
            "oldpeak": rng.exponential(1.0, count).clip(0, 6.2).round(1),
            "thal": rng.choice(["normal", "fixed", "reversible"], count, p=[0.55, 0.1, 0.35]),
        }
    )
    risk = (rows["thal"] == "reversible") + rows["exang"] + rows["oldpeak"] / 2
    risk += (rows["cp"] == "asymptomatic") + (rows["age"] - 54) / 20
    rows["target"] = (risk + rng.normal(0, 0.4, count) > 1.4).astype(int)
    return rows
