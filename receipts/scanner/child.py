"""The process that opens mails for `receipts.scanner`; no Django inside.

Its arguments are the size of the largest attachment in bytes, and the seconds of processor time for one PDF and for all
PDFs of one mail.
"""

import traceback

from receipts.extraction.scan import scan
from receipts.pdf.reader import PdfReader
from receipts.phrases import mark_phrase as _
from receipts.scanner import frames
from receipts.scanner.frames import READ_PDFS_APART
from runs.children.child_loop import own_arguments, serve
from runs.item_failed import ItemFailed


def main() -> None:
    max_attachment_bytes, pdf_seconds, all_pdfs_seconds = own_arguments()

    def handle_request(request: bytes) -> bytes:
        reader = PdfReader(
            cpu_seconds=float(pdf_seconds),
            all_cpu_seconds=float(all_pdfs_seconds),
            is_apart=request[:1] == READ_PDFS_APART,
        )
        return scan_to_response(memoryview(request)[1:], reader, int(max_attachment_bytes))

    serve(handle_request)


def scan_to_response(mail: memoryview, reader: PdfReader, max_attachment_bytes: int) -> bytes:
    try:
        return frames.encode_scanned(scan(mail, read_pdf=reader.read, max_attachment_bytes=max_attachment_bytes))
    except ItemFailed as error:
        return frames.encode_failure(error)
    except MemoryError:
        message = _("This message needs too much memory to be read.")
        return frames.encode_failure(ItemFailed(message, code="too_complex"))
    except Exception:
        message = _("The message could not be read.")
        return frames.encode_failure(ItemFailed(message, code="unexpected"), traceback.format_exc())


if __name__ == "__main__":
    main()
