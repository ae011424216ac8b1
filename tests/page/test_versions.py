"""Two versions of a model on a visitor's own rows and pictures, in the compare view."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import edge_deploy
from edge_deploy.verification.quality import wilson_interval
from edge_deploy.web.server import address, start
from tests.api.test_demo import make_artifact
from tests.page.conftest import Site, serious_issues

pytestmark = pytest.mark.slow

CLASSES = ["cat", "dog"]
ROWS = 60
RNG = np.random.default_rng(8)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A site of three models, each with a stable version 1 and a canary 2 for nobody."""
    root = tmp_path_factory.mktemp("versions")
    for version, channel in {"1": "stable", "2": "canary"}.items():
        made = [
            make_artifact(root / "made", "pets", version=version, classes=CLASSES),
            make_artifact(root / "made", "costs", version=version),
            make_artifact(root / "made", "animals", version=version, picture=8, classes=CLASSES),
        ]
        share = 0.001 if channel == "canary" else None
        edge_deploy.publish(made, root / "www", channel=channel, share=share, by="Ada")
    server = start(root / "www")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield root / "www", address(server)
    server.shutdown()
    server.server_close()


def table(folder: Path, labels: list[Any]) -> Path:
    lengths = RNG.uniform(-9, 9, len(labels))
    lines = [f"{v:.3f},{('no', 'yes')[n % 2]},{labels[n]}" for n, v in enumerate(lengths)]
    (folder / "own.csv").write_text("\n".join(["length,pet,label", *lines]))
    return folder / "own.csv"


def done(page: Any) -> str:
    page.wait_for_selector("#own[data-state=done]")
    return str(page.inner_text("#own"))


def answers(page: Any) -> list[dict[str, str]]:
    with page.expect_download() as started:
        page.click("#csv-download")
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_two_versions_answer_a_table_row_by_row(site: Site, tmp_path: Path) -> None:
    file = table(tmp_path, [CLASSES[n % 2] for n in range(ROWS)])
    alone = site.open("?model=pets&lang=en&channel=canary")
    alone.set_input_files("#csv", file)
    done(alone)
    second = [row["predicted_y"] for row in answers(alone)]

    page = site.open("?model=pets&lang=en&channel=stable")
    expect(page.locator("#compare-version option")).to_have_text(["2"], timeout=60_000)
    page.set_input_files("#compare-csv", file)
    text = done(page)
    rows = answers(page)
    said = [[row[f"predicted_y (version {n})"] for row in rows] for n in "12"]
    assert said[1] == second  # it is the other version that answers
    true = [row["label"] for row in rows]
    for version, given in zip("12", said, strict=True):
        hits = sum(a == b for a, b in zip(given, true, strict=True))
        low, high = (f"{end * 100:.1f} %" for end in wilson_interval(hits, ROWS))
        part = text.split(f"Version {version}\n")[1]
        assert part.strip().startswith(f"Right for {hits / ROWS * 100:.1f} %: {hits} of {ROWS}")
        assert f"{low} to {high}" in part
    matrices = page.locator("#own .confusion").all()
    for given, matrix in zip(said, matrices, strict=True):
        counts = [str(sum((t, g) == (is_, one) for t, g in zip(true, given, strict=True)))
                  for is_ in CLASSES for one in CLASSES]  # fmt: skip
        assert matrix.locator("tbody td").all_inner_texts() == counts
    differ = [n for n in range(ROWS) if said[0][n] != said[1][n]]
    assert 0 < len(differ) < ROWS
    same = ROWS - len(differ)
    assert f"the same answer for {same / ROWS * 100:.1f} %: {same} of {ROWS}" in text
    gained = sum(said[1][n] == true[n] for n in differ)
    assert f"Version 2 is right and version 1 wrong: {gained} ×" in text
    assert f"Version 1 is right and version 2 wrong: {len(differ) - gained} ×" in text
    # The rows that differ stand first, and alone where that is wanted.
    shown = page.locator("#own-table tbody tr").all_inner_texts()
    assert [row.startswith("≠") for row in shown] == [n < len(differ) for n in range(50)]
    page.click("#own-differ")
    shown = page.locator("#own-table tbody tr").all_inner_texts()
    assert [int(row.split("\t")[3]) - 1 for row in shown] == differ
    page.click("#own-all")
    assert page.locator("#own-table tbody tr").count() == 50


def test_values_of_two_versions_are_judged(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=costs&lang=en&channel=stable")
    page.set_input_files("#compare-csv", table(tmp_path, list(range(8))))
    text = done(page)
    said = np.array([[float(row[f"predicted_y (version {n})"]) for n in "12"]
                     for row in answers(page)])  # fmt: skip
    for given in said.T:
        assert f"MAE {float(f'{np.abs(given - np.arange(8)).mean():.3g}'):g} USD" in text
    first = page.locator("#own-table tbody tr").first.inner_text().split("\t")
    assert int(first[1]) == int(np.abs(said[:, 0] - said[:, 1]).argmax()) + 1


def test_two_versions_answer_a_folder_on_a_phone(site: Site, tmp_path: Path) -> None:
    for n in range(12):
        file = tmp_path / "mine" / CLASSES[n % 2] / f"{n}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        level = int(RNG.integers(1, 256))
        Image.fromarray(RNG.integers(0, level, (20, 30, 3), dtype=np.uint8)).save(file)
    page = site.open(
        "?model=animals&lang=id&channel=stable",
        bypass_csp=True,
        viewport={"width": 360, "height": 740},
    )
    page.set_input_files("#compare-folder", tmp_path / "mine")
    assert "Keduanya memberi jawaban yang sama" in done(page)
    assert page.locator("#own canvas.thumb").count() == 12
    assert page.locator("#own .confusion").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert serious_issues(page) == []


def test_a_version_that_does_not_come_is_told(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=pets&lang=en&channel=stable")
    page.route("**/pets/2/manifest.json*", lambda route: route.abort())
    page.set_input_files("#compare-csv", table(tmp_path, ["cat", "dog"]))
    page.wait_for_selector("#status:has-text('Version 2 does not run here')")
    assert page.is_hidden("#own")
    page.fill("form [name=length]", "2")  # and the one that is shown answers as before
    page.press("form [name=length]", "Enter")
    page.wait_for_selector("#status:has-text('ms')")
