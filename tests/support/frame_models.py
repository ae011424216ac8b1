"""Models over data frames, of every kind of column: a name, and what is fitted on which columns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import calibration, compose, ensemble, impute, preprocessing, tree
from sklearn.feature_extraction import text
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from edge_deploy.core.decimals import shortest_decimals

ROWS = 600
NUMBERS, WORDS = ["age", "fare", "year"], ["sex", "town", "class"]
COLUMNS = (*NUMBERS, *WORDS, "ticket", "member")
REVIEWS = (
    "barang bagus sekali, pengiriman cepat", "kecewa, warnanya beda dgn foto", "élève naïve",
    "mantap bagus bagus", "tidak bagus, rusak", "lumayan lah", "cepat rusak", "BAGUS, terima kasih",
)  # fmt: skip


@functools.cache
def frame() -> pd.DataFrame:
    """Passengers: numbers and words, with missing values, and a column that no model needs."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(1, 80, ROWS).astype(float),
            "ticket": [f"T{n}" for n in range(ROWS)],
            "fare": shortest_decimals(rng.exponential(30, ROWS).astype(np.float32)),
            "sex": rng.choice([" male", " female"], ROWS),  # blanks, as in the UCI's tables
            "town": rng.choice(["S", "C", "Q", "NA-1", "Z"], ROWS, p=[0.6, 0.2, 0.1, 0.06, 0.04]),
            "class": rng.integers(1, 4, ROWS),
            "year": rng.integers(1990, 2025, ROWS),
            "member": rng.random(ROWS) < 0.5,
            "review": rng.choice(REVIEWS, ROWS),
        }
    )
    table.loc[rng.random(ROWS) < 0.2, "age"] = np.nan
    table.loc[rng.random(ROWS) < 0.1, "town"] = np.nan
    return table


@functools.cache
def survived() -> np.ndarray:
    rng = np.random.default_rng(1)
    table = frame()
    score = (table["sex"] == " female") * 2.0 + table["fare"] / 50 - table["class"]
    score += table["review"].str.lower().str.contains("bagus") + rng.normal(0, 0.7, ROWS)
    return np.where(score > 0.4, "yes", "no")


def over(numbers: Any, words: Any, last: Any = None, **options: Any) -> Pipeline:
    """numbers and words through a step each, then a predictor."""
    parts = compose.ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("words", words, WORDS)], **options
    )
    last = LogisticRegression(max_iter=500) if last is None else last
    return make_pipeline(parts, last).fit(frame(), survived())


def filled(*steps: Any) -> Pipeline:
    return make_pipeline(impute.SimpleImputer(strategy="median"), *steps)


def scaled() -> Pipeline:
    return filled(preprocessing.StandardScaler())


def encoder(**options: Any) -> preprocessing.OneHotEncoder:
    return preprocessing.OneHotEncoder(**{"handle_unknown": "ignore", **options})


def ordinal(**options: Any) -> preprocessing.OrdinalEncoder:
    return preprocessing.OrdinalEncoder(
        **{"handle_unknown": "use_encoded_value", "unknown_value": -1, **options}
    )


def forest() -> ensemble.RandomForestClassifier:
    return ensemble.RandomForestClassifier(40, random_state=0)


def union() -> FeatureUnion:
    return FeatureUnion(
        [("scaled", scaled()), ("gaps", impute.MissingIndicator(features="all")),
         ("raw", impute.SimpleImputer())],
        transformer_weights={"scaled": 0.5},
    )  # fmt: skip


def chosen(columns: Any, step: Any, **options: Any) -> Pipeline:
    parts = compose.ColumnTransformer([("chosen", step, columns)], **options)
    table = frame()[list(COLUMNS)]
    return make_pipeline(parts, LogisticRegression(max_iter=500)).fit(table, survived())


def of_texts(vectorizer: Any, *steps: Any) -> Pipeline:
    return make_pipeline(vectorizer, *steps, LogisticRegression()).fit(
        frame()["review"].tolist(), survived()
    )


def histograms(columns: Any, names: list[str], **options: Any) -> Any:
    """Boosting that takes categories itself."""
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=20, min_samples_leaf=5, categorical_features=columns, random_state=0, **options
    )
    table = frame()[names]
    if columns == "from_dtype":
        table = table.astype({name: "category" for name in WORDS if name in names})
    return model.fit(table, survived())


def boosted(columns: Any, **options: Any) -> Any:
    given = {"max_iter": 10, "min_samples_leaf": 5, "random_state": 0, **options}
    return ensemble.HistGradientBoostingClassifier(categorical_features=columns, **given)


def votes(members: list[Any]) -> Any:
    table = frame()[["fare", "town", "sex"]].astype({"town": "category", "sex": "category"})
    named = [(f"m{n}", one) for n, one in enumerate(members)]
    return ensemble.VotingClassifier(named, voting="soft").fit(table, survived())


def regressor(table: pd.DataFrame) -> compose.TransformedTargetRegressor:
    parts = compose.ColumnTransformer([("n", scaled(), NUMBERS), ("w", encoder(), WORDS)])
    return compose.TransformedTargetRegressor(
        make_pipeline(parts, Ridge()), func=np.log1p, inverse_func=np.expm1
    ).fit(table, table["fare"] * 3 + table["class"])


FRAMES: dict[str, Callable[[], Any]] = {
    "impute, scale, one-hot": lambda: over(scaled(), encoder()),
    "impute, scale, one-hot, forest": lambda: over(scaled(), encoder(), forest()),
    "impute by neighbours, splines, one-hot": lambda: over(
        make_pipeline(impute.KNNImputer(), preprocessing.SplineTransformer(extrapolation="linear")),
        encoder()
    ),
    "one-hot without the first": lambda: over(
        scaled(), make_pipeline(impute.SimpleImputer(strategy="most_frequent"),
                                encoder(drop="first", handle_unknown="error"))
    ),
    "one-hot of two": lambda: over(scaled(), encoder(drop="if_binary")),
    "a word for what is missing": lambda: make_pipeline(
        compose.make_column_transformer(
            (make_pipeline(impute.SimpleImputer(strategy="constant", fill_value="none"),
                           encoder()), ["sex", "town"]),
            (scaled(), ["age"]), remainder="drop"),
        LogisticRegression()
    ).fit(frame(), survived()),
    "bins": lambda: over(
        filled(preprocessing.KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf")),
        encoder()
    ),
    "bins by number": lambda: over(
        filled(preprocessing.KBinsDiscretizer(5, encode="ordinal", strategy="uniform")), encoder()
    ),
    "powers": lambda: over(filled(preprocessing.PowerTransformer()), encoder()),
    "powers, positive": lambda: chosen(
        ["fare"], preprocessing.PowerTransformer("box-cox", standardize=False)
    ),
    "quantiles": lambda: over(
        filled(preprocessing.QuantileTransformer(n_quantiles=100)), encoder()
    ),
    "quantiles, normal": lambda: over(
        filled(preprocessing.QuantileTransformer(n_quantiles=600, output_distribution="normal")),
        encoder()
    ),
    "robust, ranges": lambda: over(
        filled(preprocessing.RobustScaler(), preprocessing.MinMaxScaler(clip=True)), encoder()
    ),
    **{
        f"numpy's {function.__name__}": lambda function=function: over(
            filled(preprocessing.MinMaxScaler((0.5, 2)),
                   preprocessing.FunctionTransformer(function)), encoder()
        )
        for function in (np.abs, np.cbrt, np.cos, np.exp, np.exp2, np.expm1, np.log, np.log10,
                         np.log1p, np.log2, np.negative, np.reciprocal, np.sign, np.sin, np.sqrt,
                         np.square, np.tanh)
    },
    "infrequent": lambda: over(
        scaled(), encoder(handle_unknown="infrequent_if_exist", min_frequency=0.15)
    ),
    "infrequent, ignored": lambda: over(scaled(), encoder(min_frequency=0.15, drop="first")),
    "most categories": lambda: over(
        scaled(), encoder(handle_unknown="infrequent_if_exist", max_categories=3), forest()
    ),
    "ordinal": lambda: over(scaled(), ordinal(encoded_missing_value=-2)),
    "ordinal, infrequent": lambda: over(
        scaled(), ordinal(encoded_missing_value=9, min_frequency=0.15), forest()
    ),
    "ordinal, NaN stays": lambda: over(
        "passthrough", ordinal(unknown_value=np.nan), ensemble.HistGradientBoostingClassifier()
    ),
    "target": lambda: over(scaled(), preprocessing.TargetEncoder(random_state=0)),
    "gaps marked": lambda: over(
        impute.SimpleImputer(add_indicator=True), encoder(), forest()
    ),
    "side by side": lambda: over(union(), encoder(sparse_output=False)),
    "weights": lambda: over(scaled(), encoder(), transformer_weights={"words": 0.3}),
    "pandas out": lambda: over(
        scaled().set_output(transform="pandas"), encoder(sparse_output=False)
    ),
    "scaled again": lambda: make_pipeline(
        compose.ColumnTransformer([("n", scaled(), NUMBERS), ("w", encoder(), WORDS)]),
        preprocessing.MaxAbsScaler(), forest()
    ).fit(frame(), survived()),
    "slice": lambda: chosen(slice("age", "year"), scaled()),
    "numbers": lambda: chosen([1, -8], scaled()),
    "mask": lambda: chosen([n < 3 for n in range(len(COLUMNS))], scaled()),
    "selector": lambda: chosen(
        compose.make_column_selector(dtype_include=[object, "str"]), encoder(max_categories=4)
    ),
    "remainder kept": lambda: make_pipeline(
        compose.ColumnTransformer(
            [("n", scaled(), ["age"]), ("w", encoder(), ["town"]), ("no", "drop", ["sex"])],
            remainder="passthrough"),
        forest()
    ).fit(frame()[["town", "class", "age", "sex", "member"]], survived()),
    "booleans": lambda: chosen(["member"], encoder()),
    "imputed, then encoded": lambda: make_pipeline(
        compose.ColumnTransformer(
            [("n", impute.SimpleImputer(), NUMBERS),
             ("w", impute.SimpleImputer(strategy="most_frequent"), WORDS)]),
        compose.ColumnTransformer([("n", "passthrough", [0, 1, 2]), ("w", encoder(), [3, 4, 5])]),
        tree.DecisionTreeClassifier(max_depth=4, random_state=0)
    ).fit(frame(), survived()),
    "searched": lambda: GridSearchCV(
        over(scaled(), encoder()), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ).fit(frame(), survived()),
    "calibrated": lambda: calibration.CalibratedClassifierCV(
        over(scaled(), encoder()), cv=2, method="sigmoid"
    ).fit(frame(), survived()),
    "votes": lambda: ensemble.VotingClassifier(
        [("a", over(scaled(), encoder())), ("b", over(filled(), ordinal(
            encoded_missing_value=-2), forest()))], voting="soft"
    ).fit(frame(), survived()),
    "logarithm of the target": lambda: regressor(frame()),
    "words alone": lambda: make_pipeline(encoder(), LogisticRegression()).fit(
        frame()[WORDS], survived()
    ),
    "words in an array": lambda: make_pipeline(encoder(), LogisticRegression()).fit(
        frame()[["sex", "class"]].to_numpy(object), survived()
    ),
    "categories in boosting": lambda: histograms("from_dtype", [*WORDS, *NUMBERS]),
    "categories by name": lambda: histograms(["town", "class"], ["age", "town", "class"]),
    "categories by place": lambda: histograms([0, 2], ["town", "fare", "class"]),
    "categories by mask": lambda: histograms([False, True, True], ["year", "sex", "member"]),
    "votes of words": lambda: votes([boosted("from_dtype"), boosted("from_dtype", max_iter=3)]),
    "bags of words": lambda: ensemble.BaggingClassifier(
        boosted([0, 2]), n_estimators=4, random_state=0
    ).fit(frame()[["town", "fare", "sex"]], survived()),
    "codes for boosting": lambda: over(
        "passthrough", ordinal(encoded_missing_value=9, unknown_value=10),
        ensemble.HistGradientBoostingClassifier(max_iter=20, categorical_features=[3, 4, 5])
    ),
    "counted": lambda: of_texts(text.CountVectorizer()),
    "tf-idf": lambda: of_texts(text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
    "counted, tf-idf": lambda: of_texts(
        text.CountVectorizer(strip_accents="unicode"), text.TfidfTransformer(norm="l1")
    ),
    "hashed": lambda: of_texts(text.HashingVectorizer(n_features=256)),
    "text beside columns": lambda: make_pipeline(
        compose.ColumnTransformer(
            [("n", scaled(), NUMBERS), ("t", text.TfidfVectorizer(), "review"),
             ("w", encoder(), WORDS)]),
        LogisticRegression(max_iter=500)
    ).fit(frame(), survived()),
}  # fmt: skip


def parts(model: Any) -> list[Any]:
    """A model and all steps in it, however deep."""
    inner = [one for one in (getattr(model, "best_estimator_", None),) if one is not None]
    for name in ("steps", "transformers_", "transformer_list", "estimators"):
        inner += [entry[1] for entry in getattr(model, name, ())]
    return [model, *(part for one in inner for part in parts(one))]
