"""The text of HTML mail.

Not by a full parser: what the standard library's (and so BeautifulSoup's) makes of a mail
full of "<!--" takes it minutes. Reading for facts needs lines and cells only, and this
finds them in time that grows with the length of the mail and no faster.
"""

import re
from html import unescape
from typing import Final

# "*+" gives nothing back: a tag that is never closed is given up at once, not tried at every length.
_MARKUP = re.compile(r"<!--|</?(?P<tag>[a-z][a-z0-9]*+)[^<>]*+>|<[!?/][^<>]*+>", re.IGNORECASE)
# More digits than any character has; Python refuses to read thousands of them.
_NO_CHARACTER = re.compile(r"&#x?[0-9a-f]{8,}+;?", re.IGNORECASE)
MAX_HTML: Final = 1_000_000
# What holds no text to read: skipped up to the tag that ends it.
_UNREAD: Final = ("script", "style")
_SPACES: Final = dict.fromkeys(("td", "th"), " ") | dict.fromkeys(
    ("br", "p", "div", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "title", "section"),
    "\n",
)


def html_text(html: str) -> str:
    """The text of the first `MAX_HTML` characters as it is seen: blocks and table rows on lines of their own."""
    pieces: list[str] = []
    position = 0
    # Source lines mean nothing in HTML: tags alone make lines.
    html = html[:MAX_HTML].replace("\n", " ")
    while found := _MARKUP.search(html, position):
        tag = (found["tag"] or "").lower()
        pieces += [html[position : found.start()], _SPACES.get(tag, "")]
        if found[0] == "<!--":
            position = _after(html, "-->", found.end())
        elif tag in _UNREAD and not found[0].startswith("</"):
            position = _after(html, f"</{tag}", found.end())
        else:
            position = found.end()
    pieces.append(html[position:])
    return unescape(_NO_CHARACTER.sub("\ufffd", "".join(pieces)))


def _after(html: str, ending: str, start: int) -> int:
    """The position after `ending`, or the end of `html` if there is none."""
    found = re.compile(ending, re.IGNORECASE).search(html, start)
    return found.end() if found else len(html)
