"""A run over one mailbox: fetches, scans and stores its messages."""
