"""Documents with known facts, made with tools unlike the project's own: see `make.py`, which made them."""
