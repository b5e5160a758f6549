"""The process that opens mails for `receipts.scanner`; no Django inside.

Its own arguments are the largest attachment in bytes, and the seconds of processor time for one PDF and for all those
of one mail.
"""

import traceback
from collections.abc import Callable

from receipts import scan_frames
from receipts.extraction import scan
from receipts.pdf import PdfReader, failure
from receipts.phrases import mark as _
from receipts.scan_frames import PDFS_ARE_DAMAGED, PDFS_TAKE_TOO_LONG, READ_PDFS
from runs.child_server import own_arguments, serve
from runs.exceptions import ItemFailed


def main() -> None:
    max_attachment_bytes, pdf_seconds, all_pdfs_seconds = own_arguments()

    def answer(request: bytes) -> bytes:
        reader = PdfReader(cpu_seconds=float(pdf_seconds), all_cpu_seconds=float(all_pdfs_seconds))
        return answer_to(request, reader, int(max_attachment_bytes))

    serve(answer)


def answer_to(request: bytes, reader: PdfReader, max_attachment_bytes: int) -> bytes:
    read_pdf = {
        READ_PDFS: reader.text,
        PDFS_TAKE_TOO_LONG: _failing("timeout"),
        PDFS_ARE_DAMAGED: _failing("unreadable"),
    }[request[:1]]
    try:
        mail = memoryview(request)[1:]
        return scan_frames.encode(scan(mail, read_pdf=read_pdf, max_attachment_bytes=max_attachment_bytes))
    except ItemFailed as error:
        return scan_frames.encode_failure(error)
    except MemoryError:
        words = _("This message needs too much memory to be read.")
        return scan_frames.encode_failure(ItemFailed(words, code="too_complex"))
    except Exception:
        words = _("The message could not be read.")
        return scan_frames.encode_failure(ItemFailed(words, code="unexpected"), traceback.format_exc())


def _failing(reason: str) -> Callable[[bytes], str]:
    def fail(content: bytes) -> str:
        raise failure(reason)

    return fail


if __name__ == "__main__":
    main()
