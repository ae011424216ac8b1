"""What a site says of itself: title, description, author, colour, and a picture for its links."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from edge_deploy.core.errors import wrong_option
from edge_deploy.core.escapes import html_text
from edge_deploy.core.templates import environment

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

PREVIEW = "preview.png"
PREVIEW_SIZE = (1200, 630)
"""Width and height that the Open Graph protocol's readers ask for, in pixels."""

_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
# In an attribute of the page it ends neither that nor a directive of the policy.
_REPORT_TO = re.compile(
    r"(?P<origin>https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?)(?:/[\w.~!$&()*+=:@%/-]*)?",
    re.IGNORECASE | re.ASCII,
)
_POLICY = "default-src 'self';"
_CARDS = {"light": (255, 255, 255), "dark": (26, 31, 43)}  # --card of style.css
_LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: of text
_TITLE, _DESCRIPTION = "Models in your browser", "Trained models, running in your browser."

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class PageInfo:
    """What the author of a site gives it.

    Attributes:
        title: Of the whole page.
        description: One or two sentences below it, and in search results and previews.
        author: Who made it.
        link: An address that the author's name leads to.
        accent: The colour of buttons and bars, such as ``#0a7d5a``.
        report_to: An address of ``edge-deploy collect``, to which the page sends the counts of a
            visit if its visitor lets it; without it nothing is sent to anybody.
        url: Where the site will be: previews of its link need the whole address of their
            picture (Open Graph protocol, og:image).
    """

    title: str | None = None
    description: str | None = None
    author: str | None = None
    link: str | None = None
    accent: str | None = None
    report_to: str | None = None
    url: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything was."""
        return any(getattr(self, field.name) for field in fields(self))


def check(info: PageInfo) -> None:
    """Refuse an address or a colour that is none.

    Raises:
        UsageError: One of them is none.
    """
    if info.link is not None and not re.match(r"(https?://|mailto:)[^\s]+$", info.link):
        raise wrong_option("link", info.link, "no address: it begins with https:// or mailto:.")
    if info.url is not None and not re.match(r"https?://[^\s/?#]+(/[^\s?#]*)?$", info.url):
        raise wrong_option(
            "url", info.url, "no address of a site: write it as https://a.example/b/."
        )
    if info.accent is not None and not _COLOUR.fullmatch(info.accent):
        raise wrong_option("accent", info.accent, "no colour: write it as #0a7d5a.")
    if info.report_to is not None and not _REPORT_TO.fullmatch(info.report_to):
        raise wrong_option(
            "report_to", info.report_to, "no address: it is such as https://stats.example.org/."
        )


def with_head(page: str, info: PageInfo, models: Sequence[str]) -> str:
    """index.html with the title, the description and what previews of a link read.

    Args:
        page: The shell's.
        info: What the author gives.
        models: What the page's models are called; one gives its title where the page has none.
    """
    title = info.title or (models[0] if len(models) == 1 else _TITLE)
    description = info.description or _DESCRIPTION
    # Whatever file of the site was named, the picture lies beside the page.
    site = info.url and re.sub(r"(/index\.html)?/?$", "/", info.url, count=1)
    template = environment("edge_deploy.web", escape=html_text).get_template("head.html.j2")
    head = template.render(
        title=title,
        description=description,
        author=info.author,
        url=site,
        preview=f"{site or ''}{PREVIEW}",
        width=str(PREVIEW_SIZE[0]),
        height=str(PREVIEW_SIZE[1]),
    )
    if info.report_to and (found := _REPORT_TO.fullmatch(info.report_to)):
        # The site's own files, and that one origin.
        allowed = f"{_POLICY} connect-src 'self' {found['origin']};"
        page = page.replace(_POLICY, allowed, 1)
    page = re.sub(r'    <meta name="description"[^>]*>\n', "", page, count=1)
    return re.sub(r"    <title>[^<]*</title>\n", lambda _: head, page, count=1)


def with_accent(style: str, accent: str | None) -> str:
    """style.css with another colour of buttons and bars, as near to it as can be read.

    On light and on dark paper the colour is mixed with black or white until its contrast is that
    of text (WCAG 2.2).
    """
    if accent is None:
        return style
    colour = _parse(accent)
    themes = {}
    for theme, paper in _CARDS.items():
        shown = _readable(colour, paper)
        on = max(((255, 255, 255), (16, 19, 27)), key=lambda ink: contrast(ink, shown))
        themes[theme] = {"shown": _hex(shown), "on": _hex(on)}
    template = environment("edge_deploy.web", escape=html_text).get_template("accent.css.j2")
    return style + template.render(**themes)


def contrast(one: Colour, other: Colour) -> float:
    """How well one colour is seen on another, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def preview(info: PageInfo, models: Sequence[str]) -> bytes:
    """The picture of a shared link, as PNG: title, description, models, on the site's colour."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = PREVIEW_SIZE
    colour = _readable(_parse(info.accent or "#3659d9"), _CARDS["light"])
    picture = Image.new("RGB", PREVIEW_SIZE, (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 28, height), fill=colour)
    title = info.title or (models[0] if len(models) == 1 else _TITLE)
    place, room = 110, width - 180
    blocks = [
        (title, 76, (27, 32, 48), 2),
        (info.description or _DESCRIPTION, 38, (91, 100, 120), 4),
        (info.author or ", ".join(models), 30, colour, 1),
    ]
    for text, size, ink, most in blocks:
        font = ImageFont.load_default(size)
        for line in _lines(text, room, font, most):
            draw.text((90, place), line, font=font, fill=ink)
            place += int(size * 1.3)
        place += 26
    done = io.BytesIO()
    picture.save(done, "PNG", optimize=True)
    return done.getvalue()


def _lines(text: str, room: int, font: FreeTypeFont | ImageFont, most: int) -> list[str]:
    """A text in at most so many lines of a width, the last cut short."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= room:
            line += f" {words.pop(0)}"
        while font.getlength(line) > room:
            line = line[:-2] + "…"
        lines.append(line)
    if words and not lines[-1].endswith("…"):
        lines[-1] += " …"
    return lines


def _parse(colour: str) -> Colour:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(colour: Colour, paper: Colour) -> Colour:
    """The colour, mixed with black on light paper and with white on dark until it is read."""
    to = 0 if _luminance(paper) > 0.5 else 255
    for share in range(0, 101, 2):
        red, green, blue = (round(part + (to - part) * share / 100) for part in colour)
        if contrast((red, green, blue), paper) >= _LEAST_CONTRAST:
            break
    return red, green, blue
