"""The data and fake servers of `make run`: seeds, mailboxes, calls, WhatsApp. Installed only with DEBUG."""
