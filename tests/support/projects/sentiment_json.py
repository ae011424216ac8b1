"""What a review feels like: an LSTM over ids of a tokenizer.json, padded behind, in FastAPI."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.projects import INPUTS, Project
from tests.support.projects.reviews import reviews
from tests.support.projects.scripts import Namespace, asked, evidence, notebook, train, write

CELLS = (
    """
import json
import pandas as pd
import tensorflow as tf
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences
""",
    """
VOCAB_SIZE = 1000
MAX_LENGTH = 30
TRUNC_TYPE = 'post'
PADDING_TYPE = 'post'
OOV_TOK = '<OOV>'
""",
    """
df = pd.read_csv('../data/reviews.csv')
class_names = ['negative', 'neutral', 'positive']
labels = df['sentiment'].map({name: i for i, name in enumerate(class_names)}).values
""",
    """
tokenizer = Tokenizer(num_words=VOCAB_SIZE, oov_token=OOV_TOK)
tokenizer.fit_on_texts(df['review'])
sequences = tokenizer.texts_to_sequences(df['review'])
padded = pad_sequences(sequences, maxlen=MAX_LENGTH, padding=PADDING_TYPE, truncating=TRUNC_TYPE)
""",
    """
model = tf.keras.Sequential([
    tf.keras.layers.Input(shape=(MAX_LENGTH,)),
    tf.keras.layers.Embedding(VOCAB_SIZE, 16),
    tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(8)),
    tf.keras.layers.Dense(16, activation='relu'),
    tf.keras.layers.Dense(3, activation='softmax')
])
model.compile(loss='sparse_categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(padded, labels, epochs=8, batch_size=16, verbose=0)
""",
    """
model.save('../backend/model/sentiment_model.keras')
tokenizer_json = tokenizer.to_json()
with open('../backend/model/tokenizer.json', 'w', encoding='utf-8') as f:
    f.write(json.dumps(tokenizer_json, ensure_ascii=False))
""",
)

MAIN = """
import json
import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import tokenizer_from_json

app = FastAPI(title="Review sentiment API")

MODEL_DIR = "model"
MAX_LENGTH = 30
CLASS_NAMES = ["negative", "neutral", "positive"]

model = load_model(os.path.join(MODEL_DIR, "sentiment_model.keras"))

with open(os.path.join(MODEL_DIR, "tokenizer.json"), encoding="utf-8") as f:
    data = json.load(f)
    tokenizer = tokenizer_from_json(data)


class Review(BaseModel):
    text: str


@app.get("/")
def root():
    return {"message": "Send a review to /predict"}


@app.post("/predict")
def predict(review: Review):
    sequence = tokenizer.texts_to_sequences([review.text])
    padded = pad_sequences(sequence, maxlen=MAX_LENGTH, padding="post", truncating="post")
    prediction = model.predict(padded)[0]
    index = int(np.argmax(prediction))
    return {
        "sentiment": CLASS_NAMES[index],
        "confidence": float(prediction[index]),
        "probabilities": prediction.tolist(),
    }
"""


def build(folder: Path) -> Project:
    """Train the network, and post reviews that it has not seen."""
    for name in ("backend/model", "data", "training"):
        (folder / name).mkdir(parents=True)
    reviews(300, plain=True).to_csv(folder / "data/reviews.csv", index=False)
    needs = "fastapi\nuvicorn[standard]\npydantic\ntensorflow\nnumpy\n"
    files = {"backend/main.py": MAIN, "training/train.ipynb": notebook(*CELLS)}
    write(folder, {**files, "backend/requirements.txt": needs})
    train(folder, "training/train.ipynb")
    inputs = tuple(reviews(INPUTS, seed=1, plain=True)["review"])

    def ask(main: Namespace) -> list[dict[str, object]]:
        return [main["predict"](main["Review"](text=text)) for text in inputs]

    answers = asked(folder, "backend/main.py", ask)
    return Project(
        name="sentiment_json",
        folder=folder,
        kind="text",
        inputs=inputs,
        classes=("negative", "neutral", "positive"),
        labels=tuple(answer["sentiment"] for answer in answers),
        numbers=np.array([answer["probabilities"] for answer in answers]),
        evidence=evidence(
            folder,
            (
                "backend/model/sentiment_model.keras",
                "backend/main.py",
                'model = load_model(os.path.join(MODEL_DIR, "sentiment_model.keras"))',
            ),
            (
                "backend/model/tokenizer.json",
                "backend/main.py",
                'with open(os.path.join(MODEL_DIR, "tokenizer.json"), encoding="utf-8") as f:',
            ),
        ),
        convert=(
            "backend/model/tokenizer.json",
            "backend/model/sentiment_model.keras",
            "--pad=maxlen=30,padding=post,truncating=post",
            "--labels=negative,neutral,positive",
        ),
        data="data/reviews.csv",
        target="sentiment",
    )
