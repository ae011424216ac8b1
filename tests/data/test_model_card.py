"""Model cards: what becomes of their Markdown, and of what does not belong in one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge_deploy.core.errors import UsageError
from edge_deploy.data.model_card import parse_card, read_card

TOLD = {
    "# Cats\n\nTells *cats*\nfrom `dogs`.": ("Cats", "Tells cats from dogs."),
    "Only words.\n\nMore.": (None, "Only words."),
    "# T\n\n<!-- A\n\ndraft. -->\n\nWords.": ("T", "Words."),
    "## Limits\n\n- few": (None, "few"),
    "---\nlicense: mit\ntags: [x]\n---\n# Named\n": ("Named", None),
    "---\r\nlicense: mit\r\n---\r\n# Named\r\n\r\nWords.\r\n": ("Named", "Words."),
    "": (None, None),
    "# \n": (None, None),
    f"# T\n\n{'word ' * 200}": ("T", "word " * 59 + "word…"),
}


@pytest.mark.parametrize("text", TOLD, ids=range(len(TOLD)))
def test_title_and_description(text: str) -> None:
    card = parse_card(text)
    title, description = TOLD[text]
    assert card.title == title
    assert (card.description or "")[:290] == (description or "")[:290]
    assert len(card.description or "") <= 300


WEB = ' target="_blank" rel="noopener noreferrer"'
WRITTEN = {
    "# T\n\n## Limits": "<h4>Limits</h4>\n",
    "###### deep": "<h6>deep</h6>\n",
    "<script>alert(1)</script>": "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n",
    "a <img src=x onerror=alert(1)> b": "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n",
    "[x](javascript:alert(1))": "<p>[x](javascript:alert(1))</p>\n",
    "[x](JaVaScRiPt:alert(1))": "<p>[x](JaVaScRiPt:alert(1))</p>\n",
    "[x](data:text/html,y)": "<p>[x](data:text/html,y)</p>\n",
    "<javascript:alert(1)>": "<p>&lt;javascript:alert(1)&gt;</p>\n",
    "[x](https://a.example/?b=c&d)": f'<p><a href="https://a.example/?b=c&amp;d"{WEB}>x</a></p>\n',
    "[x](https://a.example \"onclick='y'\")": (
        f'<p><a href="https://a.example" title="onclick=\'y\'"{WEB}>x</a></p>\n'
    ),
    "![p](https://a.example/p.png)": f'<p>!<a href="https://a.example/p.png"{WEB}>p</a></p>\n',
    "```html\n<b>\n```": '<pre><code class="language-html">&lt;b&gt;\n</code></pre>\n',
    "|a|\n|-|\n|1|": (
        "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n</tr>\n"
        "</tbody>\n</table>\n"
    ),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_html_holds_nothing_but_text(text: str) -> None:
    assert parse_card(text).html == WRITTEN[text]


SLOW = {
    "facts without an end": "---" + "\n" * 190_000,
    "comments without an end": "<!--" * 45_000,
}


@pytest.mark.parametrize("case", SLOW)
def test_no_card_takes_long(case: str) -> None:
    begun = time.process_time()
    parse_card(SLOW[case])
    assert time.process_time() - begun < 10


UNREAD = {
    "too large": (b"x" * 300_000, "200"),
    "no text": (b"# \xff\xfe", "UTF-8"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_is_no_card(case: str, tmp_path: Path) -> None:
    data, message = UNREAD[case]
    path = tmp_path / "MODEL_CARD.md"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message):
        read_card(path)
