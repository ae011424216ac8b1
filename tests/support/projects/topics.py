"""What a headline is about: a network with its TextVectorization inside, .keras or SavedModel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, train, write

TRAIN = """
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

df = pd.read_csv("news.csv")
class_names = ["business", "science", "sport", "weather"]
X = df["headline"].values.astype(str)
y = df["topic"].map(class_names.index).values

vectorize_layer = layers.TextVectorization(
    max_tokens=500,
    output_mode="int",
    output_sequence_length=20,
)
vectorize_layer.adapt(X)

model = keras.Sequential([
    keras.Input(shape=(1,), dtype=tf.string),
    vectorize_layer,
    layers.Embedding(500, 16),
    layers.GlobalAveragePooling1D(),
    layers.Dense(16, activation="relu"),
    layers.Dense(len(class_names), activation="softmax"),
])
model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
model.fit(tf.constant(X), y, epochs=12, batch_size=16, verbose=0)

model.save("news_classifier.keras")
"""  # noqa: E501 -- as people write it

APP = """
import numpy as np
import tensorflow as tf
from flask import Flask, jsonify, request

app = Flask(__name__)

class_names = ["business", "science", "sport", "weather"]
model = tf.keras.models.load_model("news_classifier.keras")


def classify(headline):
    probs = model.predict(tf.constant([[headline]]))[0]
    return class_names[np.argmax(probs)], probs


@app.route("/predict", methods=["POST"])
def predict():
    headline = request.form["headline"]
    topic, probs = classify(headline)
    return jsonify(topic=topic, confidence=float(np.max(probs)))


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
"""

SAVED = (
    (
        'model = tf.keras.models.load_model("news_classifier.keras")',
        'model = tf.saved_model.load("news_classifier")',
    ),
    (
        "    probs = model.predict(tf.constant([[headline]]))[0]",
        "    probs = model.serve(tf.constant([[headline]])).numpy()[0]",
    ),
    ('model.save("news_classifier.keras")', 'model.export("news_classifier", verbose=False)'),
)

WORDS = {
    "business": "shares bank profit market prices company deal trade rates jobs".split(),  # noqa: SIM905
    "science": "scientists planet study cells telescope species gene atoms fossil robot".split(),  # noqa: SIM905
    "sport": "match goal team coach final league striker race medal season".split(),  # noqa: SIM905
    "weather": "rain storm flood snow heat wind forecast clouds drought cold".split(),  # noqa: SIM905
}
PLAIN = "new after over the in as says today's for and first -- 2026's could 'again' U.S.".split()  # noqa: SIM905


def build(folder: Path, *, saved_model: bool = False) -> Project:
    """Train the network, and ask the app about headlines that it has not seen.

    Args:
        folder: Where it goes.
        saved_model: Whether the model is exported to a SavedModel, and the app takes that.
    """
    known = _headlines(300)
    known.to_csv(folder / "news.csv", index=False)
    scripts = {"app.py": APP, "train.py": TRAIN}
    if saved_model:
        for plain, changed in SAVED:
            scripts = {name: text.replace(plain, changed) for name, text in scripts.items()}
    write(folder, {**scripts, "requirements.txt": "flask\ntensorflow==2.16.1\nnumpy\n"})
    train(folder, "train.py")
    odd = ("", "   ", "naïve CAFÉ, déjà-vu: 東京!", "rain\tRAIN\nrain", "don't (panic) [yet]")
    inputs = (*odd, *_headlines(INPUTS - len(odd), seed=1)["headline"])

    def ask(app: Namespace) -> list[tuple[str, list[float]]]:
        return [app["classify"](headline) for headline in inputs]

    answers = asked(folder, "app.py", ask)
    model = "news_classifier" if saved_model else "news_classifier.keras"
    line = SAVED[0][saved_model]
    return Project(
        name="topics",
        folder=folder,
        kind="text",
        inputs=inputs,
        classes=tuple(WORDS),
        labels=tuple(label for label, _ in answers),
        numbers=np.array([probabilities for _, probabilities in answers], np.float64),
        evidence=evidence(folder, (model, "app.py", line)),
        convert=(model, f"--labels={','.join(WORDS)}"),
        data="news.csv",
        target="topic",
    )


def _headlines(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        topic = str(rng.choice(list(WORDS)))
        words = [
            str(rng.choice(WORDS[topic] if rng.random() < 0.5 else PLAIN))
            for _ in range(rng.integers(3, 24))
        ]
        rows.append((" ".join(words).capitalize(), topic))
    return pd.DataFrame(rows, columns=["headline", "topic"])
