"""A WhatsApp to try things out with, for demonstrations, tests and benchmarks."""
