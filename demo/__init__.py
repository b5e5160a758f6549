"""What `make run` shows and talks to where nothing real is configured; installed only with DEBUG."""
