"""fraud-forest: a random forest of scikit-learn that looks for fraud in card payments.

The 10,000 payments are generated. A customer pays about an average of their own; a terminal has
a risk, which is the share of fraud seen there lately. The chance of a fraud is the logistic of

    -6 + 1.1 * log2(amount / customer_avg_amount) + 1.2 * at_night + 0.4 * weekend
       + 9 * terminal_risk

(with a ratio below 1 taken as 1), so a few per cent of the payments are frauds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_deploy.examples import folders
from edge_deploy.examples.base import Example, Metric, Request

_PAYMENTS = 10_000
_SHOWN = 200  # held-out rows that become the reference
_NO_YES = ("no", "yes")
_LABELS = ("genuine", "fraud")


_FEATURES = {
    "features": [
        folders.number("amount", 0, 2000, 0.01, 60, unit="EUR"),
        folders.category("weekend", _NO_YES, "ordinal"),
        folders.category("at_night", _NO_YES, "ordinal"),
        folders.number("customer_avg_amount", 0, 500, 0.01, 50, unit="EUR"),
        folders.number("terminal_risk", 0, 1, 0.001, 0.02),
    ],
    "target": {"name": "payment"},
}


def _build(folder: Path, request: Request) -> Metric:
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    from edge_deploy.examples import training

    rng = np.random.default_rng(request.seed)
    average = np.clip(rng.lognormal(3.8, 0.6, _PAYMENTS), 5, 500).round(2)
    amount = np.clip(average * rng.lognormal(-0.1, 0.8, _PAYMENTS), 0.5, 2000).round(2)
    weekend = rng.random(_PAYMENTS) < 2 / 7
    at_night = rng.random(_PAYMENTS) < 0.15
    risk = np.where(rng.random(_PAYMENTS) < 0.08, rng.beta(2, 3, _PAYMENTS), 0)
    risk = np.clip(risk + rng.beta(1, 60, _PAYMENTS), 0, 1).round(3)
    ratio = np.log2(np.maximum(1, amount / average))
    chance = 1 / (1 + np.exp(6 - 1.1 * ratio - 1.2 * at_night - 0.4 * weekend - 9 * risk))
    fraud = (rng.random(_PAYMENTS) < chance).astype(np.int64)
    x = np.stack([amount, weekend, at_night, average, risk], axis=1).astype(np.float64)

    train, test = training.held_out(_PAYMENTS, rng, share=0.3)
    model = RandomForestClassifier(
        n_estimators=60,
        max_depth=8,
        min_samples_leaf=4,
        class_weight="balanced",
        random_state=request.seed,
    ).fit(x[train], fraud[train])
    joblib.dump(model, folder / EXAMPLE.model, compress=3)
    folders.write_json(folder / "features.json", _FEATURES)
    folders.write_labels(folder, _LABELS)
    shown = _some_of_both(test, fraud)
    columns = {
        "amount": amount[shown].tolist(),
        "weekend": [_NO_YES[int(value)] for value in weekend[shown]],
        "at_night": [_NO_YES[int(value)] for value in at_night[shown]],
        "customer_avg_amount": average[shown].tolist(),
        "terminal_risk": risk[shown].tolist(),
    }
    folders.write_reference(folder, columns, [_LABELS[value] for value in fraud[shown]])
    score = roc_auc_score(fraud[test], model.predict_proba(x[test])[:, 1])
    return Metric("roc_auc", float(score))


def _some_of_both(test: Any, fraud: Any) -> Any:
    """Held-out rows with all their frauds, which a first few hundred would hardly hold."""
    import numpy as np

    frauds, genuine = test[fraud[test] == 1], test[fraud[test] == 0]
    return np.sort(np.concatenate([frauds, genuine])[:_SHOWN])


EXAMPLE = Example(
    name="fraud-forest",
    title="Is this payment a fraud?",
    summary="A scikit-learn RandomForestClassifier over five facts about a card payment.",
    toy="A toy: the payments come out of a formula.",
    model="fraud-forest.joblib",
    build=_build,
)
