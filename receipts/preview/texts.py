"""The texts of HTML documents and of e-invoices in XML, as plain lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from receipts.message.charsets import decode_html
from receipts.message.einvoice_xml import MAX_XML
from receipts.message.markup import MAX_HTML, html_text

MAX_CHARACTERS = 20_000
# Of XML: the sums of many e-invoices stand behind all of their items.
MAX_LINES = 3_000
MAX_LINE = 200
MAX_INDENT = 20


def read_html_text(content: bytes, page: int, *, charset: str = "") -> bytes:
    text = html_text(decode_html(content[:MAX_HTML], charset)).replace("\0", "")
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:MAX_CHARACTERS].encode("utf-8", "replace")


def outline_xml(content: bytes, page: int) -> bytes:
    """An e-invoice was written for programs; a person reads its elements line by line."""
    from defusedxml.ElementTree import DefusedXMLParser

    outline = _Outline()
    parser = DefusedXMLParser(target=outline, forbid_dtd=True)
    parser.feed(content[:MAX_XML])
    parser.close()
    return "\n".join(outline.lines).encode("utf-8", "replace")


@dataclass
class _Outline:
    """A parser target that makes a line of each element and its text."""

    lines: list[str] = field(default_factory=list)
    _depth: int = 0
    _text: str = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._end_line()
        if len(self.lines) < MAX_LINES:
            self.lines.append("  " * min(self._depth, MAX_INDENT) + tag.rpartition("}")[2][:MAX_LINE])
        self._depth += 1

    def data(self, text: str) -> None:
        self._text = (self._text + text)[:MAX_LINE]

    def end(self, tag: str) -> None:
        self._end_line()
        self._depth -= 1

    def close(self) -> None:
        """Required of a parser target."""

    def _end_line(self) -> None:
        text = " ".join(self._text.split())
        if text and len(self.lines) < MAX_LINES:
            self.lines[-1] += f": {text}"
        self._text = ""
