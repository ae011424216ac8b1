"""A visitor's own data in the page: folders, zips and tables, judged by their true answers."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_deploy.verification.quality import wilson_interval
from edge_deploy.web.browser import Browser
from tests.page.conftest import Site, serious_issues, site_of, small_model

pytestmark = pytest.mark.slow

CLASSES = ["cat", "Dog", "a = b"]
PHONE = {"viewport": {"width": 360, "height": 740}}
RNG = np.random.default_rng(5)


built = site_of(
    small_model("animals", picture=8, classes=CLASSES),
    small_model("costs"),
    small_model("pets", classes=["cat", "dog"]),
)


def picture() -> bytes:
    file = io.BytesIO()
    level = RNG.integers(0, 256)
    Image.fromarray(RNG.integers(0, level + 1, (20, 30, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def folder_of(root: Path, each: int = 20) -> Path:
    """Pictures in subfolders called as the classes are, about; and what else lies in folders."""
    for name in ("cat", "dog", "A = B"):
        (root / "animals" / name).mkdir(parents=True)
        for n in range(each):
            (root / "animals" / name / f"{n:02d}.png").write_bytes(picture())
    (root / "animals" / "cat" / "notes.txt").write_text("not a picture")
    (root / "animals" / "cat" / "broken.png").write_text("not a picture")
    (root / "animals" / "bird").mkdir()
    (root / "animals" / "bird" / "1.png").write_bytes(picture())
    return root / "animals"


def answers(page: Any) -> list[dict[str, str]]:
    """The rows of the file that can be downloaded."""
    with page.expect_download() as started:
        page.click("#csv-download")
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def done(page: Any, state: str = "done") -> str:
    page.wait_for_selector(f"#own[data-state={state}]")
    return str(page.inner_text("#own"))


def choose(page: Any, folder: Path) -> None:
    page.set_input_files("#folder", folder)


def drop(page: Any, folder: Path) -> None:
    """As the browser gets it from a file manager, which scripts cannot imitate."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


@pytest.mark.parametrize("give", [choose, drop])
def test_folder_is_judged_by_its_subfolders(
    site: Site, tmp_path: Path, give: Callable[[Any, Path], None]
) -> None:
    page = site.open("?model=animals&lang=en")
    give(page, folder_of(tmp_path))
    text = done(page)
    rows = answers(page)
    assert "61 answered, 1 could not be" in text
    assert len(rows) == 62
    true = [row["folder"].lower() for row in rows]
    said = [row["predicted_y"].lower() for row in rows]
    known = [n for n, row in enumerate(rows) if row["predicted_y"] and true[n] != "bird"]
    assert len(known) == 60
    hits = sum(true[n] == said[n] for n in known)
    low, high = (f"{end * 100:.1f} %" for end in wilson_interval(hits, 60))
    assert f"Right for {hits / 60 * 100:.1f} %: {hits} of 60" in text
    assert f"{low} to {high}" in text
    assert "no classes of the model: bird" in text
    cells = page.locator("#own .confusion tbody tr").all()
    names = [name.lower() for name in CLASSES]
    for is_, row in zip(names, cells, strict=True):
        counts = [sum(true[n] == is_ and said[n] == one for n in known) for one in names]
        assert row.locator("td").all_inner_texts() == [str(count) for count in counts]
    # Errors first, the surest of them before all.
    judged = page.locator("#own-table tbody tr").all_inner_texts()
    wrong = 60 - hits
    assert sum(row.strip().startswith("✗") for row in judged[:wrong]) == min(wrong, 50)
    sure = [max(float(v) for k, v in row.items() if k.startswith("predicted_y: ") and v) for row in
            (rows[n] for n in known if true[n] != said[n])]  # fmt: skip
    if wrong:
        assert f"{max(sure) * 100:.1f} %" in judged[0]
    assert page.locator("#own canvas.thumb").count() == 50  # the rest on demand
    page.click("#own .more:has-text('12 more')")
    assert page.locator("#own canvas.thumb").count() == 62
    page.select_option("#own-order", "unsure")
    shares = [float(text.split("\t")[3].rstrip(" %")) for text in
              page.locator("#own-table tbody tr").all_inner_texts()[1:]]  # fmt: skip
    assert shares == sorted(shares)


def test_cell_of_the_matrix_shows_its_rows(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=animals&lang=en")
    choose(page, folder_of(tmp_path, 4))
    done(page)
    cell = page.locator("#own .confusion button").first
    count = int(cell.inner_text())
    cell.click()
    assert page.locator("#own canvas.thumb").count() == count
    assert f"Below are {count}." in page.inner_text("#own")
    page.click("#own-all")
    assert page.locator("#own canvas.thumb").count() == 14


def packed(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A PNG file of few bytes that says that it is that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * 1000), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


CAT = ("animals/cat/1.png", picture())
ZIPS: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "plain": (lambda: packed(CAT, ("animals/dog/1.png", picture())), "of 2 whose true answers", 2),
    "names that lead out": (
        lambda: packed(("../../cat/1.png", picture()), ("/etc/cat/2.png", picture()), CAT),
        "names that lead out of it: 2",
        1,
    ),
    "a bomb": (
        lambda: packed(CAT, ("animals/cat/2.png", bytes(120_000_000)), ("x/3.png", picture())),
        "animals/cat/2.png is larger than 50 MB unpacked",
        1,
    ),
    "pixels without end": (
        lambda: packed(CAT, ("animals/cat/2.png", claimed(60_000, 60_000))),
        "more than 180 million pixels",
        1,
    ),
    "many entries": (
        lambda: packed(CAT, *((f"e/{n}", b"") for n in range(100_000))),
        "more than 20,000 entries",
        1,
    ),
    "cut off": (lambda: packed(CAT, ("a/2.png", RNG.bytes(90_000)))[:50_000], "", 1),
    "no zip": (lambda: b"hello", "not a zip file", 0),
    "empty": (lambda: packed(), "not a zip file, or it is empty", 0),
    "other files": (
        lambda: packed(
            ("a/run.exe", b"MZ"), ("__MACOSX/cat/._1.png", b"x"), ("a/.h.png", b""), CAT
        ),
        "1 answered",
        1,
    ),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_zip_is_read_within_bounds(site: Site, tmp_path: Path, kind: str) -> None:
    make, words, count = ZIPS[kind]
    (tmp_path / "animals.zip").write_bytes(make())
    page = site.open("?model=animals&lang=en")
    page.set_input_files(".drop input >> nth=0", tmp_path / "animals.zip")
    text = done(page)
    assert words in text
    assert f"{count} answered" in text
    assert page.locator("#own canvas.thumb").count() >= count


@pytest.mark.parametrize("column", ["label", "what it was"])
def test_table_is_judged_by_a_column(site: Site, tmp_path: Path, column: str) -> None:
    page = site.open("?model=pets&lang=en")
    lengths = RNG.uniform(1, 9, 40)
    lines = [f"{n};{v:.3f};{'yes' if n % 3 else 'no'};{'cat' if n % 2 else 'DOG'}"
             for n, v in enumerate(lengths)]  # fmt: skip
    (tmp_path / "pets.csv").write_text("\n".join([f"id;length;pet;{column}", *lines]))
    page.set_input_files("#csv", tmp_path / "pets.csv")
    text = done(page)
    if column != "label":
        assert "Right for" not in text
        page.select_option("#own-label", column)
        text = page.inner_text("#own")
    with page.expect_download() as started:
        page.click("#csv-download")
    saved = Path(started.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(saved, newline=""), delimiter=";"))
    hits = sum(row[column].lower() == row["predicted_y"] for row in rows)
    assert f"{hits} of 40 whose true answers are known" in text


def test_values_are_judged_by_a_column(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=costs&lang=en")
    true = [3.5, -1, 2, 8, 0.5]
    lines = [f"{n + 1},no,{v}" for n, v in enumerate(true)]
    (tmp_path / "t.csv").write_text("\n".join(["length,pet,label", *lines]))
    page.set_input_files("#csv", tmp_path / "t.csv")
    text = done(page)
    said = np.asarray([float(row["predicted_y"]) for row in answers(page)])
    off = np.abs(said - true)
    assert f"MAE {float(f'{off.mean():.3g}'):g} USD" in text
    assert page.locator("#own svg circle").count() == 5
    first = page.locator("#own-table tbody tr").first.inner_text()
    assert page.input_value("#own-order") == "given"
    page.select_option("#own-order", "errors")
    first = page.locator("#own-table tbody tr").first.inner_text()
    assert first.split("\t")[0] == str(int(off.argmax()) + 1)


@pytest.mark.parametrize(("code", "words"), [("en", "Stopped."), ("id", "Dihentikan.")])
def test_many_pictures_are_stopped_and_what_is_done_stays(
    site: Site, tmp_path: Path, code: str, words: str
) -> None:
    page = site.open(f"?model=animals&lang={code}", bypass_csp=True, **PHONE)
    choose(page, folder_of(tmp_path, 150))
    page.wait_for_function("() => document.querySelector('#own progress')?.value > 10")
    assert page.get_attribute("#own progress", "max") == "452"
    page.click("#own-stop")
    assert words in done(page, "stopped")
    shown = page.locator("#own canvas.thumb").count()
    assert 0 < shown <= 50
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert serious_issues(page) == []
    page.click("#own-stop")  # which closes it now
    assert not page.is_visible("#own")


FORMULAS = {
    "=HYPERLINK(A1)": "'=HYPERLINK(A1)",
    "@SUM(1)": "'@SUM(1)",
    "\t=1": "'\t=1",
    "\r=1": '"\'\r=1"',
    "+1+cmd|' /C calc'!A0": "'+1+cmd|' /C calc'!A0",
    "-2": "-2",
    "+1.5e-3": "+1.5e-3",
    "-unknown": "-unknown",
    "a=b": "a=b",
}


def test_no_cell_of_a_download_is_a_formula(browser: Browser) -> None:
    """Names of classes, and of pictures in a zip, are a stranger's words."""
    page = browser.new_page()
    page.goto(f"{browser.url}harness.html")
    told = page.evaluate(
        """async (cells) => {
          const { writeCsv } = await import('./src/csv.js');
          return cells.map((cell) => writeCsv([cell], []));
        }""",
        list(FORMULAS),
    )
    page.close()
    assert told == [f"{cell}\r\n" for cell in FORMULAS.values()]
