"""Classifiers of short messages, in English and Indonesian, and what to ask them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

SPAM = """
Congratulations! You have WON a free prize, call 0800 123 456 now
FREE entry in our weekly competition, text WIN to 80086
Urgent: your account is locked, click http://bank.example/login today
Cheap loans approved in minutes, no questions asked!!!
Claim your cash reward of £500 before midnight
Hot offer: buy one, get two free, limited stock
You are our lucky winner, send your bank details
Lose 10 kg in a week with this secret pill
SELAMAT! Nomor Anda memenangkan hadiah Rp50.000.000, hubungi kami
Pinjaman cepat cair tanpa jaminan, bunga 0%, klik tautan ini
Promo GILA: diskon 90% hanya hari ini, beli sekarang juga!
Anda terpilih sebagai pemenang undian, segera kirim data rekening
Dapatkan uang jutaan rupiah tiap hari dari rumah, gratis daftar
Situs judi terpercaya, bonus member baru 100%, gacor!
Akun Anda diblokir, klik di sini untuk verifikasi sekarang
Jual obat kuat murah, pesan lewat WA 0812-3456-7890
""".strip().split("\n")
HAM = """
Are we still meeting for lunch tomorrow at noon?
I'll be home late, don't wait with dinner
Can you send me the report before the meeting please
Happy birthday! Hope you have a lovely day 🎂
The train is delayed, I will call you from the station
Thanks for the notes, they helped me a lot
Mum says hello, she liked the café in Zürich
Did you finish the homework for Monday's class?
Besok rapat jam 9 di kantor, jangan lupa bawa laporan ya
Ibu sudah masak rendang, pulangnya jangan terlalu malam
Aku tunggu di stasiun, keretanya terlambat sepuluh menit
Terima kasih catatannya, sangat membantu buat ujian
Selamat ulang tahun, semoga sehat selalu 🙏
Adik sakit, tolong belikan obat di apotek dekat rumah
Anak-anak sedang bermain layang-layang di lapangan
Maaf baru balas, tadi hujan deras dan sinyalnya hilang
""".strip().split("\n")
ASKED = [
    "Congratulations, you won a FREE holiday! Call now",
    "Selamat, Anda memenangkan hadiah GRATIS 🎁 klik sekarang",
    "see you at the café tomorrow, don't be late",
    "tolong bawa laporan rapat besok pagi ya, terima kasih",
    "",
    "İSTANBUL STRASSE straße CAFE\u0301 ﬁnd ÉLÈVE \u00a0 tab\there",
    "東京で会いましょう free 🙏🏽🇮🇩 اليوم",
    'a "quoted, text", with commas;\nand a second line',
    " ".join(f"kata{n} free besok hadiah!" for n in range(3000)),
]


def frame() -> pd.DataFrame:
    """Messages beside a number and a category."""
    rng = np.random.default_rng(0)
    texts = [*SPAM, *HAM]
    hour = rng.normal([3.0] * len(SPAM) + [13.0] * len(HAM), 2.0).round(1)
    channel = rng.choice(["sms", "email", "wa"], len(texts))
    return pd.DataFrame({"hour": hour, "message": texts, "channel": channel})


def labels() -> list[str]:
    """What each message is."""
    return ["spam"] * len(SPAM) + ["ham"] * len(HAM)


HASHED = HashingVectorizer(analyzer="char", ngram_range=(3, 3), n_features=256)
WORDS = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
CHARACTERS = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), strip_accents="unicode")


def of_texts(vectorizer: Any, classifier: Any) -> Any:
    return make_pipeline(vectorizer, classifier).fit([*SPAM, *HAM], labels())


def beside_columns() -> Any:
    columns = make_column_transformer(
        (StandardScaler(), ["hour"]),
        (make_union(TfidfVectorizer(ngram_range=(1, 2)), HASHED), "message"),
        (OneHotEncoder(handle_unknown="ignore"), ["channel"]),
        (CountVectorizer(binary=True, max_features=50), "message"),
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame(), labels())


MODELS: dict[str, Callable[[], Any]] = {
    "tf-idf": lambda: of_texts(
        TfidfVectorizer(ngram_range=(1, 2), strip_accents="unicode", sublinear_tf=True),
        LogisticRegression(C=10),
    ),
    "char counts": lambda: of_texts(
        CountVectorizer(analyzer="char_wb", ngram_range=(2, 4), binary=True), MultinomialNB()
    ),
    "l1 and stop words": lambda: of_texts(
        TfidfVectorizer(norm="l1", stop_words="english", strip_accents="ascii"),
        MultinomialNB(alpha=0.1),
    ),
    "hashed": lambda: of_texts(HashingVectorizer(n_features=1 << 12), LinearSVC()),
    "words given": lambda: of_texts(
        CountVectorizer(vocabulary=["free", "hadiah", "klik", "besok", "ya", "meeting"]),
        LogisticRegression(),
    ),
    "words and characters": lambda: of_texts(
        FeatureUnion(
            [("words", WORDS), ("characters", CHARACTERS)], transformer_weights={"words": 0.5}
        ),
        LogisticRegression(C=10),
    ),
    "beside columns": beside_columns,
}
fitted = cache(lambda name: MODELS[name]())


def rows(name: str, texts: list[str], odd: str = "fax") -> list[dict[str, str]]:
    """Rows to ask a model, as a form or a CSV gives them; a CSV has categories of its own."""
    if name != "beside columns":
        return [{"text": text} for text in texts]
    return [
        {"hour": f"{n % 24}.5", "message": text, "channel": ("sms", "wa", odd)[n % 3]}
        for n, text in enumerate(texts)
    ]


def theirs(name: str, asked: list[dict[str, str]]) -> np.ndarray:
    """scikit-learn's own answers to the texts: probabilities, or else the decision."""
    model = fitted(name)
    given: Any = [row["text"] for row in asked if "text" in row]
    if name == "beside columns":
        given = pd.DataFrame(asked).astype({"hour": float})
    ask = getattr(model, "predict_proba", None) or model.decision_function
    return np.asarray(ask(given)).reshape(len(asked), -1)
