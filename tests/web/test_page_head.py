"""What a site says of itself: its head, its colour, the picture of its links."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from edge_deploy.core.errors import UsageError
from edge_deploy.web.assets import shell_folder
from edge_deploy.web.page_head import (
    PREVIEW_SIZE,
    PageInfo,
    check,
    contrast,
    preview,
    with_accent,
    with_head,
)

EVIL = '"><script>alert(1)</script>'
LIGHT, DARK = (255, 255, 255), (26, 31, 43)


def head(info: PageInfo, models: tuple[str, ...] = ("a", "b")) -> str:
    page = (shell_folder() / "index.html").read_text(encoding="utf-8")
    return with_head(page, info, models).partition("</head>")[0]


HEADS = [
    (PageInfo(), ("a", "b"), "Models in your browser", "Trained models, running in your browser."),
    (PageInfo(), ("Cat or dog?",), "Cat or dog?", "Trained models, running in your browser."),
    (PageInfo(title="Mine", description="For you"), ("a",), "Mine", "For you"),
    (
        PageInfo(title=r"\1 & co"),
        ("a",),
        r"\1 &amp; co",
        "Trained models, running in your browser.",
    ),
]


@pytest.mark.parametrize(("info", "models", "title", "description"), HEADS)
def test_head(info: PageInfo, models: tuple[str, ...], title: str, description: str) -> None:
    found = head(info, models)
    assert re.findall("<title>(.*)</title>", found) == [title]
    assert re.findall('property="og:title" content="(.*)" />', found) == [title]
    assert re.findall('name="description" content="(.*)" />', found) == [description]
    assert found.count("Content-Security-Policy") == 1


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://a.example", "https://a.example/"),
        ("https://a.example/b", "https://a.example/b/"),
        ("http://a.example/b/", "http://a.example/b/"),
        ("https://a.example/b/index.html", "https://a.example/b/"),
    ],
)
def test_picture_of_previews_has_the_site_s_address(url: str, site: str) -> None:
    found = head(PageInfo(url=url))
    assert re.findall('property="og:image" content="(.*)" />', found) == [f"{site}preview.png"]
    assert re.findall('property="og:url" content="(.*)" />', found) == [site]
    assert re.findall('rel="canonical" href="(.*)" />', found) == [site]
    assert 'og:image" content="preview.png"' in head(PageInfo())
    assert "og:url" not in head(PageInfo())


def test_words_are_words_in_the_head() -> None:
    found = head(PageInfo(title=EVIL, description=EVIL, author=EVIL))
    assert "<script>alert" not in found and found.count("&quot;&gt;&lt;script&gt;") == 5


REFUSED = [
    (PageInfo(url="a.example"), "no address of a site"),
    (PageInfo(url="ftp://a.example/"), "no address of a site"),
    (PageInfo(url="https://a.example/?a=b"), "no address of a site"),
    (PageInfo(link="javascript:alert(1)"), "no address"),
    (PageInfo(link="https://a b"), "no address"),
    (PageInfo(link="example.org"), "https://"),
    (PageInfo(accent="red"), "#0a7d5a"),
    (PageInfo(accent="#12345"), "no colour"),
    (PageInfo(accent="#fff;} body{display:none"), "no colour"),
]


@pytest.mark.parametrize(("info", "message"), REFUSED)
def test_what_is_no_address_or_no_colour(info: PageInfo, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(info)


@pytest.mark.parametrize("accent", ["#0a7d5a", "#fd0", "#ffffff", "#000000", "#808080"])
def test_any_colour_can_be_read_on_light_and_on_dark(accent: str) -> None:
    check(PageInfo(accent=accent))
    style = with_accent("", accent)
    found = re.findall(r"--accent: #(\w{6});\s+--on-accent: #(\w{6});", style)
    assert len(found) == 2
    for (shown, on), paper in zip(found, (LIGHT, DARK), strict=True):
        colours = [tuple(bytes.fromhex(text)) for text in (shown, on)]
        assert contrast(colours[0], paper) >= 4.5
        assert contrast(*colours) >= 4.5


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), LIGHT) == pytest.approx(21)
    assert contrast((119, 119, 119), LIGHT) == pytest.approx(4.48, abs=0.005)


def test_no_colour_changes_nothing() -> None:
    assert with_accent("body {}", None) == "body {}"


@pytest.mark.parametrize("title", ["Short", "long " * 60, "Ł" * 300, "犬と猫", EVIL])
def test_preview_is_a_picture_of_the_size_that_readers_ask_for(title: str) -> None:
    data = preview(PageInfo(title=title, description="word " * 80, author="A"), ["a"])
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("PNG", PREVIEW_SIZE)
        assert len(picture.convert("RGB").getcolors(1 << 16)) > 2
    assert len(data) < 100_000
