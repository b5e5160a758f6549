"""Fake servers of WhatsApp and Twilio, for tests and benchmarks."""
