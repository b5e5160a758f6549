"""Signing in, and what bounds it: whose request it is, how often may be tried, and what ends a session or token."""
