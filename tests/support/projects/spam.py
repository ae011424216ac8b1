"""Whether a message is spam: a TfidfVectorizer and a MultinomialNB, in files with odd names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, notebook, train, write

CELLS = (
    "# SMS spam classifier",
    """
import pandas as pd
import pickle
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.model_selection import train_test_split
from sklearn.metrics import accuracy_score, precision_score
""",
    """
df = pd.read_csv('sms spam.csv', encoding='latin-1')
df = df.rename(columns={'v1': 'target', 'v2': 'text'})
df['target'] = df['target'].map({'ham': 0, 'spam': 1})
df = df.drop_duplicates(keep='first')
""",
    """
tfidf = TfidfVectorizer(max_features=3000, stop_words='english')
X = tfidf.fit_transform(df['text'])
y = df['target'].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=2)
""",
    """
mnb = MultinomialNB()
mnb.fit(X_train, y_train)
y_pred = mnb.predict(X_test)
print(accuracy_score(y_test, y_pred), precision_score(y_test, y_pred))
""",
    """
pickle.dump(tfidf, open('tfidf vectorizer.pkl', 'wb'))
pickle.dump(mnb, open('spam-model (1).pkl', 'wb'))
""",
)

APP = """
import streamlit as st
import pickle

tfidf = pickle.load(open('tfidf vectorizer.pkl', 'rb'))
model = pickle.load(open('spam-model (1).pkl', 'rb'))


def classify(message):
    vector_input = tfidf.transform([message])
    result = model.predict(vector_input)[0]
    proba = model.predict_proba(vector_input)[0]
    return result, proba


st.title("Email/SMS Spam Classifier")

input_sms = st.text_area("Enter the message")

if st.button('Predict'):
    result, proba = classify(input_sms)
    if result == 1:
        st.header("Spam")
    else:
        st.header("Not Spam")
"""

SPAM = (
    "You have WON a £{} prize",
    "Call 0800 {} now",
    "FREE entry, text WIN to {}",
    "Claim your {} reward today",
    "Cheap loans, {} approved",
    "URGENT: account {} is locked",
)
HAM = (
    "see you at {} tomorrow",
    "I'll be home by {}, don't wait",
    "did you read page {} for class",
    "the train is {} minutes late",
    "happy birthday! {} already?",
    "lunch at {}?",
)


def build(folder: Path) -> Project:
    """Fit the vectorizer and the classifier, and ask the app about messages of its kind."""
    known = _messages(300)
    known.to_csv(folder / "sms spam.csv", index=False, encoding="latin-1")
    needs = "streamlit\nscikit-learn\npandas\n"
    write(folder, {"app.py": APP, "sms-spam-detection.ipynb": notebook(*CELLS)})
    write(folder, {"requirements.txt": needs})
    train(folder, "sms-spam-detection.ipynb")
    inputs = ("", "Größe 東京 🎂", 'a "quoted, text"\nFREE', *_messages(INPUTS - 3, seed=1)["v2"])

    def ask(app: Namespace) -> list[tuple[int, list[float]]]:
        return [app["classify"](message) for message in inputs]

    answers = asked(folder, "app.py", ask)
    classes = ("Not Spam", "Spam")
    return Project(
        name="spam",
        folder=folder,
        kind="text",
        inputs=inputs,
        classes=classes,
        labels=tuple(classes[result] for result, _ in answers),
        numbers=np.array([proba for _, proba in answers]),
        evidence=evidence(
            folder,
            (
                "tfidf vectorizer.pkl",
                "app.py",
                "tfidf = pickle.load(open('tfidf vectorizer.pkl', 'rb'))",
            ),
            (
                "spam-model (1).pkl",
                "app.py",
                "model = pickle.load(open('spam-model (1).pkl', 'rb'))",
            ),
        ),
        convert=("tfidf vectorizer.pkl", "spam-model (1).pkl", "--labels=Not Spam,Spam"),
        data="sms spam.csv",
        target="v1",
    )


def _messages(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        kind = str(rng.choice(["ham", "spam"], p=[0.6, 0.4]))
        parts = rng.choice(SPAM if kind == "spam" else HAM, rng.integers(1, 4))
        rows.append((kind, ". ".join(part.format(rng.integers(2, 999)) for part in parts)))
    return pd.DataFrame(rows, columns=["v1", "v2"])
