"""One sync of one mailbox: fetches, scans and stores its messages, and waits while the mail server is away."""
