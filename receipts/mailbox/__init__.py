"""IMAP: the account, its connection, and its messages as a stream."""
