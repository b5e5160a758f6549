"""The text of HTML mail.

Not by a full parser: what the standard library's (and so BeautifulSoup's) makes of a mail
full of "<!--" takes it minutes. Reading for facts needs lines and cells only, and this
finds them in time that grows with the length of the mail and no faster.
"""

import re
from html import unescape
from typing import Final

# What holds no text to read is one piece of markup with what ends it, or with all the rest. "*+" gives nothing back: a
# tag that is never closed is given up at once, not tried at every length.
_MARKUP = re.compile(
    r"<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->)?"
    r"|<(?P<unread>script|style)(?![a-z0-9])[^<>]*+>[^<]*+(?:<(?!/(?P=unread))[^<]*+)*+(?:</(?P=unread))?"
    r"|</?(?P<tag>[a-z][a-z0-9]*+)[^<>]*+>"
    r"|<[!?/][^<>]*+>",
    re.IGNORECASE,
)
# More digits than any character has; Python refuses to read thousands of them.
_NO_CHARACTER = re.compile(r"&#x?[0-9a-f]{8,}+;?", re.IGNORECASE)
MAX_HTML: Final = 1_000_000
_SPACES: Final = dict.fromkeys(("td", "th"), " ") | dict.fromkeys(
    ("br", "p", "div", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "title", "section"),
    "\n",
)


def html_text(html: str) -> str:
    """The text of the first `MAX_HTML` characters as it is seen: blocks and table rows on lines of their own."""
    # Source lines mean nothing in HTML: tags alone make lines.
    text = _MARKUP.sub(_space_for, html[:MAX_HTML].replace("\n", " "))
    return unescape(_NO_CHARACTER.sub("\ufffd", text))


def _space_for(markup: re.Match[str]) -> str:
    tag = markup["tag"]
    return _SPACES.get(tag.lower(), "") if tag else ""
