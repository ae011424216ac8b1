"""``MODEL_CARD.md``: what a model is for, as its author says it.

M. Mitchell et al., Model cards for model reporting, 2019; Hugging Face's are read too, whose facts
for machines (YAML between two lines of ``---``) are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_deploy.core.bounds import read_text
from edge_deploy.core.errors import EdgeDeployError, UsageError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

FILE = "MODEL_CARD.md"
_LARGEST = 200_000  # bytes: some hundred pages
_LONGEST = 300  # characters of a description: what a preview of a link shows
_FACTS = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(\n|\Z)", re.DOTALL)
_DEMOTED = 2  # the page has headings of its own above a card's


@dataclass(frozen=True)
class ModelCard:
    """A model card, read.

    Attributes:
        title: Its first heading; None without one.
        description: Its first paragraph as plain text; None without one.
        html: All but the title, as HTML of text, lists, tables, code and links only.
    """

    title: str | None
    description: str | None
    html: str


def read_card(path: Path, error: type[EdgeDeployError] = UsageError) -> str:
    """The text of a model card.

    Raises:
        EdgeDeployError: Of the class that was given: it is too large, or no UTF-8 text.
    """
    return read_text(path, error, _LARGEST)


def parse_card(text: str) -> ModelCard:
    """A model card's title, first paragraph and HTML.

    HTML in the Markdown is text, addresses of links are those of the web, and pictures are links:
    a page loads nothing from elsewhere.
    """
    parser = _parser()
    tokens = parser.parse(_without_comments(_FACTS.sub("", text.replace("\r\n", "\n"))))
    title = None
    if len(tokens) > 2 and (tokens[0].type, tokens[0].tag) == ("heading_open", "h1"):
        title = _plain(tokens[1])
        tokens = tokens[3:]
    paragraph = next(
        (tokens[n + 1] for n, one in enumerate(tokens) if one.type == "paragraph_open"), None
    )
    description = _plain(paragraph) if paragraph is not None else None
    if description and len(description) > _LONGEST:
        description = description[: _LONGEST - 1].rsplit(" ", 1)[0] + "…"
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _DEMOTED)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("target", "_blank")
                inner.attrSet("rel", "noopener noreferrer")
    return ModelCard(title or None, description or None, _rendered(parser, tokens))


def _without_comments(text: str) -> str:
    """The text without HTML's comments; what no comment ends is text."""
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[at:start])
        at = end + len("-->")
    return "".join((*parts, text[at:]))


def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    # What markdown-it documents for rules of one's own about links.
    parser.validateLink = _is_of_the_web  # type: ignore[method-assign, assignment]
    return parser


def _is_of_the_web(address: str) -> bool:
    return re.match(r"(https?://|mailto:|#)", address, re.IGNORECASE) is not None


def _rendered(parser: MarkdownIt, tokens: list[Any]) -> str:
    return str(parser.renderer.render(tokens, parser.options, {}))


def _plain(token: Any) -> str:
    """The words of a heading or a paragraph, in one line."""
    words = [
        " " if one.type in ("softbreak", "hardbreak") else one.content
        for one in token.children or ()
    ]
    return " ".join("".join(words).split())
