"""The e-invoice that may be embedded in a PDF (Factur-X, ZUGFeRD)."""

from __future__ import annotations

from ctypes import byref, c_ulong, create_string_buffer
from typing import Final

from pypdfium2 import PdfDocument, raw

from receipts.message.einvoice_xml import MAX_XML, is_einvoice

MAX_EMBEDDED_FILES: Final = 50


def find_embedded_invoice(document: PdfDocument) -> bytes:
    """The first embedded file that is an e-invoice. Its name is not checked, as standards differ in it."""
    for index in range(min(document.count_attachments(), MAX_EMBEDDED_FILES)):
        attachment = raw.FPDFDoc_GetAttachment(document, index)
        size = c_ulong()
        raw.FPDFAttachment_GetFile(attachment, None, 0, byref(size))
        if 0 < size.value <= MAX_XML:
            content = create_string_buffer(size.value)
            raw.FPDFAttachment_GetFile(attachment, content, size.value, byref(size))
            if is_einvoice(content.raw):
                return content.raw
    return b""
