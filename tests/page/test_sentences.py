"""A sentence typed into the page of a trained network of words: the answers of its own script."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import ConvertOptions, convert, run
from edge_deploy.api.demo import build_demo
from edge_deploy.core.errors import UsageError
from edge_deploy.web.browser import Browser
from tests.page.conftest import served

pytestmark = pytest.mark.slow

GOOD, BAD = "good great lovely bagus fine superb", "bad awful poor jelek boring weak"
REST = "the film was a story and i saw it there today with my friend"
MAXLEN = 12
ASKED = [
    "What a LOVELY film, bagus!",
    "boring\tstory; awful\nfilm...",
    "",
    "ŞİŞLİ 🙏 ΟΔΟΣ film film film film film film film film film film film film film weak",
]


def sentences(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    texts = []
    for label in labels:
        words = [*rng.choice(REST.split(), rng.integers(3, 9))]
        words += [*rng.choice((GOOD if label else BAD).split(), 2)]
        texts.append(" ".join(rng.permutation(words)).capitalize() + "!")
    return texts, labels


def network(folder: Path) -> Any:
    """Train a small one, and save it as people do; what its script answers to a text."""
    import tf_keras as keras
    from tf_keras.preprocessing.sequence import pad_sequences
    from tf_keras.preprocessing.text import Tokenizer

    keras.utils.set_random_seed(0)
    texts, labels = sentences(300, 0)
    tokenizer = Tokenizer(num_words=30, oov_token="<OOV>")
    tokenizer.fit_on_texts(texts)

    def rows(asked: list[str]) -> np.ndarray:
        made = tokenizer.texts_to_sequences(asked)
        return pad_sequences(made, MAXLEN, padding="post", truncating="pre")

    layers = keras.layers
    model = keras.Sequential(
        # By its place in the row, so that padding on the wrong side shows.
        [
            layers.Embedding(30, 4, input_length=MAXLEN),
            layers.Flatten(),
            layers.Dense(1, "sigmoid", name="dense"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    model.fit(rows(texts), labels, epochs=20, verbose=0)
    model.save(folder / "sentiment.h5")
    (folder / "tokenizer.pickle").write_bytes(pickle.dumps(tokenizer))
    (folder / "labels.txt").write_text("negative\npositive\n")
    with (folder / "reviews.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["review", "stars", "label"])
        table.writerows((text, 3, label) for text, label in zip(texts[:60], labels, strict=False))
    return lambda asked: model.predict(rows(asked), verbose=0)[:, 0]


def test_a_sentence_is_answered_as_by_its_own_script(tmp_path: Path, browser: Browser) -> None:
    script = network(tmp_path)
    steps = [f"{tmp_path / 'tokenizer.pickle'}@review", tmp_path / "sentiment.h5"]
    pad = f"maxlen={MAXLEN},padding=post,truncating=pre"
    options = ConvertOptions(
        output=tmp_path / "artifacts", reference=tmp_path / "reviews.csv", pad=pad,
        labels=tmp_path / "labels.txt",
    )  # fmt: skip
    made = convert(steps, options)
    found = made.artifact
    assert {v.status for v in made.verdicts} == {"pass"}
    kept = found.reference()
    assert [set(row) for row in kept.rows] == [{"review"}] * kept.count
    wanted = script(ASKED)

    def shares(answers: Any) -> list[float]:
        return [one.outputs["dense"]["probabilities"]["positive"] for one in answers]

    for target in ("tflite", "onnx"):
        np.testing.assert_allclose(shares(run(found.folder, ASKED, target)), wanted, atol=1e-5)
    asked = [run(found.folder, {"review": ASKED[0]}), run(found.folder, f"review={ASKED[0]}")]
    assert [shares(one) for one in asked] == [[pytest.approx(wanted[0], abs=1e-5)]] * 2
    with pytest.raises(UsageError, match=r"typo.csv: no such file. This model takes a text, or a"):
        run(found.folder, "typo.csv")

    build_demo([found.folder], tmp_path / "www")
    page = browser.new_page(service_workers="block", locale="en-US")
    with served(tmp_path / "www") as url:
        page.goto(url)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        assert "takes a text" in page.text_content("#facts")
        first = page.input_value("textarea")  # an empty text would be answered, too
        assert first == page.locator("#samples tbody tr td").nth(1).inner_text() != ""
        page.locator("#output .raw").evaluate("one => { one.open = true; }")
        for text, share in zip(ASKED, wanted, strict=True):
            page.fill("textarea", text)
            page.click("button.main")
            page.wait_for_function(
                "text => JSON.parse(document.querySelector('#raw').textContent || '{}')"
                ".input?.review === text",
                arg=text,
            )
            told = json.loads(page.inner_text("#raw"))
            assert told["outputs"]["dense"]["values"] == [pytest.approx(share, abs=1e-5)]
        page.click("#samples button")
        assert re.fullmatch(r"[A-Z][a-z ]+!", page.input_value("textarea"))
        page.set_input_files("#csv input, input#csv", tmp_path / "reviews.csv")
        with page.expect_download() as download:
            page.click("#csv-download", timeout=60_000)
        table = csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))
        header, *lines = table
        column = header.index("predicted_dense: positive")
        texts, _ = sentences(300, 0)
        np.testing.assert_allclose(
            [float(line[column]) for line in lines], script(texts[:60]), atol=1e-5
        )
    page.close()
