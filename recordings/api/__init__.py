"""Recordings over HTTP: start runs, list and search calls, fetch recordings and transcripts."""
