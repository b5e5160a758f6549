"""Mail written by hand: every byte is chosen here, so that it can be right, odd or broken."""

import base64
import quopri
from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

BORDER = "=_demo_border"


def mail(headers: Sequence[tuple[str, str]], part: bytes) -> bytes:
    """A whole mail: `part` is its body together with the headers that describe it."""
    lines = [f"{name}: {_encoded(value)}" for name, value in headers]
    return "\r\n".join([*lines, "MIME-Version: 1.0", ""]).encode() + part


def envelope(
    sender: str, address: str, to: str, subject: str, sent_at: datetime, message_id: str
) -> list[tuple[str, str]]:
    """The headers that every mail has."""
    return [
        ("From", f"{_encoded(sender)} <{address}>"),
        ("To", to),
        ("Subject", subject),
        ("Date", format_datetime(sent_at)),
        ("Message-ID", f"<{message_id}>"),
    ]


def text(content: str, *, kind: str = "plain", charset: str = "utf-8", encoding: str = "base64") -> bytes:
    """A text part; `charset` may be a name that only mail knows."""
    python_name = charset.removesuffix("-i")
    return _part([f"Content-Type: text/{kind}; charset={charset}"], content.encode(python_name), encoding)


def attachment(content: bytes, filename: str, content_type: str) -> bytes:
    """A file; `filename` is put in as RFC 2231 when it isn't ASCII."""
    named = (
        f'filename="{filename}"'
        if filename.isascii()
        else "filename*=utf-8''" + "".join(f"%{byte:02X}" for byte in filename.encode())
    )
    headers = [f"Content-Type: {content_type}", f"Content-Disposition: attachment; {named}"]
    return _part(headers, content, "base64")


def multipart(parts: Sequence[bytes], *, kind: str = "mixed", border: str = BORDER) -> bytes:
    """Parts one after another."""
    opening = f"--{border}\r\n".encode()
    body = b"".join(opening + part + b"\r\n" for part in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{border}"\r\n\r\n'.encode()
    return head + body + f"--{border}--\r\n".encode()


def _part(headers: Sequence[str], content: bytes, encoding: str) -> bytes:
    head = "\r\n".join([*headers, f"Content-Transfer-Encoding: {encoding}", "", ""]).encode()
    match encoding:
        case "base64":
            return head + base64.encodebytes(content).replace(b"\n", b"\r\n")
        case "quoted-printable":
            return head + quopri.encodestring(content).replace(b"\n", b"\r\n")
        case _:
            return head + content


def _encoded(value: str) -> str:
    return value if value.isascii() else Header(value, "utf-8", maxlinelen=200).encode()
