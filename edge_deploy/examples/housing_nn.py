"""housing-nn: a 13-8-1 network of Keras 3 with its normalization inside, on ``housing``."""

from __future__ import annotations

from pathlib import Path

from edge_deploy.examples.base import Example, Metric, Request


def _build(folder: Path, request: Request) -> Metric:
    import keras
    import numpy as np

    from edge_deploy.examples import housing, training

    rng = np.random.default_rng(request.seed)
    x, price = housing.make(rng)
    train, test = training.held_out(len(x), rng)
    # Given, not adapted: numpy's float64 sums are the same on every machine.
    normalization = keras.layers.Normalization(
        mean=x[train].mean(axis=0), variance=x[train].var(axis=0), name="normalization"
    )
    model = keras.Sequential(
        [
            keras.layers.Input((13,), name="features"),
            normalization,
            keras.layers.Dense(8, activation="relu", name="hidden"),
            keras.layers.Dense(1, name="price"),
        ],
        name="housing_nn",
    )
    training.initialize(model, rng)
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, price[train].mean(keepdims=True)])  # a start that is near
    model.compile(keras.optimizers.Adam(0.01, name="adam"), "mean_squared_error")
    inputs = x.astype(np.float32)
    training.fit(model, inputs[train], price[train, None], rng, epochs=60, batch=32)
    training.save(model, folder / EXAMPLE.model)
    housing.write_side_files(folder, x[test], price[test])
    predicted = model.predict(inputs[test], verbose=0)[:, 0]
    return Metric("r2", training.r2(price[test], predicted))


EXAMPLE = Example(
    name="housing-nn",
    title="What is a house worth? (network)",
    summary="A 13-8-1 network of Keras 3 with its Normalization layer inside, saved as .keras.",
    toy="A toy: towns and prices come out of a formula. scikit-learn dropped the real data set for "
    "its column B; here B is made up and the price does not depend on it.",
    model="housing-nn.keras",
    build=_build,
)
