"""Signing in and its limits: the client's address, attempts, and the end of sessions and tokens."""
