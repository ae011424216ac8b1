"""Which fruit a picture shows: size, scale and names stand only in the app around the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, train, write

APP = """
import numpy as np
import streamlit as st
from PIL import Image
from tensorflow.keras.models import load_model

st.set_page_config(page_title='Fruit classifier')

class_names = ['Apple', 'Banana', 'Grape', 'Orange']

model = load_model('fruit_cnn.h5')


def predict(image):
    img = image.convert('RGB')
    img = img.resize((64, 64))
    img_array = np.array(img) / 255.0
    img_array = np.expand_dims(img_array, axis=0)
    predictions = model.predict(img_array)
    return class_names[np.argmax(predictions[0])], predictions[0]


st.title('Fruit classifier')
uploaded_file = st.file_uploader('Choose an image...', type=['jpg', 'jpeg', 'png'])

if uploaded_file is not None:
    image = Image.open(uploaded_file)
    st.image(image, caption='Uploaded image')
    label, probs = predict(image)
    st.write(f'Prediction: {label} ({100 * np.max(probs):.1f} %)')
"""

TRAIN = """
import numpy as np
from tensorflow.keras import layers, models

model = models.Sequential([
    layers.Input(shape=(64, 64, 3)),
    layers.Conv2D(8, (3, 3), activation='relu'),
    layers.MaxPooling2D(4),
    layers.Conv2D(16, (3, 3), activation='relu'),
    layers.MaxPooling2D(4),
    layers.Flatten(),
    layers.Dense(4, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
pictures = np.load('pictures.npz')
model.fit(pictures['x'] / 255.0, pictures['y'], epochs=14, batch_size=16, verbose=0)
model.save('fruit_cnn.h5')
"""
"""Ran in a notebook elsewhere: neither it nor its pictures are in the folder."""

CLASSES = ("Apple", "Banana", "Grape", "Orange")
COLOURS = ((190, 30, 40), (235, 210, 60), (110, 50, 130), (240, 140, 30))


def build(folder: Path) -> Project:
    """Train the network, and show the app pictures of many sizes and kinds of PNG."""
    write(folder, {"app.py": APP, "train.py": TRAIN})
    write(folder, {"requirements.txt": "streamlit\ntensorflow\nPillow\n"})
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, 160)
    small = [np.asarray(_picture(kind, rng).convert("RGB").resize((64, 64))) for kind in kinds]
    np.savez(folder / "pictures.npz", x=np.stack(small), y=kinds)
    train(folder, "train.py")
    for name in ("train.py", "pictures.npz"):
        (folder / name).unlink()
    inputs = _files(folder / "test images")

    def ask(app: Namespace) -> list[tuple[str, NDArray[np.float32]]]:
        return [app["predict"](Image.open(path)) for path in inputs]

    answers = asked(folder, "app.py", ask)
    return Project(
        name="fruit",
        folder=folder,
        kind="picture",
        inputs=inputs,
        classes=CLASSES,
        labels=tuple(label for label, _ in answers),
        numbers=np.array([probabilities for _, probabilities in answers], np.float64),
        evidence=evidence(folder, ("fruit_cnn.h5", "app.py", "model = load_model('fruit_cnn.h5')")),
        convert=("fruit_cnn.h5", "--preprocess=unit", f"--labels={','.join(CLASSES)}"),
    )


def _files(folder: Path) -> tuple[Path, ...]:
    folder.mkdir()
    rng, paths = np.random.default_rng(1), []
    for number in range(INPUTS):
        picture = _picture(int(rng.integers(0, 4)), rng)
        mode = ("RGBA", "P", "L")[number % 3] if number % 10 == 0 else "RGB"
        path = folder / f"img_{number:03}.png"
        picture.convert(mode).save(path)
        paths.append(path)
    return tuple(paths)


def _picture(kind: int, rng: np.random.Generator) -> Image.Image:
    """A fruit on a noisy table, somewhere, of some size."""
    width, height = (int(side) for side in rng.integers(48, 140, 2))
    ground = rng.normal(rng.integers(60, 220), 14, (height, width, 3)).clip(0, 255)
    picture = Image.fromarray(ground.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    colour = tuple(int(level) for level in rng.normal(COLOURS[kind], 12).clip(0, 255))
    side = min(width, height) * rng.uniform(0.5, 0.8)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    if kind == 1:  # long
        draw.ellipse((left, top + side / 3, left + side, top + side * 2 / 3), fill=colour)
    elif kind == 2:  # many
        for x in (0, 0.35, 0.7):
            for y in (0, 0.35, 0.7):
                corner = left + x * side, top + y * side
                draw.ellipse((*corner, corner[0] + side / 3, corner[1] + side / 3), fill=colour)
    else:
        draw.ellipse((left, top, left + side, top + side), fill=colour)
    return picture
