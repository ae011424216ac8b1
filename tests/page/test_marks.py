"""What a visitor marks right or wrong: kept on the device, and taken home as labelled samples."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from edge_deploy.api.demo import build_demo
from edge_deploy.examples import ExampleFiles
from edge_deploy.web.browser import Browser
from tests.conftest import Run
from tests.page.conftest import Site, raw, serious_issues, served, site_of, small_model, until
from tests.page.test_use import with_numbers_beside
from tests.support.picture_files import KINDS

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}}


built = site_of(
    small_model("digits", picture=28, classes=["a", "b: c", "d"]),
    small_model("pets", classes=["cat", "dog"]),
    small_model("costs"),
    with_numbers_beside,
)


def wrong(page: Any, truth: str) -> None:
    page.click("#mark-wrong")
    field = page.locator("#mark-form [name=truth]")
    if field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(label=truth)
    else:
        field.fill(truth)
    page.click("#mark-form button")


def counted(page: Any, words: str) -> None:
    expect(page.locator("#marked [role=status]")).to_have_text(words)


def saved(page: Any) -> zipfile.ZipFile:
    with page.expect_download() as started:
        page.click("#marks-save")
    assert re.fullmatch(r"[\w-]+-marked\.zip", started.value.suggested_filename)
    found = zipfile.ZipFile(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert found.testzip() is None
    return found


def test_marked_pictures_have_a_folder_for_each_class(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=digits&lang=en")
    assert not page.is_visible("#marked")
    (tmp_path / "my photo.jpg").write_bytes(KINDS["jpeg 4:2:0"]())
    page.set_input_files(".drop input >> nth=0", tmp_path / "my photo.jpg")
    page.click("#mark-right")
    counted(page, "Marked: 1, of which 1 right and 0 wrong.")
    said = page.locator("#output .winner").inner_text().rsplit(" ", 2)[0]
    page.click(".thumbs button")
    page.wait_for_selector("#history li:nth-child(2)", state="attached")
    wrong(page, "d")
    counted(page, "Marked: 2, of which 1 right and 1 wrong.")
    wrong(page, "a")  # a slip, mended: the same picture has one answer
    counted(page, "Marked: 2, of which 1 right and 1 wrong.")
    page.locator(".drawing").scroll_into_view_if_needed()
    box = page.locator(".drawing").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 160)
    page.mouse.up()
    page.wait_for_selector("#history li:nth-child(3)", state="attached")
    wrong(page, "d")
    counted(page, "Marked: 3, of which 1 right and 2 wrong.")
    page.reload()  # they stay in the browser
    page.wait_for_selector("html[data-state=ready]", state="attached")
    counted(page, "Marked: 3, of which 1 right and 2 wrong.")
    assert "in this browser on this device" in page.inner_text("#marked")
    archive = saved(page)
    names = archive.namelist()
    photo = [name for name in names if "my photo" in name]
    assert photo == [f"{said.replace(':', '_')}/0001_my photo.jpg"]
    assert archive.read(photo[0]) == (tmp_path / "my photo.jpg").read_bytes()
    assert sorted(name.split("/")[0] for name in names if name not in photo) == ["a", "d"]
    # Of another model there is none.
    page = site.open("?model=pets&lang=en")
    page.wait_for_selector("#output .bars")
    assert not page.is_visible("#marked")


def test_marked_rows_are_a_table(site: Site) -> None:
    page = site.open("?model=pets&lang=en")
    page.wait_for_selector("#output .bars")
    said = page.locator("#output .winner").inner_text().split(" ")[0]
    page.click("#mark-right")
    counted(page, "Marked: 1, of which 1 right and 0 wrong.")
    page.fill("input[name=length]", "7.25")
    page.select_option("select[name=pet]", "yes")
    page.click("text=Predict")
    page.wait_for_selector("#history li", state="attached")
    wrong(page, "dog")
    counted(page, "Marked: 2, of which 1 right and 1 wrong.")
    archive = saved(page)
    assert archive.namelist() == ["marked.csv"]
    rows = list(csv.reader(io.StringIO(archive.read("marked.csv").decode())))
    assert rows == [["length", "pet", "label"], ["4", "no", said], ["7.25", "yes", "dog"]]
    page.click("#marks-undo")
    counted(page, "Marked: 1, of which 1 right and 0 wrong.")
    page.click("#marks-clear")
    assert page.inner_text("#marks-clear") == "Really delete all"
    page.click("#marks-clear")
    page.wait_for_selector("#marked", state="hidden")


def test_marks_of_several_inputs_are_arrays_for_numpy(site: Site, tmp_path: Path) -> None:
    page = site.open("?model=picture%20and%20numbers&lang=en", bypass_csp=True, **PHONE)
    Image.fromarray(np.full((6, 6, 3), 200, np.uint8)).save(tmp_path / "grey.png")
    asked: list[str] = []
    for n, numbers in enumerate(([0.5, -1], [2, 0.25])):
        for place, number in enumerate(numbers):
            page.fill(f"input[name='z {place + 1}']", str(number))
        page.set_input_files("#input .drop input", tmp_path / "grey.png")
        page.wait_for_selector("#output .raw", state="attached")
        until(page, lambda: str(raw(page)["outputs"]["y"]["values"]) not in asked)
        asked.append(str(raw(page)["outputs"]["y"]["values"]))
        if n:
            wrong(page, "b")
        else:
            page.click("#mark-right")
        page.wait_for_selector(f"#marked [role=status]:has-text('Marked: {n + 1}')")
    with page.expect_download() as started:
        page.click("#marks-save")
    assert started.value.suggested_filename == "picture and numbers-marked.npz"
    said = [int(np.argmax(json.loads(values))) for values in asked]
    with np.load(Path(started.value.path())) as data:
        assert {name: data[name].shape for name in data.files} == {
            "x": (2, 36), "z": (2, 2), "labels": (2,),
        }  # fmt: skip
        np.testing.assert_allclose(data["x"], 200 / 255, atol=1e-6)
        np.testing.assert_array_equal(data["z"], np.float32([[0.5, -1], [2, 0.25]]))
        assert data["labels"].tolist() == [said[0], 1]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert serious_issues(page) == []


@pytest.mark.parametrize(("name", "count"), [("digits-mlp", 3), ("insurance", 2)])
def test_what_is_marked_goes_into_verify(
    name: str,
    count: int,
    browser: Browser,
    tmp_path: Path,
    run: Run,
    example: Callable[[str], ExampleFiles],
    example_artifact: Callable[[str], Path],
) -> None:
    build_demo([example_artifact(name)], tmp_path / "www")
    with served(tmp_path / "www") as url:
        page = browser.new_page(service_workers="block", locale="en-US")
        page.goto(url)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        for n in range(count):
            page.click(f"#samples button >> nth={n}")
            page.wait_for_selector(f"#history li >> nth={n}", state="attached")
            page.click("#mark-right")
            counted(page, f"Marked: {n + 1}, of which {n + 1} right and 0 wrong.")
        saved(page).extractall(tmp_path / "marked")
        page.close()
    data = tmp_path / "marked" if name == "digits-mlp" else tmp_path / "marked/marked.csv"
    model = example(name).model
    done = run(
        "verify", example_artifact(name), "--against", model, "--reference", data,
        "--runtime", "tfjs", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    verdicts = json.loads(done.out)["reports"][0]["verdicts"]
    ran = [verdict for verdict in verdicts if verdict["status"] == "pass"]
    assert ran
    for verdict in ran:  # all of them, with their true answers
        assert (verdict["samples"], verdict["task"]["samples"]) == (count, count)


def test_right_value_of_a_regression_is_asked_for(site: Site) -> None:
    page = site.open("?model=costs&lang=id", bypass_csp=True, **PHONE)
    page.wait_for_selector("#output .value")
    wrong(page, "much")  # which is no number
    assert page.locator("#mark-form").count() == 1
    wrong(page, "12.5")
    counted(page, "Ditandai: 1, di antaranya 0 benar dan 1 salah.")
    assert serious_issues(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    row = saved(page).read("marked.csv").decode().splitlines()[1]
    assert row == "4,no,12.5"


def test_browser_that_keeps_nothing_is_told(browser: Browser, built: tuple[Path, str]) -> None:
    page = browser.new_page(service_workers="block", locale="en-US")
    page.add_init_script(
        "Object.defineProperty(window, 'indexedDB', {get() { throw new Error('blocked'); }})"
    )
    page.goto(f"{built[1]}?model=pets&lang=en")
    page.wait_for_selector("#output .bars")
    page.click("#mark-right")
    counted(page, "Marked: 1, of which 1 right and 0 wrong.")
    assert "gone when you close" in page.inner_text("#marked")
    assert len(saved(page).namelist()) == 1
    page.reload()
    page.wait_for_selector("#output .bars")
    assert not page.is_visible("#marked")
    page.close()
