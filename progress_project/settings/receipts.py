"""Receipts: limits for what strangers send, and the mail servers."""

from progress_project.local.environment import demo_imap_port, env

MEBIBYTE = 1024 * 1024
RECEIPTS_MAX_MESSAGE_BYTES: int = env.int("RECEIPTS_MAX_MESSAGE_BYTES", default=50 * MEBIBYTE)
RECEIPTS_MAX_ATTACHMENT_BYTES: int = env.int("RECEIPTS_MAX_ATTACHMENT_BYTES", default=25 * MEBIBYTE)
# On the processor, for one message with all that is in it; half of it at most for its PDFs.
RECEIPTS_MESSAGE_SECONDS: int = env.int("RECEIPTS_MESSAGE_SECONDS", default=60)
RECEIPTS_PDF_SECONDS: int = env.int("RECEIPTS_PDF_SECONDS", default=5)
RECEIPTS_IMAP_TIMEOUT_SECONDS: int = env.int("RECEIPTS_IMAP_TIMEOUT_SECONDS", default=60)
# For how long a run waits for a mail server that is away, and for one that nobody has ever reached: that may be
# starting up beside us, but it may also be a wrong address.
RECEIPTS_UNREACHABLE_SECONDS: int = env.int("RECEIPTS_UNREACHABLE_SECONDS", default=3600)
RECEIPTS_FIRST_CONTACT_SECONDS: int = env.int("RECEIPTS_FIRST_CONTACT_SECONDS", default=60)

DEMO_IMAP_PORT = demo_imap_port()
