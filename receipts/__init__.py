"""Reads mailboxes, finds the receipts in their messages, and lets people review them.

- `sync`: one run over one mailbox: fetches, scans and stores each message, and waits while the mail server is away.
- `mailbox`: IMAP: account, connection, messages as a stream.
- `message`: a raw mail, opened: headers, MIME parts, character sets, winmail.dat, HTML.
- `pdf`: the text of a PDF, line by line, and the e-invoice embedded in it.
- `extraction`: whether a mail is a receipt, and its facts: total, day, number, vendor. `languages` holds the phrases.
- `scanner`: the bounded child process in which strangers' mail is opened.
- `preview`: the bounded child process that draws documents for the review page.
- `review`: corrections and decisions by people, duplicates, and their pages and API.
"""
