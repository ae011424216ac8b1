"""What the two picture examples share: pictures, drawn or a user's own, and a CNN trained on them.

The pictures go through edge_deploy.data.preprocessing.image, as they do when the converted
model is asked, so training and serving cannot differ.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_deploy.core.errors import wrong_option
from edge_deploy.core.spec import Array
from edge_deploy.data.preprocessing import image
from edge_deploy.data.preprocessing.decode import decode_image, is_picture
from edge_deploy.examples import folders, training
from edge_deploy.examples.base import Metric, Request

if TYPE_CHECKING:
    from PIL import Image

_DRAWN = 80  # of each class
_MOST = 500  # of each class; 1,000 pictures of 256 x 256 take 0.8 GB
_FEWEST = 5  # of each class: with fewer, none are left to measure on
_SHOWN = 12  # held-out pictures of each class that become the reference
_EPOCHS = 10
_BATCH = 16


@dataclass(frozen=True)
class PictureTask:
    """A question about pictures with two answers.

    Attributes:
        name: Of the example.
        draw: Draws a picture of a class, by label, in the order of the classes.
        preset: The preprocessing.
        size: Of the pictures that the network takes, both ways.
        convolutions: Filters, kernel and stride of each; a pooling follows it.
        answer: The last layer's name, units and activation.
        loss: A Keras loss for class indices.
    """

    name: str
    draw: Mapping[str, Callable[[np.random.Generator], Image.Image]]
    preset: str
    size: int
    convolutions: tuple[tuple[int, int, int], ...]
    answer: tuple[str, int, str]
    loss: str


@dataclass(frozen=True, eq=False)
class _Pictures:
    labels: tuple[str, ...]
    classes: Array
    sources: list[bytes | Path]
    notes: tuple[str, ...]


def train_pictures(task: PictureTask, path: Path, request: Request) -> Metric:
    """Train the task's network and write it with its side files.

    Args:
        task: The question.
        path: The model file, in the example's folder.
        request: The seed, and the user's folder if there is one.

    Raises:
        UsageError: The user's folder cannot be trained on.
    """
    rng = np.random.default_rng(request.seed)
    pictures = _read_folder(task, request.data, rng) if request.data else _draw(task, rng)
    decoded = [decode_image(source) for source in pictures.sources]

    import tf_keras

    model = _network(task)
    shape = (task.size, task.size, 3)
    spec = image.with_size(image.parse_preprocess(task.preset), shape)
    x = np.stack([image.preprocess_image(spec, pixels, shape) for pixels in decoded])
    train, test = _split(pictures.classes, rng)
    training.initialize(model, rng)
    model.compile(tf_keras.optimizers.Adam(1e-3, name="adam"), task.loss, metrics=["accuracy"])
    y = pictures.classes
    training.fit(model, x[train], y[train], rng, epochs=_EPOCHS, batch=_BATCH)
    answers = model.predict(x[test], verbose=0)
    if answers.shape[1] == 1:
        found = (answers[:, 0] > 0.5).astype(np.int64)
    else:
        found = answers.argmax(axis=1)

    training.save(model, path)
    folders.write_labels(path.parent, pictures.labels)
    folders.write_json(path.parent / "preprocessing.json", spec)
    for number, label in enumerate(pictures.labels):
        of_class = [i for i in test if y[i] == number][:_SHOWN]
        write_pictures(path.parent / "reference" / label, [decoded[i] for i in of_class], label)
    return Metric("accuracy", float(np.mean(found == y[test])), pictures.notes)


def _network(task: PictureTask) -> Any:
    """An untrained CNN of Keras 2."""
    from tf_keras import Sequential, layers

    model = Sequential(name=task.name.replace("-", "_"))
    model.add(layers.Input((task.size, task.size, 3), name="picture"))
    for n, (filters, kernel, stride) in enumerate(task.convolutions, start=1):
        model.add(
            layers.Conv2D(filters, kernel, stride, "same", activation="relu", name=f"conv_{n}")
        )
        model.add(layers.MaxPooling2D(name=f"pool_{n}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dense(32, activation="relu", name="hidden"))
    name, units, activation = task.answer
    model.add(layers.Dense(units, activation=activation, name=name))
    return model


def write_pictures(folder: Path, pictures: list[Array], name: str) -> None:
    """Write pictures as PNG, which keeps every pixel as it is."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(pictures, start=1):
        Image.fromarray(pixels).save(folder / f"{name}-{number:02}.png")


def _draw(task: PictureTask, rng: np.random.Generator) -> _Pictures:
    sources: list[bytes | Path] = []
    for draw in task.draw.values():
        for _ in range(_DRAWN):
            buffer = io.BytesIO()
            draw(rng).save(buffer, "BMP")
            sources.append(buffer.getvalue())
    classes = np.repeat(np.arange(len(task.draw)), _DRAWN)
    return _Pictures(tuple(task.draw), classes, sources, ())


def _read_folder(task: PictureTask, folder: Path, rng: np.random.Generator) -> _Pictures:
    """The pictures of a user's folder, at most _MOST of a class."""
    want = "It must hold a subfolder of pictures for each of two classes"
    if not folder.is_dir():
        raise wrong_option("data", folder, f"no such folder. {want}.")
    found = {
        sub.name: sorted(filter(is_picture, sub.rglob("*")))
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".")
    }
    found = {label: files for label, files in found.items() if files}
    if len(found) != len(task.draw):
        there = ", ".join(found) or "none"
        raise wrong_option(
            "data",
            folder,
            f"has {len(found)} subfolders with pictures ({there}); {task.name} tells "
            f"{len(task.draw)} classes apart. {want}, such as {' and '.join(task.draw)}.",
        )
    notes, classes, sources = [], [], []
    for number, (label, files) in enumerate(found.items()):
        if len(files) < _FEWEST:
            raise wrong_option(
                "data",
                folder,
                f"{label} has {len(files)} pictures; at least {_FEWEST} of each class are needed, "
                "some to train on and some to measure on.",
            )
        chosen = files
        if len(files) > _MOST:
            chosen = [files[i] for i in sorted(rng.permutation(len(files))[:_MOST])]
            notes.append(f"{label}: {_MOST} of the {len(files)} pictures were used")
        classes += [number] * len(chosen)
        sources += chosen
    return _Pictures(tuple(found), np.asarray(classes), list(sources), tuple(notes))


def _split(classes: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """A quarter of each class is kept for the measurement."""
    parts = []
    for number in np.unique(classes):
        of_class = np.flatnonzero(classes == number)
        train, test = training.held_out(len(of_class), rng, share=0.25)
        parts.append((of_class[train], of_class[test]))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
