"""Draws documents for the review page in a bounded child process."""
