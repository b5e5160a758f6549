"""Receipts: limits for what strangers send, and the mail servers."""

from progress_project.local.environment import demo_imap_port, env

MEBIBYTE = 1024 * 1024
RECEIPTS_MAX_MESSAGE_BYTES: int = env.int("RECEIPTS_MAX_MESSAGE_BYTES", default=50 * MEBIBYTE)
RECEIPTS_MAX_ATTACHMENT_BYTES: int = env.int("RECEIPTS_MAX_ATTACHMENT_BYTES", default=25 * MEBIBYTE)
# Processor time for one message with its attachments; at most half of it for its PDFs.
RECEIPTS_MESSAGE_SECONDS: int = env.int("RECEIPTS_MESSAGE_SECONDS", default=60)
RECEIPTS_PDF_SECONDS: int = env.int("RECEIPTS_PDF_SECONDS", default=5)
RECEIPTS_IMAP_TIMEOUT_SECONDS: int = env.int("RECEIPTS_IMAP_TIMEOUT_SECONDS", default=60)
# How long a run waits for a mail server that is away, and for one that was never reached: it may be starting up, but
# the address may also be wrong.
RECEIPTS_UNREACHABLE_SECONDS: int = env.int("RECEIPTS_UNREACHABLE_SECONDS", default=3600)
RECEIPTS_FIRST_CONTACT_SECONDS: int = env.int("RECEIPTS_FIRST_CONTACT_SECONDS", default=60)

DEMO_IMAP_PORT = demo_imap_port()
