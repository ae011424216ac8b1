"""The page of a model that takes a window of a series: pasted, from a CSV, drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_deploy import ConvertOptions, convert
from edge_deploy.api.demo import build_demo
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.browser import Browser
from tests.page.conftest import served

pytestmark = pytest.mark.slow

STEPS = 20
AXE = shell_folder() / "node_modules/axe-core/axe.min.js"
DAYS = [f"2024-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(120)]
PRICE = np.round(180 + 20 * np.sin(np.arange(120) / 9) + np.arange(120) / 10, 2)


def table(rows: int = 120) -> str:
    lines = [
        f"{day},{price - 1:.2f},{price:.2f},{9000 + n}"
        for n, (day, price) in enumerate(zip(DAYS, PRICE, strict=True))
    ]
    return "\n".join(["Date,Open,Close,Volume", *lines[:rows]]) + "\n"


def forecaster(folder: Path) -> Path:
    """Half a step on from the last two of 20 values of Close, in dollars."""
    import keras

    x = keras.Input((STEPS, 1), name="prices")
    model = keras.Model(x, keras.layers.Dense(1, name="price")(keras.layers.Flatten()(x)))
    weights = np.zeros((STEPS, 1))
    weights[-2:, 0] = -0.5, 1.5
    model.layers[-1].set_weights([weights, np.zeros(1)])
    model.save(folder / "price.keras")
    (folder / "prices.csv").write_text(table())
    series = {"channels": ["Close"], "unit": "USD", "target": "Close"}
    return made(folder, "price.keras", series)


def several(folder: Path) -> Path:
    """The last Close and 1 to 3, from 10 rows of three channels with names that look like HTML."""
    import keras

    x = keras.Input((10, 3), name="rows")
    model = keras.Model(x, keras.layers.Dense(3, name="ahead")(keras.layers.Flatten()(x)))
    weights = np.zeros((30, 3))
    weights[-2] = 1
    model.layers[-1].set_weights([weights, np.array([1.0, 2.0, 3.0])])
    model.save(folder / "several.keras")
    head, *rows = table().splitlines()
    text = "\n".join([head.replace("Volume", "<b>Volume</b>"), *rows])
    (folder / "prices.csv").write_text(text)
    series = {"channels": ["Open", "Close", "<b>Volume</b>"], "unit": "$", "target": "Close"}
    return made(folder, "several.keras", series)


def made(folder: Path, model: str, series: dict[str, Any]) -> Path:
    (folder / "features.json").write_text(json.dumps({"series": series}))
    options = ConvertOptions(
        to=("tfjs",), output=folder / "artifacts", reference=folder / "prices.csv"
    )
    return convert(folder / model, options).artifact.folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = [make(tmp_path_factory.mktemp(make.__name__)) for make in (forecaster, several)]
    folder = tmp_path_factory.mktemp("site") / "www"
    build_demo(made, folder)
    with served(folder) as url:
        yield url


Open = Callable[..., Any]


@pytest.fixture
def show(browser: Browser, url: str) -> Iterator[Open]:
    pages: list[Any] = []
    noise: list[str] = []

    def open_page(query: str = "?lang=en", **options: Any) -> Any:
        options = {"viewport": {"width": 1100, "height": 900}, **options}
        page = browser.new_page(service_workers="block", **options)
        pages.append(page)
        page.on("request", lambda r: r.url.startswith((url, "blob:")) or noise.append(r.url))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.goto(url + query)
        page.wait_for_selector("html[data-state=ready]", state="attached", timeout=60_000)
        page.wait_for_selector("#output .value, #output .values")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert noise == []


def answer(page: Any) -> float:
    """The value in the answer's box, as it is written in English."""
    return float(page.inner_text("#output .value").split()[0].replace(",", ""))


def expected(values: Any) -> float:
    before, last = np.asarray(values, float)[-2:]
    return float(1.5 * last - 0.5 * before)


def settled(page: Any, right: Callable[[], bool]) -> None:
    for _ in range(200):
        if right():
            return
        page.wait_for_timeout(25)
    raise AssertionError(page.inner_text("body"))


def test_page_begins_with_a_sample_and_its_forecast(show: Open) -> None:
    page = show()
    values = [float(v) for v in page.input_value("#series").split()]
    assert len(values) == STEPS
    assert answer(page) == pytest.approx(expected(values), rel=1e-4)
    assert page.inner_text("#output h4") == "Next Close"
    assert "takes the last 20 values of Close (USD)" in page.text_content("#facts")
    assert page.inner_text("#series-count") == "20 steps."
    settled(page, lambda: page.locator(".plot .dot").count() == 1)
    told = page.inner_text("#output .value").replace("\u00a0", " ").split()[0]
    assert page.locator(".plot .told").text_content() == f"{told} USD"
    label = page.get_attribute(".plot svg", "aria-label")
    assert re.match(r"Close: 20 values from .+ to .+ USD, of which the last is .+ USD\. ", label)
    assert label.endswith(f"Forecast of Close: {told} USD.")
    first = page.locator("#samples button").first
    assert float(first.inner_text().split(" → ")[0]) == pytest.approx(values[-1])
    assert first.get_attribute("aria-label").endswith(f"→ {told}")


NUMBERS = [f"{value:.2f}" for value in PRICE[:6]]
ONE, TWO = ["Close"], ["Open", "Close"]
READ: list[tuple[str, list[str], Any]] = [
    ("\n".join(NUMBERS), ONE, None),
    ("\r\n".join(NUMBERS) + "\r\n\n", ONE, None),
    ("\t".join(NUMBERS), ONE, None),
    (", ".join(NUMBERS), ONE, None),
    (",".join(NUMBERS), ONE, None),
    (";".join(NUMBERS), ONE, None),
    (" ".join(NUMBERS), ONE, None),
    ("\n".join(NUMBERS).replace(".", ","), ONE, None),  # decimal commas, as Excel has them
    ("; ".join(NUMBERS).replace(".", ","), ONE, None),
    ("\n".join([",".join(NUMBERS[:3]), ",".join(NUMBERS[3:])]), ONE, None),
    ("1,2,3\n4,5,6", ONE, [[n] for n in range(1, 7)]),
    ("1.234,5\n-2,25e1\n3", ONE, [[1234.5], [-22.5], [3]]),
    ("1.234,5\n1,234", ONE, [[1234.5], [1.234]]),
    ("1\nabc", ONE, "Entry 2: “abc” is not a number. Write it with a decimal point."),
    ("1\n1e39", ONE, "Entry 2: “1e39” is not a number."),
    ("1\nTrue", ONE, "Entry 2: “True” is not a number."),
    ("1,234\n1,235", ONE, "Entry 1: “1,234” can be read in two ways."),
    ("7\n1,234.50", ONE, "Entry 2: “1,234.50” can be read in two ways."),
    ("", ONE, []),
    ("1\t2\n3\t4", TWO, [[1, 2], [3, 4]]),
    ("1,2\n3,4", TWO, [[1, 2], [3, 4]]),
    ("1 2\n3 4", TWO, [[1, 2], [3, 4]]),
    ("1,5;2\n3;4,25", TWO, [[1.5, 2], [3, 4.25]]),
    ("Date\tClose\tOpen\na\t1\t2\nb\t3\t4", TWO, [[2, 1], [4, 3]]),
    ("1,2\n3", TWO, "Line 2 has 1 entries; each needs Open, Close."),
    ("1,2\n3,x", TWO, "Entry 2: “x” is not a number."),
    ("1,2\n", ["a", "b", "c"], "Line 1 has 2 entries; each needs a, b, c."),
]
BACKWARDS = "\n".join([table().splitlines()[0], *table(30).splitlines()[:0:-1]])
LAST = [28, 30, PRICE[27:30, None].tolist(), [DAYS[27], DAYS[29]]]
TABLES: list[tuple[str, Any]] = [
    (table(30), LAST),
    (table(30).replace(",", ";").replace(".", ","), LAST),
    ("1\n2\n3\n4\n", [2, 4, [[2], [3], [4]], None]),
    ("at,price\na,1\nb,2\nc,3\n", [1, 3, [[1], [2], [3]], None]),  # the only one of numbers
    (table(2), "Of 3 steps that the model needs 2 are there."),
    ("Close\n", "The CSV file has no rows."),
    ("a\0b", "This is not a CSV file of text."),
    ("High,Low\n1,2\n", [-1]),
    (table(30).replace("Close", "close"), [-1]),
    ("Close\n1\n2\nx\n", "Row 3, column “Close”: “x” is not a number."),
    ("n,Close\n1,1\n1,1\n1,\n", "Row 3, column “Close”: there is no value."),
    (BACKWARDS, f"The file runs back in time (Date: {DAYS[29]} to {DAYS[0]})."),
]  # fmt: skip


def test_numbers_are_read_however_they_are_parted(modules: Any) -> None:
    found = modules.evaluate(
        """async ([texts, tables]) => {
          const { columnsOf, lastRows, readRows, readTable } = await import('./src/series.js');
          const told = (make) => {
            try { return make(); } catch (error) { return error.message; }
          };
          const last = (text) => {
            const table = readTable(text);
            const places = columnsOf(table, ['Close']);
            if (places[0] < 0) return places;
            const { first, last, rows, ends } = lastRows(table, places, 3);
            return [first, last, rows, ends];
          };
          return [
            texts.map(([text, channels]) => told(() => readRows(text, channels))),
            tables.map((text) => told(() => last(text))),
          ];
        }""",
        [[[text, channels] for text, channels, _ in READ], [text for text, _ in TABLES]],
    )
    texts = [(text, PRICE[:6, None].tolist() if w is None else w) for text, _, w in READ]
    for (text, wanted), got in zip([*texts, *TABLES], [*found[0], *found[1]], strict=True):
        right = str(got).startswith(wanted) if isinstance(wanted, str) else got == wanted
        assert right, (text, wanted, got)


def paste(page: Any, text: str) -> None:
    """Replace what stands in the box, and ask."""
    page.fill("#series", text)
    page.click("#input button.main")


def upload(page: Any, text: str) -> None:
    file = {"name": "prices.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.set_input_files("#csv", files=[file])


def test_what_is_pasted_is_answered_and_drawn(show: Open) -> None:
    page = show()
    paste(page, "\n".join(f"{value:.2f}" for value in PRICE[:50]))
    wanted = expected(PRICE[:50])
    settled(page, lambda: answer(page) == pytest.approx(wanted, rel=1e-4))
    assert page.inner_text("#series-count") == "50 steps, of which the last 20 are taken."
    assert page.locator(".plot polyline.line").get_attribute("points").count(",") == STEPS
    for text, says in (
        ("1\n2\n3", "Of 20 steps that the model needs 3 are there."),
        ("", "Of 20 steps that the model needs 0 are there."),
        ("1\nabc", "Entry 2: “abc” is not a number."),
    ):
        paste(page, text)
        settled(page, lambda says=says: says in page.inner_text("#output"))
        assert says in page.inner_text("#status") and says in page.inner_text("#series-count")
        assert page.locator("#output .value, .plot .dot").count() == 0  # no old answer stays
    page.click(".chips button >> nth=1")
    settled(page, lambda: page.locator("#output .value, .plot .dot").count() == 2)


def test_the_last_rows_of_a_csv_are_taken(show: Open) -> None:
    page = show()
    upload(page, table(100))
    settled(page, lambda: "Rows 81 to 100 of prices.csv" in page.inner_text(".csv"))
    wanted = expected(PRICE[80:100])
    settled(page, lambda: answer(page) == pytest.approx(wanted, rel=1e-4))
    texts = page.locator(".plot text").all_text_contents()
    assert DAYS[80] in texts and DAYS[99] in texts  # the dates of both ends
    page.select_option("select[name=Close]", label="Open")
    opened = expected(PRICE[80:100] - 1)
    settled(page, lambda: answer(page) == pytest.approx(opened, rel=1e-4))
    page.click(".chips button >> nth=1")
    settled(page, lambda: "Rows" not in page.inner_text(".csv"))
    assert DAYS[80] not in page.locator(".plot text").all_text_contents()
    upload(page, "High,Low\n" + "1,2\n" * 20)
    settled(page, lambda: "Choose the column of Close." in page.inner_text("#output"))
    page.select_option("select[name=Close]", label="High")
    settled(page, lambda: page.locator("#output .value").count() == 1)


def test_several_channels_are_several_lines(show: Open) -> None:
    page = show("?lang=en&model=several")
    assert page.locator(".legend li").all_inner_texts() == [
        "Open", "Close", "<b>Volume</b>", "Forecast of Close",
    ]  # fmt: skip
    assert page.locator(".plot polyline.line").count() == 3
    assert page.locator(".plot .dot").count() == 3
    rows = [line.split("\t") for line in page.input_value("#series").splitlines()]
    assert len(rows) == 10 and {len(row) for row in rows} == {3}
    close = float(rows[-1][1])
    found = page.inner_text("#output .values")
    shown = [float(value) for value in found.removesuffix(" $").split("; ")]
    assert shown == pytest.approx([close + 1, close + 2, close + 3], abs=1e-3)
    head, *more = table(10).splitlines()
    page.fill("#series", "\n".join([head.replace("Volume", "<b>Volume</b>"), *more]))
    settled(page, lambda: page.inner_text("#output .values").startswith(f"{PRICE[9] + 1:.6g}; "))


@pytest.mark.parametrize(
    ("model", "width", "scheme"), [("several", 360, "dark"), ("price", 1100, "light")]
)
def test_nothing_overflows_and_axe_finds_nothing(show, model: str, width: int, scheme: str) -> None:
    page = show(
        f"?lang=id&model={model}", viewport={"width": width, "height": 740}, color_scheme=scheme
    )
    settled(page, lambda: page.locator(".plot .dot").count() > 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.evaluate(
        """() => {
          const inside = (one) => {
            const text = one.getBoundingClientRect();
            const box = one.closest('.plot').getBoundingClientRect();
            return text.left >= box.left - 1 && text.right <= box.right + 1;
          };
          const out = [...document.querySelectorAll('.plot text')].filter((one) => !inside(one));
          return out.map((one) => one.textContent);
        }"""
    )
    assert outside == []
    page.evaluate(AXE.read_text())
    run = "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes.map((n) => n.html)])"
    assert page.evaluate(run) == []
    page.set_viewport_size({"width": 400, "height": 740})
    wide = "document.querySelector('.plot svg').getBoundingClientRect().width"
    settled(page, lambda: 300 < page.evaluate(wide) < 380)
