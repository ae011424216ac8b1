"""Whether a review is pleased: an LSTM over token ids of a pickled Tokenizer, padded in front."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.projects import INPUTS, Project
from tests.support.projects.reviews import reviews
from tests.support.projects.scripts import Namespace, asked, evidence, train, write

TRAIN = """
import pickle
import numpy as np
import pandas as pd
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Embedding, LSTM, Dense

df = pd.read_csv('reviews.csv')
texts = df['review'].tolist()
labels = (df['sentiment'] == 'positive').astype(int).values

max_words = 500
maxlen = 40

tokenizer = Tokenizer(num_words=max_words, oov_token='<OOV>')
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
X = pad_sequences(sequences, maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_words, 16))
model.add(LSTM(16))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
model.fit(X, labels, epochs=6, batch_size=16, verbose=0)

model.save('sentiment_lstm.h5')
with open('tokenizer.pickle', 'wb') as handle:
    pickle.dump(tokenizer, handle, protocol=pickle.HIGHEST_PROTOCOL)
"""

PREDICT = """
import pickle
from tensorflow.keras.models import load_model
from tensorflow.keras.preprocessing.sequence import pad_sequences

MAX_LEN = 40

model = load_model('sentiment_lstm.h5')
with open('tokenizer.pickle', 'rb') as handle:
    tokenizer = pickle.load(handle)


def predict_sentiment(text):
    seq = tokenizer.texts_to_sequences([text])
    padded = pad_sequences(seq, maxlen=MAX_LEN)
    score = model.predict(padded)[0][0]
    label = 'Positive' if score > 0.5 else 'Negative'
    return label, float(score)


if __name__ == '__main__':
    while True:
        review = input('Enter a review: ')
        label, score = predict_sentiment(review)
        print(f'{label} ({score:.3f})')
"""


def build(folder: Path) -> Project:
    """Train the network, and ask the script about reviews that it has not seen."""
    known = reviews(300)
    known.to_csv(folder / "reviews.csv", index=False)
    files = {"train.py": TRAIN, "predict.py": PREDICT}
    write(folder, {**files, "requirements.txt": "tensorflow\nnumpy\npandas\n"})
    train(folder, "train.py")
    inputs = tuple(reviews(INPUTS, seed=1)["review"])

    def ask(script: Namespace) -> list[tuple[str, float]]:
        return [script["predict_sentiment"](text) for text in inputs]

    answers = asked(folder, "predict.py", ask)
    return Project(
        name="sentiment",
        folder=folder,
        kind="text",
        inputs=inputs,
        classes=("Negative", "Positive"),
        labels=tuple(label for label, _ in answers),
        numbers=np.array([score for _, score in answers])[:, None],
        evidence=evidence(
            folder,
            ("sentiment_lstm.h5", "predict.py", "model = load_model('sentiment_lstm.h5')"),
            ("tokenizer.pickle", "predict.py", "with open('tokenizer.pickle', 'rb') as handle:"),
        ),
        convert=(
            "tokenizer.pickle",
            "sentiment_lstm.h5",
            "--pad=maxlen=40",
            "--threshold=0.5",
            "--labels=Negative,Positive",
        ),
        data="reviews.csv",
        target="sentiment",
    )
